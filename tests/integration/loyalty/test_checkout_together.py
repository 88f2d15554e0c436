"""Many who come to the checkout at the same time: answered in one transaction, each as if alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any, cast

import orjson
import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, codes, crowd, open_till, redeem

from services.loyalty.checkout.repository import redemptions
from services.loyalty.checkout.schemas import ValidationIn
from services.loyalty.checkout.service import Checkout
from services.loyalty.checkout.service.lanes import Lane, Lanes
from shared.delivery import lanes
from shared.delivery.idempotency import Answer, Idempotent, replayed
from shared.events.catalogue.touchpoints import OrderPlaced
from shared.events.envelope import Event
from shared.identity import members
from shared.ids import user_key, uuid7

pytestmark = pytest.mark.asyncio(loop_scope="module")

_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened
        assert await opened.violations() == {}


def somebody() -> str:
    return f"người-{next(_numbers)}"


def order() -> str:
    return f"đơn-{next(_numbers)}"


async def test_of_a_batch_one_is_refused_and_the_others_go_through(till: Till):
    campaign, code = await till.offer()
    bodies = [ask(somebody(), code, order_id=order()) for _ in range(6)]
    bodies.insert(3, ask(somebody(), "KHONGCO77", order_id=order()))
    bodies.insert(5, {**ask(somebody(), code, order_id=order()), "basket": basket(0, order_id=order())})

    async with crowd(till) as (checkout, sizes):
        found = await asyncio.gather(*(redeem(checkout, body) for body in bodies))

    assert max(sizes) > 3, "nobody was taken together with others"
    reasons = [None if isinstance(each, Answer) else each.data["vouchers"][0]["reason"] for each in found]
    assert reasons == [None, None, None, "unknown_code", None, "no_effect", None, None]
    assert await till.counters(campaign) == (6, 0, 600_000, 0)


async def test_the_last_uses_and_the_last_money_go_to_those_who_came_first(till: Till):
    uses, code_of_uses = await till.offer(limits={"max_uses": 4})
    money, code_of_money = await till.offer(limits={"budget_minor": 250_000}, grants_partly=True)

    async with crowd(till) as (checkout, sizes):
        first = await asyncio.gather(*(redeem(checkout, ask(somebody(), code_of_uses)) for _ in range(12)))
        second = await asyncio.gather(*(redeem(checkout, ask(somebody(), code_of_money)) for _ in range(9)))

    assert max(sizes) > 6, "nobody was taken together with others"
    assert codes(first) == {"redeemed": 4, "loyalty.not_applicable": 8}
    assert await till.counters(uses) == (4, 0, 400_000, 0)
    assert codes(second) == {"redeemed": 3, "loyalty.not_applicable": 6}
    assert await till.counters(money) == (3, 0, 250_000, 0)


async def test_a_gift_card_pays_no_more_than_it_holds_within_a_batch(till: Till):
    campaign = await till.campaign({"type": "stored_value"}, shared=False, max_uses_per_code=None)
    code = await till.secret_code(campaign, value=250_000)

    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(*(redeem(checkout, ask(somebody(), code, total=100_000)) for _ in range(6)))

    assert codes(found) == {"redeemed": 3, "loyalty.not_applicable": 3}
    assert await till.value("SELECT spent_minor FROM codes WHERE campaign_id = :id", id=campaign) == 250_000


async def test_the_same_key_twice_in_a_batch_has_one_effect_and_one_answer(till: Till):
    campaign, code = await till.offer()
    body, key = ask(somebody(), code, order_id=order()), f"khoá-{next(_numbers)}"
    others = [ask(somebody(), code, order_id=order()) for _ in range(4)]

    async with crowd(till) as (checkout, sizes):
        found = await asyncio.gather(
            *(redeem(checkout, each) for each in others), *(redeem(checkout, body, key) for _ in range(5))
        )
        another = await redeem(checkout, {**body, "address": "192.0.2.7"}, key)

    assert max(sizes) > 3, "nobody was taken together with others"
    assert codes(found) == {"redeemed": 9}
    assert len({answer.body for answer in found[4:]}) == 1
    assert sorted(answer.is_replay for answer in found[4:]) == [False, True, True, True, True]
    assert another.code == "idempotency_key_reused"
    assert await till.counters(campaign) == (5, 0, 500_000, 0)


async def test_one_person_under_two_keys_has_one_use_within_a_batch(till: Till):
    campaign, code = await till.offer(max_uses_per_customer=1)
    one, other = somebody(), somebody()
    await till.merge(user_key(one), user_key(other))
    bodies = [ask(who, code, order_id=order()) for who in (one, other, one, other, somebody())]

    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(*(redeem(checkout, body) for body in bodies))

    assert codes(found) == {"redeemed": 2, "loyalty.not_applicable": 3}
    assert isinstance(found[4], Answer)
    assert (await till.counters(campaign))[0] == 2


async def test_a_voucher_stands_once_for_an_order_within_a_batch(till: Till):
    campaign, code = await till.offer()
    same = order()

    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(*(redeem(checkout, ask(somebody(), code, order_id=same)) for _ in range(5)))

    assert codes(found) == {"redeemed": 1, "loyalty.already_used_for_order": 4}
    assert (await till.counters(campaign))[0] == 1


async def test_what_ran_out_is_free_for_whoever_comes_in_a_batch(till: Till):
    campaign, code = await till.offer(limits={"max_uses": 2})
    held = await till.post("/reservations", ask(somebody(), code), 201)
    await till.post("/reservations", ask(somebody(), code), 201)
    await till.lapse(held["id"])

    async with crowd(till) as (checkout, _):
        looked = await asyncio.gather(*(look(checkout, somebody(), code) for _ in range(3)))
        found = await asyncio.gather(*(redeem(checkout, ask(somebody(), code)) for _ in range(4)))

    assert [each.applies for each in looked] == [True, True, True]
    assert codes(found) == {"redeemed": 1, "loyalty.not_applicable": 3}
    assert (await till.counters(campaign))[:2] == (1, 1)


async def look(checkout: Checkout, who: str, *asked: str, **more: Any) -> Any:
    body = {"customer": f"user_id:{who}", "basket": basket(), "vouchers": list(asked), **more}
    return await checkout.validating.validate(user_key(who), ValidationIn.model_validate(body), by="test")


async def test_looks_together_say_what_they_say_alone(till: Till):
    _, plain = await till.offer()
    _, small = await till.offer(max_uses_per_customer=1)
    _, rule = await till.offer(rule={"first_order": True})
    rich, poor, used = somebody(), somebody(), somebody()
    await till.give_points(rich, 5_000)
    await till.post("/redemptions", ask(used, small), 201)
    asked = [
        (rich, (plain,), {"points": 200}),
        (poor, (plain,), {"points": 200}),
        (used, (small,), {}),
        (rich, (rule, plain), {"mode": "partial"}),
        (poor, ("KHONGCO88", plain), {"mode": "partial"}),
        (rich, (), {}),
    ]
    alone = [await look(till.loyalty.checkout, who, *vouchers, **more) for who, vouchers, more in asked]

    async with crowd(till) as (checkout, sizes):
        together = await asyncio.gather(*(look(checkout, who, *vouchers, **more) for who, vouchers, more in asked))

    assert max(sizes) > 3, "nobody looked together with others"
    assert together == alone
    assert [each.points.available for each in together[:2]] == [5_000, 0]
    assert together[2].vouchers[0].reason == "customer_limit"


async def test_rules_ask_each_of_a_batch_about_themselves(till: Till):
    _, code = await till.offer(rule={"orders": {"gte": 1}})
    buyer, others = somebody(), [somebody() for _ in range(3)]
    now = till.loyalty.clock.now()
    placed = OrderPlaced(order_id=order(), total_minor=100_000, currency="VND", source="web")
    async with till.db.write() as tx:
        await till.loyalty.earning.record_orders(tx, [Event(uuid7(), user_key(buyer), now, now, placed)])

    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(*(redeem(checkout, ask(who, code)) for who in (*others, buyer)))

    assert [isinstance(each, Answer) for each in found] == [False, False, False, True]
    assert {each.data["vouchers"][0]["reason"] for each in found[:3]} == {"conditions_not_met"}


async def test_nobody_waits_for_a_person_or_a_request_that_others_hold(till: Till):
    campaign, code = await till.offer()
    busy, key, others = somebody(), f"khoá-{next(_numbers)}", [somebody() for _ in range(6)]
    await till.post("/redemptions", ask(busy, code), 201)
    idem = Idempotent(key, b"." * 32)

    async with crowd(till) as (checkout, _):
        async with till.db.write() as tx:
            await replayed(tx, idem)
            await members.lock(tx, user_key(busy))
            waiting = [
                asyncio.create_task(redeem(checkout, ask(busy, code))),
                asyncio.create_task(redeem(checkout, ask(somebody(), code), key)),
            ]
            async with asyncio.timeout(10):
                found = await asyncio.gather(*(redeem(checkout, ask(who, code)) for who in others))
            assert not any(each.done() for each in waiting)
        found += await asyncio.gather(*waiting)

    assert codes(found) == {"redeemed": 8}
    assert (await till.counters(campaign))[0] == 9


async def test_codes_that_count_are_taken_together_and_each_one_left_out_has_its_reason(till: Till):
    _, plain = await till.offer()
    gone, code_of_gone = await till.offer(limits={"max_uses": 1})
    await till.post("/redemptions", ask(somebody(), code_of_gone), 201)
    bodies = [
        ask(somebody(), *wanted, order_id=order(), mode="partial")
        for wanted in ((plain,), ("KHONGCO55", plain), (code_of_gone, plain), ("KHONGCO55", code_of_gone), ())
    ]

    async with crowd(till) as (checkout, sizes):
        found = await asyncio.gather(*(redeem(checkout, body) for body in bodies))

    assert max(sizes) > 2, "nobody was taken together with others"
    assert codes(found) == {"redeemed": 3, "loyalty.not_applicable": 1, "loyalty.nothing_asked": 1}
    taken = [orjson.loads(each.body) for each in found[:3]]
    left_out = [[(each["position"], each["reason"]) for each in one["skipped"]] for one in taken]
    assert left_out == [[], [(1, "unknown_code")], [(1, "campaign_used_up")]]
    assert [[each["position"] for each in one["vouchers"]] for one in taken] == [[1], [2], [2]]
    assert (await till.counters(gone))[0] == 1


async def test_who_takes_waits_for_one_commit_and_for_no_batch_drawn_too_early(monkeypatch: pytest.MonkeyPatch):
    """All want the same counter: while one batch has it no other is drawn, so everybody who comes is in the next."""
    monkeypatch.setattr(lanes, "PATIENCE", 60.0)
    lane, sizes, at_work = Lanes().takes, [], asyncio.Event()

    async def together(asked: Sequence[Any]) -> list[Any]:
        sizes.append(len(asked))
        await at_work.wait()
        return [*asked]

    waiting = [asyncio.ensure_future(lane.ask(cast("Any", number), together)) for number in range(8)]
    await asyncio.sleep(0)
    waiting += [asyncio.ensure_future(lane.ask(cast("Any", number), together)) for number in range(8, 20)]
    await asyncio.sleep(0)
    at_work.set()
    assert await asyncio.gather(*waiting) == [*range(20)]
    assert len(sizes) == 2


async def test_whoever_comes_after_a_batch_that_waits_for_others_goes_on_beside_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lanes, "PATIENCE", 0.0)
    lane, stuck, served = Lanes().takes, asyncio.Event(), []

    async def together(asked: Sequence[Any]) -> list[Any]:
        if 0 in asked:
            await stuck.wait()
        served.extend(asked)
        return [*asked]

    first = asyncio.ensure_future(lane.ask(cast("Any", 0), together))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await lane.ask(cast("Any", 1), together) == 1
        stuck.set()
        assert await first == 0
    assert served == [1, 0]


async def test_a_lane_forgets_nobody_who_comes_as_the_last_one_leaves():
    """In the very moment a task ends, before its end is told."""
    lane: Lane[int, int] = Lane()

    async def together(asked: Sequence[int]) -> list[int]:
        return [each + 1 for each in asked]

    async def chain(number: int) -> int:
        for _ in range(200):
            number = await lane.ask(number, together) or 0
        return number

    async with asyncio.timeout(5):
        assert await asyncio.gather(*map(chain, range(4))) == [200, 201, 202, 203]


async def test_what_breaks_one_batch_breaks_no_other(till: Till, monkeypatch: pytest.MonkeyPatch):
    """A statement that fails before anything was decided: everybody tries alone."""
    campaign, code = await till.offer()
    add, broken = redemptions.add, 0

    async def fails_for_many(tx: Any, made: Any, *rest: Any, **more: Any) -> Any:
        nonlocal broken
        if len(made) > 1:
            broken += 1
            await tx.execute("SELECT 1 / 0")
        return await add(tx, made, *rest, **more)

    monkeypatch.setattr(redemptions, "add", fails_for_many)
    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(*(redeem(checkout, ask(somebody(), code, order_id=order())) for _ in range(8)))

    assert broken > 0, "nothing was broken"
    assert codes(found) == {"redeemed": 8}
    assert (await till.counters(campaign))[0] == 8
