"""What is watched: which figure, of whom, in which direction, how closely, and who is to be told."""

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from services.metrics.alarms.domain.path import Rule
from services.metrics.alarms.domain.scoring import Way

Metric = Literal["lapse", "nps", "csat", "ces", "subscriber_churn", "mrr_churn"]
# Of which more is worse.
LOSSES: Final = frozenset[Metric](("lapse", "subscriber_churn", "mrr_churn"))
# Of subscriptions: of customers who have a contract.
CONTRACTUAL: Final = frozenset[Metric](("subscriber_churn", "mrr_churn"))
Dimension = Literal["touchpoint", "stage", "channel", "locale", "segment"]
Direction = Literal["worse", "better"]
Directions = Literal["worse", "better", "both"]
State = Literal["raised", "cleared", "withdrawn"]
ArmState = Literal["quiet", "raised", "cannot_say"]

_OF: Final[dict[Directions, tuple[Direction, ...]]] = {
    "worse": ("worse",),
    "better": ("better",),
    "both": ("worse", "better"),
}


@dataclass(frozen=True, slots=True)
class Watch:
    """A figure that is watched. `change` is the smallest one worth finding, in the figure's unit.

    `arl0_days` is the mean of the days between false alarms of the whole watch. `window_days` is of lapses alone.
    `currency` is of recurring revenue alone (None: the firm's, else that of the most revenue).
    `base_from` is the first day the level of before may be taken from, `base_weeks` how many weeks of it at most.
    """

    id: UUID
    name: str
    metric: Metric
    window_days: int | None
    survey_id: UUID | None
    dimension: Dimension | None
    value: str | None
    currency: str | None
    direction: Directions
    change: float
    arl0_days: int
    base_weeks: int
    base_from: int | None
    owner: str | None
    version: int

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Those it looks in."""
        return _OF[self.direction]

    def rule(self, direction: Direction) -> Rule:
        """What the CUSUM of a direction looks for; two share the false alarms of the watch."""
        return Rule(
            self.way(direction), self.change, self.arl0_days * len(self.directions), self.base_weeks, self.base_from
        )

    def way(self, direction: Direction) -> Way:
        """Whether the figure goes up or down in this direction: more lapses are worse, a higher NPS is better."""
        return "up" if (direction == "worse") == (self.metric in LOSSES) else "down"


@dataclass(frozen=True, slots=True)
class Dates:
    """When, in days: the first of the change, between which two it lies (95 %), when it was seen, when it was over."""

    change: int
    change_first: int
    change_last: int
    raised: int
    cleared: int | None
    cause: str | None

    @property
    def state(self) -> State:
        """Whether it is over."""
        return "raised" if self.cleared is None else "cleared"
