"""A person with something in every place, and a look into every place there is."""

import asyncio
from time import monotonic
from typing import Any

import asyncpg
import httpx

from shared.bus.base import Bus, Record
from shared.bus.postgres.connections import plain_url
from shared.events.topics import TOPICS
from shared.testing.platform import Running

NAME, EMAIL, PHONE = "Trần Thị Hồng Nhung", "hong.nhung.8841@shop.example", "+84912345678"
USER, VISITOR, CARD = "kh-hongnhung-8841", "a-9f31c6d2-visitor", "LC-7731-0042"
STREET = "17 Ngõ Tạm Thương"
STRINGS = (NAME, EMAIL, PHONE, "0912 345 678", USER, VISITOR, CARD, STREET)
OTHER, OTHER_EMAIL = "kh-quocbao-2290", "quoc.bao.2290@shop.example"


def everything(user: str = USER, visitor: str = VISITOR) -> list[dict[str, Any]]:
    """What a shop sends of the person, and one thing that is refused."""
    traits = {"name": NAME, "email": EMAIL.upper(), "phone": "0912 345 678", "address": {"street": STREET}}
    money = {"currency": "VND", "order_id": "o-8841"}
    return [
        {"type": "page", "anonymousId": visitor, "name": "Trang chủ", "properties": {"title": "Áo dài"}},
        {
            "type": "identify",
            "userId": user,
            "anonymousId": visitor,
            "traits": traits,
            "context": {"externalIds": [{"type": "card", "id": CARD}]},
        },
        {
            "type": "track",
            "event": "Order Completed",
            "userId": user,
            "properties": {**money, "total": 250_000, "products": [{"product_id": "p-1", "category": "Áo"}]},
        },
        {"type": "track", "event": "Order Completed", "userId": user, "properties": {**money, "total": "nhiều"}},
    ]


def other() -> list[dict[str, Any]]:
    """What a shop sends of somebody else."""
    traits = {"name": "Lê Quốc Bảo", "email": OTHER_EMAIL}
    money = {"currency": "VND", "order_id": "o-2290"}
    return [
        {"type": "identify", "userId": OTHER, "traits": traits},
        {"type": "track", "event": "Order Completed", "userId": OTHER, "properties": {**money, "total": 90_000}},
        {"type": "track", "event": "Order Completed", "userId": OTHER, "properties": {**money, "total": "ít"}},
    ]


async def sent(running: Running, events: list[dict[str, Any]]) -> None:
    """Send events, and wait until all is settled."""
    answer = await running.shop.post("/v1/batch", json={"batch": events})
    assert answer.status_code == 200, answer.text
    await running.settled()


async def asked(crm: httpx.AsyncClient, reference: str, kind: str, **more: Any) -> dict[str, Any]:
    """A request of somebody who has proved who they are."""
    body = {"kind": kind, "verified_by": "in_person", **more}
    answer = await crm.post(f"/v1/customers/{reference}/rights", json=body)
    assert answer.status_code in (200, 202), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def done(crm: httpx.AsyncClient, case_id: str, *, state: str = "done", seconds: float = 30) -> dict[str, Any]:
    """The case, once it is in this state."""
    deadline = monotonic() + seconds
    while True:
        answer = await crm.get(f"/v1/rights/{case_id}")
        case: dict[str, Any] = answer.json()
        if case["state"] == state:
            return case
        assert monotonic() < deadline, case
        await asyncio.sleep(0.1)


async def found_in_tables(url: str, strings: tuple[str, ...]) -> dict[str, int]:
    """The tables of all schemas in which one of the strings stands in a row, as text or as bytes, and in how many."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        tables = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found: dict[str, int] = {}
        for (table,) in tables:
            # A bytea in a row's text is hexadecimal.
            forms = [*strings, *(each.encode().hex() for each in strings)]
            number = await connection.fetchval(
                f"SELECT count(*) FROM {table} AS t WHERE EXISTS "
                "(SELECT FROM unnest($1::text[]) AS s WHERE position(lower(s) IN lower(t::text)) > 0)",
                forms,
            )
            if number:
                found[table] = number
        return found
    finally:
        await connection.close()


async def log_of(bus: Bus) -> list[Record]:
    """Every record of every topic."""
    found: list[Record] = []
    consumer = bus.consumer(topics=[topic.name for topic in TOPICS], group="rights.look")
    await consumer.start()
    try:
        expected = sum([sum((await bus.end_offsets(topic.name)).values()) for topic in TOPICS])
        while len(found) < expected:
            for batch in (await consumer.poll(max_records=1_000, max_wait=1)).values():
                found += batch
    finally:
        await consumer.stop()
    return found


def found_in_log(records: list[Record], strings: tuple[str, ...]) -> list[tuple[str, str]]:
    """Topic and string of every record in which one stands."""
    return sorted(
        {
            (record.partition.topic, each)
            for record in records
            for each in strings
            if each.lower() in record.value.decode(errors="replace").lower()
        }
    )
