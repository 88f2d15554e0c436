"""A whole programme is simulated: the live one gives what is live, another what can be reckoned."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, cancelled, emptied, key, placed, refunded
from loyalty_world import NOW, VIETNAM, LoyaltyWorld

from services.loyalty.earning.domain.history import outcome
from services.loyalty.earning.service.histories import histories
from services.loyalty.points.domain.requests import Spend
from services.loyalty.programs.schemas import ProgramIn
from services.loyalty.simulations.domain.plan import Inputs, plan
from services.loyalty.simulations.domain.purse import targets
from services.loyalty.simulations.errors import SimulationNotDone, SimulationUnknown
from services.loyalty.simulations.repository import programme
from services.loyalty.simulations.schemas.asking import SimulationIn
from services.loyalty.simulations.schemas.results import ResultOut
from services.loyalty.simulations.service import simulations as work
from shared.identity import members
from shared.ids import uuid7
from shared.rights.contract import Subject

pytestmark = pytest.mark.asyncio(loop_scope="module")

PEOPLE = [f"khách-{number}" for number in range(7)]
TIERS = {
    "measure": {"by": "points", "wallet": "points"},
    "window": {"kind": "calendar_year"},
    "levels": [{"key": "bac", "threshold": 50}, {"key": "vang", "threshold": 150}],
}
SINCE = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=7)
PAYS = {"currency": "VND", "points": 1, "minor": 500}


def terms(**wallet: Any) -> dict[str, Any]:
    return {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"pays": [PAYS], **wallet}}}


async def in_force(world: LoyaltyWorld, body: dict[str, Any]) -> None:
    """A version of the programme that holds from before everything: the clock is turned back for it."""
    world.clock.time = datetime(2025, 12, 1, tzinfo=UTC)
    service = world.service.programs
    answer = await service.draft(ProgramIn.model_validate(body), by="test", idem=None)
    await service.activate(orjson.loads(answer.body)["version"], None, by="test", idem=None)
    world.clock.time = NOW


async def simulated(world: LoyaltyWorld, **body: Any) -> ResultOut:
    """Asked for and worked off."""
    simulations = world.service.simulations
    asked = SimulationIn.model_validate({"from": SINCE.isoformat(), **body})
    begun = await simulations.begin(asked, by="test")
    while await simulations.advance(begun.id):
        pass
    return await simulations.result(begun.id)


async def spend(world: LoyaltyWorld, person: str, points: int) -> None:
    async with world.db.write() as tx:
        member = await members.lock(tx, key(person))
        await world.service.points.spend(tx, Spend(member, "points", points, str(uuid7()), "reward"))


async def a_year(played: EarningWorld) -> None:
    """People who buy through the year, some of whom send things back, and some of whom spend."""
    world = played.world
    for month in range(1, 11):
        for number, person in enumerate(PEOPLE):
            if (month + number) % 3 == 0:
                continue
            at = DAY.replace(month=month) + timedelta(days=number)
            world.clock.time = at
            order = f"{person}-{month}"
            await played.hear(placed(order, person, 100_000 * (1 + number), at=at))
            if (month * number) % 5 == 4:
                await played.hear(refunded(order, person, 30_000, at=at))
            if (month * number) % 7 == 6:
                await played.hear(cancelled(order, person, at=at))
        if month in (4, 8):
            await world.service.points_upkeep.run()
            await spend(world, PEOPLE[6], 40)
    world.clock.time = NOW
    await world.service.points_upkeep.run()
    await played.settle()
    while await world.service.earning.review_tiers():
        pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def played(module_world: LoyaltyWorld) -> EarningWorld:
    world = await emptied(module_world)
    await in_force(module_world, terms(expiry={"mode": "rolling", "months": 6, "rounding": "month"}))
    await world.rule(PER_10K)
    await world.track(TIERS)
    await a_year(world)
    return world


async def fingerprint(world: LoyaltyWorld) -> dict[str, str]:
    """The rows of every table but those of simulations."""
    names = await world.rows(
        "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT LIKE 'simulation%'"
    )
    return {
        row.tablename: await world.value(
            "SELECT md5(coalesce(string_agg(CAST(t AS text), '|' ORDER BY CAST(t AS text)), '')) "
            f"FROM {row.tablename} AS t"
        )
        for row in names
    }


def total(result: ResultOut, run: str, name: str) -> int:
    found: int = getattr(getattr(result.wallets[0].total, run), name)
    return found


async def test_the_live_programme_gives_what_is_live(played: EarningWorld) -> None:
    world = played.world

    result = await simulated(world)

    earned = await world.value("SELECT sum(points) FROM awards")
    assert earned > 1_000
    assert total(result, "live", "issued") == total(result, "proposed", "issued") == earned
    live = await world.rows("SELECT coalesce(sum(available + pending), 0) AS points FROM wallets")
    assert total(result, "live", "outstanding") == live[0].points
    assert total(result, "live", "spent") == 80
    assert total(result, "live", "expired") == await world.value(
        "SELECT sum(points) FROM transactions WHERE kind = 'expired'"
    )
    assert total(result, "live", "expired") > 0
    levels = {each.level: each.live for each in result.tracks[0].months[-1].levels}
    stored = await world.rows("SELECT level, count(*) AS people FROM tier_states GROUP BY level")
    assert levels == {row.level: row.people for row in stored}
    assert set(levels) == {None, "bac", "vang"} or set(levels) == {"bac", "vang"}
    assert result.wallets[0].winners.same == len(PEOPLE)
    assert result.wallets[0].winners.examples == []


async def test_nothing_else_changes_and_the_same_comes_out_again(played: EarningWorld) -> None:
    before = await fingerprint(played.world)

    one = await simulated(played.world, programs=[{"terms": terms(expiry={"mode": "none"})}])
    two = await simulated(played.world, programs=[{"terms": terms(expiry={"mode": "none"})}])

    assert await fingerprint(played.world) == before
    assert one.simulation.digest == two.simulation.digest is not None
    assert one.simulation.inputs_digest == two.simulation.inputs_digest
    assert await played.world.value("SELECT count(*) FROM simulation_people") == 0


async def test_twice_the_rate_gives_twice_the_points(played: EarningWorld) -> None:
    rule = (await played.world.rows("SELECT id FROM earning_rules"))[0].id
    double = {**PER_10K, "effect": {**PER_10K["effect"], "points": 2}}

    result = await simulated(played.world, rules=[{"replaces": str(rule), "rule": double}])

    # What was paid is a multiple of 10,000 for every order: no rounding comes between.
    assert total(result, "proposed", "issued") == 2 * total(result, "live", "issued")
    months = result.wallets[0].months
    assert sum(each.difference.issued for each in months) == total(result, "difference", "issued")
    for each in months:
        for side in (each.live, each.proposed, each.difference):
            came = side.opening + side.issued + side.other_in + side.returned
            assert came - side.spent - side.other_out - side.expired - side.over_limit == side.outstanding
    assert result.wallets[0].winners.more == len(PEOPLE)
    assert len(result.wallets[0].winners.deciles) == 9
    assert result.wallets[0].winners.total == total(result, "difference", "outstanding")
    vang = next(each for each in result.tracks[0].months[-1].levels if each.level == "vang")
    assert vang.proposed > vang.live


async def test_no_expiry_leaves_all_that_was_not_spent(played: EarningWorld) -> None:
    result = await simulated(played.world, programs=[{"terms": terms(expiry={"mode": "none"})}])

    left = total(result, "proposed", "issued") - total(result, "proposed", "spent")
    assert total(result, "proposed", "outstanding") == left
    assert total(result, "proposed", "expired") == 0
    owed = result.wallets[0].total.proposed.liability[0]
    assert (owed.currency, owed.minor) == ("VND", 500 * left)


async def test_half_the_rate_pays_for_less_of_what_was_spent(played: EarningWorld) -> None:
    nothing = {**PER_10K, "effect": {**PER_10K["effect"], "per_minor": 1_000_000}}
    rule = (await played.world.rows("SELECT id FROM earning_rules"))[0].id

    result = await simulated(played.world, rules=[{"replaces": str(rule), "rule": nothing}])

    assert total(result, "proposed", "spent") + total(result, "proposed", "unmet") == 80
    assert total(result, "proposed", "unmet") > 0
    assert total(result, "live", "unmet") == 0


async def test_it_goes_on_where_it_was_and_two_who_work_at_it_count_nobody_twice(
    played: EarningWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await simulated(played.world, programs=[{"terms": terms()}])
    monkeypatch.setattr(work, "SLICE", 2)
    asked = SimulationIn.model_validate({"from": SINCE.isoformat(), "programs": [{"terms": terms()}]})
    begun = await played.world.service.simulations.begin(asked, by="test")
    for _ in range(2):
        await played.world.service.simulations.advance(begun.id)

    async def finish() -> None:
        while await played.world.service.simulations.advance(begun.id):
            pass

    half = await played.world.service.simulations.get(begun.id)
    assert (half.state, half.done, half.members) == ("running", 2, len(PEOPLE))
    await asyncio.gather(finish(), finish(), finish())

    done = await played.world.service.simulations.get(begun.id)
    assert (done.state, done.done, done.share_done) == ("done", len(PEOPLE), 1.0)
    assert done.digest == whole.simulation.digest


async def test_what_is_cancelled_or_old_is_gone(played: EarningWorld) -> None:
    world, simulations = played.world, played.world.service.simulations
    begun = await simulations.begin(SimulationIn.model_validate({"from": SINCE.isoformat()}), by="test")
    await simulations.advance(begun.id)

    await simulations.cancel(begun.id, idem=None)

    assert not await simulations.advance(begun.id)
    with pytest.raises(SimulationNotDone):
        await simulations.result(begun.id)
    assert await world.value("SELECT count(*) FROM simulation_people") == 0
    world.clock.forward(days=91)
    await simulations.forget_old()
    world.clock.time = NOW
    with pytest.raises(SimulationUnknown):
        await simulations.get(begun.id)


async def test_each_member_has_earned_what_the_live_ledger_says(played: EarningWorld) -> None:
    world = played.world
    async with world.db.read() as tx:
        book = await programme.book(tx, VIETNAM)
        both = plan(Inputs(live=book, proposed=book).model_dump_json(by_alias=True, exclude_none=True))
        people = [await members.find(tx, key(person)) for person in PEOPLE]
        read = await histories(tx, people, both.live)
    for person in people:
        earned = targets(outcome(read[person], both.live, until=NOW))
        live = await world.value(
            "SELECT coalesce(sum(s.points), 0) FROM sources AS s JOIN wallets AS w ON w.id = s.wallet_id "
            "WHERE w.person_id = :who AND s.source LIKE 'earn:%'",
            who=person.root,
        )
        assert sum(each.points for each in earned) == live > 0


async def test_who_was_merged_is_one_and_who_is_erased_is_in_no_list(played: EarningWorld) -> None:
    world = played.world
    await world.merge(key(PEOPLE[0]), key(PEOPLE[6]))

    result = await simulated(world, programs=[{"terms": terms(expiry={"mode": "none"})}])

    assert result.simulation.members == len(PEOPLE) - 1
    shown = {each.customer for each in result.wallets[0].winners.examples}
    assert key(PEOPLE[0]) not in shown
    assert key(PEOPLE[6]) in shown
    async with world.db.write() as tx:
        await world.service.rights.erase(tx, Subject(key(PEOPLE[6]), (key(PEOPLE[6]),)))
    again = await world.service.simulations.result(result.simulation.id)
    assert key(PEOPLE[6]) not in {each.customer for each in again.wallets[0].winners.examples}
    assert again.wallets[0].total == result.wallets[0].total
