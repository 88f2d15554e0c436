"""Tiers by what a member has: they follow the ledger, whoever posts to it, and any past date can be worked out anew."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, cancelled, emptied, key, placed
from loyalty_world import LoyaltyWorld

from services.loyalty.earning.errors import BadRule
from services.loyalty.points.domain.requests import Spend
from services.loyalty.tiers.errors import BadTrack
from shared.events.catalogue.loyalty import TierChanged
from shared.identity import members

pytestmark = pytest.mark.asyncio(loop_scope="module")

BALANCE: dict[str, Any] = {
    "measure": {"by": "balance"},
    "window": {"kind": "current"},
    "grace_days": 7,
    "levels": [{"key": "silver", "threshold": 100}, {"key": "gold", "threshold": 300}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


async def followed(earning: EarningWorld) -> None:
    """The jobs that look at those whose balance changed, or whose time is over."""
    service = earning.world.service.earning
    await earning.settle()
    while await service.look_again_at_moved() + await service.review_tiers():
        pass


async def spend(earning: EarningWorld, person: str, points: int) -> None:
    service = earning.world.service
    async with earning.world.db.write() as tx:
        member = await members.lock(tx, key(person))
        await service.points.spend(tx, Spend(member, "points", points, f"spend:{uuid4()}", "test"))


async def level(earning: EarningWorld, person: str) -> str | None:
    await followed(earning)
    return (await earning.levels(person)).get("main")


async def as_of(earning: EarningWorld, person: str, at: datetime) -> tuple[str | None, int]:
    """The level and the balance that are worked out for a moment."""
    found = (await earning.world.service.tracks.standings(key(person), as_of=at)).tracks
    return found[0].level, found[0].measured


async def test_a_level_follows_what_is_earned_spent_and_taken_back(earning: EarningWorld):
    world = earning.world
    await earning.rule(PER_10K)
    await earning.track(BALANCE)
    await earning.hear(placed("o1", "An", 3_500_000, at=world.clock.time))
    was = await level(earning, "An")
    earned_at = world.clock.time

    world.clock.forward(days=1)
    await spend(earning, "An", 200)
    kept = await level(earning, "An")
    spent_at = world.clock.time
    world.clock.forward(days=7, hours=12)
    lowered = await level(earning, "An")

    assert (was, kept, lowered) == ("gold", "gold", "silver")
    told = [(each.data.tier, each.data.reason) for each in await world.announced(TierChanged)]
    assert told == [("gold", "qualified"), ("silver", "downgraded")]
    # Any date is worked out from the ledger, whatever came since.
    assert await as_of(earning, "An", earned_at) == ("gold", 350)
    assert await as_of(earning, "An", spent_at) == ("gold", 150)
    assert await as_of(earning, "An", earned_at - timedelta(seconds=1)) == (None, 0)
    assert await as_of(earning, "An", world.clock.time) == ("silver", 150)
    assert await earning.differences() == []


async def test_an_order_that_goes_back_takes_the_level_after_its_grace(earning: EarningWorld):
    world = earning.world
    await earning.rule(PER_10K)
    await earning.track(BALANCE)
    await earning.hear(placed("o1", "An", 1_200_000, at=world.clock.time))
    before = await level(earning, "An")
    world.clock.forward(days=2)
    await earning.hear(cancelled("o1", "An", at=world.clock.time))
    kept = await level(earning, "An")
    world.clock.forward(days=8)

    assert (before, kept, await level(earning, "An")) == ("silver", "silver", None)
    assert await earning.differences() == []


async def test_points_that_end_by_themselves_take_the_level_too(earning: EarningWorld):
    world = earning.world
    await earning.rule({**PER_10K, "expiry": {"days": 10}})
    await earning.track({**BALANCE, "grace_days": 0})
    await earning.hear(placed("o1", "An", 1_200_000, at=world.clock.time))
    before = await level(earning, "An")
    world.clock.forward(days=12)
    while await world.service.points_upkeep.catch_up_piece():
        pass

    assert (before, await level(earning, "An")) == ("silver", None)
    # By when they ended, not by when somebody came to post it.
    steps = (await world.service.tracks.standings(key("An"), as_of=None)).tracks[0].history
    assert steps[-1].at == datetime(2026, 12, 2, 17, tzinfo=UTC)


async def test_what_comes_back_over_its_end_was_not_missing_in_between(earning: EarningWorld):
    world = earning.world
    await earning.rule({**PER_10K, "expiry": {"days": 10}})
    await earning.track({**BALANCE, "grace_days": 0})
    await earning.hear(placed("o1", "An", 1_200_000, at=world.clock.time))
    world.clock.forward(days=5)
    await earning.hear(placed("o2", "An", 1_200_000, at=world.clock.time))
    await spend(earning, "An", 120)
    key_of_spend = await world.value("SELECT operation FROM transactions WHERE kind = 'spent'")
    world.clock.forward(days=7)
    between = world.clock.time - timedelta(days=1)
    before = await as_of(earning, "An", between)
    async with world.db.write() as tx:
        assert await world.service.points.give_back(tx, key_of_spend, 120, "back") is not None

    assert before == await as_of(earning, "An", between) == ("silver", 120)
    assert await level(earning, "An") == "silver"
    assert await earning.differences() == []


async def test_merged_they_have_it_together_and_apart_each_their_own(earning: EarningWorld):
    world = earning.world
    await earning.rule(PER_10K)
    await earning.track({**BALANCE, "grace_days": 0})
    at = world.clock.time
    await earning.hear(placed("o1", "An", 1_600_000, at=at), placed("o2", "An phone", 1_600_000, at=at))
    alone = await level(earning, "An"), await level(earning, "An phone")
    await world.merge(key("An phone"), key("An"))
    merged = await level(earning, "An")
    await world.unmerge(key("An phone"), key("An"))

    assert (alone, merged) == (("silver", "silver"), "gold")
    assert (await level(earning, "An"), await level(earning, "An phone")) == ("silver", "silver")
    assert await earning.differences() == []


async def test_many_who_spend_at_once_stand_where_the_ledger_says(earning: EarningWorld):
    world = earning.world
    await earning.rule(PER_10K)
    await earning.track({**BALANCE, "grace_days": 0})
    people = [f"u{number}" for number in range(8)]
    await earning.hear(*(placed(f"o-{each}", each, 4_000_000, at=world.clock.time) for each in people))
    await followed(earning)
    world.clock.forward(minutes=1)

    # Each spends in four parts, while the job looks at all of them again and again.
    spends = [spend(earning, each, points) for points in (50, 60, 70, 80) for each in people]
    await asyncio.gather(*spends, *(world.service.earning.look_again_at_moved() for _ in range(6)))
    await followed(earning)

    assert {each: await earning.levels(each) for each in people} == {each: {"main": "silver"} for each in people}
    assert await earning.differences() == []
    assert await world.value("SELECT count(*) FROM tier_balance_queue") == 0


async def test_what_would_go_round_in_a_circle_is_refused(earning: EarningWorld):
    await earning.track(BALANCE)
    with pytest.raises(BadRule) as by_effect:
        await earning.rule({"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "main"}})
    with pytest.raises(BadRule) as by_condition:
        await earning.rule({**PER_10K, "conditions": {"tiers": {"track": "main", "any_of": ["gold"]}}})
    spent = {"measure": {"by": "spend", "currency": "VND"}, "window": {"kind": "lifetime"}}
    with pytest.raises(BadTrack, match="another track"):
        await earning.track({**BALANCE, **spent, "grace_days": 0}, version=1)
    await earning.track({**BALANCE, **spent, "grace_days": 0}, key="asked")
    await earning.rule({"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "asked"}}, since=DAY)

    assert [(each["pointer"], each["code"]) for each in by_effect.value.data["problems"]] == [
        ("/effect/track", "track_by_balance")
    ]
    assert by_condition.value.data["problems"][0]["pointer"] == "/conditions/tiers/track"
    with pytest.raises(BadTrack, match="balance"):
        await earning.track(BALANCE, key="asked", version=1)


async def test_without_such_a_track_nobody_is_queued(earning: EarningWorld):
    await earning.rule(PER_10K)
    await earning.hear(placed("o1", "An", 3_500_000))

    assert await earning.world.value("SELECT count(*) FROM tier_balance_queue") == 0
