"""INVARIANT: balances and tiers are a function of what happened, not of how we came to learn it.

The same histories of orders, refunds, cancellations and merges are told in any order, in any batches, with repeats;
an oracle that was written apart says what everybody has.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from earning_oracle import Bought, earned, is_gold
from earning_world import PER_10K, EarningWorld, cancelled, emptied, key, line, placed, refunded
from loyalty_world import LoyaltyWorld

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = ("An", "Bình", "Chi", "Dũng")
BEGIN = datetime(2025, 11, 1, 1, tzinfo=UTC)
RULES: dict[str, dict[str, Any]] = {
    "base": {**PER_10K, "caps": [{"per": "day", "points": 40}]},
    "tea": {
        "trigger": {"on": "order"},
        "conditions": {"lines": {"categories": ["Trà"]}},
        "effect": {"kind": "multiplier", "factor": "2"},
    },
    "gold": {"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "main"}},
    "first": {
        "trigger": {"on": "order"},
        "conditions": {"first_order": True},
        "effect": {"kind": "fixed", "points": 50},
    },
}
TRACK = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "calendar_year"},
    "levels": [{"key": "gold", "threshold": 1_000_000, "benefits": {"multiplier": "1.5"}}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    world = await emptied(module_world)
    await world.track(TRACK)
    for name, rule in RULES.items():
        await world.rule(rule, name=name)
    return world


def a_history(random: Random) -> list[Bought]:
    """Some orders of some people around the turn of a year; many on few days, so that caps are met."""
    orders = []
    for number in range(random.randrange(3, 14)):
        at = BEGIN + timedelta(days=random.choice([0, 0, 1, 40, 61, 62, 380]), minutes=random.randrange(1_440))
        tea, other = random.randrange(0, 400_000), random.randrange(1, 500_000)
        bought = Bought(f"o{number}", random.choice(PEOPLE), at, tea, other)
        if random.random() < 0.3:
            bought.refunds = {f"r{each}": random.randrange(1, bought.total) for each in range(random.randrange(1, 3))}
        bought.is_cancelled = random.random() < 0.15
        orders.append(bought)
    return orders


def facts_of(orders: Sequence[Bought]) -> list[Any]:
    """The facts that tell of these orders."""
    told: list[Any] = []
    for each in orders:
        lines = (line("t", "Trà", 1, each.tea), line("x", "Khác", 1, each.other))
        told.append(placed(each.order_id, each.person, each.total, at=each.at, lines=lines))
        told += [
            refunded(each.order_id, each.person, amount, refund=refund, at=each.at)
            for refund, amount in each.refunds.items()
        ]
        if each.is_cancelled:
            told.append(cancelled(each.order_id, each.person, at=each.at))
    return told


async def tell(earning: EarningWorld, told: Sequence[Any], random: Random) -> None:
    """In batches of any size."""
    place = 0
    while place < len(told):
        size = random.choice([1, 2, 5, 50])
        await earning.hear(*told[place : place + size])
        place += size


def golden(orders: Sequence[Bought], families: dict[str, str], at: datetime) -> set[str]:
    """Who is gold at a moment, by the root."""
    own = {root: [each for each in orders if families[each.person] == root] for root in set(families.values())}
    return {root for root, bought in own.items() if is_gold(sorted(bought, key=lambda each: each.at), at)}


@pytest.mark.parametrize("seed", range(10))
async def test_any_order_of_telling_ends_the_same(earning: EarningWorld, seed: int):
    random = Random(seed)
    orders = a_history(random)
    told = facts_of(orders)
    told += random.choices(told, k=len(told) // 2)
    random.shuffle(told)
    merges = random.sample([("Bình", "An"), ("Dũng", "Chi"), ("Chi", "An")], k=random.randrange(0, 3))
    half = random.randrange(len(told))

    await tell(earning, told[:half], random)
    for child, parent in merges:
        await earning.world.merge(key(child), key(parent))
    await tell(earning, told[half:], random)

    parents = dict(merges)
    families = {each: parents.get(parents.get(each, each), parents.get(each, each)) for each in PEOPLE}
    await matches(earning, orders, families)
    for child, parent in reversed(merges):
        await earning.world.unmerge(key(child), key(parent))
    await matches(earning, orders, {each: each for each in PEOPLE})
    assert [each.name for each in await earning.world.service.invariants.check() if each.violations] == []


async def matches(earning: EarningWorld, orders: Sequence[Bought], families: dict[str, str]) -> None:
    """What is stored is what the oracle says."""
    expected = earned(orders, families)
    rows = await earning.world.rows(
        "SELECT person_id, CAST(sum(available + pending - debt) AS bigint) AS points FROM wallets GROUP BY person_id"
    )
    stored = {row.person_id: row.points for row in rows if row.points}
    assert stored == {key(person): points for person, points in expected.items() if points}
    now = earning.world.clock.now()
    assert {each for each in PEOPLE if families[each] == each and await earning.levels(each)} == golden(
        orders, families, now
    )
    assert await earning.differences() == []
    awards = await earning.world.value(
        "SELECT count(*) FROM (SELECT customer, wallet, 'earn:' || source AS source, sum(points) AS points FROM awards "
        "GROUP BY 1, 2, 3) AS a FULL JOIN (SELECT w.person_id, w.name, s.source, s.points FROM sources AS s "
        "JOIN wallets AS w ON w.id = s.wallet_id WHERE s.points > 0) AS s "
        "ON s.person_id = a.customer AND s.name = a.wallet AND s.source = a.source "
        "WHERE a.points IS DISTINCT FROM s.points"
    )
    assert awards == 0


async def test_the_oracle_tells_histories_apart():
    """It would notice: caps, tea, gold and first orders each make a difference in some history."""
    histories = [a_history(Random(seed)) for seed in range(10)]
    alone = {each: each for each in PEOPLE}
    together = dict.fromkeys(PEOPLE, "An")

    assert sum(earned(each, alone) != earned(each, together) for each in histories) > 4
    assert any(golden(each, alone, BEGIN + timedelta(days=60)) for each in histories)
