"""What customers have brought, by segment: against plain addition over the facts, with merges and overlaps."""

import random
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from metrics_truth import Truth
from metrics_world import NOW, World, cancelled, merged, placed, refunded
from satisfaction_world import deliver, entered, persona, segment

from services.metrics.retention.service import scanning
from services.metrics.value.schemas.by_segment import SoFarBySegmentOut
from shared.events.envelope import Event
from shared.ids import user_key

SEGMENTS = ("vip", "new", "quiet")


def a_life(dice: random.Random) -> tuple[list[Event[Any]], list[Event[Any]], dict[str, set[str]]]:
    """Orders in two currencies, some given back or cancelled; merges; and who is in which segments."""
    facts: list[Event[Any]] = []
    for number in range(60):
        who, at = f"u{dice.randrange(20)}", NOW - timedelta(days=dice.randrange(200))
        facts.append(placed(f"o{number}", who, at, dice.randrange(1, 90) * 1_000, dice.choice(("VND", "VND", "USD"))))
        if dice.random() < 0.2:
            facts.append(refunded(f"o{number}", who, at + timedelta(hours=1), dice.choice((None, 700))))
        elif dice.random() < 0.1:
            facts.append(cancelled(f"o{number}", who, at + timedelta(hours=1)))
    moves = [merged("u1", "u2", 1), merged("u3", "u4", 1), merged("u4", "u2", 1)]
    members = {name: {f"u{dice.randrange(24)}" for _ in range(8)} for name in SEGMENTS[:2]} | {"quiet": {"u22"}}
    return facts, moves, members


def by_hand(truth: Truth, members: dict[str, set[str]], currency: str) -> dict[str | None, tuple[int, int]]:
    """Customers and net of each segment, and of those in none."""
    net: defaultdict[frozenset[UUID], int] = defaultdict(int)
    for order in truth.orders:
        if order.is_purchase:
            paid = order.total - sum(back for _, back in order.refunds)
            net[truth.person(order.customer)] += paid if order.currency == currency else 0
    inside = {name: {truth.person(user_key(who)) for who in them} for name, them in members.items()}
    inside[None] = net.keys() - set().union(*inside.values())
    parts = {name: [net[person] for person in them if person in net] for name, them in inside.items()}
    return {name: (len(each), sum(each)) for name, each in parts.items() if each or name is None}


@pytest.mark.parametrize("seed", [1, 2])
async def test_segments_and_those_in_none_are_everybody_less_what_overlaps(world: World, seed: int):
    facts, moves, members = a_life(random.Random(seed))
    await world.consume(*facts)
    await world.consume(*moves)
    await deliver(world, [entered(name, who) for name, them in members.items() for who in sorted(them)])
    await deliver(world, [persona("lan", "vip")])

    for code, exponent in (("VND", 0), ("USD", 2)):
        out = SoFarBySegmentOut.of(await world.metrics.value_so_far.by_segment(currency=code))
        expected = by_hand(Truth(facts, moves, world.metrics.figures.zone), members, code)
        names = {segment(name): name for name in SEGMENTS}
        assert out.segments is not None
        figures = {names[each.segment]: each.historical_clv for each in out.segments} | {None: out.in_no_segment}
        unit = Decimal(10) ** -exponent
        assert {
            name: (figure.denominator, Decimal(figure.numerator)) for name, figure in figures.items() if figure
        } == {name: (customers, net * unit) for name, (customers, net) in expected.items()}
        assert {names[each.segment]: each.personas for each in out.segments}["vip"] == ["lan"]

        assert out.counted == out.everybody
        assert out.overlap is not None
        whole = sum(Decimal(figure.numerator) for figure in figures.values()) - Decimal(out.overlap.net)
        assert whole == Decimal(out.everybody.numerator)
        people = sum(figure.denominator for figure in figures.values()) - out.overlap.customers
        assert people == out.everybody.denominator
        summary = await world.metrics.figures.summary(currency=code)
        assert out.everybody.value == summary.figures["historical_clv"].value


async def test_of_many_customers_it_is_counted_in_the_background(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scanning, "SMALL", 0)
    monkeypatch.setattr(scanning, "QUICK_SECONDS", -1.0)
    await world.consume(placed("o1", "lan", NOW, 5_000, "VND"))
    first = SoFarBySegmentOut.of(await world.metrics.value_so_far.by_segment())
    assert (first.everybody.value, first.segments, first.overlap) == ("5000", None, None)
    # Nothing was heard of the log yet, so there is no mark by which it could be known how old it is.
    async with world.db.write() as tx:
        await tx.execute(
            "INSERT INTO offsets (consumer, topic, partition, next_offset) VALUES ('metrics.orders', 'o', 0, 1)"
        )
    assert await world.metrics.value_so_far.refresh() == 1
    then = SoFarBySegmentOut.of(await world.metrics.value_so_far.by_segment())
    assert (then.segments, then.in_no_segment.value, then.overlap.customers) == ([], "5000", 0)


async def test_before_the_first_order_there_is_nothing(world: World):
    nothing = SoFarBySegmentOut.of(await world.metrics.value_so_far.by_segment())
    assert (nothing.currency, nothing.everybody, nothing.segments) == (None, None, None)
