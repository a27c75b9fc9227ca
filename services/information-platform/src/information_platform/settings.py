"""What the information platform is told from outside."""

from typing import Literal

from pydantic import Field

from kit.settings import Settings as Shared


class Settings(Shared):
    """The shared settings, and the benchmark mode of a demo region."""

    access_log: bool = True  # off only in a benchmark of a demo region (D19)
    log_local_days: int = Field(default=30, ge=1)  # that rows of the access log stay here once the region holds them
    body_limit: int = 50 * 1024 * 1024  # bytes of one request (D17)
    log_years: int = Field(default=10, ge=5, le=100)  # that posts of the access log are kept; the law says 5 (LOG-03)
    log_names: bool = True  # patients are shown who read, not only where (LOG-13)
    log_checks: int = Field(default=5, ge=1, le=1000)  # accesses of each unit drawn a month for review (LOG-02)
    log_mass: int = Field(default=100, ge=5)  # patients read by one person in a day before a manager looks (LOG-16)
    full_text: bool = False  # keep the words of every resource, for _text and _content
    referential_integrity: bool = False  # the record takes facts as they come; on: of what is written at this door
    conditional_delete_most: int = Field(default=1, ge=1, le=1000)  # resources that one conditional delete may take
    subscription_endpoints: str = ""  # where notifications may go: addresses with commas; demo: this machine when empty
    subscription_patience: float = 120.0  # hours an endpoint may fail before its events are set aside
    outer_block_lift: Literal["request", "self"] = (
        "request"  # who lifts another provider's block in an emergency (EMG-02)
    )
