"""Every night the books are rebuilt from what was told of them, and compared; a run that is interrupted goes on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from services.loyalty.app import service as manifest
from services.loyalty.jobs import refresh_gauges
from services.loyalty.replays.consumers import RECOVERIES
from services.loyalty.service import LoyaltyService
from services.loyalty.verification.consumers import verify
from shared.clock import SystemClock
from shared.db.engine import Database, make_engine
from shared.delivery.outbox import OutboxWriter
from shared.ids import user_key, uuid7
from shared.observability.metrics import REGISTRY
from shared.runtime.grants import grant
from shared.runtime.rebuilding import log_ends, rebuilding
from shared.runtime.service import Parts
from shared.runtime.trees import trees_of
from shared.testing.platform import Running, running_platform
from shared.testing.postgres import fresh_database

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBSCRIPTIONS = [each.subscription for each in RECOVERIES]


class Night:
    """A platform whose nights a test calls."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.loyalty = running.platform.value("loyalty")

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.loyalty.db.read() as tx:
            return list(await tx.execute(sql, values))

    async def write(self, sql: str, **values: Any) -> None:
        async with self.loyalty.db.write() as tx:
            await tx.execute("SET LOCAL session_replication_role = replica")
            await tx.execute(sql, values)

    async def comes(self) -> None:
        """The last night was yesterday's, and it is time."""
        await verify(self.loyalty)
        await self.write("UPDATE verifications SET night = night - 1")
        await verify(self.loyalty)
        await refresh_gauges(self.loyalty)

    async def give(self, who: str, points: int) -> None:
        path = f"/v1/loyalty/members/{user_key(who)}/adjustments"
        answer = await self.running.crm.post(path, json={"points": points, "reason": "goodwill"})
        assert answer.is_success, answer.text

    async def scratch(self) -> list[str]:
        """The schemas that verifications have made."""
        rows = await self.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'loyalty\\_verified%'")
        return [row.nspname for row in rows]

    async def last(self) -> Any:
        return (await self.rows("SELECT * FROM verifications"))[0]


