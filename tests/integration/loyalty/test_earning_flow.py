"""Facts become points: whatever order they come in, the ledger ends the same."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from earning_world import (
    DAY,
    PER_10K,
    EarningWorld,
    cancelled,
    changed,
    emptied,
    entered,
    key,
    left,
    line,
    placed,
    refunded,
    touched,
)
from loyalty_world import LoyaltyWorld

from shared.events.catalogue.surveys import SurveyAnswered, nobody
from shared.events.envelope import Event
from shared.ids import uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def earning(module_world: LoyaltyWorld) -> EarningWorld:
    return await emptied(module_world)


async def test_without_a_rule_nothing_earns_points(earning: EarningWorld):
    await earning.hear(placed("o1", "An", 1_000_000))

    assert await earning.points("An") == 0


async def test_a_point_for_each_ten_thousand_dong(earning: EarningWorld):
    await earning.rule(PER_10K)

    await earning.hear(placed("o1", "An", 259_999), placed("o2", "An", 9_999), placed("o3", "Bình", 30_000))

    assert (await earning.points("An"), await earning.points("Bình")) == (25, 3)


async def test_the_same_facts_again_earn_nothing_more(earning: EarningWorld):
    await earning.rule(PER_10K)
    facts = [placed("o1", "An", 250_000), refunded("o1", "An", 100_000)]

    for _ in range(3):
        await earning.hear(*facts)

    assert await earning.points("An") == 15
    assert await earning.world.value("SELECT count(*) FROM awards") == 1


async def test_partial_refunds_add_up_to_the_whole(earning: EarningWorld):
    await earning.rule(PER_10K)
    await earning.hear(placed("o1", "An", 100_000))
    seen = []

    for number in range(3):
        await earning.hear(refunded("o1", "An", 33_333, refund=f"r{number}"))
        seen.append(await earning.points("An"))
    await earning.hear(refunded("o1", "An", None, refund="rest"))

    assert (seen, await earning.points("An")) == ([6, 3, 0], 0)


async def test_a_cancelled_order_earned_nothing_whenever_it_is_said(earning: EarningWorld):
    await earning.rule(PER_10K)

    await earning.hear(placed("o1", "An", 100_000))
    await earning.hear(cancelled("o1", "An"))
    await earning.hear(cancelled("o2", "An"))
    await earning.hear(placed("o2", "An", 100_000))

    assert await earning.points("An") == 0


async def test_a_changed_total_is_earned_anew(earning: EarningWorld):
    await earning.rule(PER_10K)

    await earning.hear(placed("o1", "An", 100_000))
    await earning.hear(changed("o1", "An", 300_000, at=DAY + timedelta(hours=2)))

    assert await earning.points("An") == 30


async def test_an_order_that_was_somebody_else_s_takes_its_points_along(earning: EarningWorld):
    await earning.rule(PER_10K)
    await earning.hear(placed("o1", "An", 100_000, at=DAY))

    await earning.hear(placed("o1", "Bình", 100_000, at=DAY - timedelta(hours=1)))

    assert (await earning.points("An"), await earning.points("Bình")) == (0, 10)


async def test_categories_count_after_the_discount_on_the_whole_order(earning: EarningWorld):
    await earning.rule({**PER_10K, "conditions": {"lines": {"categories": ["Trà"]}}})

    lines = (line("t", "Trà", 2, 100_000), line("c", "Cà phê", 1, 200_000))
    await earning.hear(placed("o1", "An", 330_000, lines=lines, shipping_minor=30_000))

    assert await earning.points("An") == 15


async def test_the_cap_of_a_day_goes_to_the_first_orders_whatever_comes_first(earning: EarningWorld):
    await earning.rule({**PER_10K, "caps": [{"per": "day", "points": 15}]})

    await earning.hear(placed("late", "An", 100_000, at=DAY + timedelta(hours=5)))
    await earning.hear(placed("early", "An", 100_000, at=DAY))
    rows = await earning.world.rows("SELECT source, points FROM awards ORDER BY occurred_at")

    assert [tuple(row) for row in rows] == [("order:early", 10), ("order:late", 5)]
    await earning.hear(cancelled("early", "An"))
    assert await earning.points("An") == 10


async def test_segments_are_those_of_the_moment_of_the_order(earning: EarningWorld):
    vip = uuid4()
    await earning.rule({**PER_10K, "conditions": {"segments": {"any_of": [str(vip)]}}})
    await earning.hear(placed("before", "An", 100_000, at=DAY), placed("in", "An", 200_000, at=DAY + timedelta(days=2)))
    await earning.hear(placed("after", "An", 400_000, at=DAY + timedelta(days=4)))

    await earning.hear(left(vip, "An", DAY + timedelta(days=3)))
    await earning.hear(entered(vip, "An", DAY + timedelta(days=1)))

    assert await earning.points("An") == 20


async def test_the_version_in_force_when_it_happened_holds_for_a_late_order(earning: EarningWorld):
    rule = await earning.rule(PER_10K)
    double = {**PER_10K, "effect": {**PER_10K["effect"], "points": 2}}
    await earning.change(rule, double, since=DAY + timedelta(days=10))

    await earning.hear(placed("new", "An", 100_000, at=DAY + timedelta(days=11)))
    await earning.hear(placed("late", "An", 100_000, at=DAY + timedelta(days=9)))

    assert await earning.points("An") == 30


async def test_a_touchpoint_earns_only_where_a_rule_asks(earning: EarningWorld):
    await earning.rule(
        {"trigger": {"on": "touchpoint", "name": "Product Reviewed"}, "effect": {"kind": "fixed", "points": 50}}
    )

    review = touched("Product Reviewed", "An")
    await earning.hear(review, touched("Product Viewed", "An"), review)

    assert await earning.points("An") == 50
    assert await earning.world.value("SELECT count(*) FROM happenings") == 1


@pytest.mark.parametrize("order_first", [True, False])
async def test_points_wait_for_the_delivery_whichever_is_heard_first(earning: EarningWorld, *, order_first: bool):
    await earning.rule({**PER_10K, "pending": {"until": "Order Delivered"}})
    order = placed("o1", "An", 100_000)
    delivery = touched("Order Delivered", "An", at=DAY + timedelta(days=2), order_id="o1")
    member = await earning.world.member(order.subject)

    await earning.hear(order if order_first else delivery)
    await earning.hear(delivery if order_first else order)
    async with earning.world.db.read() as tx:
        balance = await earning.world.service.points.balance(tx, member, "points")

    assert (balance.available, balance.pending) == (10, 0)


async def test_a_merge_shares_caps_and_an_unmerge_gives_back(earning: EarningWorld):
    await earning.rule({**PER_10K, "conditions": {"first_order": True}})
    first, second = placed("o1", "An", 100_000), placed("o2", "An phone", 200_000, at=DAY + timedelta(days=1))
    await earning.hear(first, second)

    await earning.world.merge(second.subject, first.subject)
    merged = await earning.points("An")
    await earning.world.unmerge(second.subject, first.subject)

    assert merged == 10
    assert (await earning.points("An"), await earning.points("An phone")) == (10, 20)


async def test_a_new_rule_changes_nothing_that_was_earned_before(earning: EarningWorld):
    await earning.hear(placed("old", "An", 100_000))

    await earning.rule(PER_10K, since=earning.world.clock.now())
    await earning.hear(placed("older", "An", 500_000, at=DAY - timedelta(days=1)))

    assert await earning.points("An") == 0


async def test_a_retroactive_rule_looks_at_everybody_again(earning: EarningWorld):
    await earning.hear(placed("old", "An", 100_000), placed("other", "Bình", 50_000, at=DAY - timedelta(days=50)))

    await earning.rule(PER_10K, since=DAY - timedelta(days=1))

    assert (await earning.points("An"), await earning.points("Bình")) == (10, 0)


async def test_an_order_from_a_clock_a_little_ahead_is_not_lost(earning: EarningWorld):
    await earning.rule({**PER_10K, "caps": [{"per": "day", "points": 50}]}, name="capped")
    await earning.rule(PER_10K, name="plain")

    await earning.hear(placed("o1", "An", 100_000, at=earning.world.clock.now() + timedelta(seconds=2)))

    assert await earning.points("An") == 20


async def test_points_beyond_measure_are_cut_instead_of_stopping_the_worker(earning: EarningWorld):
    await earning.rule(
        {
            "trigger": {"on": "order"},
            "effect": {"kind": "per_amount", "points": 10**8, "per_minor": 1, "currency": "VND"},
        }
    )

    await earning.hear(placed("o1", "An", 10**15))

    assert await earning.points("An") == 10**12


SURVEY = uuid7()


def answered(person: str, response: UUID, revision: int = 1, **changes: Any) -> Event[SurveyAnswered]:
    """What is told of an answer: of somebody who is known, complete and confirmed, unless something else is said."""
    subject = changes.pop("subject", key(person))
    said = {
        "response_id": response,
        "revision": revision,
        "survey_id": SURVEY,
        "version": 1,
        "state": "complete",
        "channel": "link",
        "locale": "vi",
        **changes,
    }
    return Event(uuid7(), subject, DAY, DAY, SurveyAnswered.model_validate(said))


THANKS: dict[str, Any] = {"trigger": {"on": "survey"}, "effect": {"kind": "fixed", "points": 30}}


async def test_an_answer_earns_once_whatever_is_changed_in_it(earning: EarningWorld):
    await earning.rule(THANKS)
    one, other = uuid7(), uuid7()

    await earning.hear(answered("An", one, state="partial"))
    assert await earning.points("An") == 0
    await earning.hear(answered("An", one, 2))
    await earning.hear(answered("An", one, 3), answered("An", one, 2), answered("An", other))
    assert await earning.points("An") == 60

    await earning.hear(answered("An", other, 2, state="withdrawn"))
    assert await earning.points("An") == 30


async def test_only_whoever_is_known_and_meant_it_is_thanked(earning: EarningWorld):
    await earning.rule(THANKS)
    unknown = uuid7()

    await earning.hear(
        answered("An", uuid7(), is_anonymous=True),
        answered("An", uuid7(), verification="inferred"),
        answered("An", unknown, subject=nobody(unknown)),
    )

    assert await earning.points("An") == 0
    assert await earning.world.rows("SELECT id FROM happenings") == []


async def test_a_rule_for_one_survey_gives_for_no_other(earning: EarningWorld):
    await earning.rule({**THANKS, "trigger": {"on": "survey", "survey": str(SURVEY)}})

    await earning.hear(answered("An", uuid7()), answered("Bình", uuid7(), survey_id=uuid7()))

    assert (await earning.points("An"), await earning.points("Bình")) == (30, 0)
