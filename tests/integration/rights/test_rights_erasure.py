"""An erasure on the running platform: nothing is left, nobody comes back, and no figure moves."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from rights_world import (
    CARD,
    EMAIL,
    NAME,
    OTHER,
    OTHER_EMAIL,
    STRINGS,
    USER,
    VISITOR,
    asked,
    done,
    everything,
    found_in_log,
    found_in_tables,
    log_of,
    other,
    sent,
)

from services.profiles.rights.repository.person import TABLES
from services.registry import SERVICES
from shared.bus.base import OutRecord
from shared.bus.postgres.connections import plain_url
from shared.events.topics import DEAD_LETTERS
from shared.ids import anonymous_key, user_key
from shared.observability import metrics
from shared.rights.marks import is_signed
from shared.testing.platform import Running, running_platform

DAYS = {"from": "2026-01-01", "to": "2027-01-01"}


@pytest.fixture
async def running(database_url: str) -> Any:
    async with running_platform(database_url, SERVICES) as platform:
        yield platform


async def rows(url: str, statement: str, *arguments: Any) -> list[Any]:
    connection = await asyncpg.connect(plain_url(url))
    try:
        return [tuple(row) for row in await connection.fetch(statement, *arguments)]
    finally:
        await connection.close()


async def figures(url: str) -> list[Any]:
    """What every figure is read from."""
    found = []
    for table in ("cells", "day_money", "orders", "activity"):
        found += await rows(url, f"SELECT t::text FROM metrics.{table} AS t ORDER BY 1")
    return found


async def test_nothing_is_left_of_an_erased_person(running: Running, database_url: str):
    crm = running.crm
    await sent(running, [*everything(), *other()])
    said = await crm.post(
        f"/v1/customers/user_id:{USER}/consent",
        json={
            "changes": [{"purpose": "marketing", "channel": "email", "state": "granted"}],
            "text_version": "1",
            "proof": {"signed_as": NAME},
        },
        headers={"Idempotency-Key": "one"},
    )
    assert said.status_code == 200, said.text
    await running.settled()
    await with_dead_letters(running, database_url)
    before = await figures(database_url)
    places = {table.split(".")[0] for table in await found_in_tables(database_url, STRINGS)}
    assert places == {"bus", "profiles", "touchpoints", "metrics"}
    assert {topic for topic, _ in found_in_log(await log_of(running.platform.bus), STRINGS)} == {
        "ingest",
        "ingest_rejected",
        "dlq",
    }

    case = await done(crm, (await asked(crm, f"email:{EMAIL}", "erasure"))["id"])
    await running.settled()

    assert await found_in_tables(database_url, STRINGS) == {}
    assert found_in_log(await log_of(running.platform.bus), STRINGS) == []
    for reference in (f"user_id:{USER}", f"anonymous_id:{VISITOR}", f"email:{EMAIL}", f"card:{CARD}"):
        assert (await crm.get(f"/v1/customers/{reference}")).status_code == 404
    assert (await crm.get("/v1/customers/search", params={"q": "Hồng Nhung"})).json()["items"] == []
    assert await figures(database_url) == before
    assert (await crm.get(f"/v1/customers/email:{OTHER_EMAIL}")).status_code == 200
    assert await rows(database_url, "SELECT count(*) FROM touchpoints.dead_letters") == [(1,)], "it is nobody's"
    assert len((await crm.get("/v1/touchpoints/quarantine")).json()["items"]) == 1, "the other's refused event stays"
    await proved(running, case)


async def with_dead_letters(running: Running, url: str) -> None:
    """Letters about the person: by their key, and by what an error quotes; and one about nobody."""
    statement = (
        'INSERT INTO {}.dead_letters (id, consumer, topic, partition, "offset", key, value, error_class, error, '
        "traceback, attempts) VALUES (gen_random_uuid(), 'c', $1, 0, $2, $3, $4, 'E', $5, '', 1)"
    )
    record = json.dumps({"userId": USER, "name": NAME}).encode()
    key = user_key(USER).bytes
    await rows(url, statement.format("profiles"), "ingest", 1, key, record, "")
    await rows(url, statement.format("metrics"), "orders", 2, b"x" * 16, b"{}", f"cannot read {EMAIL}")
    await rows(url, statement.format("touchpoints"), "ingest", 3, b"y" * 16, b'{"userId":"somebody"}', "")
    await running.platform.bus.append([OutRecord(DEAD_LETTERS.name, key, record, (("dlq-error", EMAIL.encode()),))])


async def proved(running: Running, case: dict[str, Any]) -> None:
    """The receipt says what was done and what stays, names nobody, and is signed."""
    found = (await running.crm.get(f"/v1/rights/{case['id']}/receipt")).json()
    signature, key = bytes.fromhex(found["signature"]), bytes.fromhex(found["public_key"])
    assert is_signed(found["receipt"].encode(), signature, key)
    receipt = json.loads(found["receipt"])
    assert receipt["keys"] == sorted([str(user_key(USER)), str(anonymous_key(VISITOR))])
    assert receipt["services"] == ["loyalty", "metrics", "profiles", "rights", "surveys", "touchpoints"]
    assert receipt["removed"]["profiles"]["identifiers"] >= 5
    assert receipt["removed"]["profiles"]["consent_words"] == 1
    assert receipt["removed"]["profiles"]["idempotency_keys"] == 1
    assert receipt["removed"]["profiles"]["dead_letters"] == receipt["removed"]["metrics"]["dead_letters"] == 1
    assert receipt["removed"]["rights"]["topic dlq"] == 1
    assert receipt["removed"]["touchpoints"] == {
        "quarantine": 1,
        "topic ingest": 3,
        "topic ingest_rejected": 1,
        "touchpoints": 3,
    }
    assert "backups" in receipt["kept"]
    assert "the PostgreSQL server's files" in receipt["kept"], "this server is not ours alone"
    assert [each for each in STRINGS if each in found["receipt"]] == []
    check = {"receipt": found["receipt"], "signature": found["signature"]}
    assert (await running.crm.post("/v1/rights/receipts/verify", json=check)).json() == {"valid": True}
    forged = {**check, "receipt": found["receipt"].replace("erasure", "access")}
    assert (await running.crm.post("/v1/rights/receipts/verify", json=forged)).json() == {"valid": False}


async def test_an_erased_person_does_not_come_back(running: Running, database_url: str):
    crm = running.crm
    await sent(running, [*everything(), *other()])
    case = await done(crm, (await asked(crm, f"user_id:{USER}", "erasure"))["id"])
    dropped = metrics.SUPPRESSED.labels("touchpoints.recorder")._value.get()

    # Late events, a merge that comes later, and what another device says with the same address.
    late = [
        *everything(),
        {"type": "alias", "userId": OTHER, "previousId": USER},
        {"type": "identify", "anonymousId": "another-device", "userId": USER, "traits": {"email": EMAIL}},
        {"type": "identify", "anonymousId": "third-device", "traits": {"email": EMAIL}},
    ]
    await sent(running, late)
    # A replay of the raw topics.
    groups = ["touchpoints.recorder", "touchpoints.quarantine", "profiles.touchpoints"]
    for schema in ("touchpoints", "profiles"):
        await rows(database_url, f"UPDATE {schema}.offsets SET next_offset = 0 WHERE consumer = ANY($1)", groups)
    await running.settled()
    await cleaned(database_url)

    assert await found_in_tables(database_url, STRINGS) == {}
    keys = [user_key(USER), anonymous_key(VISITOR)]
    assert await rows(database_url, "SELECT id FROM profiles.customers WHERE id = ANY($1)", keys) == []
    assert await rows(database_url, "SELECT id FROM touchpoints.touchpoints WHERE customer_id = ANY($1)", keys) == []
    assert metrics.SUPPRESSED.labels("touchpoints.recorder")._value.get() >= dropped + 4
    for body in ({"user_id": USER}, {"anonymous_id": "new", "traits": {"email": EMAIL}}):
        refused = await crm.post("/v1/customers", json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "suppressed")
    refused = await crm.patch(f"/v1/customers/user_id:{OTHER}/traits", json={"traits": {"phone": "0912345678"}})
    assert (refused.status_code, refused.json()["code"]) == (409, "suppressed")
    # Asked again, by any name: the case there is.
    for reference in (f"user_id:{USER}", f"email:{EMAIL}", f"card:{CARD}"):
        assert (await asked(crm, reference, "erasure"))["id"] == case["id"]
    await come_back(running)


async def cleaned(url: str) -> None:
    """Wait until what came late is overwritten in the log."""
    async with asyncio.timeout(20):
        while await rows(url, "SELECT 1 FROM touchpoints.rights_tasks"):
            await asyncio.sleep(0.1)


async def come_back(running: Running) -> None:
    """By their own will, and then under everything they went by."""
    body = {"references": [f"email:{EMAIL}"], "verified_by": "email_link"}
    readmitted = await running.crm.post("/v1/readmissions", json=body)
    assert readmitted.status_code == 202, readmitted.text
    await done(running.crm, readmitted.json()["id"])
    await sent(running, everything())
    back = (await running.crm.get(f"/v1/customers/user_id:{USER}")).json()
    assert {each["type"] for each in back["identifiers"]} >= {"user_id", "email", "phone", "card"}
    assert len((await running.crm.get(f"/v1/customers/user_id:{USER}/touchpoints")).json()["items"]) >= 2
    again = await running.crm.post("/v1/readmissions", json=body)
    assert (again.status_code, again.json()["code"]) == (404, "profiles.nobody_suppressed")


async def test_a_person_of_several_keys_goes_as_a_whole_and_what_others_share_stays(
    running: Running, database_url: str
):
    crm = running.crm
    await sent(running, [*everything(), *other()])
    await sent(
        running,
        [
            {"type": "identify", "userId": "kh-second-8841", "traits": {"email": "second@shop.example"}},
            # The household's number is the other's too.
            {"type": "identify", "userId": OTHER, "traits": {"phone": "+84912345678"}},
        ],
    )
    merged = await crm.post(
        "/v1/customers/user_id:kh-second-8841/merge", json={"into": f"user_id:{USER}", "reason": "one card"}
    )
    assert merged.status_code == 200, merged.text

    case = await done(crm, (await asked(crm, "user_id:kh-second-8841", "erasure"))["id"])

    gone = ("kh-second-8841", "second@shop.example", NAME, EMAIL, USER, VISITOR, CARD)
    assert await found_in_tables(database_url, gone) == {}
    assert found_in_log(await log_of(running.platform.bus), gone) == []
    assert case["customer"] == str(user_key(USER))
    kept = (await crm.get(f"/v1/customers/user_id:{OTHER}")).json()
    assert ("phone", "+84912345678") in {(each["type"], each["value"]) for each in kept["identifiers"]}
    said = await crm.patch(f"/v1/customers/user_id:{OTHER}/traits", json={"traits": {"phone": "0912345678"}})
    assert said.status_code == 200, "what was never the person's alone is not suppressed"


_PERSON = ("customer_id", "from_id", "into_id", "raw_id", "person_id")
_KEPT = ("identity", "consent_announced", "rights_cases")


async def test_no_table_of_profiles_is_forgotten(running: Running, database_url: str):
    """A table with a person's key that nobody thought of would keep them: every one is erased, or known to be kept."""
    await sent(running, everything())
    keys = [user_key(USER), anonymous_key(VISITOR)]
    await done(running.crm, (await asked(running.crm, f"user_id:{USER}", "erasure"))["id"])

    columns = await rows(
        database_url,
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE data_type = 'uuid' AND table_schema IN ('profiles', 'touchpoints')",
    )
    holding = {table for schema, table, column in columns if schema == "profiles" and column in _PERSON}
    assert holding - TABLES.keys() == {*_KEPT, "phrases"}, "phrases go with their traits"
    left = set()
    for schema, table, column in columns:
        found = await rows(database_url, f'SELECT 1 FROM "{schema}"."{table}" WHERE "{column}" = ANY($1) LIMIT 1', keys)
        if found:
            left.add(f"{schema}.{table}")
    assert left <= {
        "profiles.identity",
        "profiles.consent_announced",
        "profiles.rights_cases",
        "touchpoints.identity",
    }
    assert isinstance(keys[0], UUID)
