"""Who may send, over HTTP: for the operator's command `fvm sender add|list|disable`."""

import ipaddress
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from integration_platform.hl7v2.charset import CODECS
from integration_platform.rights import must_operate
from integration_platform.senders import store
from integration_platform.senders.model import Sender
from kit.web import SignedIn, Tx

router = APIRouter(prefix="/exchange/senders", tags=["senders"])

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class SenderIn(BaseModel):
    """A system, its unit, and at least one door."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    name: Text
    unit: Text = Field(description="HSA-id of the care unit that answers for what the system sends")
    unit_name: Text
    provider: Text = Field(description="HSA-id of the care provider")
    provider_name: Text
    client: Text | None = Field(None, description="client of the token at /exchange/events")
    source: Text | None = Field(None, description="CloudEvents source at exchange.inbox.v1")
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(None, description="MLLP listener")
    network: str | None = Field(None, description="peer network at the MLLP listener, CIDR")
    application: Text | None = Field(None, description="MSH-3")
    facility: Text | None = Field(None, description="MSH-4")
    certificate: Text | None = Field(None, description="a name in its client certificate: CN, DNS name or URI")
    charset: str = Field("8859/1", description="what an empty MSH-18 means (HL7 table 0211)")

    @field_validator("network")
    @classmethod
    def _is_network(cls, value: str | None) -> str | None:
        return None if value is None else str(ipaddress.ip_network(value))

    @field_validator("charset")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value.upper() not in CODECS:
            raise ValueError("not in HL7 table 0211")
        return value

    @model_validator(mode="after")
    def _has_a_door(self) -> "SenderIn":
        if self.client is None and self.source is None and self.port is None:
            raise ValueError("give at least one of client, source and port")
        return self


class SenderOut(SenderIn):
    """A sender as it is registered."""

    disabled: bool

    @model_validator(mode="after")
    def _has_a_door(self) -> "SenderOut":
        return self


@router.post("", status_code=201, response_model=SenderOut)
async def register_sender(body: SenderIn, tx: Tx, caller: SignedIn) -> Sender:
    """Registers a system. It may send from the next second on; what it sent before stays parked until replayed."""
    must_operate(caller)
    sender = Sender(**body.model_dump())
    await store.add(tx, sender)
    return sender


@router.get("", response_model=list[SenderOut])
async def list_senders(tx: Tx, caller: SignedIn) -> list[Sender]:
    """Every registered system, also the disabled ones."""
    must_operate(caller)
    return await store.listed(tx)


@router.post("/{id}/disable", status_code=204)
async def disable_sender(id: str, tx: Tx, caller: SignedIn) -> None:
    """Takes nothing more from this system; what it sent stays."""
    must_operate(caller)
    await store.disable(tx, id)
