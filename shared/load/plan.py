"""The plan of a run: every act and when it is due, worked out from the seed alone."""

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from shared.load import pace
from shared.load.acts import Act, weight
from shared.load.chance import stream, zipf
from shared.load.order import Due, Order
from shared.load.profiles import PROFILES
from shared.load.visits import Visit
from shared.load.wave import wave

# How many visits there are at a time, for each event a second.
_CROWD = 0.15
_LEAST_CROWD, _GREATEST_CROWD = 12, 2_000
# So that nobody is on two visits at a time.
LEAST_CUSTOMERS = 4 * _LEAST_CROWD


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
