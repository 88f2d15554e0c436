"""Promotions, the firm's stacking rules and budgets for many who come at the same time: as if each came alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, codes, crowd, open_till, redeem

from services.loyalty.checkout.schemas import ValidationIn
from services.loyalty.checkout.service import Checkout
from services.loyalty.checkout.service.lanes import Lanes
from shared.db.engine import Database, make_engine
from shared.delivery.idempotency import Answer
from shared.delivery.outbox import OutboxWriter
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROCESSES, EACH = 4, 24


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened
        assert await opened.violations() == {}


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def alone(till: Till) -> AsyncIterator[None]:
    """After each test no promotion stands, and no rule of the firm."""
    yield
    for (campaign,) in await till.rows("SELECT id FROM campaigns WHERE codes = 'automatic' AND state = 'active'"):
        await till.post(f"/campaigns/{campaign}/state", {"state": "paused"}, 200)
    await rules(till)


async def rules(till: Till, **said: Any) -> None:
    version = (await till.get("/stacking"))["version"]
    answer = await till.http.put("/v1/loyalty/stacking", json={"version": version, **said})
    assert answer.status_code == 200, answer.text


async def promotion(till: Till, *, minor: int = 50_000, **more: Any) -> UUID:
    """An active promotion that takes off so many dong."""
    terms = {"benefit": {"type": "fixed", "amount_minor": minor}, **more}
    made = await till.post(
        "/campaigns", {"name": str(uuid4()), "codes": "automatic", "currency": "VND", "terms": terms}
    )
    await till.post(f"/campaigns/{made['id']}/state", {"state": "active"}, 200)
    return UUID(made["id"])


def somebody() -> str:
    return f"người-{uuid4()}"


def discounts(found: list[Any]) -> Counter[int]:
    """How often so much was taken off; 0: refused."""
    return Counter(loads(each)["discount_minor"] if isinstance(each, Answer) else 0 for each in found)


def loads(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(answer.body)
    return found


async def taken_of(till: Till, campaign: UUID) -> list[tuple[str, int, int]]:
    found = (await till.get(f"/campaigns/{campaign}/budgets"))["items"]
    return sorted((each["budget"], each["redeemed"], each["spent_minor"]) for each in found)


async def test_a_promotion_gives_to_the_last_of_its_budget_within_a_batch(till: Till):
    given = await promotion(till, budgets=[{"name": "ngay", "per": "day", "max_minor": 225_000}], grants_partly=True)
    campaign, code = await till.offer()

    async with crowd(till) as (checkout, sizes):
        found = await asyncio.gather(*(redeem(checkout, ask(somebody(), code)) for _ in range(10)))

    assert max(sizes) > 5, "nobody was taken together with others"
    assert discounts(found) == {150_000: 4, 125_000: 1, 100_000: 5}
    assert await taken_of(till, given) == [("ngay", 5, 225_000)]
    assert [await till.counters(given), await till.counters(campaign)] == [(5, 0, 225_000, 0), (10, 0, 1_000_000, 0)]


async def test_who_has_no_code_takes_promotions_together_or_is_told_that_there_is_nothing(till: Till):
    async with crowd(till) as (checkout, sizes):
        before = await asyncio.gather(*(redeem(checkout, ask(somebody())) for _ in range(4)))
        given = await promotion(till, max_uses_per_customer=1)
        twice = somebody()
        await redeem(checkout, ask(twice))
        after = await asyncio.gather(*(redeem(checkout, ask(who)) for who in (twice, *(somebody() for _ in range(5)))))

    assert max(sizes) > 3, "nobody was taken together with others"
    assert codes(before) == {"loyalty.nothing_asked": 4}
    assert [isinstance(each, Answer) for each in after] == [False, *[True] * 5], "once for each"
    assert await till.counters(given) == (6, 0, 300_000, 0)


async def test_an_order_that_a_promotion_stands_for_gets_it_once_in_a_batch_too(till: Till):
    given = await promotion(till)
    _, code = await till.offer()
    _, other = await till.offer()
    order = f"đơn-{uuid4()}"
    await till.post("/redemptions", ask(somebody(), code, order_id=order), 201)

    async with crowd(till) as (checkout, _):
        found = await asyncio.gather(
            redeem(checkout, ask(somebody(), other, order_id=order)),
            *(redeem(checkout, ask(somebody(), other, order_id=f"đơn-{uuid4()}")) for _ in range(4)),
        )

    assert [loads(each)["discount_minor"] for each in found] == [100_000, *[150_000] * 4]
    assert (await till.counters(given))[0] == 5


async def test_together_every_rule_says_what_it_says_alone(till: Till):
    """The best of what cannot stand together, budgets by store and device, limits of a person: look, then take."""
    await rules(till, choice="best")
    await promotion(till, minor=120_000)
    budgets = [{"name": "cua_hang", "by": "store", "max_uses": 2}, {"name": "khach", "by": "customer", "max_uses": 1}]
    await promotion(till, minor=70_000, budgets=budgets)
    _, code = await till.offer()
    people = [somebody() for _ in range(8)]
    bodies = [
        {**ask(who, code), "basket": basket(400_000 + 100_000 * place, store_id=f"HN{place % 3}")}
        for place, who in enumerate(people)
    ]

    async def look(checkout: Checkout, body: dict[str, Any]) -> Any:
        person = user_key(body["customer"].removeprefix("user_id:"))
        return await checkout.validating.validate(person, ValidationIn.model_validate(body), by="test")

    asked = [{**body, "explain": True} for body in bodies]
    one_by_one = [await look(till.loyalty.checkout, body) for body in asked]
    async with crowd(till) as (checkout, sizes):
        at_once = await asyncio.gather(*(look(checkout, body) for body in asked))
        found = await asyncio.gather(*(redeem(checkout, body) for body in bodies))

    assert max(sizes) > 4, "nobody was taken together with others"
    assert at_once == one_by_one
    assert all(each.promotions for each in at_once)
    stores = Counter(place % 3 for place, each in enumerate(found) if 70_000 in _parts(each))
    assert set(stores.values()) == {2}, "a store has two"


def _parts(answer: Any) -> list[int]:
    return [each["discount_minor"] for each in loads(answer)["vouchers"]]


async def test_several_processes_together_give_no_more_than_a_promotion_has(till: Till):
    """Batches against batches; beside them what reads first and writes after, which must give more than there is."""
    url = till.running.platform.settings.database_url
    assert url is not None
    async with asyncpg.create_pool(url, min_size=16, max_size=16) as pool:
        await pool.execute("CREATE TABLE naive_promotion (used int); INSERT INTO naive_promotion VALUES (0)")

        async def careless(_: int) -> bool:
            async with pool.acquire() as connection, connection.transaction():
                used = await connection.fetchval("SELECT used FROM naive_promotion")
                await connection.execute("UPDATE naive_promotion SET used = $1", used + 1)
                return bool(used < 37)

        assert sum(await asyncio.gather(*map(careless, range(PROCESSES * EACH)))) > 37, "the race was none"

    budgets = [{"name": "ngay", "per": "day", "max_uses": 37}, {"name": "tien", "max_minor": 1_500_001}]
    given = await promotion(till, minor=50_000, budgets=budgets, grants_partly=True)
    campaign, code = await till.offer()
    engine = make_engine(url, schema="loyalty", pool_size=2 * PROCESSES + 8)
    service = replace(till.loyalty, db=Database(engine, schema="loyalty", outbox=OutboxWriter()))
    tills = [replace(service.checkout, lanes=Lanes()) for _ in range(PROCESSES)]
    found = await asyncio.gather(
        *(redeem(tills[turn % PROCESSES], ask(somebody(), code)) for turn in range(PROCESSES * EACH))
    )
    await engine.dispose()

    assert codes(found) == {"redeemed": PROCESSES * EACH}, "a promotion that is gone keeps nobody from their code"
    off = sum(loads(each)["discount_minor"] for each in found) - 100_000 * len(found)
    uses, _, spent, _ = await till.counters(given)
    assert (uses <= 37, spent, off) == (True, 1_500_001, 1_500_001)
    assert await taken_of(till, given) == [("ngay", uses, spent), ("tien", uses, spent)]
    assert (await till.counters(campaign))[0] == PROCESSES * EACH
