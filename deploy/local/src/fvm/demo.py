"""The demo patients' own records: a patient who signs in is a Patient that the region holds (D19)."""

from collections.abc import Callable
from typing import Any

from fvm import health, people
from fvm.settings import Settings


def introduce(settings: Settings, tell: Callable[[str], None]) -> None:
    """Writes the demo patients that VIS does not have yet, through the gateway, as `bench`. Does nothing in production."""
    if settings.mode != "demo":
        return
    patients = people.patients(settings)
    token = people.token(settings, "bench", 1, None)
    written = [one for one in patients if _is_new(settings, token, one)]
    for one in written:
        status, body = health.put(f"{settings.gate}/vis/fhir/Patient/{one['id']}", one, token)
        if status not in (200, 201):
            tell(f"a demo patient could not be written (status {status}): {health.complaint(body)}")
    if written:
        tell(f"{len(written)} demo patients are in VIS")


def _is_new(settings: Settings, token: str, patient: dict[str, Any]) -> bool:
    status, _ = health.ask(f"{settings.gate}/vis/fhir/Patient/{patient['id']}", token=token)
    return status == 404
