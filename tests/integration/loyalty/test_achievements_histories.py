"""Whatever order facts come in, however often, and whoever is merged meanwhile: what people hold is what a plain
recount of all that happened says."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from achievements_world import Club
from earning_world import EarningWorld, cancelled, changed, key, line, placed, refunded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loyalty_world import LoyaltyWorld

from shared.ids import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("an", "bình")
CATEGORIES = ("trà", "bánh", "cốc")
START = datetime(2026, 2, 20, tzinfo=UTC)

DEFINED: dict[str, dict[str, Any]] = {
    "third": {"goal": {"kind": "count", "target": 3}, "times": 2},
    "weekly": {"goal": {"kind": "count", "target": 2}, "period": "week", "times": 3},
    "big": {
        "goal": {"kind": "count", "target": 1},
        "only": {"currency": "VND", "minimum_minor": 60, "categories": ["trà"]},
    },
    "explorer": {"goal": {"kind": "distinct", "of": "category", "target": 2}, "period": "month"},
    "spender": {"goal": {"kind": "spend", "currency": "VND", "target": 100}, "times": 4},
    "regular": {"goal": {"kind": "streak", "every": "week", "target": 2}, "times": 2},
    "daily": {"goal": {"kind": "streak", "every": "day", "target": 2, "at_least": 2}, "times": 5},
}
REWARD = {name: 10**place for place, name in enumerate(DEFINED)}


@dataclass
class Bought:
    """An order as it really was."""

    id: str
    person: str
    at: datetime
    total: int
    categories: tuple[str, ...]
    changed_to: int | None = None
    refunds: tuple[int, ...] = ()
    is_cancelled: bool = False

    @property
    def net(self) -> int:
        return (self.total if self.changed_to is None else self.changed_to) - sum(self.refunds)

    @property
    def stands(self) -> bool:
        return not self.is_cancelled and self.net > 0

    @property
    def day(self) -> date:
        """In Việt Nam there is no summer time."""
        return (self.at + timedelta(hours=7)).date()

    def said(self) -> list[Any]:
        """All facts about it."""
        lines = tuple(line("p", each, 1, 10) for each in self.categories)
        found = [placed(self.id, self.person, self.total, at=self.at, lines=lines)]
        if self.changed_to is not None:
            later = self.at + timedelta(minutes=5)
            found.append(changed(self.id, self.person, self.changed_to, at=later, lines=lines))
        found += [
            refunded(self.id, self.person, each, refund=f"r{place}", at=self.at)
            for place, each in enumerate(self.refunds)
        ]
        if self.is_cancelled:
            found.append(cancelled(self.id, self.person, at=self.at))
        return found


@st.composite
def bought(draw: st.DrawFn, number: int) -> Bought:
    total = draw(st.integers(40, 120))
    after = draw(st.none() | st.integers(40, 120))
    money = total if after is None else after
    parts = draw(st.sampled_from([(), (), (), (money,), (money // 2,), (money // 3, money // 3)]))
    return Bought(
        f"o{number}",
        draw(st.sampled_from(PEOPLE)),
        START + timedelta(hours=draw(st.integers(0, 24 * 24))),
        total,
        tuple(draw(st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True))),
        after,
        parts,
        draw(st.integers(0, 7)) == 0,
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Bought], list[Any]]:
    """Orders, and how they are told of: shuffled, in batches, some twice, with merges in between."""
    orders = [draw(bought(number)) for number in range(draw(st.integers(1, 9)))]
    facts = [fact for order in orders for fact in order.said()]
    told = draw(st.permutations([*facts, *draw(st.lists(st.sampled_from(facts), max_size=3))]))
    steps: list[Any] = list(told)
    for word in draw(st.lists(st.sampled_from(["toggle", "settle"]), max_size=4)):
        steps.insert(draw(st.integers(0, len(steps))), word)
    return orders, steps


def recount(orders: Iterable[Bought]) -> list[tuple[str, str, int, datetime]]:
    """What one person holds, counted the plain way: for each moment anew, from everything until it."""
    standing = sorted((each for each in orders if each.stands), key=lambda each: (each.at, f"order:{each.id}"))
    found: list[tuple[str, str, int, datetime]] = []
    for place, order in enumerate(standing):
        until, before = standing[: place + 1], standing[:place]
        for name, value in worth(until, order.day).items():
            period, size = value
            was = worth(before, order.day)[name][1]
            target, times = DEFINED[name]["goal"]["target"], DEFINED[name].get("times", 1)
            new = range(was // target + 1, min(times, size // target) + 1)
            found += [(name, period, number, order.at) for number in new]
    found += streak("regular", standing, lambda day: day - timedelta(days=day.weekday()), 7, 1)
    found += streak("daily", standing, lambda day: day, 1, 2)
    return sorted(found)


def worth(orders: list[Bought], day: date) -> dict[str, tuple[str, int]]:
    """What each counts to, in the period of a day."""
    year, week, _ = day.isocalendar()
    in_week = [each for each in orders if each.day.isocalendar()[:2] == (year, week)]
    in_month = [each for each in orders if (each.day.year, each.day.month) == (day.year, day.month)]
    return {
        "third": ("", len(orders)),
        "weekly": (f"{year}-W{week:02}", len(in_week)),
        "big": ("", sum(each.net >= 60 and "trà" in each.categories for each in orders)),
        "explorer": (day.strftime("%Y-%m"), len({word for each in in_month for word in each.categories})),
        "spender": ("", sum(each.net for each in orders)),
    }


def streak(
    name: str, orders: list[Bought], begin: Any, step: int, at_least: int
) -> list[tuple[str, str, int, datetime]]:
    """The times a run of full periods came to a multiple of the target."""
    filled: dict[date, datetime] = {}
    full: Counter[date] = Counter()
    for order in orders:
        full[begin(order.day)] += 1
        if full[begin(order.day)] == at_least:
            filled[begin(order.day)] = order.at
    found: list[tuple[str, str, int, datetime]] = []
    for day in sorted(filled):
        run = 1
        while day - timedelta(days=step * run) in filled:
            run += 1
        if run % DEFINED[name]["goal"]["target"] == 0 and len(found) < DEFINED[name]["times"]:
            found.append((name, "", len(found) + 1, filled[day]))
    return found


async def test_what_is_held_is_what_a_plain_recount_says(module_world: LoyaltyWorld):
    club, loop, marks = Club(module_world), asyncio.get_running_loop(), count()
    for name, said in DEFINED.items():
        await club.achievement(name, **said, rewards=[{"points": REWARD[name]}])

    async def check(orders: list[Bought], steps: list[Any]) -> None:
        # People and orders of their own.
        mark, is_merged = f"-{next(marks)}", False
        pair = tuple(key(each + mark) for each in PEOPLE)
        batch: list[Any] = []
        for step in [*steps, "settle"]:
            if not isinstance(step, str):
                batch.append(
                    step._replace(id=uuid7(), subject=key(PEOPLE_OF[step.subject] + mark), data=own(step, mark))
                )
                continue
            await EarningWorld(module_world).hear(*batch)
            batch = []
            if step == "settle":
                await club.settle()
            else:
                await (module_world.unmerge if is_merged else module_world.merge)(*pair)
                is_merged = not is_merged
        for _ in range(2):
            for group in [PEOPLE] if is_merged else [(each,) for each in PEOPLE]:
                due = recount(each for each in orders if each.person in group)
                assert await club.held(group[0] + mark) == due
                assert await club.points(group[0] + mark) == sum(REWARD[name] for name, *_ in due)
            # And once more, the other way round.
            await (module_world.unmerge if is_merged else module_world.merge)(*pair)
            is_merged = not is_merged
            await club.settle()

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def run(drawn: tuple[list[Bought], list[Any]]) -> None:
        asyncio.run_coroutine_threadsafe(check(*drawn), loop).result(timeout=120)

    await asyncio.to_thread(run)
    assert await club.faults() == {}


PEOPLE_OF = {key(each): each for each in PEOPLE}


def own(told: Any, mark: str) -> Any:
    """The fact about an order of this example alone."""
    return told.data.model_copy(update={"order_id": told.data.order_id + mark})
