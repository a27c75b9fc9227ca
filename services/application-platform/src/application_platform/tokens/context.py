"""What a token answer tells an app about its launch: patient, encounter, style (SMART App Launch 2.2).

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
"""

import hashlib
import json
from typing import Any

from application_platform.tokens import model
from application_platform.tokens.grants import Grant

# The colours and sizes of our own pages, for apps that want to look like them (the names are the specification's).
STYLE: dict[str, str] = {
    "color_background": "#F1F4F3",
    "color_error": "#AC1F18",
    "color_highlight": "#0A5765",
    "color_modal_backdrop": "#12201D80",
    "color_success": "#1B6338",
    "color_text": "#12201D",
    "dim_border_radius": "8px",
    "dim_font_size": "17px",
    "dim_spacing_size": "16px",
    "font_family_body": "'Atkinson Hyperlegible Next', sans-serif",
    "font_family_heading": "'Atkinson Hyperlegible Next', sans-serif",
}
_MARK = hashlib.sha256(json.dumps(STYLE, sort_keys=True).encode()).hexdigest()[:10]
STYLE_PATH = f"/auth/style/{_MARK}.json"  # another address for every change, as the specification asks


def told(grant: Grant, patient: str | None, issuer: str) -> dict[str, Any]:
    """The launch context of a grant; introspection says the same as the token answer did."""
    scopes = grant.scope.split()
    about: dict[str, Any] = {}
    if patient is not None and (model.wants_patient(scopes) or "launch" in scopes):
        about |= {"patient": patient, "need_patient_banner": grant.banner}
    if grant.encounter is not None and {"launch", "launch/encounter"} & set(scopes):
        about["encounter"] = grant.encounter
    if grant.intent is not None:
        about["intent"] = grant.intent
    if grant.fhir_context:
        about["fhirContext"] = grant.fhir_context
    return {**about, "smart_style_url": issuer + STYLE_PATH} if about else {}
