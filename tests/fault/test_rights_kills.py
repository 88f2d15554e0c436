"""An erasure whose process is killed at any point ends complete after a restart; on Kafka it waits, and says so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from installation import Installation, until

from services.registry import SERVICES
from shared.events.topics import DEAD_LETTERS, INGEST, INGEST_REJECTED, RIGHTS, Topic
from shared.testing.platform import PlatformProcess

pytestmark = pytest.mark.long

USER, EMAIL = "kh-thanhtam-5517", "thanh.tam.5517@shop.example"
STRINGS = (USER, EMAIL)
EVENTS = [
    {"type": "identify", "userId": USER, "traits": {"email": EMAIL}},
    {"type": "track", "event": "Order Completed", "userId": USER, "properties": {"order_id": "o-1", "total": "?"}},
    {"type": "page", "userId": USER, "name": "Trang chủ"},
]
PLACES = {
    "profiles": ("customers", "identifiers", "traits", "rights_names", "idempotency_keys", "dead_letters"),
    "touchpoints": ("touchpoints", "quarantine", "rights_tasks", "dead_letters"),
}


async def told(firm: Installation, process: PlatformProcess, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {firm.secret_key}"}
    async with httpx.AsyncClient(base_url=process.base_url, headers=headers, timeout=20) as crm:
        answer = await crm.request(method, path, json=body)
    assert answer.status_code < 300, answer.text
    return answer.json()


async def left(firm: Installation) -> list[str]:
    """The tables in which the person still stands."""
    found = []
    for service, tables in PLACES.items():
        for table in tables:
            rows = await firm.rows(service, f"SELECT t::text AS row FROM {table} AS t")
            if any(each in row.row for row in rows for each in STRINGS):
                found.append(f"{service}.{table}")
    return found


async def restarted(firm: Installation, process: PlatformProcess) -> None:
    """Killed and started again; the leases of the dead would end by themselves, a minute later."""
    process.kill()
    for service in (each.name for each in SERVICES):
        async with firm.database(service).write() as tx:
            await tx.execute("DELETE FROM leases")
    await process.start()


async def state_of(firm: Installation) -> str:
    [row] = await firm.rows("profiles", "SELECT state FROM rights_cases")
    return str(row.state)


async def let_go(firm: Installation, topics: Sequence[Topic]) -> None:
    """What retention does after days: the records of these topics are gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=firm.environ["TAM_KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    try:
        prefix = firm.environ["TAM_TOPIC_PREFIX"]
        ends = [place for topic in topics for place in await firm.bus.end_offsets(topic.name)]
        await admin.delete_records(
            {TopicPartition(prefix + each.topic, each.index): RecordsToDelete(before_offset=-1) for each in ends}
        )
    finally:
        await admin.close()


async def test_an_erasure_that_is_killed_ends_complete(firm: Installation, kafka: str | None):
    process = firm.process()
    await process.start()
    async with httpx.AsyncClient(base_url=process.base_url, auth=(firm.write_key, ""), timeout=20) as shop:
        assert (await shop.post("/v1/batch", json={"batch": EVENTS})).status_code == 200
    await firm.settled()
    assert await left(firm) == ["profiles.identifiers", "profiles.traits", "touchpoints.quarantine"]

    asked = {"kind": "erasure", "verified_by": "in_person"}
    case = await told(firm, process, "POST", f"/v1/customers/user_id:{USER}/rights", asked)
    process.kill()
    # Profiles did its part with the request; all else is still to be done, and is not forgotten.
    assert await state_of(firm) == "in_progress"
    assert "profiles.rights_names" in await left(firm)
    assert not {"profiles.identifiers", "profiles.traits"} & set(await left(firm))
    await restarted(firm, process)

    async def touchpoints_is_done() -> bool:
        return bool(await firm.rows("profiles", "SELECT 1 FROM rights_progress WHERE service = 'touchpoints'"))

    await until(touchpoints_is_done, "touchpoints has heard")
    await restarted(firm, process)
    if kafka is not None:
        await waited_for_expiry(firm, process, case["id"])

    async def is_done() -> bool:
        return await state_of(firm) == "done"

    await until(is_done, "the erasure is done")
    receipt = await told(firm, process, "GET", f"/v1/rights/{case['id']}/receipt")
    assert [each for each in STRINGS if each in receipt["receipt"]] == []
    assert await left(firm) == []
    for topic in (INGEST, INGEST_REJECTED, RIGHTS, DEAD_LETTERS):
        records = [] if kafka is not None else await firm.records(topic.name)
        assert [record for record in records if any(each.encode() in record.value for each in STRINGS)] == []


async def waited_for_expiry(firm: Installation, process: PlatformProcess, case_id: str) -> None:
    """A log that cannot be rewritten: no receipt before it has let go of everything."""

    async def raw_topics_are_awaited() -> bool:
        return bool(await firm.rows("touchpoints", "SELECT 1 FROM rights_tasks WHERE ends IS NOT NULL"))

    await until(raw_topics_are_awaited, "touchpoints waits for its topics")

    async def only_touchpoints_is_awaited() -> bool:
        case = await told(firm, process, "GET", f"/v1/rights/{case_id}")
        return (case["state"], case["waiting_for"]) == ("in_progress", ["touchpoints"])

    await until(only_touchpoints_is_awaited, "all others are done")
    await let_go(firm, (INGEST, INGEST_REJECTED))

    async def the_last_topics_are_awaited() -> bool:
        return await state_of(firm) == "awaiting_expiry"

    await until(the_last_topics_are_awaited, "the request's own topic is awaited")
    await asyncio.sleep(2.5)
    assert await state_of(firm) == "awaiting_expiry", "not done while a record may be there"
    await let_go(firm, (RIGHTS, DEAD_LETTERS))
