"""Who read or changed what of whom is told, and what was told is not changed unseen."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from rights_world import EMAIL, OTHER, STRINGS, USER, everything, found_in_tables, other, sent

from services.registry import SERVICES
from shared.bus.postgres.connections import plain_url
from shared.ids import user_key
from shared.testing.platform import Running, running_platform


@pytest.fixture
async def running(database_url: str) -> Any:
    async with running_platform(database_url, SERVICES) as platform:
        yield platform


async def told(crm: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    """The entries, once all that was asked before stands in the log."""
    await asyncio.sleep(0.7)
    answer = await crm.get("/v1/audit", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_reads_and_changes_are_told_by_key_and_by_person(running: Running, database_url: str):
    crm, person = running.crm, str(user_key(USER))
    await sent(running, [*everything(), *other()])
    await crm.get(f"/v1/customers/email:{EMAIL}")
    await crm.get("/v1/customers/search", params={"q": "Hồng Nhung"})
    await crm.get("/v1/customers")
    await crm.get(f"/v1/customers/user_id:{USER}/touchpoints")
    await crm.get(f"/v1/metrics/customers/user_id:{USER}")
    await crm.post(
        "/v1/consent/check", json={"purpose": "marketing", "channel": "sms", "customers": [f"user_id:{USER}"]}
    )
    await crm.patch(f"/v1/customers/user_id:{USER}/traits", json={"traits": {"tier": "gold"}})
    await crm.get(f"/v1/customers/user_id:{OTHER}")
    await crm.get("/v1/customers/user_id:nobody")

    found = await told(crm, customer=f"user_id:{USER}")

    assert [(each["method"], each["route"]) for each in reversed(found)] == [
        ("GET", "/v1/customers/{customer}"),
        ("GET", "/v1/customers/search"),
        ("GET", "/v1/customers"),
        ("GET", "/v1/customers/{customer}/touchpoints"),
        ("GET", "/v1/metrics/customers/{customer}"),
        ("POST", "/v1/consent/check"),
        ("PATCH", "/v1/customers/{customer}/traits"),
    ]
    assert {each["key_id"] for each in found} == {found[0]["key_id"]}
    assert all(person in each["customers"] for each in found)
    assert len(await told(crm, customer=f"user_id:{USER}", limit=2)) == 2
    assert await told(crm, key_id="another") == []
    assert [table for table in await found_in_tables(database_url, STRINGS) if table.startswith("platform")] == []
    assert (await crm.get("/v1/audit", params={"customer": "email:a@b.vn"})).json()["code"] == "bad_audit_reference"


async def test_an_entry_that_was_changed_or_taken_out_is_missed(running: Running, database_url: str):
    crm = running.crm
    await sent(running, everything())
    for _ in range(3):
        await crm.get(f"/v1/customers/user_id:{USER}")
    await told(crm)
    assert (await crm.get("/v1/audit/verify")).json() == {"whole": True, "entries": 3, "broken_at": None}

    connection = await asyncpg.connect(plain_url(database_url))
    try:
        for statement in (
            "UPDATE platform.audit SET key_id = 'me'",
            "DELETE FROM platform.audit",
            "TRUNCATE platform.audit",
        ):
            with pytest.raises(asyncpg.RaiseError, match="never changed"):
                await connection.execute(statement)
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("UPDATE platform.audit SET key_id = 'somebody' WHERE id = 2")
        changed = (await crm.get("/v1/audit/verify")).json()
        await connection.execute("DELETE FROM platform.audit WHERE id = 2")
        removed = (await crm.get("/v1/audit/verify")).json()
    finally:
        await connection.close()

    assert changed == removed == {"whole": False, "entries": 1, "broken_at": 2}
