"""The living style page: every token and component with the words of the look; what pages are made of, nothing else."""

import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from application_platform.portal import render, style_rooms
from application_platform.portal.chart import Notice
from application_platform.portal.entry import Entry, State
from application_platform.portal.person import Person
from application_platform.portal.reader import InPortal, Reads
from application_platform.portal.refusals import PageRoute
from application_platform.portal.swedish import moment
from application_platform.portal.values import Result, Value

router = APIRouter(prefix="/portal", route_class=PageRoute, include_in_schema=False)

_TOKEN = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9A-F]{6}), (#[0-9A-F]{6})\)")

_MEANINGS = (
    ("accent", "Petrol: det du kan göra", "Knapp, länk, val, det nya. Aldrig ett läge hos patienten."),
    ("red", "Röd: fara", "Fara för patienten, eller text som inte är sparad. Inget annat."),
    ("amber", "Bärnsten: behöver någon", "Avvikande, försenat, osignerat, fel i ett fält."),
    ("green", "Grön: kontrollerat, klart", "Bara när något faktiskt är kontrollerat eller gjort."),
    ("plum", "Plommon: lag och rätt", "Spärr, samtycke, skydd, ombud, loggning."),
    ("unknown", "Streckat: vi vet inte", "Ej kontrollerat, ej tillfrågat, för gammalt."),
)

POTASSIUM = Value("5,6", "mmol/L", "abnormal", "up", "högt")
_RESULTS = (
    Result("P-Kalium", POTASSIUM, "3,5–5,0"),
    Result("P-Natrium", Value("139", "mmol/L"), "137–145"),
    Result("P-Kalium, akut", Value("6,7", "mmol/L", "critical", "up", "kritiskt högt"), "3,5–5,0"),
    Result("Odling, urin", Value("ingen växt", is_text=True)),
)


@cache
def tokens() -> dict[str, tuple[str, str]]:
    """Every colour of the staff palette by name: (light, dark)."""
    css = files("application_platform.portal").joinpath("static/tokens.css").read_text(encoding="utf-8")
    staff = css.split('[data-portal="patient"]')[0]
    return {name: (light, dark) for name, light, dark in _TOKEN.findall(staff)}


def _people() -> list[tuple[str, Person, tuple[Notice, ...]]]:
    label = "Personnummer"
    tolvan = Person("1", "Lindhammar", "Greta", label, "19480317-2388", "1948-03-17", "78\u00a0år", "kvinna")
    hidden = Person("2", "Almvik", "Jonna", label, "19920330-2386", "1992-03-30", "34\u00a0år", "kvinna", "", True)
    gone = Person(
        "3", "Holmsäter", "Ingvar", label, "19520604-2391", "1952-06-04", "blev 74\u00a0år", "man", "2026-11-19"
    )
    unknown = Person("4", "Okänd", "man", "Reservnummer", "RN-26-004417", "", "", "man", unidentified=True)
    return [
        (
            "Vanlig",
            tolvan,
            (
                Notice("Överkänslighet: penicillin – anafylaxi", "severe", "octagon-alert"),
                Notice("Överkänslighet: jordnöt – nässelutslag", "amber", "triangle-alert"),
                Notice("Smitta: ej tillfrågad", "unknown", "circle-dashed"),
            ),
        ),
        ("Skyddade personuppgifter", hidden, (Notice("Överkänslighet: inga kända, tillfrågad 2026-10-02", "", ""),)),
        ("Avliden", gone, ()),
        ("Oidentifierad", unknown, (Notice("Överkänslighet: inget registrerat", "unknown", "circle-dashed"),)),
    ]


def _entries() -> tuple[Entry, ...]:
    at = [moment(f"2026-11-23T{clock}:00+01:00") for clock in ("09:12", "08:05", "07:40")]
    return (
        Entry("a/1", at[0], "svar", "flask-conical", "Elektrolytstatus", results=_RESULTS),
        Entry("a/2", at[1], "anteckningar", "file-text", "Omvårdnadsanteckning", state=State("Osignerad", "amber")),
        Entry("a/3", at[2], "besok", "stethoscope", "Besök", line="Hjärtsvikt, kontroll", source="Avd 32 Hjärta"),
    )


@router.get("/style")
async def style(request: Request, portal: InPortal, reader: Reads) -> Response:
    """Shows the look as it is in code."""
    context = {
        "reader": reader,
        "place": portal,
        "meanings": _MEANINGS,
        "tokens": tokens(),
        "people": _people(),
        "rows": _entries(),
        "values": _RESULTS,
        **style_rooms.samples(),
    }
    return render.page(request, "style.html", context)
