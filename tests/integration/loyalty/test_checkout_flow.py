"""Validate, reserve, commit, redeem, roll back: what a shop sees."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, open_till

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest.fixture
def who() -> str:
    return f"khach-{uuid4()}"


async def test_a_code_is_validated_reserved_and_committed(till: Till, who: str):
    campaign, code = await till.offer()
    looked = await till.post("/validations", ask(who, code), 200)
    assert looked["applies"] is True
    assert (looked["total_minor"], looked["discount_minor"], looked["payable_minor"]) == (1_000_000, 100_000, 900_000)
    assert [line["discount_minor"] for line in looked["lines"]] == [60_000, 40_000]
    assert await till.counters(campaign) == (0, 0, 0, 0)

    held = await till.post("/reservations", ask(who, code, order_id=f"o-{who}"), 201)
    assert held["state"] == "held"
    assert await till.counters(campaign) == (0, 1, 0, 100_000)

    done = await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    assert done["state"] == "redeemed"
    assert done["reservation_id"] == held["id"]
    assert await till.counters(campaign) == (1, 0, 100_000, 0)
    again = await till.post(f"/reservations/{held['id']}/commit", {}, 409)
    assert (again["code"], again["state"], again["redemption_id"]) == (
        "loyalty.reservation_ended",
        "committed",
        done["id"],
    )
    assert await till.violations() == {}
