"""The plan of a run: every act and when it is due, worked out from the seed alone."""

import heapq
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from shared.load import pace
from shared.load.acts import Act, weight
from shared.load.chance import stream, zipf
from shared.load.profiles import PROFILES
from shared.load.visits import Visit
from shared.load.wave import Due, wave

# How many visits there are at a time, for each event a second.
_CROWD = 0.15
_LEAST_CROWD, _GREATEST_CROWD = 12, 2_000
# So that nobody is on two visits at a time.
LEAST_CUSTOMERS = 4 * _LEAST_CROWD


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


class Planned(NamedTuple):
    """An act, its number in the plan, when it is due, in seconds of the run, and whose it is: one after the other."""

    number: int
    due: float
    act: Act
    lane: int


def plan(order: Order) -> Iterator[Planned]:
    """All acts in the order in which they are due."""
    whole = heapq.merge(_visits(order), wave(order), key=lambda each: each.due)
    for number, each in enumerate(whole):
        yield Planned(number, each.due, each.act, each.customer)


def _visits(order: Order) -> Iterator[Due]:
    """What customers do by themselves; nobody is on two visits at a time."""
    chance = stream(order.seed, order.profile, "plan")
    shape: pace.Shape = pace.of_hour if order.is_daily else pace.flat
    crowd = max(_LEAST_CROWD, min(_GREATEST_CROWD, int(order.rate * _CROWD), order.customers // 4))
    here: list[Visit] = []
    busy: set[int] = set()
    visits = 0
    due = 0.0
    while due < order.seconds:
        while len(here) < crowd:
            visits += 1
            customer = _somebody(chance, order.customers, busy)
            busy.add(customer)
            here.append(Visit(order.namespace, order.seed, PROFILES[order.profile], customer, visits))
        place = chance.randrange(len(here))
        visit = here[place]
        act = visit.next_act(order.moment(due))
        if act is None:
            busy.discard(visit.customer)
            here[place] = here[-1]
            here.pop()
            continue
        yield Due(due, visit.customer, act)
        due += pace.gap(chance, weight(act), order.rate, shape(order.moment(due)))


def _somebody(chance: Any, customers: int, busy: set[int]) -> int:
    customer = zipf(chance, customers, 0.5)
    while customer in busy:
        customer = (customer + 1) % customers
    return customer
