"""Achievements on a real database: reached by facts in their own time, rewarded once, lost with what they rest on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest
import pytest_asyncio
from achievements_world import Club
from earning_world import (
    DAY,
    PER_10K,
    EarningWorld,
    cancelled,
    emptied,
    event,
    key,
    line,
    placed,
    refunded,
    touched,
)
from loyalty_world import LoyaltyWorld
from vouchers_stand import campaign

from services.loyalty.achievements.errors import (
    AchievementInPast,
    AchievementNameTaken,
    AchievementState,
    BadAchievement,
)
from services.loyalty.achievements.schemas import AchievementIn, ActivateIn, EndIn
from services.loyalty.achievements.service import settling
from services.loyalty.checkout.schemas import RedemptionIn, RollbackIn
from services.loyalty.points.service import Spend
from services.loyalty.vouchers.errors import WrongState
from shared.events.catalogue.loyalty import AchievementLost, AchievementReached, VoucherChanged
from shared.events.catalogue.surveys import SurveyAnswered
from shared.identity import members

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEEK = timedelta(weeks=1)


@pytest_asyncio.fixture(loop_scope="module")
async def club(module_world: LoyaltyWorld) -> AsyncIterator[Club]:
    await emptied(module_world)
    yield Club(module_world)
    assert await Club(module_world).faults() == {}


async def test_the_third_order_brings_a_badge_and_points_once(club: Club):
    await club.achievement("third", goal={"kind": "count", "target": 3}, rewards=[{"points": 100}])
    orders = [placed(f"o{n}", "an", 1_000, at=DAY + timedelta(days=n)) for n in range(5)]
    await club.hear(*orders[:2])
    assert await club.names("an") == []
    assert (await club.progress("an", "third")).missing == 1

    await club.hear(*orders[2:], *orders)

    assert await club.held("an") == [("third", "", 1, DAY + timedelta(days=2))]
    assert await club.points("an") == 100
    found = await club.progress("an", "third")
    assert (found.reached, found.value, found.missing) == (1, 3, 0)
    (told,) = await club.world.announced(AchievementReached)
    assert (told.subject, told.time, told.data.achievement) == (key("an"), DAY + timedelta(days=2), "third")


async def test_what_went_back_takes_it_away_and_another_order_gives_it_again(club: Club):
    await club.achievement("second", goal={"kind": "count", "target": 2}, rewards=[{"points": 100}])
    await club.hear(placed("o1", "an", 1_000), placed("o2", "an", 1_000))
    assert await club.points("an") == 100

    await club.hear(refunded("o2", "an"))
    assert (await club.names("an"), await club.points("an")) == ([], 0)
    await club.hear(placed("o3", "an", 1_000, at=DAY + WEEK))
    assert (await club.names("an"), await club.points("an")) == ([("second", "", 1)], 100)
    await club.hear(cancelled("o1", "an"))
    assert (await club.names("an"), await club.points("an")) == ([], 0)

    told = await club.world.announced(AchievementReached, AchievementLost)
    assert [(type(each.data), each.data.version) for each in told] == [
        (AchievementReached, 1),
        (AchievementLost, 2),
        (AchievementReached, 3),
        (AchievementLost, 4),
    ]


async def test_a_late_order_moves_the_moment_and_gives_nothing_twice(club: Club):
    await club.achievement("second", goal={"kind": "count", "target": 2}, rewards=[{"points": 100}])
    await club.hear(placed("o1", "an", 1_000), placed("o3", "an", 1_000, at=DAY + 2 * WEEK))
    await club.hear(placed("o2", "an", 1_000, at=DAY + WEEK))

    assert await club.held("an") == [("second", "", 1, DAY + WEEK)]
    assert await club.points("an") == 100
    assert len(await club.world.announced(AchievementReached, AchievementLost)) == 1


async def test_every_fifth_order_and_anew_every_month(club: Club):
    await club.achievement("fifth", goal={"kind": "count", "target": 5}, times=100, rewards=[{"points": 10}])
    await club.achievement("busy", goal={"kind": "count", "target": 3}, period="month", rewards=[{"points": 1}])
    # Five of March, local time: the first is on the last day of February in UTC.
    first = datetime(2026, 2, 28, 17, 0, tzinfo=UTC)
    await club.hear(*(placed(f"m{n}", "an", 1_000, at=first + timedelta(hours=n)) for n in range(5)))
    await club.hear(*(placed(f"a{n}", "an", 1_000, at=first + timedelta(days=40, hours=n)) for n in range(5)))

    assert await club.names("an") == [
        ("busy", "2026-03", 1),
        ("busy", "2026-04", 1),
        ("fifth", "", 1),
        ("fifth", "", 2),
    ]
    assert await club.points("an") == 22


async def test_three_categories_and_a_sum_of_money(club: Club):
    await club.achievement("explorer", goal={"kind": "distinct", "of": "category", "target": 3})
    await club.achievement("million", goal={"kind": "spend", "currency": "VND", "target": 1_000_000})
    tea, cake, cup = (line("p", each, 1, 400_000) for each in ("trà", "bánh", "cốc"))
    await club.hear(
        placed("o1", "an", 800_000, lines=(tea, cake)), placed("o2", "an", 400_000, at=DAY + WEEK, lines=(tea,))
    )
    assert await club.names("an") == [("million", "", 1)]
    assert (await club.progress("an", "explorer")).value == 2

    await club.hear(placed("o3", "an", 400_000, at=DAY + 2 * WEEK, lines=(cup,)))
    assert await club.names("an") == [("explorer", "", 1), ("million", "", 1)]
    await club.hear(refunded("o1", "an", 700_000))
    assert await club.names("an") == [("explorer", "", 1)]


async def test_weeks_in_a_row_by_the_local_monday(club: Club):
    await club.achievement("regular", goal={"kind": "streak", "every": "week", "target": 3}, rewards=[{"points": 50}])
    # Sunday 18:00 in London is Monday in Việt Nam: each of them begins a week.
    sunday = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
    club.world.clock.time = sunday + 2 * WEEK + timedelta(days=1)
    await club.hear(placed("o1", "an", 1_000, at=sunday), placed("o3", "an", 1_000, at=sunday + 2 * WEEK))
    assert await club.names("an") == []
    assert (await club.progress("an", "regular")).streak == 1

    await club.hear(placed("o2", "an", 1_000, at=sunday + WEEK))

    assert await club.held("an") == [("regular", "", 1, sunday + 2 * WEEK)]
    found = await club.progress("an", "regular")
    assert (found.streak, found.reached) == (3, 1)
    assert found.until == datetime(2026, 3, 29, 17, 0, tzinfo=UTC), "the end of the next local week"
    later = await club.progress("an", "regular", as_of=sunday + 5 * WEEK)
    assert (later.streak, later.until) == (0, None)


async def test_answers_and_touchpoints_count_where_they_are_asked_for(club: Club):
    await club.hear(touched("Product Reviewed", "an"))
    await club.achievement(
        "critic", counts={"on": "touchpoint", "name": "Product Reviewed"}, goal={"kind": "count", "target": 2}
    )
    await club.achievement("voice", counts={"on": "survey"}, goal={"kind": "distinct", "of": "name", "target": 2})
    one, other = (
        event(
            SurveyAnswered(
                response_id=uuid4(),
                revision=1,
                survey_id=uuid4(),
                version=1,
                state="complete",
                channel="link",
                locale="vi",
            ),
            "an",
            DAY,
        )
        for _ in range(2)
    )
    await club.hear(touched("Product Reviewed", "an"), touched("Product Viewed", "an"), one, other)
    assert await club.names("an") == [("voice", "", 1)]
    await club.hear(touched("Product Reviewed", "an"))
    assert await club.names("an") == [("critic", "", 1), ("voice", "", 1)]


async def test_a_merge_counts_together_and_an_unmerge_gives_back_what_was(club: Club):
    await club.achievement("third", goal={"kind": "count", "target": 3}, rewards=[{"points": 100}])
    for who, many in (("an", 2), ("bình", 3)):
        await club.hear(*(placed(f"{who}{n}", who, 1_000, at=DAY + timedelta(days=n)) for n in range(many)))
    before = await club.held("an"), await club.held("bình")
    assert [len(each) for each in before] == [0, 1]

    await club.world.merge(key("an"), key("bình"))
    await club.settle()
    assert await club.held("an") == await club.held("bình") == [("third", "", 1, DAY + timedelta(days=1))]
    assert await club.points("an") == 100
    await club.world.unmerge(key("an"), key("bình"))
    await club.settle()

    assert (await club.held("an"), await club.held("bình")) == before
    assert [await club.points(who) for who in ("an", "bình")] == [0, 100]


async def test_two_who_had_it_each_have_it_once_together_and_each_again_apart(club: Club):
    await club.achievement("first", goal={"kind": "count", "target": 1}, rewards=[{"points": 100}])
    await club.hear(placed("a", "an", 1_000), placed("b", "bình", 1_000))
    await club.world.merge(key("an"), key("bình"))
    await club.settle()
    assert (len(await club.held("an")), await club.points("an")) == (1, 100)
    await club.world.unmerge(key("an"), key("bình"))
    await club.settle()
    assert [await club.points(who) for who in ("an", "bình")] == [100, 100]


async def test_points_that_were_spent_before_the_refund_are_owed(club: Club):
    await club.achievement("first", goal={"kind": "count", "target": 1}, rewards=[{"points": 100}])
    await club.hear(placed("a", "an", 1_000))
    async with club.world.db.write() as tx:
        member = await members.lock(tx, key("an"))
        await club.world.service.points.spend(tx, Spend(member, "points", 60, "s", "reward"))
    await club.hear(refunded("a", "an"))
    assert await club.points("an") == -60


async def test_a_voucher_is_given_once_frozen_and_thawed(club: Club):
    vouchers = await campaign(club.world.service)
    await club.achievement(
        "first", goal={"kind": "count", "target": 1}, rewards=[{"campaign": str(vouchers)}, {"points": 5}]
    )
    await club.hear(placed("a", "an", 1_000), placed("b", "bình", 1_000))
    assert await codes(club) == ["active", "active"]

    await club.hear(cancelled("a", "an"))
    assert await codes(club) == ["active", "frozen"]
    await club.hear(placed("c", "an", 1_000))
    assert await codes(club) == ["active", "active"]


async def codes(club: Club) -> list[str]:
    return sorted(row.state for row in await club.world.rows("SELECT state FROM codes WHERE holder IS NOT NULL"))


async def test_a_reward_that_cannot_be_given_now_is_given_later_whole(club: Club):
    from services.loyalty.vouchers.schemas.campaigns import StateIn

    vouchers = await campaign(club.world.service)
    await club.achievement(
        "first", goal={"kind": "count", "target": 1}, rewards=[{"points": 5}, {"campaign": str(vouchers)}]
    )
    await club.world.service.campaigns.set_state(vouchers, StateIn(state="paused"), idem=None)
    await club.hear(placed("a", "an", 1_000))
    (badge, _), *_ = await club.world.service.achievement_show.badges(key("an"), before=None, limit=5)
    assert (badge.problem, await club.points("an")) == ("loyalty.wrong_state", 0)

    await club.world.service.campaigns.set_state(vouchers, StateIn(state="active"), idem=None)
    await club.settle()
    assert await club.points("an") == 0
    club.world.clock.forward(hours=1, minutes=1)
    await club.settle()
    assert (await club.points("an"), await codes(club)) == (5, ["active"])


async def test_what_cannot_be_taken_back_now_is_taken_back_later_and_told_both_times(
    club: Club, monkeypatch: pytest.MonkeyPatch
):
    """One reward is refused for an hour: the other is taken back at once, and spent points are owed."""
    service = club.world.service
    vouchers = await campaign(service)
    rewards = [{"points": 5}, {"campaign": str(vouchers)}]
    until = club.world.clock.time + timedelta(minutes=30)
    made = await club.achievement("first", until=until, goal={"kind": "count", "target": 1}, rewards=rewards)
    await club.hear(placed("a", "an", 1_000))
    async with club.world.db.write() as tx:
        await service.points.spend(tx, Spend(await members.lock(tx, key("an")), "points", 5, "s-1", "reward"))
    with monkeypatch.context() as broken:
        broken.setattr(settling, "settle_gift", refuse)
        await club.hear(cancelled("a", "an"))
        holders = await service.achievements.holders(made)
        assert (holders.persons, holders.not_taken_back) == (0, 1)
        assert (await owed(club, "an"), await codes(club)) == (5, ["active"])
        # It is not asked for again and again: once in an hour.
        assert await service.achievement_settling.run() == 0
    club.world.clock.forward(hours=1, minutes=1)
    # It ended, and was put away; what it brought is taken back all the same.
    await service.achievements.archive(made, by="test", idem=None)
    await club.settle()

    assert (await owed(club, "an"), await codes(club)) == (5, ["frozen"])
    told = [each.data for each in await club.world.announced(AchievementLost)]
    assert [(each.version, each.problem) for each in told] == [(2, "loyalty.wrong_state"), (3, None)]
    # The voucher, too: whoever makes codes again from what was told would give it back.
    assert [each.data.state for each in await club.world.announced(VoucherChanged)] == ["frozen"]
    assert (await service.achievements.holders(made)).not_taken_back == 0
    assert await service.achievement_settling.run() == 0


async def refuse(*_: object, **__: object) -> bool:
    raise WrongState("paused", "frozen")


async def owed(club: Club, person: str) -> int:
    found = await club.world.service.accounts.get(key(person))
    return found.seen[0].balance.debt


async def test_a_voucher_that_was_used_is_told_until_its_use_is_rolled_back(club: Club):
    service = club.world.service
    vouchers = await campaign(service)
    made = await club.achievement(
        "first", goal={"kind": "count", "target": 1}, rewards=[{"campaign": str(vouchers)}, {"points": 5}]
    )
    await club.hear(placed("a", "an", 1_000))
    voucher = await club.world.value("SELECT id FROM codes WHERE holder IS NOT NULL")
    basket = {"currency": "VND", "lines": [{"id": "1", "product_id": "p", "quantity": 1, "unit_minor": 90_000}]}
    body = {"customer": "user_id:an", "basket": basket, "vouchers": [await service.codes.reveal(voucher)]}
    done = await service.checkout.redeeming.redeem(key("an"), RedemptionIn.model_validate(body), by="test", idem=None)
    assert done.status == 201, done.body
    await club.hear(cancelled("a", "an"))

    told = [each.data for each in await club.world.announced(AchievementLost)]
    assert [(each.version, each.problem) for each in told] == [(2, "loyalty.reward_used")]
    assert (await club.points("an"), await codes(club)) == (0, ["frozen"])
    assert (await service.achievements.holders(made)).not_taken_back == 1
    club.world.clock.forward(hours=5)
    assert await service.achievement_settling.run() == 0

    redemption = UUID(orjson.loads(done.body)["id"])
    await service.checkout.rolling_back.roll_back(redemption, RollbackIn(reason="returned"), by="test", idem=None)
    club.world.clock.forward(days=1)
    await club.settle()
    told = [each.data for each in await club.world.announced(AchievementLost)]
    assert [(each.version, each.problem) for each in told] == [(2, "loyalty.reward_used"), (3, None)]
    assert ((await service.achievements.holders(made)).not_taken_back, await codes(club)) == (0, ["frozen"])


async def test_only_orders_that_are_asked_for_count(club: Club):
    only = {"minimum_minor": 500, "currency": "VND", "categories": ["trà"], "sources": ["web"]}
    await club.achievement("tea", only=only, goal={"kind": "count", "target": 1})
    tea, cake = (line("p", each, 1, 1_000) for each in ("trà", "bánh"))
    await club.hear(
        placed("small", "an", 499, lines=(tea,)),
        placed("cake", "an", 900, lines=(cake,)),
        placed("app", "an", 900, lines=(tea,), source="app"),
        placed("unknown", "an", 900),
    )
    assert await club.names("an") == []
    await club.hear(placed("right", "an", 500, lines=(tea,)))
    assert await club.names("an") == [("tea", "", 1)]


async def test_facts_count_from_the_start_until_before_the_end(club: Club):
    await club.achievement("window", since=DAY, until=DAY + WEEK, goal={"kind": "count", "target": 1}, times=10)
    for order, after in (("before", -1), ("start", 0), ("last", 7 * 86_400 - 1), ("end", 7 * 86_400)):
        await club.hear(placed(order, "an", 1_000, at=DAY + timedelta(seconds=after)))
    assert [each[3] for each in await club.held("an")] == [DAY, DAY + WEEK - timedelta(seconds=1)]


async def test_what_is_archived_stays_whatever_comes(club: Club):
    found = await club.achievement("first", goal={"kind": "count", "target": 1}, rewards=[{"points": 100}])
    await club.hear(placed("a", "an", 1_000))
    staff = club.world.service.achievements
    with pytest.raises(AchievementState):
        await staff.archive(found, by="test", idem=None)
    await staff.end(found, EndIn(), by="test", idem=None)
    club.world.clock.forward(seconds=1)
    await staff.archive(found, by="test", idem=None)

    await club.hear(refunded("a", "an"))
    assert (await club.names("an"), await club.points("an")) == ([("first", "", 1)], 100)


async def test_what_makes_no_sense_is_refused(club: Club):
    staff = club.world.service.achievements

    async def made(**said: object) -> UUID:
        body = AchievementIn.model_validate(
            {"name": "x", "achievement": {"counts": {"on": "order"}, "goal": {"kind": "count", "target": 1}, **said}}
        )
        await staff.create(body, by="test", idem=None)
        return (await staff.listed(state=None, after=None, limit=1))[0].id

    for wrong in (
        {"goal": {"kind": "streak", "every": "week", "target": 3}, "period": "month"},
        {"counts": {"on": "birthday"}},
        {"counts": {"on": "touchpoint", "name": "x"}, "goal": {"kind": "spend", "currency": "VND", "target": 1}},
        {"only": {"minimum_minor": 5}},
        {"goal": {"kind": "spend", "currency": "XXQ", "target": 1}},
        {"goal": {"kind": "count", "target": 0}},
        {"goal": {"kind": "count", "target": 1.5}},
        {"rewards": [{"points": 5, "campaign": str(uuid4())}]},
        {"rewards": [{"points": -5}]},
    ):
        with pytest.raises(ValueError, match="validation error"):
            await made(**wrong)
    with pytest.raises(BadAchievement):
        await made(rewards=[{"points": 5, "wallet": "no_such"}])
    with pytest.raises(BadAchievement):
        await made(rewards=[{"campaign": str(uuid4())}])
    found = await made()
    with pytest.raises(AchievementNameTaken):
        await made()
    past = club.world.clock.now() - timedelta(days=1)
    with pytest.raises(AchievementInPast):
        await staff.activate(found, ActivateIn(starts_at=past), by="test", idem=None)
    await staff.activate(found, ActivateIn(), by="test", idem=None)
    with pytest.raises(AchievementState):
        await staff.activate(found, ActivateIn(), by="test", idem=None)
    with pytest.raises(AchievementState):
        await staff.delete(found)


async def test_many_who_settle_at_once_give_once(club: Club):
    await club.achievement("third", goal={"kind": "count", "target": 3}, rewards=[{"points": 100}])
    world = EarningWorld(club.world)
    people = [f"p{n}" for n in range(6)]
    facts = [placed(f"{who}-{n}", who, 1_000, at=DAY + timedelta(days=n)) for who in people for n in range(4)]
    await asyncio.gather(*(world.hear(each) for each in facts[:4]), *(club.settle() for _ in range(4)))

    await asyncio.gather(*(world.hear(each) for each in facts), *(club.settle() for _ in range(8)))
    await club.settle()

    assert [await club.points(who) for who in people] == [100] * 6
    assert len(await club.world.announced(AchievementReached)) == 6


async def test_with_no_achievement_an_order_takes_no_statement_more(club: Club, caplog: pytest.LogCaptureFixture):
    from sqlalchemy import event as sa_event

    said: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    await EarningWorld(club.world).rule(PER_10K)
    sa_event.listen(club.world.db.engine.sync_engine, "before_cursor_execute", note)
    try:
        await EarningWorld(club.world).hear(placed("o1", "an", 100_000), touched("Product Viewed", "an"))
        without = list(said)
        said.clear()
        await club.achievement("first", goal={"kind": "count", "target": 1})
        said.clear()
        await EarningWorld(club.world).hear(placed("o2", "bình", 100_000), touched("Product Viewed", "bình"))
    finally:
        sa_event.remove(club.world.db.engine.sync_engine, "before_cursor_execute", note)
    assert [each for each in without if "achievement" in each and "watched" not in each] == []
    assert len(said) == len(without) + 1, "only the one that queues the person"
