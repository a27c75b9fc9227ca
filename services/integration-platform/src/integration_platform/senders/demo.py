"""The demo region's sender: port 2575 and every source that nobody registered belong to it (D3, D19)."""

from integration_platform.senders.model import Sender

# The unit is one where the demo staff work, so that a visitor's message is seen at once.
DEMO = Sender(
    id="demo",
    name="Demosystem",
    unit="SE0000000001-1001",
    unit_name="Medicinmottagningen Norrby",
    provider="SE0000000001-0001",
    provider_name="Region Norr",
)
