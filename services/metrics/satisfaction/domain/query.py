"""What is asked for: which answers, of which days, by what."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from uuid import UUID

from services.metrics.domain.calendar import period_after, period_start

Metric = Literal["nps", "csat", "ces"]
METRICS: tuple[Metric, ...] = ("nps", "csat", "ces")
By = Literal["survey", "question", "touchpoint", "stage", "staff", "channel", "locale", "segment", "persona"]
Persons = Literal["latest", "all"]
Verification = Literal["confirmed", "any"]

# Breakdowns that come from what a score is of, not from where it was given.
OF_ITEMS: frozenset[str] = frozenset({"survey", "question"})


class Days(NamedTuple):
    """Days from `first` to `last`, both included, as numbers."""

    first: int
    last: int

    @property
    def months(self) -> tuple[int, int] | None:
        """First days of the first and the last month that lies wholly within, if any does."""
        start = period_start("month", self.first)
        if start < self.first:
            start = period_after("month", start)
        end = period_start("month", self.last + 1)
        return (start, period_start("month", end - 1)) if start < end else None

    @property
    def head(self) -> tuple[int, int] | None:
        """The days before the whole months; all days where there is none."""
        if self.months is None:
            return self.first, self.last
        return (self.first, self.months[0] - 1) if self.first < self.months[0] else None

    @property
    def tail(self) -> tuple[int, int] | None:
        """The days after the whole months."""
        if self.months is None:
            return None
        after = period_after("month", self.months[1])
        return (after, self.last) if after <= self.last else None


@dataclass(frozen=True, slots=True)
class Query:
    """Which answers a figure is made of. `filters` are values of dimensions; a persona is its segment here."""

    metric: Metric
    by: By | None = None
    survey: UUID | None = None
    question: str | None = None
    filters: dict[str, str] = field(default_factory=dict)
    persons: Persons = "latest"
    verification: Verification = "confirmed"
    with_partial: bool = False
    level: float = 0.95

    @property
    def mode(self) -> int:
        """Which answers count besides those that are complete and confirmed, as `tally.MODES` says."""
        return (self.verification == "any") + 2 * self.with_partial

    @property
    def grouping(self) -> str | None:
        """The dimension the answers are split by, of those a sum is kept for."""
        if self.by is None or self.by in OF_ITEMS:
            return None
        return "segment" if self.by == "persona" else self.by

    @property
    def dimensions(self) -> set[str]:
        """The dimensions that this depends on. The sums know of one at a time."""
        return {*self.filters, *([self.grouping] if self.grouping else [])}

    @property
    def is_of_single_answers(self) -> bool:
        """Whether the sums cannot say it: of two dimensions at once, or of segments that overlap a segment."""
        return len(self.dimensions) > 1 or (self.grouping == "segment" and "segment" in self.filters)
