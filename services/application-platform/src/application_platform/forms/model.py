"""The health form as a FHIR Questionnaire: which questions apply, and what is wrong with an answer (pure).

https://hl7.org/fhir/R4/questionnaire.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec

from kit.problems import Kind, Problem

Answers = Mapping[str, str]  # by linkId: "true" and "false", digits, a chosen text, or words
YES, NO = "true", "false"
_LIMITS = "http://hl7.org/fhir/StructureDefinition/"


class Stale(Problem):
    """The form was saved in another window after this one was opened."""

    kind = Kind.CONFLICT
    code = "application/form-changed"
    title = "The form has been saved elsewhere since"


class Submitted(Problem):
    """The form was sent already; it is not changed any more."""

    kind = Kind.CONFLICT
    code = "application/form-submitted"
    title = "The form has been sent already"


@dataclass(frozen=True, slots=True)
class Filled:
    """A form of one patient, in progress or submitted."""

    id: UUID
    patient: str
    form: str
    answers: Answers
    version: int
    by_id: str
    by_name: str
    by_role: str
    changed_at: datetime
    submitted_at: datetime | None = None


@cache
def questionnaire() -> Mapping[str, Any]:
    """The Questionnaire resource."""
    text = files("application_platform.forms").joinpath("health.json").read_bytes()
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def form_id() -> str:
    """Which form, in which version: halsodeklaration|1."""
    found = questionnaire()
    return f"{found['id']}|{found['version']}"


def items() -> list[Mapping[str, Any]]:
    return list(questionnaire()["item"])


def applies(item: Mapping[str, Any], answers: Answers) -> bool:
    """Whether the question is asked, given the answers so far (enableWhen with =, all of them)."""
    return all(
        answers.get(when["question"], "") == (YES if when["answerBoolean"] else NO)
        for when in item.get("enableWhen", ())
    )


def asked(answers: Answers) -> list[Mapping[str, Any]]:
    """The questions that apply now."""
    return [item for item in items() if applies(item, answers)]


def kept(typed: Mapping[str, str]) -> dict[str, str]:
    """The answers of this form among what was sent, without blanks around them; what is not a question is left out."""
    found = {item["linkId"]: typed.get(item["linkId"], "").replace("\r\n", "\n").strip() for item in items()}
    return {link: text for link, text in found.items() if text}


def wrong(answers: Answers, *, whole: bool) -> dict[str, str]:
    """What is wrong by linkId. `whole`: also what is required and missing, as when it is sent."""
    found = {}
    for item in asked(answers):
        text = answers.get(item["linkId"], "")
        problem = _unfit(item, text) if text else ("Svara på frågan." if whole and item.get("required") else "")
        if problem:
            found[item["linkId"]] = problem
    return found


def _unfit(item: Mapping[str, Any], text: str) -> str:
    kind = item["type"]
    if kind == "boolean":
        return "" if text in (YES, NO) else "Välj ja eller nej."
    if kind == "choice":
        options = [option["valueString"] for option in item["answerOption"]]
        return "" if text in options else "Välj ett av svaren."
    if kind == "integer":
        return _integer(item, text)
    most = item["maxLength"]
    return "" if len(text) <= most else f"Texten är {len(text)} tecken. Korta den till högst {most}."


def _integer(item: Mapping[str, Any], text: str) -> str:
    limits = {one["url"].removeprefix(_LIMITS): one["valueInteger"] for one in item.get("extension", ())}
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return "Skriv ett heltal med siffror."
    low, high = limits["minValue"], limits["maxValue"]
    return "" if low <= int(text) <= high else f"Skriv ett tal mellan {low} och {high}."


def progress(answers: Answers) -> tuple[int, int]:
    """(answered, asked)."""
    now = asked(answers)
    return sum(1 for item in now if answers.get(item["linkId"])), len(now)


def response(filled: Filled) -> dict[str, Any]:
    """The QuestionnaireResponse of a form (https://hl7.org/fhir/R4/questionnaireresponse.html)."""
    name, _, version = filled.form.partition("|")
    answered = [item for item in asked(filled.answers) if filled.answers.get(item["linkId"])]
    return {
        "resourceType": "QuestionnaireResponse",
        "id": str(filled.id),
        "questionnaire": f"Questionnaire/{name}|{version}",
        "status": "completed" if filled.submitted_at else "in-progress",
        "subject": {"reference": f"Patient/{filled.patient}"},
        "authored": (filled.submitted_at or filled.changed_at).isoformat(),
        "source": {"display": filled.by_name},
        "item": [
            {"linkId": item["linkId"], "text": item["text"], "answer": [_value(item, filled.answers[item["linkId"]])]}
            for item in answered
        ],
    }


def _value(item: Mapping[str, Any], text: str) -> dict[str, Any]:
    if item["type"] == "boolean":
        return {"valueBoolean": text == YES}
    return {"valueInteger": int(text)} if item["type"] == "integer" else {"valueString": text}
