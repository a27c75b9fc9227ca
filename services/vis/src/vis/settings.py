"""What VIS is told from outside."""

from typing import Self

from pydantic import Field, model_validator

from fhirserver.profiling import Policy
from kit.settings import Settings as Shared


class Settings(Shared):
    """VIS has the shared settings, and the benchmark mode of a demo region."""

    access_log: bool = True  # off only in a benchmark of a demo region (D19)
    log_local_days: int = Field(default=30, ge=1)  # that rows of the access log stay here once the region holds them
    body_limit: int = 50 * 1024 * 1024  # bytes of one request (D17)
    full_text: bool = False  # keep the words of every resource, for _text and _content
    subscription_endpoints: str = ""  # where notifications may go: addresses with commas; demo: this machine when empty
    subscription_patience: float = 120.0  # hours an endpoint may fail before its events are set aside
    referential_integrity: bool = True  # refuse references to nothing, and deletes of what others refer to (D18)
    conditional_delete_most: int = Field(default=1, ge=1, le=1000)  # resources that one conditional delete may take
    required_profiles: str = ""  # Type=canonical pairs: met by every resource of the type that is written here
    refuse_unknown_profiles: str = ""  # types (or *) that may claim only profiles that are known here

    @model_validator(mode="after")
    def _profiles_can_be_read(self) -> Self:
        self.policy()
        return self

    def policy(self) -> Policy:
        """What of profiles is demanded. Raises ValueError."""
        return Policy.of(self.required_profiles, self.refuse_unknown_profiles)
