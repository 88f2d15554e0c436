"""Budgets under many tills at once, each with customers and orders of its own, on real connections: never a dong more.

Beside the race stands the version that reads first and writes after, on the same server: it must give more than there
is, or the race was none.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import pytest_asyncio
from checkout_world import Till, ask, basket, open_till

from services.loyalty.checkout.schemas import RedemptionIn
from services.loyalty.checkout.service import Checkout
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.errors import AppError
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS, TRIES = 16, 6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def till(pg_url: str) -> AsyncIterator[Till]:
    async with open_till(pg_url) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def sound(till: Till) -> AsyncIterator[None]:
    """After every race every invariant holds."""
    yield
    assert await till.violations() == {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wide(till: Till) -> AsyncIterator[Checkout]:
    """Checkout with as many connections as there are tills."""
    url = till.running.platform.settings.database_url
    assert url is not None
    engine = make_engine(url, schema="loyalty", pool_size=CLIENTS)
    service = replace(till.loyalty, db=Database(engine, schema="loyalty", outbox=OutboxWriter()))
    yield service.checkout
    await engine.dispose()


async def raced(attempt: Callable[[int, int], Awaitable[str]], tries: int = TRIES) -> Counter[str]:
    """Every till tries so many times, all at once; what came of it."""
    found: Counter[str] = Counter()
    start = asyncio.Event()

    async def client(number: int) -> None:
        await start.wait()
        for turn in range(tries):
            found[await attempt(number, turn)] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(number))
        start.set()
    return found


async def redeemed(checkout: Checkout, customer: str, body: dict[str, Any]) -> str:
    try:
        await checkout.redeeming.redeem(user_key(customer), RedemptionIn.model_validate(body), by="race", idem=None)
    except AppError as refusal:
        return refusal.code
    return "redeemed"


async def counter_of(till: Till, campaign: UUID, budget: str) -> list[tuple[str, int, int]]:
    found = (await till.get(f"/campaigns/{campaign}/budgets"))["items"]
    return sorted(
        (each["who"] or "", each["redeemed"], each["spent_minor"]) for each in found if each["budget"] == budget
    )


async def test_a_daily_budget_of_uses_is_given_out_to_the_last_and_no_further(till: Till, wide: Checkout):
    url = till.running.platform.settings.database_url
    async with asyncpg.create_pool(url, min_size=CLIENTS, max_size=CLIENTS) as pool:
        await pool.execute("CREATE TABLE naive_budget (used int); INSERT INTO naive_budget VALUES (0)")

        async def read_then_write(_: int, __: int) -> str:
            async with pool.acquire() as connection, connection.transaction():
                if await connection.fetchval("SELECT used FROM naive_budget") >= 40:
                    return "refused"
                await connection.execute("UPDATE naive_budget SET used = used + 1")
                return "redeemed"

        careless = await raced(read_then_write)
    assert careless["redeemed"] > 40, "the race was none"

    campaign, code = await till.offer(budgets=[{"name": "ngay", "per": "day", "max_uses": 40}])
    found = await raced(
        lambda c, t: redeemed(wide, f"n{c}-{t}-{code}", ask(f"n{c}-{t}-{code}", code, order_id=f"{code}-{c}-{t}"))
    )

    assert found == {"redeemed": 40, "loyalty.not_applicable": CLIENTS * TRIES - 40}
    assert await counter_of(till, campaign, "ngay") == [("", 40, 4_000_000)]
    orders = await till.value(
        "SELECT count(DISTINCT r.person) FROM redemptions AS r JOIN redemption_vouchers AS v "
        "ON v.redemption_id = r.id WHERE v.campaign_id = :id",
        id=campaign,
    )
    assert orders == 40


async def test_a_budget_of_money_is_given_out_to_the_last_dong_in_parts(till: Till, wide: Checkout):
    campaign, code = await till.offer(
        {"type": "percentage", "percent": 7.77},
        budgets=[{"name": "tuan", "per": "week", "max_minor": 1_000_003}],
        grants_partly=True,
    )
    dice = random.Random(11)
    totals = [dice.randrange(100_000, 2_000_000) for _ in range(CLIENTS * TRIES)]

    async def spend(client: int, turn: int) -> str:
        customer = f"m{client}-{turn}-{code}"
        return await redeemed(wide, customer, ask(customer, code, total=totals[client * TRIES + turn]))

    await raced(spend)
    # Whoever lost a race too often was told so and may come again: somebody does.
    for turn in range(CLIENTS):
        await spend(turn, 0)

    ((_, uses, spent),) = await counter_of(till, campaign, "tuan")
    assert (spent, await till.counters(campaign)) == (1_000_003, (uses, 0, 1_000_003, 0))
    shorts = await till.rows(
        "SELECT discount_minor, short_minor FROM redemption_vouchers WHERE campaign_id = :id AND short_minor > 0",
        id=campaign,
    )
    assert len(shorts) >= 1


async def test_stores_and_devices_have_budgets_apart(till: Till, wide: Checkout):
    budgets = [
        {"name": "cua_hang", "by": "store", "max_uses": 7},
        {"name": "may", "by": "identifier", "identifier": "device_id", "per": "month", "max_uses": 3},
    ]
    campaign, code = await till.offer(budgets=budgets)

    async def buy(client: int, turn: int) -> str:
        customer = f"s{client}-{turn}-{code}"
        said = basket(store_id=f"s{client % 3}", metadata={"device_id": f"d{(client * TRIES + turn) % 11}"})
        return await redeemed(wide, customer, {"customer": f"user_id:{customer}", "basket": said, "vouchers": [code]})

    found = await raced(buy)

    stores = await counter_of(till, campaign, "cua_hang")
    devices = await counter_of(till, campaign, "may")
    assert [uses for _, uses, _ in stores] == [7, 7, 7]
    assert max(uses for _, uses, _ in devices) <= 3
    assert sum(uses for _, uses, _ in devices) == found["redeemed"] == 21


async def test_a_promotion_is_taken_by_as_many_as_it_has_and_refuses_nobody(till: Till, wide: Checkout):
    body = {
        "name": f"Chớp nhoáng {uuid4()}",
        "codes": "automatic",
        "currency": "VND",
        "max_uses": 20,
        "terms": {"benefit": {"type": "fixed", "amount_minor": 10_000}, "budgets": [{"name": "tong", "max_uses": 15}]},
    }
    made = await till.post("/campaigns", body, 201)
    await till.post(f"/campaigns/{made['id']}/state", {"state": "active"}, 200)
    _, code = await till.offer()

    async def buy(client: int, turn: int) -> str:
        customer = f"p{client}-{turn}-{code}"
        return await redeemed(wide, customer, ask(customer, code, order_id=f"p-{client}-{turn}-{code}"))

    found = await raced(buy, tries=2)
    await till.post(f"/campaigns/{made['id']}/state", {"state": "ended"}, 200)

    assert found == {"redeemed": CLIENTS * 2}
    assert await till.counters(UUID(made["id"])) == (15, 0, 150_000, 0)
    assert await counter_of(till, UUID(made["id"]), "tong") == [("", 15, 150_000)]


async def test_of_thirty_rollbacks_one_gives_a_budget_back(till: Till):
    campaign, code = await till.offer(budgets=[{"name": "mot", "max_uses": 1, "max_minor": 100_000}])
    done = await till.post("/redemptions", ask(f"lùi-{uuid4()}", code), 201)

    async def undo(_: int) -> int:
        answer = await till.http.post(f"/v1/loyalty/redemptions/{done['id']}/rollbacks", json={"reason": "x"})
        return answer.status_code

    assert Counter(await asyncio.gather(*map(undo, range(30)))) == {201: 1, 409: 29}
    assert await counter_of(till, campaign, "mot") == [("", 0, 0)]
    await till.post("/redemptions", ask(f"lại-{uuid4()}", code), 201)


async def test_the_checker_sees_a_counter_that_is_not_what_rows_come_to(till: Till):
    campaign, code = await till.offer(budgets=[{"name": "ngay", "per": "day", "max_uses": 3}])
    await till.post("/redemptions", ask(f"kiểm-{uuid4()}", code), 201)

    async def tamper(by: int) -> None:
        async with till.db.write() as tx:
            await tx.execute(
                "UPDATE budget_counters SET redeemed = redeemed + :by WHERE campaign_id = :id",
                {"id": campaign, "by": by},
            )

    await tamper(3)
    found = await till.violations()
    await tamper(-3)
    assert set(found) == {"checkout_budget_counters", "checkout_budget_limits"}
    assert all(str(campaign) in each for several in found.values() for each in several)
