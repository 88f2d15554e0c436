"""Gift cards and store credit: money in minor units of one currency, statements that add up, and the law of a place."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from checkout_world import Till, ask, open_till
from vouchers_stand import campaign

from services.loyalty.vouchers.service import Assign
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = {"type": "stored_value"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened
        assert await opened.violations() == {}


async def card(till: Till, value: int, **coding: Any) -> tuple[UUID, str, str]:
    """A campaign, a card of it and its code."""
    made = await campaign(till.loyalty, terms={"benefit": CARD}, coding=coding)
    body = {"customer": "user_id:lan", "value_minor": value}
    said = await till.post(f"/campaigns/{made}/assignments", body, 201)
    return made, said["voucher"]["id"], said["code"]


async def test_a_statement_adds_up_to_what_is_on_the_card(till: Till):
    _, mine, code = await card(till, 500_000)
    bought = await till.post("/redemptions", ask("lan", code, order_id="card-1", total=300_000), 201)
    await till.post(f"/vouchers/{mine}/top-up", {"amount_minor": 100_000, "reference": "trả hàng 7"}, 200)
    part = {"reason": "returned", "parts": [{"voucher": 1, "amount_minor": 120_000}]}
    await till.post(f"/redemptions/{bought['id']}/rollbacks", part, 201)
    held = await till.post("/reservations", ask("lan", code, order_id="card-2", total=50_000), 201)

    said = await till.get(f"/vouchers/{mine}/statement")

    moved = [(each["kind"], each["amount_minor"], each["balance_minor"]) for each in said["movements"]]
    assert moved == [
        ("issued", 500_000, 500_000),
        ("paid", -300_000, 200_000),
        ("top_up", 100_000, 300_000),
        ("returned", 120_000, 420_000),
    ]
    assert [each["reference"] for each in said["movements"]] == [None, "card-1", "trả hàng 7", "card-1"]
    assert (said["currency"], said["balance_minor"], said["held_minor"], said["available_minor"]) == (
        "VND",
        420_000,
        50_000,
        370_000,
    )
    await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    after = await till.get(f"/vouchers/{mine}/statement")
    assert (after["movements"][-1]["balance_minor"], after["held_minor"]) == (370_000, 0)


async def test_a_card_pays_in_its_currency_alone_and_not_while_it_is_frozen(till: Till):
    _, mine, code = await card(till, 500_000)
    foreign = ask("lan", code, order_id="card-usd", total=100)
    foreign["basket"]["currency"] = "USD"
    refused = await till.post("/redemptions", foreign, 409)
    assert refused["vouchers"][0]["reason"] == "currency_mismatch"
    await till.post(f"/vouchers/{mine}/state", {"state": "frozen"}, 200)
    frozen = await till.post("/redemptions", ask("lan", code, order_id="card-3"), 409)
    assert frozen["vouchers"][0]["reason"] == "code_frozen"
    assert (await till.get(f"/vouchers/{mine}/statement"))["state"] == "frozen"


async def test_cards_never_expire_before_the_law_of_their_place_lets_them(till: Till):
    made = await campaign(till.loyalty, terms={"benefit": CARD}, coding={"jurisdiction": "IE"})
    body = {"count": 1, "value_minor": 5_000}
    soon = await till.post(f"/campaigns/{made}/code-jobs", {**body, "expires_on": "2028-01-01"}, 422)
    assert (soon["code"], soon["jurisdiction"]) == ("loyalty.expires_too_soon", "IE")
    assert soon["source"].startswith("Consumer Protection (Gift Vouchers) Act")
    await till.post(f"/campaigns/{made}/code-jobs", {**body, "expires_on": soon["earliest"]}, 202)

    for coding, limits, pointer in (
        ({"jurisdiction": "US-CA", "days": 3_650}, {}, "/coding/days"),
        ({"jurisdiction": "IE", "days": 365}, {}, "/coding/days"),
        ({"jurisdiction": "IE"}, {"ends_on": "2040-01-01"}, "/ends_on"),
    ):
        asked = {"name": f"card {pointer} {coding}", "currency": "VND", "terms": {"benefit": CARD}, "coding": coding}
        refused = await till.post("/campaigns", {**asked, **limits}, 422)
        assert [(each["pointer"], each["code"]) for each in refused["problems"]] == [(pointer, "expires_too_soon")]
    rules = {each["jurisdiction"]: each["min_years"] for each in await till.get("/gift-card-rules")}
    assert (rules["US"], rules["US-CA"], rules["AU"]) == (5, None, 3)


async def test_a_top_up_lets_the_time_begin_again_where_the_law_says_so(till: Till):
    _, american, _ = await card(till, 5_000, jurisdiction="US", days=2_000)
    _, irish, _ = await card(till, 5_000, jurisdiction="IE", days=2_000)
    for each in (american, irish):
        async with till.db.write() as tx:
            await tx.execute("UPDATE codes SET expires_at = now() + interval '10 days' WHERE id = :id", {"id": each})
    before = (await till.get(f"/vouchers/{irish}"))["expires_at"]

    ends = [(await till.post(f"/vouchers/{each}/top-up", {"amount_minor": 1}, 200))["expires_at"] for each in
            (american, irish)]  # fmt: skip

    assert ends[1] == before
    assert ends[0] > before
    assert int(ends[0][:4]) - int(before[:4]) >= 4


async def test_a_campaign_does_not_end_with_money_on_its_cards(till: Till):
    made, mine, _ = await card(till, 5_000, jurisdiction="US")
    refused = await till.post(f"/campaigns/{made}/state", {"state": "ended"}, 409)
    assert refused["code"] == "loyalty.cards_hold_money"
    await till.post(f"/vouchers/{mine}/state", {"state": "voided"}, 200)
    await till.post(f"/campaigns/{made}/state", {"state": "ended"}, 200)
    plain, _, _ = await card(till, 5_000)
    await till.post(f"/campaigns/{plain}/state", {"state": "ended"}, 200)


async def test_there_is_no_statement_of_what_holds_no_money(till: Till):
    made = await campaign(till.loyalty)
    async with till.db.write() as tx:
        done = await till.loyalty.assignments.assign(tx, Assign(made, user_key("lan"), "k"))
    answer = await till.http.get(f"/v1/loyalty/vouchers/{done.voucher.id}/statement")
    assert (answer.status_code, answer.json()["code"]) == (422, "loyalty.value_needed")
