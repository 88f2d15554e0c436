"""A request sent again has no second effect and gets the first answer."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, forget_old, remember, replayed
from shared.http.auth import KeyRing

SALES = "/v1/till/sales"


@pytest.fixture
async def auth(ring: KeyRing) -> dict[str, str]:
    _, text = await ring.create("secret", "till", scopes=["till:write"])
    return {"Authorization": f"Bearer {text}"}


async def count_sales(databases: dict[str, Database]) -> int:
    async with databases["till"].read() as tx:
        return int((await tx.execute("SELECT count(*) FROM sales")).scalar_one())


async def test_fifty_twins_at_once_have_one_effect_and_one_answer(
    client: httpx.AsyncClient, databases: dict[str, Database], auth: dict[str, str]
) -> None:
    """INVARIANT: requests with one Idempotency-Key have one effect, also when they come at the same moment."""
    headers = {**auth, "Idempotency-Key": "order-1"}

    answers = await asyncio.gather(*(client.post(SALES, json={"amount": 5}, headers=headers) for _ in range(50)))

    assert await count_sales(databases) == 1
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1
    assert sum("idempotent-replayed" not in each.headers for each in answers) == 1


async def test_without_a_key_each_request_has_its_effect(
    client: httpx.AsyncClient, databases: dict[str, Database], auth: dict[str, str]
) -> None:
    for _ in range(3):
        await client.post(SALES, json={"amount": 5}, headers=auth)

    assert await count_sales(databases) == 3


async def test_another_request_with_the_same_key_is_refused(
    client: httpx.AsyncClient, databases: dict[str, Database], auth: dict[str, str]
) -> None:
    headers = {**auth, "Idempotency-Key": "order-1"}
    await client.post(SALES, json={"amount": 5}, headers=headers)

    answer = await client.post(SALES, json={"amount": 6}, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await count_sales(databases) == 1


async def test_callers_do_not_share_keys(
    client: httpx.AsyncClient, databases: dict[str, Database], auth: dict[str, str], ring: KeyRing
) -> None:
    _, text = await ring.create("secret", "other till", scopes=["till:write"])
    await client.post(SALES, json={"amount": 5}, headers={**auth, "Idempotency-Key": "1"})

    other = await client.post(SALES, json={"amount": 6}, headers={"Idempotency-Key": "1"}, auth=(text, ""))

    assert other.status_code == 201
    assert await count_sales(databases) == 2


async def test_a_refusal_is_not_kept(
    client: httpx.AsyncClient, databases: dict[str, Database], auth: dict[str, str]
) -> None:
    headers = {**auth, "Idempotency-Key": "order-1"}
    refused = await client.post(SALES, json={"amount": 2000}, headers=headers)

    again = await client.post(SALES, json={"amount": 2}, headers=headers)

    assert refused.status_code == 409
    assert again.status_code == 201
    assert await count_sales(databases) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "a" * 256, "é".encode("latin-1"), "a\tb"])
async def test_a_key_is_one_printable_word(client: httpx.AsyncClient, auth: dict[str, str], key: str | bytes) -> None:
    answer = await client.post(SALES, json={"amount": 5}, headers={**auth, "Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_idempotency_key")


async def test_the_longest_key_is_taken(client: httpx.AsyncClient, auth: dict[str, str]) -> None:
    answer = await client.post(SALES, json={"amount": 5}, headers={**auth, "Idempotency-Key": "a" * 255})

    assert answer.status_code == 201


async def test_a_key_alone_opens_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post(SALES, json={"amount": 5}, headers={"Idempotency-Key": "order-1"})

    assert answer.status_code == 401


async def test_a_twin_waits_for_the_first_and_takes_over_if_it_fails(databases: dict[str, Database]) -> None:
    idem = Idempotent("caller:1", b"f")
    db = databases["till"]
    started = asyncio.Event()
    order: list[str] = []

    async def first() -> None:
        async with db.write() as tx:
            assert await replayed(tx, idem) is None
            started.set()
            await asyncio.sleep(0.3)
            order.append("first fails")
            raise RuntimeError

    async def second() -> None:
        await started.wait()
        async with db.write() as tx:
            assert await replayed(tx, idem) is None
            order.append("second works")
            await remember(tx, idem, Answer(200, b"{}"))

    failed, _ = await asyncio.gather(first(), second(), return_exceptions=True)

    assert isinstance(failed, RuntimeError)
    assert order == ["first fails", "second works"]
    async with db.write() as tx:
        assert await replayed(tx, idem) == Answer(200, b"{}", is_replay=True)


async def test_answers_are_kept_for_more_than_a_day_and_then_forgotten(databases: dict[str, Database]) -> None:
    db = databases["till"]
    async with db.write() as tx:
        for hours in (1, 25, 72):
            await remember(tx, Idempotent(f"caller:{hours}", b"f"), Answer(200, b"{}"))
            await tx.execute(
                "UPDATE idempotency_keys SET created_at = now() - make_interval(hours => :hours) WHERE key = :key",
                {"hours": hours, "key": f"caller:{hours}"},
            )

    async with db.write() as tx:
        assert await forget_old(tx) == 1
        assert await replayed(tx, Idempotent("caller:25", b"f")) is not None
        assert await replayed(tx, Idempotent("caller:72", b"f")) is None
        assert await forget_old(tx, older_than=timedelta(0), most=1) == 1
