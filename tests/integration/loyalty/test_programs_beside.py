"""Two programmes side by side, each with its own zone, wallets, end of points and phases, over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from earning_world import DAY, PER_10K, EarningWorld, emptied, key, placed, touched
from loyalty_world import LoyaltyWorld

from services.loyalty.achievements.schemas import AchievementIn, ActivateIn
from services.loyalty.programs.errors import ProgramUnknown, WalletDropped, WalletTaken, WrongPhase
from services.loyalty.programs.schemas import NewProgramIn, ProgramIn
from shared.errors import AppError
from shared.testing.platform import Running

pytestmark = pytest.mark.asyncio(loop_scope="module")

YORK = "America/New_York"
ROLLING = {"expiry": {"mode": "rolling", "days": 30}}


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> AsyncIterator[EarningWorld]:
    """Loyalty with a second programme in New York."""
    world = await emptied(module_world)
    programs = module_world.service.programs
    await programs.create(NewProgramIn(key="ny"), by="test", idem=None)
    await version(module_world, "ny", YORK, miles=ROLLING)
    yield world
    found = await module_world.service.invariants.check()
    # Tests that earn in the past have no job that lets points end in time.
    assert {each.name for each in found if each.violations} <= {"time_is_kept", "tier_review_in_time"}


async def version(
    world: LoyaltyWorld, program: str, zone: str, *, at: datetime | None = None, **wallets: dict[str, Any]
) -> None:
    """Another version of a programme; it holds from long ago if nothing else is said."""
    body = ProgramIn.model_validate({"zone": zone, "wallets": wallets})
    draft = await world.service.programs.draft(body, by="test", idem=None, program=program)
    number, now = orjson.loads(draft.body)["version"], world.clock.now()
    world.clock.time = at or datetime(2020, 1, number, tzinfo=UTC)
    await world.service.programs.activate(number, None, by="test", idem=None, program=program)
    world.clock.time = now


async def rule(world: EarningWorld, wallet: str, **more: Any) -> None:
    await world.rule({**PER_10K, "wallet": wallet, **more}, name=f"rule {uuid4()}")


async def test_a_rule_earns_by_the_days_of_its_own_programme(earning: EarningWorld):
    daily = {"caps": [{"per": "day", "times": 1}]}
    await rule(earning, "points", **daily)
    await rule(earning, "miles", **daily)
    # 16:30 UTC is 23:30 in Việt Nam and noon in New York; an hour later it is the next day in Việt Nam alone.
    first = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
    await earning.hear(*(placed(f"o{n}", "an", 100_000, at=first + timedelta(hours=n)) for n in range(2)))

    assert await earning.points("an") == 20, "two days in Việt Nam"
    lots = await earning.world.rows(
        "SELECT points, expires_on, zone, expires_at FROM lots WHERE expires_on IS NOT NULL"
    )
    assert [(row.points, row.expires_on, row.zone) for row in lots] == [(10, date(2026, 4, 1), YORK)]
    assert lots[0].expires_at == datetime(2026, 4, 2, 4, 0, tzinfo=UTC), "midnight in New York, in summer"


async def test_a_pause_earns_nothing_of_what_happens_in_it_and_nothing_is_lost(earning: EarningWorld):
    await rule(earning, "points")
    await rule(earning, "miles")
    programs, clock = earning.world.service.programs, earning.world.clock
    for day, phase in ((10, "paused"), (20, "active"), (30, "archived")):
        clock.time = DAY + timedelta(days=day)
        await programs.to_phase("ny", phase, by="test", idem=None)
    clock.time = DAY + timedelta(days=31)
    # Late, and out of order: what counts is when it happened.
    for day in (25, 15, 5, 30):
        await earning.hear(placed(f"o{day}", "an", 100_000, at=DAY + timedelta(days=day)))

    lots = await earning.world.rows(
        "SELECT w.name, l.earned_at FROM lots l JOIN wallets w ON w.id = l.wallet_id ORDER BY 1, 2"
    )
    days = [(row.name, (row.earned_at - DAY).days) for row in lots]
    assert days == [("miles", 5), ("miles", 25), *(("points", day) for day in (5, 15, 25, 30))]
    with pytest.raises(WrongPhase):
        await programs.to_phase("ny", "active", by="test", idem=None)
    with pytest.raises(WrongPhase):
        await programs.to_phase("main", "archived", by="test", idem=None)


async def test_the_report_and_the_card_tell_programmes_apart(earning: EarningWorld):
    await version(earning.world, "main", "Asia/Ho_Chi_Minh", points=ROLLING)
    await rule(earning, "points")
    await rule(earning, "miles")
    # 2 May in Việt Nam, and 1 May in New York.
    earning.world.clock.time = at = datetime(2026, 5, 1, 18, 0, tzinfo=UTC)
    await earning.hear(placed("o1", "an", 100_000, at=at))

    accounts = earning.world.service.accounts
    report = await accounts.liability()
    ends = {(each.wallet, each.month) for each in report.outstanding}
    assert ends == {("points", date(2026, 6, 1)), ("miles", date(2026, 5, 1))}, "30 days on"
    seen = await accounts.get(key("an"))
    assert [(each.wallet, seen.terms.program_of(each.wallet)) for each in seen.seen] == [
        ("miles", "ny"),
        ("points", "main"),
    ]
    days = [(seen.terms.last_day(each.balance.expiring[0].at, each.wallet)) for each in seen.seen]
    assert days == [date(2026, 5, 31), date(2026, 6, 1)]


async def test_a_tier_track_has_the_year_of_its_programme(earning: EarningWorld):
    track = {
        "measure": {"by": "orders"},
        "window": {"kind": "calendar_year"},
        "holds": "period",
        "levels": [{"key": "silver", "threshold": 1}],
    }
    await earning.track(track, key="vn")
    await earning.track({**track, "program": "ny"}, key="ny")
    # New Year has come in Việt Nam, and not in New York.
    at = datetime(2025, 12, 31, 20, 0, tzinfo=UTC)
    earning.world.clock.time = at
    await earning.hear(placed("o1", "an", 100_000, at=at))

    rows = await earning.world.rows("SELECT track, valid_until FROM tier_states ORDER BY track")
    assert [(row.track, row.valid_until) for row in rows] == [
        ("ny", datetime(2026, 1, 1, 5, 0, tzinfo=UTC)),
        ("vn", datetime(2026, 12, 31, 17, 0, tzinfo=UTC)),
    ]
    assert await earning.differences() == []
    with pytest.raises(AppError, match="no such wallet"):
        await earning.track({**track, "measure": {"by": "points", "wallet": "miles"}}, key="wrong")


async def test_an_achievement_counts_the_weeks_of_its_programme(earning: EarningWorld):
    staff = earning.world.service.achievements
    said = {"counts": {"on": "order"}, "goal": {"kind": "count", "target": 1}, "period": "week", "times": 1}
    for program in ("main", "ny"):
        body = AchievementIn.model_validate({"name": program, "achievement": {**said, "program": program}})
        made = await staff.create(body, by="test", idem=None)
        active = ActivateIn(starts_at=datetime(2020, 1, 1, tzinfo=UTC), retroactive=True)
        await staff.activate(UUID(orjson.loads(made.body)["id"]), active, by="test", idem=None)
    # Sunday evening in London: Monday in Việt Nam, Sunday afternoon in New York.
    await earning.hear(placed("o1", "an", 100_000, at=datetime(2026, 3, 1, 18, 0, tzinfo=UTC)), touched("x", "an"))
    await earning.world.service.achievement_settling.run()

    held = await earning.world.rows(
        "SELECT a.name, w.period FROM achievement_awards w JOIN achievements a ON a.id = w.achievement_id ORDER BY 1"
    )
    assert [tuple(row) for row in held] == [("main", "2026-W10"), ("ny", "2026-W09")]


async def test_wallets_are_told_apart_by_name(earning: EarningWorld):
    world = earning.world
    for program, wallets, refusal in (
        ("ny", {"miles": {}, "points": {}}, WalletTaken),
        ("main", {"points": {}, "miles": {}}, WalletTaken),
        ("ny", {"stars": {}}, WalletDropped),
        ("none", {"stars": {}}, ProgramUnknown),
    ):
        with pytest.raises(refusal):
            await version(world, program, YORK, at=world.clock.now(), **wallets)


async def test_with_one_programme_the_terms_are_read_in_one_statement(module_world: LoyaltyWorld):
    await emptied(module_world)
    async with module_world.db.read() as tx:
        terms = await module_world.service.programs.current(tx, module_world.clock.now())
        again = await module_world.service.programs.current(tx, module_world.clock.now())
    assert (terms.homes, terms.zones, terms is again) == ({}, {}, True)


async def test_a_programme_lives_over_http(module_running: Running):
    crm, base = module_running.crm, "/v1/loyalty/programs"
    made = await crm.post(base, json={"key": "club", "labels": {"vi": "Hội"}})
    assert (made.status_code, made.json()["state"]) == (201, "draft")
    taken = [await crm.post(base, json={"key": each}) for each in ("club", "main")]
    assert {each.json()["code"] for each in taken} == {"loyalty.program_taken"}
    early = await crm.post(f"{base}/club/phases/pause")
    assert (early.status_code, early.json()["code"]) == (409, "loyalty.program_phase")
    body = {"zone": YORK, "wallets": {"stars": ROLLING}}
    draft = await crm.post(f"{base}/club/versions", json=body)
    assert (draft.json()["program"], draft.json()["version"], draft.json()["status"]) == ("club", 1, "draft")
    changed = await crm.put(f"{base}/club/versions/1", json={**body, "note": "mới"})
    assert changed.json()["note"] == "mới"
    preview = (await crm.get(f"{base}/club/versions/1/preview")).json()
    assert [each["kind"] for each in preview["lines"]] == ["new"]
    assert (await crm.post(f"{base}/club/versions/1/activate", json={})).json()["status"] == "active"
    assert [each["key"] for each in (await crm.get(base)).json()] == ["main", "club"]

    who = f"/v1/loyalty/members/user_id:{uuid4()}"
    given = {"points": 5, "reason": "goodwill", "wallet": "stars"}
    assert (await crm.post(f"{who}/adjustments", json=given)).status_code == 201
    card = (await crm.get(who)).json()["wallets"]
    assert [(each["wallet"], each["program"], each["available"]) for each in card] == [
        ("points", "main", 0),
        ("stars", "club", 5),
    ]
    paused = await crm.post(f"{base}/club/phases/pause")
    assert paused.json()["state"] == "paused"
    refused = await crm.post(f"{who}/adjustments", json=given)
    assert refused.json()["code"] == "loyalty.wallet_closed"
    assert (await crm.post(f"{who}/holds", json={"points": 5, "wallet": "stars"})).status_code == 201, "what is theirs"
    assert (await crm.post(f"{base}/club/phases/resume")).json()["state"] == "active"
    assert (await crm.post(f"{base}/club/phases/archive")).json()["state"] == "archived"
    assert (await crm.get(f"{base}/none")).json()["code"] == "loyalty.program_unknown"
    unknown = await crm.get(f"{base}/club/versions/9")
    assert unknown.json()["code"] == "loyalty.program_version_unknown"
    assert [each["version"] for each in (await crm.get(f"{base}/club/versions")).json()["items"]] == [1]


async def test_time_travel_shows_what_begins_and_ends_and_changes_nothing(earning: EarningWorld):
    await version(
        earning.world,
        "main",
        "Asia/Ho_Chi_Minh",
        points={"pending": {"mode": "days", "days": 7}, "expiry": {"mode": "rolling", "days": 30}},
    )
    await rule(earning, "points")
    earning.world.clock.time = DAY
    await earning.hear(placed("o1", "an", 100_000, at=DAY))
    accounts, before = earning.world.service.accounts, await tables(earning.world)

    async def at(**after: float) -> tuple[int, int]:
        seen = (await accounts.get(key("an"), as_of=DAY + timedelta(**after))).seen
        return next((each.balance.available, each.balance.pending) for each in seen if each.wallet == "points")

    # 2 March in Việt Nam: they begin with 9 March and end with 1 April, local time.
    assert [await at(), await at(days=6, hours=13), await at(days=6, hours=14)] == [(0, 10), (0, 10), (10, 0)]
    assert [await at(days=30, hours=13), await at(days=30, hours=14)] == [(10, 0), (0, 0)]
    assert await tables(earning.world) == before
    # Before the order there was nothing.
    assert await at(seconds=-1) == (0, 0)


async def tables(world: LoyaltyWorld) -> list[str]:
    """What the ledger holds, in one word."""
    sql = "SELECT md5(string_agg(CAST(t AS text), '|' ORDER BY CAST(t AS text))) FROM {} AS t"
    return [await world.value(sql.format(name)) for name in ("wallets", "lots", "transactions", "awards", "sources")]
