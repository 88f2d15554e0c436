"""Earning on entering a segment: in event time, once for each entry, however it is told, and as whole persons."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from earning_world import DAY, EarningWorld, emptied, entered, key, left
from loyalty_world import VIETNAM, LoyaltyWorld

from services.loyalty.earning.schemas.explaining import PreviewIn
from shared.events.envelope import Event

pytestmark = pytest.mark.asyncio(loop_scope="module")

VIP, OTHER = UUID(int=77), UUID(int=78)
PEOPLE = ("An", "Bình", "Chi")


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


def welcome(again: str = "never", **more: Any) -> dict[str, Any]:
    trigger = {"on": "segment_entered", "segment": str(VIP), "again": again}
    return {"trigger": trigger, "effect": {"kind": "fixed", "points": 10}, **more}


def stays(person: str, *days: int) -> list[Event[Any]]:
    """In and out of the segment, by turns, on these days."""
    moves = (entered, left)
    return [moves[place % 2](VIP, person, DAY + timedelta(days=day)) for place, day in enumerate(days)]


@pytest.mark.parametrize(
    ("again", "points"), [("never", 10), ("day", 40), ("week", 30), ("month", 20), ("year", 10), ("always", 50)]
)
async def test_who_comes_back_is_given_as_often_as_the_rule_says(earning: EarningWorld, again: str, points: int):
    """Monday, the same Monday an hour later, Wednesday, the Monday after, and five weeks later."""
    await earning.rule(welcome(again))
    moves = [
        *stays("An", 0),
        left(VIP, "An", DAY + timedelta(minutes=10)),
        entered(VIP, "An", DAY + timedelta(hours=1)),
    ]
    moves += [left(VIP, "An", DAY + timedelta(hours=2)), *stays("An", 2, 3, 7, 8, 35)]

    await earning.hear(*moves)
    assert await earning.points("An") == points
    await earning.hear(*moves)
    assert await earning.points("An") == points


async def test_another_segment_and_leaving_give_nothing(earning: EarningWorld):
    await earning.rule(welcome())
    await earning.hear(entered(OTHER, "An", DAY), left(VIP, "An", DAY))

    assert await earning.points("An") == 0


async def test_who_was_in_before_the_rule_did_not_enter_unless_it_looks_back(earning: EarningWorld):
    await earning.hear(*stays("An", 0), *stays("Bình", 5))
    await earning.rule(welcome(), since=DAY + timedelta(days=3))

    assert (await earning.points("An"), await earning.points("Bình")) == (0, 10)


async def test_it_is_judged_by_what_was_so_at_the_moment_of_entering(earning: EarningWorld):
    segments = {"segments": {"any_of": [str(OTHER)]}}
    await earning.rule(welcome(conditions=segments, pending={"days": 7}))
    await earning.hear(*stays("An", 1), *stays("Bình", 1), entered(OTHER, "Bình", DAY + timedelta(days=2)))
    await earning.hear(entered(OTHER, "An", DAY))

    assert (await earning.points("An"), await earning.points("Bình")) == (10, 0)


async def test_who_is_merged_while_inside_does_not_enter_anew(earning: EarningWorld):
    await earning.rule(welcome("always"))
    await earning.hear(*stays("Bình", 0))
    # As profiles tells it: the key that is no person any more leaves, the root enters at the same moment.
    at = DAY + timedelta(days=2)
    await earning.world.merge(key("Bình"), key("An"))
    await earning.hear(entered(VIP, "An", at))
    await earning.hear(left(VIP, "Bình", at))
    assert await earning.points("An") == 10

    await earning.hear(left(VIP, "An", at + timedelta(days=1)), entered(VIP, "An", at + timedelta(days=2)))
    assert await earning.points("An") == 20
    assert await earning.differences() == []


async def test_a_preview_counts_entries_and_writes_nothing(earning: EarningWorld):
    await earning.hear(*stays("An", 0, 1, 2), *stays("Bình", 0))
    body = PreviewIn.model_validate({"rule": welcome("always"), "from": DAY.isoformat()})

    found = await earning.world.service.simulation.preview(body)

    assert (found.persons_earning, found.facts_earning, found.points) == (2, 3, 30)
    assert await earning.world.value("SELECT count(*) FROM awards") == 0


def entries(moves: Sequence[Event[Any]], families: Mapping[str, str]) -> dict[str, list[datetime]]:
    """By hand: when somebody whose keys were all outside had one inside, moment by moment."""
    names = {key(each): families[each] for each in PEOPLE}
    found: dict[str, list[datetime]] = {root: [] for root in families.values()}
    for root in found:
        was = False
        for at in sorted({each.time for each in moves}):
            inside = set()
            for raw in (raw for raw, name in names.items() if name == root):
                own = [each for each in moves if each.subject == raw and each.time <= at]
                last = max(own, key=lambda each: (each.time, each.id), default=None)
                if last is not None and type(last.data).__name__ == "SegmentEntered":
                    inside.add(raw)
            if inside and not was:
                found[root].append(at)
            was = bool(inside)
    return found


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_telling_ends_the_same(earning: EarningWorld, seed: int):
    random = Random(seed)
    await earning.rule(welcome("month"), name="monthly")
    await earning.rule(welcome("always", effect={"kind": "fixed", "points": 1}), name="each")
    moves = []
    for _ in range(random.randrange(4, 14)):
        at = datetime(2026, 1, 30, tzinfo=UTC) + timedelta(hours=random.randrange(0, 72))
        moves.append(random.choice((entered, left))(VIP, random.choice(PEOPLE), at))
    told = [*moves, *random.choices(moves, k=3)]
    random.shuffle(told)
    for each in told[: len(told) // 2]:
        await earning.hear(each)
    await earning.world.merge(key("Chi"), key("An"))
    await earning.hear(*told[len(told) // 2 :])

    for families in ({"An": "An", "Bình": "Bình", "Chi": "An"}, {each: each for each in PEOPLE}):
        for root, at in entries(moves, families).items():
            months = {(each.astimezone(VIETNAM).year, each.astimezone(VIETNAM).month) for each in at}
            assert await earning.points(root) == len(at) + 10 * len(months), root
        if families["Chi"] == "An":
            await earning.world.unmerge(key("Chi"), key("An"))
    assert [each.name for each in await earning.world.service.invariants.check() if each.violations] == []
