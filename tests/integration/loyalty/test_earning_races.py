"""Many workers at once: orders of one person under several keys, segments, merges; caps hold to the point."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, cancelled, emptied, entered, key, placed
from loyalty_world import LoyaltyWorld

from shared.errors import Retry
from shared.identity import members

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAPPED = {**PER_10K, "caps": [{"per": "day", "points": 35}]}
KEYS = [f"An-{number}" for number in range(6)]


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


async def at_once(*work: Awaitable[Any]) -> list[BaseException]:
    """All of it at the same time; what failed."""
    return [each for each in await asyncio.gather(*work, return_exceptions=True) if isinstance(each, BaseException)]


async def patiently(earning: EarningWorld, *events: Any) -> None:
    """As the runner does it: what failed in passing is tried again."""
    for _ in range(20):
        try:
            return await earning.hear(*events)
        except Retry:
            continue
    raise AssertionError("never got through")


async def one_person(earning: EarningWorld) -> None:
    await earning.rule(CAPPED)
    for child in KEYS[1:]:
        await earning.world.merge(key(child), key(KEYS[0]))


def orders(name: str) -> list[Any]:
    return [placed(f"{name}-{n}", KEYS[n % 6], 100_000, at=DAY + timedelta(minutes=n)) for n in range(24)]


async def test_a_cap_holds_under_all_keys_of_a_person_at_once(earning: EarningWorld):
    await one_person(earning)

    failed = await at_once(*(patiently(earning, each) for each in orders("o")))

    assert failed == []
    rows = await earning.world.rows("SELECT source, points FROM awards ORDER BY occurred_at")
    assert [tuple(row) for row in rows] == [("order:o-0", 10), ("order:o-1", 10), ("order:o-2", 10), ("order:o-3", 5)]
    assert await earning.points(KEYS[0]) == 35


async def test_without_the_person_s_lock_it_would_not(earning: EarningWorld, monkeypatch: pytest.MonkeyPatch):
    """The race is there: unlocked, workers overtake each other, and the ledger refuses or the cap is broken."""
    await one_person(earning)
    monkeypatch.setattr(members, "lock_many", members.find_many)

    failed = await at_once(*(patiently(earning, each) for each in orders("o")))

    given = await earning.world.value("SELECT coalesce(sum(points), 0) FROM awards")
    assert failed or given != 35


async def test_orders_cancellations_segments_and_merges_at_once(earning: EarningWorld):
    vip = uuid4()
    await earning.rule({**CAPPED, "conditions": {"segments": {"any_of": [str(vip)]}}})
    bought = orders("o")
    gone = [cancelled(f"o-{n}", KEYS[n % 6], at=DAY + timedelta(minutes=n)) for n in range(0, 24, 2)]
    moves = [entered(vip, KEYS[0], DAY)]

    failed = await at_once(
        *(patiently(earning, each) for each in (*bought, *gone, *moves)),
        *(earning.world.merge(key(child), key(KEYS[0])) for child in KEYS[1:]),
    )

    assert failed == []
    rows = await earning.world.rows("SELECT source, points FROM awards ORDER BY occurred_at")
    assert [tuple(row) for row in rows] == [("order:o-1", 10), ("order:o-3", 10), ("order:o-5", 10), ("order:o-7", 5)]
    assert [each.name for each in await earning.world.service.invariants.check() if each.violations] == []
