"""Tiers in the database: announced once, kept for their time, the union's after a merge, and what the facts say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, cancelled, emptied, key, placed, refunded
from loyalty_world import LoyaltyWorld

from services.loyalty.audience.service import facts_of
from services.loyalty.tiers.errors import LowersPeople, TrackMoved
from services.loyalty.tiers.schemas import GrantIn, TrackPreviewIn
from shared.events.catalogue.loyalty import TierChanged, TierNear
from shared.events.catalogue.profiles import CustomerCreated
from shared.events.envelope import Event
from shared.ids import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEND: dict[str, Any] = {
    "measure": {"by": "spend", "currency": "VND"},
    "window": {"kind": "calendar_year"},
    "levels": [{"key": "silver", "threshold": 1_000_000}, {"key": "gold", "threshold": 3_000_000}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


async def told(earning: EarningWorld, person: str) -> list[tuple[str | None, str, int]]:
    """What was announced of somebody: level, reason, version."""
    events = await earning.world.announced(TierChanged)
    return [(each.data.tier, each.data.reason, each.data.version) for each in events if each.subject == key(person)]


async def reviewed(earning: EarningWorld) -> int:
    return await earning.world.service.earning.review_tiers()


async def test_up_at_once_and_down_when_the_time_is_over(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 1_500_000), placed("o2", "Bình", 900_000))

    assert (await earning.levels("An"), await earning.levels("Bình")) == ({"main": "silver"}, {})
    earning.world.clock.time = datetime(2027, 12, 31, 16, 59, tzinfo=UTC)
    assert (await reviewed(earning), await earning.levels("An")) == (0, {"main": "silver"})
    earning.world.clock.time = datetime(2027, 12, 31, 17, 0, tzinfo=UTC)
    assert (await reviewed(earning), await earning.levels("An")) == (1, {})
    assert await reviewed(earning) == 0
    assert await told(earning, "An") == [("silver", "qualified", 1), (None, "downgraded", 2)]
    assert await earning.differences() == []


async def test_a_year_without_work_is_no_difference_until_the_job_has_run(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 1_500_000))
    earning.world.clock.time = datetime(2029, 1, 1, tzinfo=UTC)

    assert await earning.differences() == []
    async with earning.world.db.write() as tx:
        await tx.execute("UPDATE tier_states SET level = 'gold', rank = 2, review_at = NULL")
    assert [(each.stored, each.recomputed) for each in await earning.differences()] == [("gold", None)]


async def test_an_order_that_went_back_never_raised_anybody(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 3_500_000), placed("o2", "An", 200_000, at=DAY + timedelta(days=1)))

    await earning.hear(refunded("o1", "An", 1_000_000))
    half = await earning.levels("An")
    await earning.hear(cancelled("o1", "An"))

    assert (half, await earning.levels("An")) == ({"main": "silver"}, {})
    assert [reason for _, reason, _ in await told(earning, "An")] == ["qualified", "corrected", "corrected"]


async def test_points_lift_and_a_tier_multiplies_from_the_next_order_on(earning: EarningWorld):
    await earning.rule(PER_10K, name="base")
    await earning.track(
        {
            "measure": {"by": "points"},
            "window": {"kind": "rolling", "months": 6},
            "levels": [{"key": "gold", "threshold": 100, "benefits": {"multiplier": "2"}}],
        }
    )
    await earning.rule(
        {"trigger": {"on": "order"}, "effect": {"kind": "tier_multiplier", "track": "main"}}, name="gold"
    )

    await earning.hear(placed("o2", "An", 100_000, at=DAY + timedelta(days=1)))
    await earning.hear(placed("o1", "An", 1_000_000, at=DAY))

    assert (await earning.points("An"), await earning.levels("An")) == (100 + 20, {"main": "gold"})
    now = (await earning.world.service.tracks.standings(key("An"), as_of=DAY + timedelta(days=2))).tracks[0]
    assert (now.level, now.measured, now.multiplier) == ("gold", 120, "2")


async def test_a_merged_person_has_what_both_have_together(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 1_600_000), placed("o2", "An phone", 1_500_000))

    await earning.world.merge(key("An phone"), key("An"))
    merged = await earning.levels("An")
    gone = await earning.world.rows("SELECT level FROM tier_states WHERE person = :id", id=key("An phone"))
    await earning.world.unmerge(key("An phone"), key("An"))

    assert (merged, [row.level for row in gone]) == ({"main": "gold"}, [None])
    assert (await earning.levels("An"), await earning.levels("An phone")) == ({"main": "silver"}, {"main": "silver"})
    assert await told(earning, "An phone") == [
        ("silver", "qualified", 1),
        (None, "merged", 2),
        ("silver", "unmerged", 3),
    ]


async def test_a_level_set_by_hand_is_held_for_its_time(earning: EarningWorld):
    await earning.track(SPEND)
    end = earning.world.clock.now() + timedelta(days=30)
    grant = GrantIn(level="gold", until=end, reason="Khách quý")

    await earning.world.service.tracks.grant(key("An"), "main", grant, by="crm", idem=None)
    held = (await earning.world.service.tracks.standings(key("An"), as_of=None)).tracks[0]
    earning.world.clock.time = end
    await reviewed(earning)

    assert (held.level, held.by_facts, held.valid_until) == ("gold", None, end)
    assert held.grant is not None
    assert held.grant.reason == "Khách quý"
    assert await told(earning, "An") == [("gold", "set", 1), (None, "corrected", 2)]


async def test_higher_thresholds_lower_nobody_silently(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(*(placed(f"o{n}", f"p{n}", 1_000_000 * (n + 1)) for n in range(4)))
    harder = {**SPEND, "levels": [{"key": "silver", "threshold": 2_000_000}, {"key": "gold", "threshold": 4_000_000}]}
    now = earning.world.clock.now()

    kept = await earning.world.service.tracks.preview("main", TrackPreviewIn.model_validate({"track": harder}))
    applied = {**harder, "on_change": "apply"}
    with pytest.raises(LowersPeople) as refused:
        await earning.track(applied, version=1, since=now)
    with pytest.raises(TrackMoved):
        await earning.track(harder, version=7, since=now)
    await earning.track(applied, version=1, since=now, accept=2)

    assert (kept.upgrades, kept.downgrades, kept.at_risk) == (0, 0, 2)
    assert refused.value.data == {"downgrades": 2, "accepted": 0}
    levels = [(await earning.levels(f"p{n}")).get("main") for n in range(4)]
    assert levels == [None, "silver", "silver", "gold"]
    assert await told(earning, "p0") == [("silver", "qualified", 1), (None, "rules", 2)]


async def test_a_version_of_tomorrow_begins_tomorrow(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 600_000))
    easier = {**SPEND, "levels": [{"key": "silver", "threshold": 500_000}]}
    tomorrow = earning.world.clock.now() + timedelta(days=1)

    await earning.track(easier, version=1, since=tomorrow)
    before = await earning.levels("An")
    earning.world.clock.time = tomorrow
    await earning.world.service.tracks.begin()
    await earning.settle()

    assert (before, await earning.levels("An")) == ({}, {"main": "silver"})


async def test_as_it_was_at_any_date(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 1_000_000), placed("o2", "An", 2_500_000, at=DAY + timedelta(days=30)))

    async def level(at: datetime) -> str | None:
        return (await earning.world.service.tracks.standings(key("An"), as_of=at)).tracks[0].level

    days = (-1, 1, 31, 365, 700)
    assert [await level(DAY + timedelta(days=each)) for each in days] == [None, "silver", "gold", "gold", None]


async def test_years_of_an_anniversary_begin_when_somebody_was_seen_first(earning: EarningWorld):
    await earning.track({**SPEND, "window": {"kind": "anniversary"}, "holds": "period"})
    await earning.hear(placed("o1", "An", 1_000_000, at=DAY))
    by_order = (await earning.world.service.tracks.standings(key("An"), as_of=DAY)).tracks[0].valid_until
    met = Event(uuid7(), key("An"), DAY - timedelta(days=100), DAY, CustomerCreated(identified=True, source="web"))

    await earning.hear(met)

    by_meeting = (await earning.world.service.tracks.standings(key("An"), as_of=DAY)).tracks[0].valid_until
    assert by_order == datetime(2027, 3, 1, 17, tzinfo=UTC)
    assert by_meeting == datetime(2026, 11, 21, 17, tzinfo=UTC)
    assert await earning.levels("An") == {}


async def test_what_rules_and_vouchers_ask_of_a_person(earning: EarningWorld):
    await earning.track(SPEND)
    met = Event(uuid7(), key("An"), DAY - timedelta(days=9), DAY, CustomerCreated(identified=True, source="web"))
    await earning.hear(
        met, placed("o1", "An", 1_500_000), placed("o2", "An phone", 400_000, at=DAY - timedelta(days=2))
    )
    await earning.hear(refunded("o2", "An phone", 100_000), placed("o3", "An", 500, at=DAY, currency="USD"))
    await earning.hear(placed("o4", "An", 9_000_000), cancelled("o4", "An"))
    await earning.world.merge(key("An phone"), key("An"))

    async with earning.world.db.read() as tx:
        facts = await facts_of(tx, await earning.world.member(key("An")))

    assert facts.tiers == {"main": "silver"}
    assert facts.tier_ranks == {"main": 1}
    assert (facts.orders_count, facts.first_order_at) == (3, DAY - timedelta(days=2))
    assert facts.spend_minor == {"VND": 1_800_000, "USD": 500}
    assert facts.created_at == DAY - timedelta(days=9)


async def near(earning: EarningWorld, person: str) -> list[tuple[str | None, int, int]]:
    events = await earning.world.announced(TierNear)
    return [(each.data.tier, each.data.missing, each.data.version) for each in events if each.subject == key(person)]


async def test_who_comes_near_the_next_tier_is_told_of_until_they_are_there(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 700_000))
    assert await near(earning, "An") == []

    await earning.hear(placed("o2", "An", 100_000, at=DAY + timedelta(days=1)))
    await earning.hear(placed("o3", "An", 50_000, at=DAY + timedelta(days=2)))
    await earning.hear(placed("o4", "An", 500_000, at=DAY + timedelta(days=3)))

    assert await near(earning, "An") == [("silver", 200_000, 1), ("silver", 150_000, 2), (None, 0, 3)]
    first = (await earning.world.announced(TierNear))[0].data
    assert (first.threshold, first.measure, first.currency) == (1_000_000, "spend", "VND")


async def test_near_is_what_two_keys_are_together_and_no_more_when_they_part(earning: EarningWorld):
    await earning.track(SPEND)
    await earning.hear(placed("o1", "An", 500_000), placed("o2", "Bình", 400_000))

    await earning.world.merge(key("Bình"), key("An"))
    await earning.world.unmerge(key("Bình"), key("An"))

    assert await near(earning, "An") == [("silver", 100_000, 1), (None, 0, 2)]
    assert await near(earning, "Bình") == []
