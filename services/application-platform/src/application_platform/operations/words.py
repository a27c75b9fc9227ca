"""How an operator's page says things in Swedish: topics, readers, reasons, spans of time; pure."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from application_platform.portal.swedish import NBSP


@cache
def goes() -> dict[str, Any]:
    """The packaged file: `topics` in words, and `arrows`. Treat it as read-only."""
    found: dict[str, Any] = yaml.safe_load(files(__package__ or "").joinpath("region.yaml").read_text(encoding="utf-8"))
    return found


_CODES = {
    "kit/unavailable": "en del som behövs svarar inte",
    "kit/fault": "ett fel i programmet",
    "kit/no-room": "databasens disk är full",
    "kit/position-lost": "Kafka har inte längre det som står på tur",
    "kit/unreadable-event": "händelsen går inte att läsa",
    "kit/malformed": "innehållet går inte att läsa",
    "kit/given-up": "avskrivet av en operatör",
    "waits": "väntar på nytt försök",
    "ingestion/unknown-type": "en resurstyp som inte finns i FHIR",
    "persons/different-persons": "två olika personnummer sägs vara en person",
    "exchange/unregistered-sender": "avsändaren är inte registrerad",
    "exchange/unsupported-message": "meddelandetypen översätts inte",
    "exchange/translator-fault": "översättaren misslyckades, felet är vårt",
    "exchange/unsupported-version": "HL7-versionen översätts inte",
    "exchange/unexpected-acknowledgement": "en kvittens som ingen väntade på",
    "exchange/broken-frame": "meddelandet kom inte helt fram",
    "exchange/not-hl7": "det är inte HL7 v2",
    "exchange/not-fhir": "det är inte FHIR",
    "exchange/not-for-production": "meddelandet är märkt som test",
    "exchange/not-a-test-number": "ett personnummer som inte är ett testnummer",
    "exchange/missing-field": "ett fält saknas som måste finnas",
    "exchange/missing-segment": "ett segment saknas som måste finnas",
    "exchange/missing-identity": "det framgår inte vem det gäller",
    "exchange/several-persons": "meddelandet gäller flera personer",
    "exchange/no-such-order": "avsändaren känner inte igen beställningen eller patienten",
    "exchange/unknown-character-set": "teckenkodningen är okänd",
    "exchange/wrong-character-set": "tecknen stämmer inte med den angivna kodningen",
    "exchange/unreadable-event": "händelsen går inte att läsa",
    "exchange/wrong-door": "avsändaren hör till en annan dörr",
    "kit/too-large-to-tell": "för stort för Kafka",
    "persons/not-a-system": "ett nummer utan känt system",
}


def topic(name: str) -> str:
    """The topic in words; its own name where there are none."""
    return str(goes()["topics"].get(name, name))


def reason(code: str) -> str:
    """A problem's code in words; "" where there are none, and the code says it."""
    return _CODES.get(code, "")


def error(text: str) -> str:
    """Why something waits: `kit.problems.Unavailable(kit/unavailable)` or a type of error."""
    code = text.partition("(")[2].partition(")")[0]
    if code in _CODES:
        return _CODES[code]
    if text == "replayed":
        return "spelas om just nu"
    return f"ett fel i programmet ({text.partition('(')[0].rpartition('.')[2]})"


_LOOPS = {
    "Relay": "utkorgen till Kafka",
    "inbox": "inkorgen från Kafka",
    "translator": "översättaren",
    "mllp": "dörren för HL7 v2",
    "operations": "mätningen av läget",
    "news": "nyheter till öppna sidor",
    "upkeep": "städningen av inloggningar",
    "Jobs": "export och import",
    "Notifier": "prenumerationer",
}


def loop(check: str) -> str:
    """A loop that is down, of its check's name (`loop inbox vis`); its own name where there is no word."""
    name = check.removeprefix("loop ")
    return _LOOPS.get(name.partition(" ")[0], name)


def span(seconds: float) -> str:
    """`12 sekunder`, `3 minuter`, `5 timmar`, `2 dagar`."""
    for limit, size, one, many in (
        (120, 1, "sekund", "sekunder"),
        (7200, 60, "minut", "minuter"),
        (172_800, 3600, "timme", "timmar"),
    ):
        if seconds < limit:
            number = round(seconds / size)
            return f"{number}{NBSP}{one if number == 1 else many}"
    return f"{round(seconds / 86400)}{NBSP}dagar"


def many(count: int, one: str, more: str) -> str:
    """`1 meddelande`, `4 820 meddelanden`."""
    return f"{number(count)}{NBSP}{one if count == 1 else more}"


def number(count: int) -> str:
    """`4 820`."""
    return f"{count:,}".replace(",", NBSP)


_WARNINGS = {
    "A person's number here breaks the rules of its kind: kept as sent, but it identifies nobody": (
        "Numret stämmer inte. Det är sparat som det kom, men pekar inte ut någon."
    ),
}
_DOORS = {"mllp": "HL7 v2 (MLLP)", "events": "händelse (HTTP)", "inbox": "händelse (Kafka)"}


def warning(text: str) -> tuple[str, str]:
    """What a sender was warned of: (where in the message, in Swedish); its own words where there are none of ours."""
    at, _, said = text.partition(": ")
    return at, _WARNINGS.get(said, said)


def door(name: str) -> str:
    """The door a message came by."""
    return _DOORS.get(name, name)


_ATTRIBUTES = {
    "ce_id": "Händelse",
    "ce_source": "Källa",
    "ce_type": "Slag",
    "ce_time": "Tid vid källan",
    "content-type": "Format",
    "traceparent": "Spår",
    "partition": "Partition",
    "offset": "Plats",
    "door": "Dörr",
    "sender": "Avsändare",
    "kind": "Slag",
    "control id": "Kontrollnummer",
    "received": "Mottaget",
    "at": "Stannade vid",
}


def attribute(name: str) -> str:
    """An attribute of a message in Swedish; its own name where there is no word."""
    return _ATTRIBUTES.get(name, name)
