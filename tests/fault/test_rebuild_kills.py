"""A rebuild that is killed leaves the live tables as they are, and nothing behind that the next one does not clear.

Both as the owner, who makes a schema for each run, and as the role of the service, which has one place for them all.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from services.loyalty.app import service as manifest
from services.loyalty.replays.consumers import RECOVERIES
from shared.db.engine import make_engine
from shared.ids import user_key
from shared.runtime.grants import grant
from shared.runtime.trees import trees_of
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

PHASES = ("migrated", "reading", "comparing", "clearing")
TABLES = sorted({table for each in RECOVERIES for table in each.relations})
HEARD = ("flash_claims", "flash_items", "referral_codes", "referrals", "pool_spends", "wallets")
ITEM = "áo dài"


class Stand(NamedTuple):
    """An installation with a life behind it: whom one rebuilds as, by name."""

    owner: str
    urls: dict[str, str]


async def a_life(running: Running) -> None:
    """Points, a flash sale, a referral and a spend of a pool."""
    crm = running.crm
    now = datetime.now(UTC)
    for name in ("an", "bình"):
        body = {"points": 100, "reason": "goodwill"}
        assert (await crm.post(f"/v1/loyalty/members/{user_key(name)}/adjustments", json=body)).is_success
    sale = {
        "name": "11.11",
        "zone": "UTC",
        "starts_local": (now - timedelta(minutes=1)).replace(tzinfo=None).isoformat(timespec="seconds"),
        "ends_local": (now + timedelta(hours=1)).replace(tzinfo=None).isoformat(timespec="seconds"),
        "items": [{"item": ITEM, "units": 50}],
    }
    made = await crm.post("/v1/loyalty/flash-sales", json=sale)
    assert made.is_success, made.text
    for number in range(20):
        claim = {"key": f"k{number}", "item": ITEM, "customer": f"user_id:u{number}", "units": 1}
        said = await crm.post(f"/v1/loyalty/flash-sales/{made.json()['id']}/claims", json=claim)
        assert said.is_success, said.text
    milestone = {"name": "first", "event": "signup", "advocate": {"points": 5}}
    programme = {"name": "Bạn rủ bạn", "milestones": [milestone]}
    brought = await crm.post("/v1/loyalty/referral-programs", json=programme)
    assert brought.is_success, brought.text
    path = f"/v1/loyalty/referral-programs/{brought.json()['id']}/codes"
    code = await crm.post(path, json={"customer": "user_id:an"})
    assert code.is_success, code.text
    said = await crm.post("/v1/loyalty/referrals", json={"code": code.json()["code"], "customer": "user_id:mới"})
    assert said.is_success, said.text
    pool = await crm.post("/v1/loyalty/pools", json={"owner": "user_id:bình"})
    assert pool.is_success, pool.text
    spent = {"by": "user_id:bình", "points": 30}
    assert (await crm.post(f"/v1/loyalty/pools/{pool.json()['id']}/spends", json=spent)).is_success
    await running.platform.value("loyalty").flash_upkeep.announce()
    await running.settled()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(pg_url: str) -> AsyncIterator[Stand]:
    """The life is over, so that the live tables stand still; the role is the server's, so it goes."""
    prefix = f"t{uuid4().hex[:8]}_"
    async with fresh_database(pg_url) as url:
        async with running_platform(url, [manifest]) as running:
            await a_life(running)
        admin = await asyncpg.connect(url)
        try:
            await admin.execute(f"CREATE ROLE {prefix}loyalty LOGIN PASSWORD 'one for all'")
            engine = make_engine(url, schema="public", pool_size=None)
            await grant(engine, trees_of([manifest]), ["loyalty"], prefix=prefix, rebuilding=["loyalty"])
            await engine.dispose()
            parts = urlsplit(url)
            where = parts.netloc.rpartition("@")[2]
            role = parts._replace(netloc=f"{prefix}loyalty:one%20for%20all@{where}").geturl()
            yield Stand(url, {"owner": url, "role": role})
        finally:
            await admin.execute(f"DROP OWNED BY {prefix}loyalty; DROP ROLE {prefix}loyalty")
            await admin.close()


async def rebuild(stand: Stand, who: str, phase: str, run: str = "none") -> tuple[int, dict[str, tuple[bool, int]]]:
    """Its exit code, and what it found: whether a table is the same, and with how many rows."""
    script = Path(__file__).parent / "rebuilding_killed.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stand.owner, stand.urls[who], phase, run, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    lines = [line.split() for line in said.decode().splitlines()]
    assert process.returncode is not None
    return process.returncode, {line[0]: (line[1] == "True", int(line[2])) for line in lines if len(line) == 3}


async def left(stand: Stand) -> list[str]:
    """Tables beside the live ones, and schemas that runs made."""
    connection = await asyncpg.connect(stand.owner)
    rows = await connection.fetch(
        "SELECT nspname || coalesce('.' || relname, '') AS name FROM pg_namespace AS n "
        "LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind = 'r' "
        "WHERE nspname LIKE 'loyalty\\_%' AND (nspname <> 'loyalty_beside' OR relname IS NOT NULL)"
    )
    await connection.close()
    return [row["name"] for row in rows]


async def live(stand: Stand) -> dict[str, str]:
    """Digests of the live tables."""
    connection = await asyncpg.connect(stand.owner)
    rows = "SELECT md5(string_agg(CAST(t AS text), ';' ORDER BY CAST(t AS text))) FROM loyalty.{} AS t"
    found = {table: str(await connection.fetchval(rows.format(table))) for table in TABLES}
    await connection.close()
    return found


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("who", ["owner", "role"])
async def test_a_rebuild_that_is_killed_is_made_up_for_by_the_next(stand: Stand, who: str, phase: str) -> None:
    before = await live(stand)

    code, found = await rebuild(stand, who, phase)

    assert (code, found) == (-9, {}), "it was not killed"
    assert await left(stand) != [], "it was killed too late: nothing was there to be cleared"
    assert await live(stand) == before
    code, found = await rebuild(stand, who, "none")
    assert code == 0
    assert {table for table, (same, _) in found.items() if not same} == set()
    assert found.keys() == set(TABLES)
    assert {table for table in HEARD if not found[table][1]} == set()
    assert await left(stand) == []
    assert await live(stand) == before


@pytest.mark.parametrize("who", ["owner", "role"])
async def test_a_run_with_a_name_goes_on_after_a_kill_and_another_name_begins_anew(stand: Stand, who: str) -> None:
    assert (await rebuild(stand, who, "comparing", "loyalty_verified_one"))[0] == -9
    begun = await left(stand)
    assert begun != []

    code, found = await rebuild(stand, who, "none", "loyalty_verified_one")

    assert code == 0
    assert all(same for same, _ in found.values())
    assert await left(stand) == []
    assert (await rebuild(stand, who, "reading", "loyalty_verified_two"))[0] == -9
    connection = await asyncpg.connect(stand.owner)
    await connection.execute('DROP SCHEMA IF EXISTS "loyalty_verified_two" CASCADE')
    await connection.close()
    code, found = await rebuild(stand, who, "none", "loyalty_verified_three")
    assert code == 0
    assert all(same for same, _ in found.values())
    assert await left(stand) == []


async def test_the_role_may_make_no_schema_and_no_table_beside_its_place(stand: Stand) -> None:
    connection = await asyncpg.connect(stand.urls["role"])
    for statement in (
        "CREATE SCHEMA mine",
        "CREATE TABLE loyalty.mine (n int)",
        "DROP SCHEMA loyalty_beside",
        "TRUNCATE loyalty.wallets",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
