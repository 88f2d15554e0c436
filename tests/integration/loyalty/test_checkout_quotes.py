"""What points pay is quoted, and honoured until the quote lapses, whatever the firm changes meanwhile."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till

from services.loyalty.rights.domain import PLACES
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened
        assert await opened.violations() == {}


@pytest_asyncio.fixture(loop_scope="module")
async def who(till: Till) -> str:
    """A member with 1,000 points, each worth 100 dong."""
    await till.let_points_pay()
    name = f"khách-{uuid4()}"
    await till.give_points(name, 1_000)
    return name


async def quoted(till: Till, who: str, points: int = 500, **more: Any) -> dict[str, Any]:
    asked = {"customer": f"user_id:{who}", "currency": "VND", "points": points, **more}
    made: dict[str, Any] = await till.post("/quotes", asked, 201)
    return made


async def devalue(till: Till) -> None:
    """From now on a point is worth 7 dong, pays a tenth of an order, and never fewer than 200."""
    pays = {"currency": "VND", "points": 1, "minor": 7, "share_basis_points": 1_000, "minimum_points": 200}
    body = {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": {"pays": [pays]}}}
    made = await till.post("/program/versions", body, 201)
    await till.post(f"/program/versions/{made['version']}/activate", {}, 200)


async def lapse(till: Till, quote: str) -> None:
    async with till.db.write() as tx:
        await tx.execute(
            "UPDATE point_quotes SET created_at = created_at - interval '1 day', "
            "expires_at = clock_timestamp() - interval '1 millisecond' WHERE id = :id",
            {"id": UUID(quote)},
        )


async def test_a_quote_says_what_points_pay_and_holds_none(till: Till, who: str):
    made = await quoted(till, who)

    assert (made["points"], made["minor"], made["wallet"], made["available"]) == (500, 50_000, "points", 1_000)
    assert (made["minimum_points"], made["share_basis_points"], made["lapsed"]) == (10, 5_000, False)
    assert await till.points(who) == 1_000
    found = await till.get(f"/quotes/{made['id']}")
    assert {**found, "available": 1_000} == made


async def test_points_pay_for_no_more_than_may_still_be_spent(till: Till, who: str):
    pays = {"currency": "VND", "points": 1, "minor": 100, "share_basis_points": 5_000, "minimum_points": 10}
    terms = {"pays": [pays], "spending": [{"per": "day", "points": 300}]}
    made = await till.post("/program/versions", {"zone": "Asia/Ho_Chi_Minh", "wallets": {"points": terms}}, 201)
    await till.post(f"/program/versions/{made['version']}/activate", {}, 200)
    try:
        await till.give_points(who, 1_000)
        before = await till.points(who)
        looked = await till.post("/validations", {"customer": f"user_id:{who}", "basket": basket(1_000_000)}, 200)
        assert (looked["points"]["available"], looked["points"]["max_points"]) == (300, 300)
        over = await till.post("/redemptions", ask(who, points=301), 409)
        assert (over["code"], over["reason"], over["offer"]["max_points"]) == (
            "loyalty.points_refused", "spending_limit", 300,
        )  # fmt: skip

        held = await till.post("/reservations", ask(who, points=200, order_id=f"o-{who}"), 201)
        await till.post("/redemptions", ask(who, points=100), 201)
        assert (await till.post("/redemptions", ask(who, points=10), 409))["reason"] == "spending_limit"
        await till.post(f"/reservations/{held['id']}/void", {}, 200)
        looked = await till.post("/validations", {"customer": f"user_id:{who}", "basket": basket(1_000_000)}, 200)
        assert looked["points"]["max_points"] == 200
        assert before - await till.points(who) == 100
    finally:
        await till.let_points_pay()


async def test_what_was_quoted_is_honoured_after_the_firm_changed_its_mind(till: Till, who: str):
    made = await quoted(till, who)
    await devalue(till)

    today = await till.post("/validations", ask(who, points=500), 200)
    said = await till.post("/validations", ask(who, quote=made["id"]), 200)
    held = await till.post("/reservations", ask(who, quote=made["id"], points=300), 201)
    await till.post(f"/reservations/{held['id']}/commit", {}, 201)
    done = await till.post("/redemptions", ask(who, quote=made["id"], total=100_000), 201)

    assert today["points"]["minor"] == 3_500
    assert (said["points"]["points"], said["points"]["minor"], said["applies"]) == (500, 50_000, True)
    assert (held["points"], held["points_minor"]) == (300, 30_000)
    # Half of the order, as was quoted; a tenth would be 10,000.
    assert (done["points"], done["points_minor"], done["payable_minor"]) == (500, 50_000, 50_000)
    assert await till.points(who) == 200


@pytest.mark.parametrize("path", ["/validations", "/reservations", "/redemptions"])
async def test_a_quote_that_lapsed_is_refused_and_nothing_is_taken(till: Till, who: str, path: str):
    campaign, code = await till.offer()
    made = await quoted(till, who)
    await lapse(till, made["id"])

    refused = await till.post(path, ask(who, code, quote=made["id"]), 409)

    assert refused["code"] == "loyalty.quote_lapsed"
    assert (await till.get(f"/quotes/{made['id']}"))["lapsed"]
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert await till.points(who) == 1_000


async def test_a_quote_is_for_one_customer_wallet_currency_and_caller(till: Till, who: str):
    made = await quoted(till, who)
    dollars = {**ask(who, quote=made["id"]), "basket": basket(100, currency="USD")}
    for body, status, code, what in (
        (ask(f"{who}-2", quote=made["id"]), 409, "loyalty.quote_mismatch", "customer"),
        (dollars, 409, "loyalty.quote_mismatch", "currency"),
        (ask(who, quote=made["id"], wallet="miles"), 409, "loyalty.quote_mismatch", "wallet"),
        (ask(who, quote=str(uuid4())), 404, "loyalty.quote_unknown", None),
    ):
        refused = await till.post("/redemptions", body, status)
        assert (refused["code"], refused.get("what")) == (code, what)
    nobody = {"basket": basket(), "quote": made["id"]}
    assert (await till.post("/validations", nobody, 409))["what"] == "customer"
    async with till.db.write() as tx:
        await tx.execute("UPDATE point_quotes SET owner = 'another' WHERE id = :id", {"id": UUID(made["id"])})
    assert (await till.post("/redemptions", ask(who, quote=made["id"]), 404))["code"] == "loyalty.quote_unknown"
    assert (await till.get(f"/quotes/{made['id']}", 404))["code"] == "loyalty.quote_unknown"
    assert await till.points(who) == 1_000


async def test_a_quote_pays_no_more_than_was_quoted_nor_than_is_there(till: Till, who: str):
    made, rich = await quoted(till, who), await quoted(till, who, 5_000)

    above = await till.post("/redemptions", ask(who, quote=made["id"], points=501), 409)
    short = await till.post("/redemptions", ask(who, quote=rich["id"]), 409)

    assert (above["code"], above["reason"], above["offer"]["max_points"]) == (
        "loyalty.points_refused",
        "above_quote",
        500,
    )
    assert (rich["minor"], rich["available"]) == (500_000, 1_000)
    assert (short["code"], short["reason"]) == ("loyalty.points_refused", "not_enough_points")
    assert await till.points(who) == 1_000


BAD: list[tuple[dict[str, Any], int, str, str | None]] = [
    ({"points": 0}, 422, "invalid", None),
    ({"points": -5}, 422, "invalid", None),
    ({"points": 10.5}, 422, "invalid", None),
    ({"points": True}, 422, "invalid", None),
    ({"points": 2**63}, 422, "invalid", None),
    ({"points": 9}, 409, "loyalty.points_refused", "below_minimum"),
    ({"currency": "USD"}, 409, "loyalty.points_refused", "not_offered"),
    ({"currency": "đồng"}, 422, "invalid", None),
    ({"wallet": "nothing"}, 422, "loyalty.unknown_wallet", None),
    ({"customer": "somebody"}, 422, "loyalty.bad_customer", None),
    ({"ttl_seconds": 86_401}, 422, "loyalty.bad_ttl", None),
    ({"ttl_seconds": 0}, 422, "invalid", None),
]


@pytest.mark.parametrize(("change", "status", "code", "reason"), BAD, ids=[str(n) for n in range(len(BAD))])
async def test_what_cannot_be_quoted_is_refused(
    till: Till, who: str, change: dict[str, Any], status: int, code: str, reason: str | None
):
    asked = {"customer": f"user_id:{who}", "currency": "VND", "points": 500, **change}
    refused = await till.post("/quotes", asked, status)
    assert (refused["code"], refused.get("reason")) == (code, reason)
    assert await till.rows("SELECT 1 FROM point_quotes WHERE person = :who", who=user_key(who)) == []


async def test_the_same_key_quotes_once(till: Till, who: str):
    asked, key = {"customer": f"user_id:{who}", "currency": "VND", "points": 500}, str(uuid4())
    first = await till.post("/quotes", asked, 201, key=key)
    assert await till.post("/quotes", asked, 201, key=key) == first
    other = await till.post("/quotes", {**asked, "points": 501}, 422, key=key)
    assert other["code"] == "idempotency_key_reused"
    assert len(await till.rows("SELECT 1 FROM point_quotes WHERE person = :who", who=user_key(who))) == 1


async def test_a_quote_follows_its_customer_through_a_merge_and_back(till: Till, who: str):
    guest = f"{who}-2"
    made = await quoted(till, guest)
    await till.merge(user_key(guest), user_key(who))
    done = await till.post("/redemptions", ask(who, quote=made["id"]), 201)
    assert done["points_minor"] == 50_000
    await till.unmerge(user_key(guest), user_key(who))
    assert (await till.post("/redemptions", ask(who, quote=made["id"]), 409))["what"] == "customer"


async def test_quotes_are_forgotten_a_week_after_they_lapsed_and_with_their_customer(till: Till, who: str):
    old, new = await quoted(till, who), await quoted(till, who)
    await lapse(till, new["id"])
    async with till.db.write() as tx:
        await tx.execute(
            "UPDATE point_quotes SET created_at = created_at - CAST(:ago AS interval), "
            "expires_at = expires_at - CAST(:ago AS interval) WHERE id = :id",
            {"id": UUID(old["id"]), "ago": timedelta(days=8)},
        )

    await till.loyalty.checkout.promising.forget_old()

    await till.get(f"/quotes/{old['id']}", 404)
    assert (await till.get(f"/quotes/{new['id']}"))["lapsed"]
    assert [place.goes for place in PLACES if place.table == "point_quotes"] == [True]
