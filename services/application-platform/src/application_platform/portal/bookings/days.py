"""Which days a page of times shows, and the days before and after them (pure)."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from application_platform.portal.swedish import ZONE

SHOWN = 7  # days of one page
_FARTHEST = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Window:
    """Days from `first`, `last` included; times are looked for from `since` (inclusive) to `until`."""

    first: date
    last: date
    today: date

    @property
    def since(self) -> datetime:
        return _midnight(self.first)

    @property
    def until(self) -> datetime:
        return _midnight(self.last + timedelta(days=1))

    @property
    def before(self) -> date | None:
        """Where the page before begins; None when this one begins today."""
        length = (self.last - self.first) + timedelta(days=1)
        return max(self.today, self.first - length) if self.first > self.today else None

    @property
    def after(self) -> date:
        return self.last + timedelta(days=1)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def window(text: str, days: int = SHOWN, today: date | None = None) -> Window:
    """From the day that is asked for (2026-11-23); from today where it is no day, has been, or is too far ahead."""
    now = today or datetime.now(ZONE).date()
    try:
        first = date.fromisoformat(text)
    except ValueError:
        first = now
    if not now <= first <= now + _FARTHEST:
        first = now
    return Window(first, first + timedelta(days=days - 1), now)


def a_day(text: str, today: date) -> date:
    """The day that is asked for, of a unit's day: also one that has been; today where it is no day."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return today
    return found if abs(found - today) <= _FARTHEST else today


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), ZONE)
