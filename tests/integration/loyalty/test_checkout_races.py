"""Many tills at once on real PostgreSQL, each with customers and orders of its own: exact, and nobody waits in a ring.

Beside each race stand the versions that the field ships, on the same server in the same test: they must fail there,
or the race was none.
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
from checkout_world import Till, ask, open_till

from services.loyalty.checkout.schemas import RedemptionIn
from services.loyalty.checkout.service import Checkout
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.errors import AppError
from shared.ids import user_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLIENTS, TRIES, LIMIT = 64, 50, 500


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
    """Checkout with as many connections as the naive versions have."""
    url = till.running.platform.settings.database_url
    assert url is not None
    engine = make_engine(url, schema="loyalty", pool_size=32)
    service = replace(till.loyalty, db=Database(engine, schema="loyalty", outbox=OutboxWriter()))
    yield service.checkout
    await engine.dispose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def naive(till: Till) -> AsyncIterator[asyncpg.Pool]:
    """Connections and tables for what others do."""
    url = till.running.platform.settings.database_url
    async with asyncpg.create_pool(url, min_size=16, max_size=16) as pool:
        await pool.execute(
            "CREATE TABLE naive (id int PRIMARY KEY, used int, most int); "
            "CREATE TABLE naive_redemptions (id int, who text); CREATE TABLE naive_uses (who text, n int)"
        )
        yield pool


async def raced(clients: int, tries: int, attempt: Callable[[int, int], Awaitable[Any]]) -> Counter[Any]:
    """Every client tries so many times, all clients at once; what came of it."""
    found: Counter[Any] = Counter()
    start = asyncio.Event()

    async def client(number: int) -> None:
        await start.wait()
        for turn in range(tries):
            found[await attempt(number, turn)] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(number))
        start.set()
    return found


async def redeemed(
    checkout: Checkout, customer: str, code: str, order: str | None = None, *, total: int = 1_000_000
) -> str:
    """What came of a redemption."""
    body = RedemptionIn.model_validate(ask(customer, code, order_id=order, total=total))
    try:
        await checkout.redeeming.redeem(user_key(customer), body, by="race", idem=None)
    except AppError as refusal:
        return refusal.code
    return "redeemed"


async def test_a_limit_of_500_gives_exactly_500(till: Till, wide: Checkout, naive: asyncpg.Pool):
    await naive.execute("INSERT INTO naive VALUES (1, 0, $1)", LIMIT)

    async def read_then_write(client: int, turn: int) -> bool:
        async with naive.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT used, most FROM naive WHERE id = 1")
            if row["used"] >= row["most"]:
                return False
            await connection.execute("UPDATE naive SET used = $1 WHERE id = 1", row["used"] + 1)
            await connection.execute("INSERT INTO naive_redemptions VALUES (1, $1)", f"{client}-{turn}")
            return True

    careless = await raced(CLIENTS, TRIES, read_then_write)
    assert careless[True] > LIMIT, "the race was none"

    campaign, code = await till.offer(limits={"max_uses": LIMIT})
    found = await raced(CLIENTS, TRIES, lambda c, t: redeemed(wide, f"k{c}-{t}", code, f"limit-{c}-{t}"))

    assert found == {"redeemed": LIMIT, "loyalty.not_applicable": CLIENTS * TRIES - LIMIT}
    rows = await till.rows(
        "SELECT count(*), count(DISTINCT order_id), count(DISTINCT r.person) FROM redemptions AS r "
        "WHERE EXISTS (SELECT FROM redemption_vouchers AS v WHERE v.redemption_id = r.id AND campaign_id = :id)",
        id=campaign,
    )
    assert tuple(rows[0]) == (LIMIT, LIMIT, LIMIT)
    assert await till.counters(campaign) == (LIMIT, 0, LIMIT * 100_000, 0)


async def test_one_use_per_customer_is_one(till: Till, wide: Checkout, naive: asyncpg.Pool):
    async def lock_what_is_not_there(client: int, _: int) -> bool:
        async with naive.acquire() as connection, connection.transaction():
            row = await connection.fetchrow("SELECT n FROM naive_uses WHERE who = 'một người' FOR UPDATE")
            if row is not None:
                return False
            # What a shop's own code does in between.
            await asyncio.sleep(0.02)
            await connection.execute("INSERT INTO naive_uses VALUES ('một người', 1)")
            await connection.execute("INSERT INTO naive_redemptions VALUES (2, $1)", str(client))
            return True

    careless = await raced(CLIENTS, 1, lock_what_is_not_there)
    assert careless[True] > 1, "the race was none"

    campaign, code = await till.offer(max_uses_per_customer=1)
    customer = f"một-người-{uuid4()}"
    found = await raced(CLIENTS, 1, lambda c, _: redeemed(wide, customer, code, f"{customer}-{c}"))

    assert found == {"redeemed": 1, "loyalty.not_applicable": CLIENTS - 1}
    assert (await till.counters(campaign))[0] == 1


async def test_a_budget_is_never_overdrawn_and_given_to_the_last_dong(till: Till, wide: Checkout):
    benefit = {"type": "percentage", "percent": 7.77}
    campaign, code = await till.offer(benefit, limits={"budget_minor": 1_000_003}, grants_partly=True)
    dice = random.Random(7)
    totals = [dice.randrange(100_000, 2_000_000) for _ in range(32 * 4)]

    async def spend(client: int, turn: int) -> str:
        return await redeemed(wide, f"b{client}-{turn}-{uuid4()}", code, total=totals[client * 4 + turn])

    found = await raced(32, 4, spend)

    assert set(found) == {"redeemed", "loyalty.not_applicable"}
    assert (await till.counters(campaign))[2] == 1_000_003


async def test_opposite_orders_never_wait_in_a_ring(till: Till):
    offers = [await till.offer() for _ in range(3)]
    codes = [code for _, code in offers]

    async def swap(client: int, turn: int) -> int:
        mine = random.Random(client * 100 + turn).sample(codes, 3)
        order = f"ring-{client}"
        body = ask(f"ring{client % 5}", *mine[: 2 + turn % 2], order_id=order, replace=True)
        if client >= 5 and turn == 0:
            await till.give_points(f"ring{client % 5}", 20)
            body |= {"points": 10}
        answer = await till.http.post("/v1/loyalty/reservations", json=body)
        return answer.status_code

    found = await raced(16, 4, swap)

    assert set(found) == {201}
    for campaign, _ in offers:
        redeemed_, reserved, _, _ = await till.counters(campaign)
        assert (redeemed_, reserved) <= (0, 16)


async def test_of_fifty_rollbacks_one_counts(till: Till):
    campaign, code = await till.offer()
    customer = f"lùi-{uuid4()}"
    await till.give_points(customer, 100)
    done = await till.post("/redemptions", ask(customer, code, points=100), 201)
    path = f"/v1/loyalty/redemptions/{done['id']}/rollbacks"

    async def undo(client: int, _: int) -> int:
        answer = await till.http.post(path, json={"reason": "x"}, headers={"Idempotency-Key": f"{done['id']}{client}"})
        return answer.status_code

    assert await raced(50, 1, undo) == {201: 1, 409: 49}
    assert await till.counters(campaign) == (0, 0, 0, 0)
    assert await till.points(customer) == 100


async def test_fifty_parts_never_sum_to_more_than_the_whole(till: Till):
    campaign, code = await till.offer()
    done = await till.post("/redemptions", ask(f"phần-{uuid4()}", code), 201)

    async def undo(client: int, _: int) -> int:
        part = {"reason": "x", "parts": [{"amount_minor": 3_000 + client}]}
        answer = await till.http.post(f"/v1/loyalty/redemptions/{done['id']}/rollbacks", json=part)
        return answer.status_code

    found = await raced(50, 1, undo)
    assert found[201] + found[422] == 50
    assert found[422] > 0
    spent = (await till.counters(campaign))[2]
    assert 0 <= spent < 3_050


async def test_fifty_with_one_key_have_one_effect_and_one_answer(till: Till):
    campaign, code = await till.offer()
    customer, key = f"khóa-{uuid4()}", str(uuid4())
    other = ask(customer, code, total=5_000_000)

    async def send(client: int, _: int) -> tuple[int, bytes]:
        body = other if client >= 50 else ask(customer, code)
        answer = await till.http.post("/v1/loyalty/redemptions", json=body, headers={"Idempotency-Key": key})
        return answer.status_code, answer.content if answer.status_code == 201 else b""

    found = await raced(60, 1, send)
    created = [(status, content) for status, content in found if status == 201]
    assert len(created) == 1
    assert found.total() == 60
    # Whichever body came first holds the key; the others are told so.
    assert found[created[0]] in (50, 10)
    assert found[422, b""] == 60 - found[created[0]]
    assert (await till.counters(campaign))[0] == 1


async def test_a_commit_and_the_sweeper_never_both_win(till: Till):
    campaign, code = await till.offer()
    customer = f"đua-{uuid4()}"
    await till.give_points(customer, 10_000)
    mine: list[UUID] = []
    found: Counter[int] = Counter()
    pace = 0.5

    async def sweep() -> None:
        while len(mine) > found.total():
            await till.loyalty.checkout.ending.expire_due()

    async def commit(each: UUID) -> int:
        part = {"vouchers": [{"position": 1, "discount_minor": 60_000}], "points": 0}
        return (await till.http.post(f"/v1/loyalty/reservations/{each}/commit", json=part)).status_code

    # How fast the machine is, only rounds tell: until both have won some.
    while set(found) != {201, 409} and len(mine) < 240:
        pace *= 1 if not found else 2 if 201 not in found else 0.5
        held = [UUID((await till.post("/reservations", ask(customer, code, points=10), 201))["id"]) for _ in range(24)]
        await run_out(till, held, pace)
        mine += held
        sweeper = asyncio.create_task(sweep())
        found.update(await asyncio.gather(*map(commit, held)))
        await sweeper

    assert set(found) == {201, 409}, "one of both never won: the race was none"
    assert await till.counters(campaign) == (found[201], 0, found[201] * 60_000, 0)
    states = await till.rows(
        "SELECT state, count(*) AS n FROM reservations WHERE id = ANY(:ids) GROUP BY state",
        ids=mine,
    )
    assert {row.state: row.n for row in states} == {"committed": found[201], "expired": found[409]}
    assert await till.points(customer) == 10_000


async def run_out(till: Till, held: list[UUID], pace: float) -> None:
    """Let them run out one after the other, within `pace` seconds."""
    async with till.db.write() as tx:
        await tx.execute(
            "UPDATE reservations SET expires_at = clock_timestamp() + make_interval(secs => :pace * random()) "
            "WHERE id = ANY(:ids)",
            {"ids": held, "pace": pace},
        )
        await tx.execute(
            "UPDATE holds SET expires_at = r.expires_at FROM reservations AS r "
            "WHERE r.id = holds.id AND r.id = ANY(:ids)",
            {"ids": held},
        )


async def test_ended_backends_lose_and_double_nothing(till: Till, naive: asyncpg.Pool):
    """Connections die between any two steps; every till asks again with its key until it is told."""
    campaign, code = await till.offer(limits={"max_uses": 240})
    killed, is_over = 0, False
    # While nothing dies, everything is quick.
    await till.post("/redemptions", ask("ấm", (await till.offer())[1]), 201)

    async def reaper() -> None:
        nonlocal killed
        while not is_over and killed < 25:
            killed += await naive.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
                "WHERE application_name = 'tam:loyalty' AND datname = current_database() AND xact_start IS NOT NULL "
                "ORDER BY random() LIMIT 1) AS t"
            )
            await asyncio.sleep(0.01)

    async def insist(client: int, turn: int) -> tuple[int, str]:
        customer, key = f"chết-{client}-{turn}", f"{code}-{client}-{turn}"
        body = ask(customer, code, order_id=f"{code}-{client}-{turn}")
        for _ in range(500):
            answer = await till.http.post("/v1/loyalty/redemptions", json=body, headers={"Idempotency-Key": key})
            if answer.status_code in (201, 409):
                return answer.status_code, answer.json().get("code", "")
            assert answer.status_code == 503, answer.text
        return 0, "never"

    reaping = asyncio.create_task(reaper())
    found = await raced(12, 30, insist)
    is_over = True
    await reaping

    assert killed > 5, "nothing was killed"
    assert found == {(201, ""): 240, (409, "loyalty.not_applicable"): 120}
    assert (await till.counters(campaign))[0] == 240
