"""The health form a step at a time: a question together with what follows from it (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application_platform.forms import model
from application_platform.forms.model import Answers

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """Step `number` of the form: the question, and those that are asked when it is answered with yes."""

    number: int
    items: tuple[Item, ...]

    @property
    def words(self) -> str:
        return str(self.items[0]["text"])

    @property
    def links(self) -> tuple[str, ...]:
        return tuple(str(item["linkId"]) for item in self.items)

    @property
    def required(self) -> bool:
        return bool(self.items[0].get("required"))

    def done(self, answers: Answers) -> bool:
        """Whether it is answered, and nothing in it is wrong."""
        wrong = model.wrong(answers, whole=False)
        return bool(answers.get(self.links[0])) and not any(link in wrong for link in self.links)


def steps() -> list[Step]:
    """Every step in its order."""
    groups: list[list[Item]] = []
    for item in model.items():
        if item.get("enableWhen") and groups:
            groups[-1].append(item)
        else:
            groups.append([item])
    return [Step(number, tuple(group)) for number, group in enumerate(groups, 1)]


def progress(answers: Answers) -> tuple[int, int]:
    """(steps that are done, steps)."""
    every = steps()
    return sum(step.done(answers) for step in every), len(every)


def next_step(answers: Answers) -> int:
    """Where to go on: the first step that is not done; after the last one 0."""
    return next((step.number for step in steps() if not step.done(answers)), 0)


def over(answers: Answers, step: Step, typed: Mapping[str, str]) -> dict[str, str]:
    """The answers with those of one step replaced by what was typed."""
    new = model.kept({link: typed.get(link, "").replace("\x00", "") for link in step.links})
    return {link: text for link, text in answers.items() if link not in step.links} | new


@dataclass(frozen=True, slots=True)
class Row:
    """A step in the list of all answers: what was answered in words, and whether it must be answered before sending."""

    step: Step
    answers: tuple[str, ...]
    lacking: bool


def rows(answers: Answers) -> list[Row]:
    """Every step with its answers; what does not apply is left out."""
    wrong = model.wrong(answers, whole=True)
    asked = {str(item["linkId"]): item for item in model.asked(answers)}
    return [
        Row(
            step,
            tuple(in_words(asked[link], answers[link]) for link in step.links if link in asked and answers.get(link)),
            any(link in wrong for link in step.links),
        )
        for step in steps()
    ]


def answered(answers: Answers) -> list[tuple[str, str]]:
    """(question, answer in words) of what applies and was answered."""
    found: Sequence[Item] = model.asked(answers)
    return [
        (str(item["text"]), in_words(item, answers[item["linkId"]])) for item in found if answers.get(item["linkId"])
    ]


def in_words(item: Item, text: str) -> str:
    """Ja and nej; everything else as it was written."""
    return {model.YES: "Ja", model.NO: "Nej"}.get(text, text) if item["type"] == "boolean" else text
