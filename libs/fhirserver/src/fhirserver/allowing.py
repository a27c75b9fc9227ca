"""Whether a token and this door let a request do something to a type at all (architecture D4); the law decides row by row."""

from access import FOLLOWING_UP, allows
from fhircore.types import TYPES
from fhirserver.engine import Engine
from fhirserver.intake import refuse_patients
from fhirserver.messages import Request
from fhirserver.problems import Forbidden, NotAllowed
from kit.caller import Caller
from kit.problems import Header


def allow(engine: Engine, request: Request, type_name: str, action: str) -> None:
    """`action` is one of c, r, u, d, s. Raises NotAllowed (another door writes this), Forbidden."""
    mount = engine.mount
    if action in "cud":
        refuse_patients(request.caller)
        _refuse_followers(request.caller, type_name)
        if not mount.writable(type_name):
            text = f"{type_name} is not written here. {mount.elsewhere}"
            raise NotAllowed(text, headers=(Header("Allow", "GET"),))
    if not allows(request.caller.scopes, type_name, action) and not _of_the_patient(request.caller, type_name, action):
        raise Forbidden(f"The token's scopes do not allow this for {type_name}", at="scope")


def _refuse_followers(caller: Caller, type_name: str) -> None:
    """Who follows care up (quality, administration, …) reads what their provider wrote and changes nothing in a patient's record
    (PDL 2:4 and 3:1: notes are made by who cares for the patient). Raises Forbidden."""
    about_patients = TYPES[type_name].kind == "patient" or type_name == "Patient"
    commission = caller.commission if caller.kind == "staff" else None
    if about_patients and commission is not None and commission.purpose in FOLLOWING_UP:
        raise Forbidden("A commission for following up reads; what is written about patients needs one for care")


def _of_the_patient(caller: Caller, type_name: str, action: str) -> bool:
    """Whether staff create under a scope of the patient in context, to whom what is written is held (D10)."""
    created = action == "c" and TYPES[type_name].kind == "patient" and caller.patient is not None
    return created and allows(caller.context_scopes, type_name, action)
