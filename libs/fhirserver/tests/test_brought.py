"""Which address means which operation that a service brings: of one resource, or of a type."""

from typing import Any

import pytest

from fhirserver.brought import Brought, brought, by_name, described, is_brought, is_of_type
from fhirserver.messages import Answer, Request


async def _run(_engine: Any, _request: Request, _id: str) -> Answer:
    return Answer(200)


SIGN = Brought("DocumentReference", "sign", "Signs.", _run)
PRESCRIBE = Brought("MedicationRequest", "prescribe", "Prescribes.", _run, of_type=True)
BOTH = by_name([SIGN, PRESCRIBE])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("DocumentReference/1/$sign", SIGN),
        ("MedicationRequest/$prescribe", PRESCRIBE),
        ("DocumentReference/$sign", None),
        ("MedicationRequest/1/$prescribe", None),
        ("MedicationRequest/1/$sign", None),
        ("MedicationRequest", None),
        ("", None),
    ],
)
def test_an_operation_is_at_its_own_level_only(path: str, found: Brought | None) -> None:
    assert brought(BOTH, tuple(path.split("/")) if path else ()) is found


def test_what_is_told_of_it_says_its_level() -> None:
    [sign], [prescribe] = described(BOTH, "DocumentReference"), described(BOTH, "MedicationRequest")
    assert (is_brought(sign), is_of_type(sign)) == (True, False)
    assert (is_brought(prescribe), is_of_type(prescribe)) == (True, True)
    assert not is_brought({"definition": "http://hl7.org/fhir/OperationDefinition/Resource-meta"})
