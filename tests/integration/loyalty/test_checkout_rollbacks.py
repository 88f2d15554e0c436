"""What is undone of a redemption: by the shop, and by orders that come back. Never twice, never more than was taken."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till

from shared.events.catalogue.loyalty import VoucherRolledBack
from shared.events.catalogue.touchpoints import OrderCancelled, OrderPlaced, OrderRefunded
from shared.events.envelope import Catalogue
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def sound(till: Till) -> AsyncIterator[None]:
    """After every test every invariant holds."""
    yield
    assert await till.violations() == {}


@pytest.fixture
def who() -> str:
    return f"khách-{uuid4()}"


async def rolled_back(till: Till, who: str) -> list[VoucherRolledBack]:
    rows = await till.rows('SELECT unnest("values") AS value FROM outbox')
    found = [Catalogue((VoucherRolledBack,)).decode(row.value) for row in rows]
    return [event.data for event in found if event is not None and event.subject == user_key(who)]


def refunded(order: str, minor: int | None, refund: str = "r-1") -> OrderRefunded:
    return OrderRefunded(order_id=order, refund_id=refund, amount_minor=minor, currency="VND", source="web")


async def test_the_whole_is_rolled_back_once(till: Till, who: str):
    campaign, code = await till.offer(limits={"max_uses": 1}, max_uses_per_customer=1)
    await till.give_points(who, 1_000)
    done = await till.post("/redemptions", ask(who, code, points=500), 201)
    path = f"/redemptions/{done['id']}/rollbacks"

    undone = await till.post(path, {"reason": "khách đổi ý"}, 201)

    assert (undone["is_whole"], undone["discount_minor"], undone["points"]) == (True, 100_000, 500)
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert await till.points(who) == 1_000
    assert (await till.post(path, {"reason": "again"}, 409))["code"] == "loyalty.nothing_left"
    seen = await till.get(f"/redemptions/{done['id']}")
    assert (seen["state"], seen["points_rolled_back"]) == ("rolled_back", 500)
    assert [(each.discount_minor, each.is_whole) for each in await rolled_back(till, who)] == [(100_000, True)]
    # The use is free again, for this customer too.
    await till.post("/redemptions", ask(who, code), 201)


async def test_parts_go_back_line_by_line_and_sum_to_the_whole(till: Till, who: str):
    campaign, code = await till.offer()
    second, other = await till.offer({"type": "percentage", "percent": 10})
    await till.give_points(who, 100)
    done = await till.post("/redemptions", ask(who, code, other, points=100), 201)
    assert [each["discount_minor"] for each in done["vouchers"]] == [100_000, 100_000]
    path = f"/redemptions/{done['id']}/rollbacks"

    one = await till.post(path, {"reason": "line", "parts": [{"voucher": 1, "line": "2"}]}, 201)
    assert [(each["position"], each["discount_minor"]) for each in one["vouchers"]] == [(1, 40_000)]
    two = await till.post(
        path, {"reason": "amount", "parts": [{"line": "1", "amount_minor": 30_001}], "points": 33}, 201
    )
    assert (two["discount_minor"], two["points"], two["points_minor"]) == (30_001, 33, 3_300)
    over = {"reason": "over", "parts": [{"voucher": 1, "line": "2", "amount_minor": 1}]}
    refused = await till.post(path, over, 422)
    assert (refused["code"], refused["left"]) == ("loyalty.rollback_exceeds", 0)
    assert (await till.post(path, {"reason": "?", "parts": [{"line": "9"}]}, 422))["code"] == "loyalty.unknown_line"
    assert (await till.post(path, {"reason": "?", "parts": [{"voucher": 3}]}, 422))["code"] == "loyalty.unknown_voucher"
    rest = await till.post(path, {"reason": "rest"}, 201)

    assert one["discount_minor"] + two["discount_minor"] + rest["discount_minor"] == 200_000
    assert (rest["is_whole"], rest["points"]) == (True, 67)
    assert await till.counters(campaign) == await till.counters(second) == (0, 0, 0, 0)
    assert await till.points(who) == 100
    found = await till.get(f"/redemptions/{done['id']}/rollbacks")
    assert [each["reason"] for each in found] == ["line", "amount", "rest"]


async def test_a_refund_rolls_back_once_for_ever(till: Till, who: str):
    campaign, code = await till.offer()
    done = await till.post("/redemptions", ask(who, code), 201)
    path = f"/redemptions/{done['id']}/rollbacks"
    part = {"reason": "trả hàng", "refund_id": "R-77", "parts": [{"amount_minor": 10_000}]}

    first = await till.post(path, part, 201)
    # No key, and long after any key would be forgotten: the refund's own id keeps it to one.
    assert await till.post(path, part, 200) == first

    assert await till.counters(campaign) == (1, 0, 90_000, 0)


async def test_a_campaign_may_keep_the_use_and_the_money(till: Till, who: str):
    campaign, code = await till.offer(limits={"max_uses": 1}, returns_use=False, returns_budget=False)
    done = await till.post("/redemptions", ask(who, code), 201)
    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "trả hàng"}, 201)
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    assert (await till.get(f"/redemptions/{done['id']}"))["vouchers"][0]["use_returned"] is False
    await till.post("/redemptions", ask(who, code), 409)


async def test_a_gift_card_gets_its_money_back_whatever_the_campaign_keeps(till: Till, who: str):
    campaign = await till.campaign({"type": "stored_value"}, shared=False, returns_budget=False)
    card = await till.secret_code(campaign, value=500_000)
    done = await till.post("/redemptions", ask(who, card, total=500_000), 201)
    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "x", "parts": [{"amount_minor": 200_000}]}, 201)
    assert (await till.post("/validations", ask(who, card), 200))["paid_minor"] == 200_000


async def test_a_cancelled_order_gives_back_what_its_campaigns_say(till: Till, who: str):
    campaign, code = await till.offer()
    kept, stubborn = await till.offer(on_cancel="keep")
    await till.give_points(who, 300)
    order = f"o-{who}"
    done = await till.post("/redemptions", ask(who, code, stubborn, points=300, order_id=order), 201)

    for _ in range(2):
        await till.hear(OrderCancelled(order_id=order, source="web"))

    seen = await till.get(f"/redemptions/{done['id']}")
    assert [each["is_rolled_back"] for each in seen["vouchers"]] == [True, False]
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert await till.counters(kept) == (1, 0, 100_000, 0)
    assert await till.points(who) == 300
    assert len(await till.get(f"/redemptions/{done['id']}/rollbacks")) == 1
    late = await till.post("/redemptions", ask(who, code, order_id=order), 409)
    assert late["code"] == "loyalty.order_cancelled"


@pytest.mark.parametrize("facts", [(0, 1, 2), (2, 1, 0), (1, 1, 2, 0, 2)])
async def test_money_that_goes_back_takes_its_share_in_whatever_order_facts_come(
    till: Till, who: str, facts: tuple[int, ...]
):
    campaign, code = await till.offer(on_refund="pro_rata")
    whole, patient = await till.offer(on_refund="when_whole")
    kept, stubborn = await till.offer(on_refund="keep")
    await till.give_points(who, 200)
    order = f"o-{who}"
    done = await till.post("/redemptions", ask(who, code, patient, stubborn, points=200, order_id=order), 201)
    assert done["payable_minor"] == 680_000
    known = (
        OrderPlaced(order_id=order, total_minor=680_000, currency="VND", source="web"),
        refunded(order, 170_000, "r-1"),
        refunded(order, 170_001, "r-2"),
    )
    for number in facts:
        await till.hear(known[number])
    # Half of the money and one dong: half of the discount and of the points, rounded down, and the dong's share of it.
    assert await till.counters(campaign) == (1, 0, 50_000, 0)
    assert await till.counters(whole) == await till.counters(kept) == (1, 0, 100_000, 0)
    assert await till.points(who) == 100

    await till.hear(refunded(order, None, "r-3"))

    assert await till.counters(campaign) == await till.counters(whole) == (0, 0, 0, 0)
    assert await till.counters(kept) == (1, 0, 100_000, 0)
    assert await till.points(who) == 200


async def test_what_the_shop_rolled_back_itself_is_not_rolled_back_again(till: Till, who: str):
    campaign, code = await till.offer(on_refund="pro_rata")
    order = f"o-{who}"
    done = await till.post("/redemptions", ask(who, code, order_id=order), 201)
    await till.post(f"/redemptions/{done['id']}/rollbacks", {"reason": "x", "parts": [{"amount_minor": 60_000}]}, 201)
    await till.hear(refunded(order, 450_000))
    assert await till.counters(campaign) == (1, 0, 40_000, 0)


async def test_an_order_that_came_back_before_its_redemption_was_seen(till: Till, who: str):
    campaign, code = await till.offer()
    order = f"o-{who}"
    await till.hear(refunded(order, None))
    done = await till.post("/redemptions", ask(who, code, order_id=order), 201)
    assert await till.counters(campaign) == (1, 0, 100_000, 0)

    assert await till.loyalty.checkout.refunds.settle_late() >= 1

    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert (await till.get(f"/redemptions/{done['id']}"))["state"] == "rolled_back"
    await till.loyalty.checkout.refunds.settle_late()
    assert len(await till.get(f"/redemptions/{done['id']}/rollbacks")) == 1


async def test_other_orders_are_nothing_to_us(till: Till, who: str):
    placed = OrderPlaced(order_id=f"o-{who}", total_minor=1, currency="VND", source="web")
    await till.hear(placed, placed)
    assert await till.rows("SELECT 1 FROM checkout_orders WHERE order_id = :id", id=f"o-{who}") == []


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"vouchers": []}, 422, "loyalty.nothing_asked"),
    ({"points": -1}, 422, "invalid"),
    ({"points": 1.5}, 422, "invalid"),
    ({"points": True}, 422, "invalid"),
    ({"customer": "somebody"}, 422, "loyalty.bad_customer"),
    ({"vouchers": ["KHONGCO1", "khongco1"]}, 422, "loyalty.repeated_voucher"),
    ({"vouchers": ["X" * 300]}, 422, "invalid"),
    ({"vouchers": [f"MA{n}" for n in range(31)]}, 422, "invalid"),
    ({"wallet": "nothing", "points": 10}, 422, "loyalty.unknown_wallet"),
    ({"basket": basket(currency="XXX")}, 422, "loyalty.bad_basket"),
    ({"basket": {**basket(), "shipping_minor": -1}}, 422, "loyalty.bad_basket"),
    ({"basket": {**basket(), "lines": basket()["lines"] * 5_000}}, 422, "loyalty.bad_basket"),
    ({"basket": basket(10**15 * 2)}, 422, "loyalty.bad_basket"),
    ({"surprise": 1}, 422, "invalid"),
]


@pytest.mark.parametrize(("change", "status", "code"), BAD, ids=[str(n) for n in range(len(BAD))])
async def test_bad_input_is_refused_with_a_stable_code_and_changes_nothing(
    till: Till, who: str, change: dict[str, Any], status: int, code: str
):
    campaign, good = await till.offer()
    for path in ("/reservations", "/redemptions"):
        refused = await till.post(path, {**ask(who, good), **change}, status)
        assert refused["code"] == code
    assert await till.counters(campaign) == (0, 0, 0, 0)


async def test_one_voucher_is_not_named_twice(till: Till, who: str):
    _, code = await till.offer()
    refused = await till.post("/redemptions", ask(who, code, code.lower()), 422)
    assert (refused["code"], refused["positions"]) == ("loyalty.repeated_voucher", [1, 2])


async def test_a_foreign_currency_is_a_reason(till: Till, who: str):
    _, code = await till.offer()
    said = await till.post("/validations", {**ask(who, code), "basket": basket(100, currency="USD")}, 200)
    assert said["vouchers"][0]["reason"] == "currency_mismatch"
