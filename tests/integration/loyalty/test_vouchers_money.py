"""Money that a campaign gives to one customer: to the last đồng, however many tills ask at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from checkout_world import Till, ask, open_till

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened
        assert await opened.violations() == {}


async def test_a_customer_gets_no_more_than_their_share_however_many_ask_at_once(till: Till):
    benefit = {"type": "fixed", "amount_minor": 30_000}
    campaign, code = await till.offer(benefit, max_minor_per_customer=100_000)

    async def one(number: int, customer: str) -> str:
        body = ask(customer, code, order_id=f"money-{customer}-{number}")
        said = await till.post("/redemptions", body)
        return "redeemed" if "redeemed_at" in said or "id" in said else said["vouchers"][0]["reason"]

    found = await asyncio.gather(*(one(number, f"share-{number % 2}") for number in range(16)))

    for customer in (0, 1):
        of_one = sorted(found[customer::2])
        assert of_one == ["customer_budget"] * 5 + ["redeemed"] * 3
    assert (await till.counters(campaign))[0] == 6


async def test_what_is_rolled_back_can_be_had_again_and_a_rest_in_part(till: Till):
    benefit = {"type": "fixed", "amount_minor": 60_000}
    _, code = await till.offer(benefit, max_minor_per_customer=100_000, grants_partly=True)

    first = await till.post("/redemptions", ask("rest", code, order_id="rest-1"), 201)
    second = await till.post("/redemptions", ask("rest", code, order_id="rest-2"), 201)
    refused = await till.post("/redemptions", ask("rest", code, order_id="rest-3"), 409)
    await till.post(f"/redemptions/{first['id']}/rollbacks", {"reason": "returned"}, 201)
    again = await till.post("/redemptions", ask("rest", code, order_id="rest-4"), 201)

    assert [each["discount_minor"] for each in (first, second, again)] == [60_000, 40_000, 60_000]
    assert refused["vouchers"][0]["reason"] == "customer_budget"
    assert refused["vouchers"][0]["data"] == {"limit": 100_000, "used": 100_000}
