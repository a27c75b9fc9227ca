"""READMEs and the page of events say who tells and who hears what, as the code does."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def test_a_services_readme_says_what_it_tells_and_hears(house: Mapping[str, Any]) -> None:
    for name, spoken in house.items():
        text = (ROOT / "services" / name / "README.md").read_text()
        assert topics(text, "Tells") == spoken.tells, f"{name} tells"
        assert topics(text, "Listens to") == spoken.hears, f"{name} listens to"


def topics(text: str, heading: str) -> set[str]:
    """The topics below a heading (or after a bold word) of a README."""
    below = re.split(rf"^## {heading}$|\*\*{heading}\*\*", text, maxsplit=1, flags=re.MULTILINE)
    if len(below) == 1:
        return set()
    part = re.split(r"^## |\*\*[A-Z]", below[1], maxsplit=1, flags=re.MULTILINE)[0]
    return set(re.findall(r"`([a-z]+\.[a-z-]+\.v\d+)`", part))


def test_the_page_of_events_says_who_hears(house: Mapping[str, Any]) -> None:
    page = (ROOT / "docs/reference/events.md").read_text()
    titles = {"vis": "VIS", **{name: name.replace("-", " ") for name in house if name != "vis"}}
    for topic, text in re.findall(r"^### `(\S+)`\n\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL):
        heard = re.search(r"Heard by: ([^.]*)\.", text.replace("\n", " "))
        said = set() if heard is None else {one.partition(" (")[0] for one in heard.group(1).split(", ")}
        assert said <= set(titles.values()), topic
        assert said == {titles[name] for name, one in house.items() if topic in one.hears} or "listens" in text, topic
