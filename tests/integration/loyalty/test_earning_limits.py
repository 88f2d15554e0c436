"""What wallets take, how late facts may come, and tiers by a figure of one's own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, emptied, key, placed, refunded, touched
from loyalty_world import LoyaltyWorld

from services.loyalty.points.service import Spend
from services.loyalty.programs.schemas import ProgramIn
from services.loyalty.tiers.schemas import TrackPreviewIn
from shared.events.catalogue.loyalty import PointsExpired, TierNear
from shared.identity import members

pytestmark = pytest.mark.asyncio(loop_scope="module")

BONUS: dict[str, Any] = {"trigger": {"on": "order"}, "effect": {"kind": "fixed", "points": 5}, "priority": 1}
RUNS: dict[str, Any] = {
    "measure": {"by": "metric", "name": "Run Finished", "property": "km", "decimals": 1},
    "window": {"kind": "rolling", "months": 12},
    "levels": [{"key": "walker", "threshold": 100}, {"key": "runner", "threshold": 500}],
}


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    world = await emptied(module_world)
    world.world.clock.time = DAY - timedelta(days=1)
    return world


async def wallet(earning: EarningWorld, **terms: Any) -> None:
    """The wallet `points` with these terms, from now on; then it is some days later."""
    body = ProgramIn.model_validate({"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": terms}})
    programs = earning.world.service.programs
    made = orjson.loads((await programs.draft(body, by="test", idem=None)).body)
    await programs.activate(made["version"], None, by="test", idem=None)
    earning.world.clock.time = DAY + timedelta(days=9)


async def sound(earning: EarningWorld) -> bool:
    return [each.name for each in await earning.world.service.invariants.check() if each.violations] == []


async def by_rule(earning: EarningWorld) -> dict[str, int]:
    rows = await earning.world.rows(
        "SELECT name, CAST(sum(points) AS bigint) AS points FROM awards JOIN earning_rules ON id = rule_id "
        "GROUP BY name"
    )
    return {row.name: row.points for row in rows}


@pytest.mark.parametrize(
    ("cap", "points"),
    [
        ({"per": "transaction", "points": 12}, [12, 12, 12]),
        ({"per": "transaction", "points": 12, "over": "reject"}, [0, 0, 0]),
        ({"per": "day", "points": 20}, [15, 20, 35]),
        ({"per": "day", "points": 20, "over": "reject"}, [15, 15, 30]),
        ({"per": "week", "points": 40}, [15, 30, 40]),
        ({"per": "lifetime", "points": 31}, [15, 30, 31]),
    ],
)
async def test_what_all_rules_give_together_is_capped(earning: EarningWorld, cap: dict[str, Any], points: list[int]):
    """Two orders of a day and one of the next, each 10 points and a bonus of 5."""
    await wallet(earning, caps=[cap])
    await earning.rule(PER_10K, name="base")
    await earning.rule(BONUS, name="bonus")
    at = [DAY, DAY + timedelta(hours=1), DAY + timedelta(days=1)]
    found = []
    for number, moment in enumerate(at):
        await earning.hear(placed(f"o{number}", "An", 100_000, at=moment))
        found.append(await earning.points("An"))

    assert (found if cap["per"] != "transaction" else [each // (n + 1) for n, each in enumerate(found)]) == points
    assert await sound(earning)


async def test_a_late_order_takes_its_place_under_the_cap_and_the_last_rule_is_cut(earning: EarningWorld):
    await wallet(earning, caps=[{"per": "day", "points": 22}])
    await earning.rule(PER_10K, name="base")
    await earning.rule(BONUS, name="bonus")
    await earning.hear(placed("later", "An", 100_000, at=DAY + timedelta(hours=2)))
    assert await by_rule(earning) == {"base": 10, "bonus": 5}

    await earning.hear(placed("first", "An", 100_000, at=DAY))
    assert await by_rule(earning) == {"base": 17, "bonus": 5}
    assert await earning.points("An") == 22


async def test_what_a_wallet_cuts_counts_for_no_cap_of_the_rule(earning: EarningWorld):
    await wallet(earning, caps=[{"per": "day", "points": 10}])
    await earning.rule({**PER_10K, "caps": [{"per": "month", "points": 25}]}, name="base")
    await earning.hear(*(placed(f"o{day}", "An", 150_000, at=DAY + timedelta(days=day)) for day in range(3)))

    assert await earning.points("An") == 25


@pytest.mark.parametrize(("over", "points"), [("truncate", 25), ("reject", 20)])
async def test_a_wallet_takes_no_more_than_its_limit(earning: EarningWorld, over: str, points: int):
    await wallet(earning, limit={"points": 25, "over": over})
    await earning.rule(PER_10K)
    await earning.hear(placed("o1", "An", 200_000), placed("o2", "An", 100_000, at=DAY + timedelta(hours=1)))

    assert await earning.points("An") == points
    over_limit = [each.data for each in await earning.world.announced(PointsExpired)]
    assert [(each.points, each.reason) for each in over_limit] == [(30 - points, "over_limit")]
    assert await sound(earning)


async def test_what_found_no_room_is_not_taken_back_and_not_given_later(earning: EarningWorld):
    await wallet(earning, limit={"points": 25})
    await earning.rule(PER_10K)
    await earning.hear(placed("o1", "An", 200_000), placed("o2", "An", 200_000, at=DAY + timedelta(hours=1)))
    assert await earning.points("An") == 25

    # 15 of its 20 points found no room: half of the order takes nothing, the rest takes the 5 that came in.
    await earning.hear(refunded("o2", "An", 100_000, refund="r1"))
    assert await earning.points("An") == 25
    await earning.hear(refunded("o2", "An", 100_000, refund="r2"))
    assert await earning.points("An") == 20
    await earning.hear(refunded("o1", "An", 200_000, refund="r3"))
    assert await earning.points("An") == 0
    assert await sound(earning)


async def test_spending_makes_room_and_two_keys_of_a_person_share_it(earning: EarningWorld):
    await wallet(earning, limit={"points": 25})
    await earning.rule(PER_10K)
    await earning.world.merge(key("Bình"), key("An"))
    await earning.hear(placed("o1", "An", 200_000), placed("o2", "Bình", 200_000, at=DAY + timedelta(hours=1)))
    assert await earning.points("An") == 25
    async with earning.world.db.write() as tx:
        member = await members.lock(tx, key("An"))
        await earning.world.service.points.spend(tx, Spend(member, "points", 22, "spend", "gift"))

    await earning.hear(placed("o3", "Bình", 300_000, at=DAY + timedelta(hours=2)))
    assert await earning.points("An") == 25
    assert await sound(earning)


async def test_what_is_learnt_too_late_earns_nothing_however_it_is_told(earning: EarningWorld):
    await earning.rule({**PER_10K, "late_days": 3}, name="soon")
    await earning.rule({**BONUS, "trigger": {"on": "touchpoint", "name": "Reviewed"}, "late_days": 3}, name="review")
    late = DAY + timedelta(days=4)
    told = [
        placed("o1", "An", 100_000)._replace(recorded=DAY + timedelta(days=2)),
        placed("o2", "An", 100_000)._replace(recorded=late),
        touched("Reviewed", "An")._replace(recorded=late),
        touched("Reviewed", "An")._replace(recorded=DAY),
    ]
    earning.world.clock.time = late
    await earning.hear(*told)
    await earning.hear(refunded("o2", "An", 10_000)._replace(recorded=late), *told)

    assert await by_rule(earning) == {"soon": 10, "review": 5}
    why = await earning.world.service.simulation.why("o2")
    assert [each.reason for each in why.refused] == ["late"]


async def test_a_level_is_reached_by_a_sum_of_numbers(earning: EarningWorld):
    await earning.track(RUNS)
    earning.world.clock.time = DAY + timedelta(days=9)
    for number, km in enumerate((4.25, 5.5, "far", None, True, -30, 0.2)):
        await earning.hear(touched("Run Finished", "An", at=DAY + timedelta(hours=number), km=km))
    await earning.hear(touched("Walked", "An", km=500))
    assert await earning.levels("An") == {}
    assert await earning.world.announced(TierNear) == []

    # 4.25 km are 42 tenths, rounded half to even: 42 + 55 + 2 + 1.
    again = touched("Run Finished", "An", at=DAY + timedelta(hours=8), km=0.1)
    await earning.hear(again, again)
    assert await earning.levels("An") == {"main": "walker"}
    assert await earning.differences() == []
    standing = (await earning.world.service.tracks.standings(key("An"), as_of=None)).tracks[0]
    assert (standing.measured, standing.next and standing.next.missing) == (100, 400)


async def test_a_count_of_touchpoints_is_that_of_the_whole_person_and_falls_with_time(earning: EarningWorld):
    measure = {"by": "metric", "name": "Workshop Visited"}
    await earning.track({**RUNS, "measure": measure, "levels": [{"key": "maker", "threshold": 2}], "holds": "period"})
    earning.world.clock.time = DAY + timedelta(days=9)
    await earning.hear(
        touched("Workshop Visited", "An"), touched("Workshop Visited", "Bình", at=DAY + timedelta(days=1))
    )
    assert await earning.levels("An") == {}

    await earning.world.merge(key("Bình"), key("An"))
    assert await earning.levels("An") == {"main": "maker"}
    preview = await earning.world.service.tracks.preview(
        "main", TrackPreviewIn.model_validate({"track": {**RUNS, "measure": measure}})
    )
    assert (preview.persons_looked_at, preview.downgrades) == (1, 1)
    earning.world.clock.time = datetime(2027, 3, 5, tzinfo=UTC)
    await earning.world.service.earning.review_tiers()
    assert await earning.levels("An") == {}
    await earning.world.unmerge(key("Bình"), key("An"))
    assert await earning.differences() == []
