"""Operators see dead letters of all services as one list, and decide about them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from shared.bus.base import Partition, Record
from shared.db.engine import Database
from shared.delivery import dead_letters
from shared.http.auth import KeyRing

LETTERS = "/v1/ops/dead-letters"


@pytest.fixture
async def reader(ring: KeyRing) -> tuple[str, str]:
    return (await ring.create("secret", "grafana", scopes=["ops:read"]))[1], ""


@pytest.fixture
async def operator(ring: KeyRing) -> tuple[str, str]:
    return (await ring.create("secret", "ops", scopes=["ops:read", "ops:write"]))[1], ""


async def bury(db: Database, consumer: str, offset: int) -> None:
    record = Record(Partition("orders", 0), offset, b"key", b'{"email":"lan@shop.example"}', (), datetime.now(UTC))
    async with db.write() as tx:
        await dead_letters.bury(tx, consumer, record, ValueError("no such order"), attempts=4)


async def statuses(db: Database) -> Mapping[int, str]:
    async with db.read() as tx:
        rows = await tx.execute('SELECT "offset", status FROM dead_letters')
        return {row.offset: row.status for row in rows}


async def all_offsets(client: httpx.AsyncClient, auth: tuple[str, str], limit: int) -> Sequence[int]:
    found: list[int] = []
    cursor: str | None = None
    for _ in range(20):
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(LETTERS, params=params, auth=auth)).json()
        assert len(page["items"]) <= limit
        found += [item["offset"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


class TestList:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
    async def test_letters_of_all_services_come_once_each_in_order(
        self, client: httpx.AsyncClient, databases: dict[str, Database], reader: tuple[str, str], limit: int
    ) -> None:
        for offset in range(7):
            await bury(databases["till" if offset % 3 else "stock"], "a.consumer", offset)
            # Ids of one millisecond are in no order.
            await asyncio.sleep(0.003)

        assert await all_offsets(client, reader, limit) == list(range(7))

    async def test_the_list_holds_no_payload_and_no_error_text(
        self, client: httpx.AsyncClient, databases: dict[str, Database], reader: tuple[str, str]
    ) -> None:
        await bury(databases["till"], "till.sales", 1)

        answer = await client.get(LETTERS, auth=reader)

        (item,) = answer.json()["items"]
        assert (item["service"], item["consumer"], item["error_class"]) == ("till", "till.sales", "ValueError")
        assert "lan@shop.example" not in answer.text
        assert "no such order" not in answer.text

    @pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "WyJhIl0", "W251bGxd", "W1tdXQ"])
    async def test_made_up_cursors(self, client: httpx.AsyncClient, reader: tuple[str, str], cursor: str) -> None:
        answer = await client.get(LETTERS, params={"cursor": cursor}, auth=reader)

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


class TestDecide:
    async def test_one_letter_is_shown_whole_to_who_may_decide(
        self,
        client: httpx.AsyncClient,
        databases: dict[str, Database],
        reader: tuple[str, str],
        operator: tuple[str, str],
    ) -> None:
        await bury(databases["stock"], "stock.orders", 1)
        (item,) = (await client.get(LETTERS, auth=reader)).json()["items"]

        whole = (await client.get(f"{LETTERS}/{item['id']}", auth=operator)).json()

        assert whole["payload"] == '{"email":"lan@shop.example"}'
        assert "no such order" not in whole["error"] + whole["traceback"]
        assert "ValueError" in whole["traceback"]
        assert (await client.get(f"{LETTERS}/{item['id']}", auth=reader)).status_code == 403

    @pytest.mark.parametrize(("verb", "status"), [("retry", "retry"), ("drop", "dropped")])
    async def test_retry_and_drop_change_that_letter_alone(
        self,
        client: httpx.AsyncClient,
        databases: dict[str, Database],
        operator: tuple[str, str],
        verb: str,
        status: str,
    ) -> None:
        for offset in (1, 2):
            await bury(databases["stock"], "stock.orders", offset)
        first = (await client.get(LETTERS, auth=operator)).json()["items"][0]

        answer = await client.post(f"{LETTERS}/{first['id']}/{verb}", auth=operator)

        assert (answer.status_code, answer.json()["status"]) == (200, status)
        assert await statuses(databases["stock"]) == {1: status, 2: "dead"}

    async def test_a_dropped_letter_is_closed(
        self, client: httpx.AsyncClient, databases: dict[str, Database], operator: tuple[str, str]
    ) -> None:
        await bury(databases["till"], "till.sales", 1)
        (item,) = (await client.get(LETTERS, auth=operator)).json()["items"]
        await client.post(f"{LETTERS}/{item['id']}/drop", auth=operator)

        again = await client.post(f"{LETTERS}/{item['id']}/retry", auth=operator)

        assert (again.status_code, again.json()["code"]) == (409, "dead_letter_closed")
        assert (await client.get(LETTERS, auth=operator)).json()["items"] == []

    async def test_unknown_letters(self, client: httpx.AsyncClient, operator: tuple[str, str]) -> None:
        for method, path in (("GET", ""), ("POST", "/retry"), ("POST", "/drop")):
            answer = await client.request(method, f"{LETTERS}/{uuid4()}{path}", auth=operator)
            assert (answer.status_code, answer.json()["code"]) == (404, "dead_letter_not_found")

    async def test_reading_scope_decides_nothing(
        self, client: httpx.AsyncClient, databases: dict[str, Database], reader: tuple[str, str]
    ) -> None:
        await bury(databases["till"], "till.sales", 1)
        (item,) = (await client.get(LETTERS, auth=reader)).json()["items"]

        for verb in ("retry", "drop"):
            answer = await client.post(f"{LETTERS}/{item['id']}/{verb}", auth=reader)
            assert (answer.status_code, answer.json()["required"]) == (403, "ops:write")
        assert await statuses(databases["till"]) == {1: "dead"}