def drift() -> float:
    tables = [each for recovery in RECOVERIES for each in recovery.relations]
    found = [REGISTRY.get_sample_value("tam_loyalty_replay_drift_rows", {"table": table}) for table in tables]
    assert None not in found
    return sum(each or 0 for each in found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(pg_url: str) -> AsyncIterator[Night]:
    async with fresh_database(pg_url) as url, running_platform(url, [manifest]) as running:
        opened = Night(running)
        for number in range(6):
            await opened.give(f"khách {number % 3}", 100 + number)
        await running.settled()
        yield opened


async def test_once_a_night_the_books_are_compared_and_the_scratch_schema_goes(night: Night) -> None:
    await night.comes()

    assert drift() == 0
    assert (await night.rows("SELECT count(*) AS rows FROM replay_findings"))[0].rows > 5
    assert (await night.rows("SELECT live_rows FROM replay_findings WHERE name = 'transactions'"))[0].live_rows == 6
    assert await night.scratch() == []
    assert REGISTRY.get_sample_value("tam_loyalty_verify_nightly_on") == 1
    assert (REGISTRY.get_sample_value("tam_loyalty_verify_nightly_seconds") or 0) > 0
    done = await night.last()
    await verify(night.loyalty)
    assert await night.last() == done


async def test_a_row_that_was_changed_past_the_service_shows(night: Night) -> None:
    await night.write("UPDATE wallets SET available = available + 1 WHERE person_id = :who", who=user_key("khách 1"))

    await night.comes()

    assert drift() > 0
    await night.write("UPDATE wallets SET available = available - 1 WHERE person_id = :who", who=user_key("khách 1"))
    await night.comes()
    assert drift() == 0


async def test_what_was_read_before_a_kill_is_not_read_again(night: Night) -> None:
    parts: Parts = night.loyalty.parts
    schema, earlier = f"loyalty_verified_{uuid7().hex[-8:]}", SystemClock().now() - timedelta(minutes=9)

    def own(db: Any) -> Parts:
        return Parts(db, parts.bus, parts.clock, parts.platform, parts.settings, parts.seal)

    async def still(_: int) -> None:
        return

    with pytest.raises(InterruptedError):
        async with rebuilding(manifest, night.running.platform.database_url, parts.bus, own, schema=schema) as begun:
            ends = await log_ends(SUBSCRIPTIONS, parts.bus)
            await begun.read_told(SUBSCRIPTIONS[0], ends[SUBSCRIPTIONS[0].group], still)
            raise InterruptedError
    assert await night.scratch() == [schema]
    async with rebuilding(manifest, night.running.platform.database_url, parts.bus, own, schema=schema) as again:
        assert sum(again.positions.values()) >= 6
        async with again.db.read() as tx:
            assert (await tx.execute("SELECT count(*) FROM transactions")).scalar_one() == 6
    with pytest.raises(InterruptedError):
        async with rebuilding(manifest, night.running.platform.database_url, parts.bus, own, schema=schema) as begun:
            await begun.read_told(SUBSCRIPTIONS[0], ends[SUBSCRIPTIONS[0].group], still)
            raise InterruptedError
    await night.write(
        "UPDATE verifications SET phase = 'reading', schema = :schema, started_at = :at, beat_at = :at, "
        "finished_at = NULL, reason = NULL",
        schema=schema,
        at=earlier,
    )

    await verify(night.loyalty)
    await refresh_gauges(night.loyalty)

    last = await night.last()
    assert (last.phase, last.schema, last.started_at) == ("done", schema, earlier)
    assert drift() == 0
    assert await night.scratch() == []


async def test_somebody_else_who_is_at_it_is_left_alone(night: Night) -> None:
    now = SystemClock().now()
    await night.write("UPDATE verifications SET phase = 'reading', beat_at = :now, finished_at = NULL", now=now)

    await verify(night.loyalty)

    assert (await night.last()).finished_at is None
    await night.write("UPDATE verifications SET phase = 'done', finished_at = :now", now=now)


async def test_the_role_of_the_service_compares_in_the_one_place_it_was_given(night: Night) -> None:
    """As in containers: it may make no schema, and sees nothing of the log but through the bus."""
    owner, role = night.running.platform.database_url, f"t{uuid7().hex[-8:]}_"
    url = urlsplit(owner)._replace(netloc=f"{role}loyalty:once@{urlsplit(owner).netloc.rpartition('@')[2]}").geturl()
    live = night.loyalty
    db = Database(make_engine(url, schema="loyalty", pool_size=4), schema="loyalty", outbox=OutboxWriter())
    platform = live.parts.platform.model_copy(update={"database_url": url})
    parts = replace(live.parts, db=db, platform=platform)
    own = LoyaltyService(db, live.clock, live.zone, live.settings, live.vault, parts=parts)
    connection = await asyncpg.connect(owner)
    try:
        await connection.execute(f"CREATE ROLE {role}loyalty LOGIN PASSWORD 'once'")
        trees = trees_of([manifest])
        await grant(live.db.engine, trees, ["loyalty"], prefix=role)
        assert not (await own.verification.standing()).is_on
        await grant(live.db.engine, trees, ["loyalty"], prefix=role, rebuilding=["loyalty"])
        assert (await own.verification.standing()).is_on
        await night.write("UPDATE verifications SET night = night - 1, phase = 'done', finished_at = now()")
        before = await night.last()

        await verify(own)

        last = await night.last()
        assert (last.phase, last.reason) == ("done", None)
        assert last.started_at > before.started_at
        found = await night.rows("SELECT name, live_rows, differing FROM replay_findings")
        assert {each.name for each in found} == {table for each in RECOVERIES for table in each.relations}
        assert sum(each.differing for each in found) == 0
        assert sum(each.live_rows for each in found) > 0
        left = "SELECT count(*) FROM pg_class WHERE relnamespace = CAST('loyalty_beside' AS regnamespace)"
        assert await connection.fetchval(left) == 0
    finally:
        await db.dispose()
        await connection.execute(f"DROP OWNED BY {role}loyalty; DROP ROLE {role}loyalty; DROP SCHEMA loyalty_beside")
        await connection.close()
