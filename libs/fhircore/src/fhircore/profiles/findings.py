"""What a check finds: issues with their places, at most so many."""

from fhircore.fhirpath.model import Node
from fhircore.outcome import Issue
from fhircore.validation.report import MAX_ISSUES, Enough

MAX_WORK = 2_000_000  # elements and slices looked at; what is beyond is told as not checked


class Findings:
    """Filled by checks. `limit` 1 serves a mere yes or no: the first error raises Enough."""

    def __init__(self, limit: int = MAX_ISSUES, work: int = MAX_WORK) -> None:
        self.issues: list[Issue] = []
        self.limit = limit
        self.work = work
        self.told: set[tuple[str, str | None, str]] = set()

    def tell(self, code: str, detail: str, at: str | Node, severity: str = "error") -> None:
        """One issue, once. Raises Enough when there are as many as may be."""
        if self.limit == 1 and severity != "error":
            return
        place = at if at.__class__ is str else at.place  # type: ignore[union-attr]
        known = (detail, place, severity)
        if known in self.told:
            return
        self.told.add(known)
        self.issues.append(Issue(code, detail, place, severity))
        if len(self.issues) >= self.limit:
            raise Enough

    def spend(self, amount: int) -> None:
        """Count work. Raises Enough, with an issue that says so, when it is more than may be."""
        self.work -= amount
        if self.work < 0:
            self.issues.append(
                Issue("too-costly", "The resource is too large to be checked against its profiles wholly.")
            )
            raise Enough
