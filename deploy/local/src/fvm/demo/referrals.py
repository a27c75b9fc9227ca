"""Which referrals are under way in the demo region, between whom, and what their receivers have done (pure)."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from application_platform.demo.cast import patients
from fvm.demo.chart import Chart
from fvm.demo.facts import Referred
from fvm.demo.staff import Colleague

_EACH = 3  # people of a story
_FATES = ("accept", "receive", "accept", "return", "", "accept", "")  # of one referral after the other
_SIGN_IN = frozenset(one["id"] for one in patients())


class Kind(NamedTuple):
    """A referral for people of a story, to a unit: what is asked for, the question with its background, and the cause."""

    story: str
    to: str
    what: str
    question: str
    why: str


_KINDS = (
    Kind("diabetes2", "norrby", "Konsultation diabetes", """HbA1c över mål trots trippelbehandling. Tacksam \
bedömning inför insulin.""", "E11.9"),
    Kind("hypertension", "norrby", "Sekundär hypertoni?", "Terapiresistent hypertoni, tre preparat. Tacksam utredning.", "I10.9"),
    Kind("arthrosis", "kirort", "Ortopedbedömning knä", """Avslutad artrosskola, kvarstående vilovärk. \
Ställningstagande till protes.""", "M17.9"),
    Kind("thyroid", "norrby", "Endokrin bedömning", "Svårinställd hypotyreos, misstänkt bristande upptag.", "E03.9"),
    Kind("healthy_child", "barn", "Utredning eksem och matallergi", "Uttalat eksem, reaktion på ägg. Tacksam hjälp.", "L20.9"),
    Kind("heart_failure", "hemsjukvard", "Hemsjukvård", "Behov av viktkontroll och läkemedelsdelning i hemmet.", "I50.9"),
)  # fmt: skip


def planned(charts: Sequence[Chart], rng: Random) -> Iterator[tuple[Chart, Kind]]:
    """Some of each story, and everybody grown up who signs in as a patient: they see where their own is."""
    for kind in _KINDS:
        for chart in rng.sample([one for one in charts if one.person.story == kind.story], _EACH):
            yield chart, kind
    for chart in charts:
        if chart.person.id in _SIGN_IN and chart.age >= 18:
            yield chart, _KINDS[0]


def send(chart: Chart, author: Colleague, kind: Kind, place: int, rng: Random) -> None:
    """Notes it in the chart; VIS is told by `referred`."""
    question, _, background = kind.question.partition(". ")
    fate = _FATES[place % len(_FATES)]
    urgent = rng.random() < 0.2
    id = chart.new_id("Referral")
    chart.referrals.append(Referred(id, author, kind.to, kind.what, question, background, urgent=urgent, fate=fate))
