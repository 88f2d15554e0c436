"""What a run was asked for, and what is due in it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.load.acts import Act


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for: `rate` in events a second for so many `seconds`, told as if `days` went by in them.

    With `days` 0 things happen now; else the run tells of the days before `start`, and ends there. `is_daily`: the
    rate follows the hours of the day.
    """

    profile: str
    seed: int
    rate: float
    customers: int
    seconds: float
    start: datetime
    days: float = 0
    is_daily: bool = False

    @property
    def namespace(self) -> str:
        """What all ids of the run begin with."""
        return f"load-{self.profile}-{self.seed}"

    def moment(self, due: float) -> datetime:
        """What time it is in the traffic, so many seconds into the run."""
        if not self.days:
            return self.start + timedelta(seconds=due)
        return self.start - timedelta(days=self.days * (1 - due / self.seconds))

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "start": self.start.isoformat()}

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Order":
        """The inverse."""
        return cls(**{**document, "start": datetime.fromisoformat(document["start"])})


class Due(NamedTuple):
    """An act, when it is due, in seconds of the run, and whose it is."""

    due: float
    customer: int
    act: Act
