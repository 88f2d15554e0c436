"""A migration is applied while processes of the release before go on working, and then they are replaced one by one.

Nobody waits long: not for the migration, and not behind it while somebody else's transaction keeps it waiting.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
from installation import Installation

from services.registry import service
from shared.bus.postgres.connections import plain_url
from shared.db.engine import make_engine
from shared.db.migrate import LOCK_SECONDS, Tree, behind, upgrade
from shared.runtime.platform import migrate

pytestmark = [pytest.mark.long, pytest.mark.timeout(240), pytest.mark.parametrize("kafka", ["postgres"], indirect=True)]

HELD_SECONDS = 8.0
SCRIPT = '''"""{what}"""
from alembic import op

revision = "{revision}"
down_revision = "{down}"
online = {online!r}


def upgrade() -> None:
    """What is quick."""
    op.execute("""{own}""")
'''
# New to a table that everything writes into: a column that old code does not fill, one that is filled afterwards, an
# index, and at last that the second column always has a value.
ADDED = "ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT 'web', ADD COLUMN seen_in text"
FILLED = (
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_channel ON orders (channel, order_id)",
    "UPDATE orders SET seen_in = 'before' WHERE order_id = ANY(ARRAY("
    "SELECT order_id FROM orders WHERE seen_in IS NULL LIMIT 40))",
)
HELD_TO = "ALTER TABLE orders ADD CONSTRAINT orders_channel_known CHECK (channel <> '') NOT VALID"


def next_release(folder: Path) -> Tree:
    """The migrations of metrics with two more."""
    here = service("metrics").migrations
    shutil.copytree(here, folder / "migrations", ignore=shutil.ignore_patterns("__pycache__"))
    head = max(path.name[:4] for path in (here / "versions").glob("*.py"))
    for revision, down, own, online in (("9001", head, ADDED, ()), ("9002", "9001", HELD_TO, FILLED)):
        text = SCRIPT.format(what="The next release.", revision=revision, down=down, own=own, online=online)
        (folder / "migrations" / "versions" / f"{revision}_next.py").write_text(text)
    return Tree(folder / "migrations", "metrics", "alembic_version")


@asynccontextmanager
async def somebody_reads(url: str, seconds: float) -> AsyncIterator[None]:
    """A long report: it holds no more than a read lock, for which ALTER TABLE must wait."""
    connection = await asyncpg.connect(plain_url(url))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.fetch("SELECT * FROM metrics.orders LIMIT 1")

        async def ends() -> None:
            await asyncio.sleep(seconds)
            await transaction.rollback()

        ending = asyncio.ensure_future(ends())
        yield
        await ending
    finally:
        await connection.close()


class Probe:
    """How long a little look at the table takes, at worst."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.worst = 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Probe"]:
        connection = await asyncpg.connect(plain_url(self._url))
        task = asyncio.ensure_future(self._look(connection))
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await connection.close()

    async def _look(self, connection: asyncpg.Connection) -> None:
        while True:
            began = monotonic()
            try:
                await connection.fetch("SELECT FROM metrics.orders LIMIT 1")
            finally:
                self.worst = max(self.worst, monotonic() - began)
            await asyncio.sleep(0.05)


async def test_a_rolling_upgrade_loses_nothing(firm: Installation, tmp_path: Path):
    tree, waits = next_release(tmp_path), []
    engine = make_engine(firm.url, schema="public", pool_size=None)
    api, worker, second = firm.process(role="api"), firm.process(role="worker"), firm.process()
    await asyncio.gather(api.start(), worker.start(), second.start())
    try:
        async with firm.load(api, second).running() as load:
            await load.acknowledged(150)
            assert await behind(engine, [tree]) == ["metrics"]

            async with somebody_reads(firm.url, HELD_SECONDS), Probe(firm.url).running() as probe:
                await upgrade(engine, [tree], waits=waits.append)
            assert await behind(engine, [tree]) == []
            await load.acknowledged(100)
            # Processes that know nothing of it start beside it, whether they may migrate or not.
            for process, said in ((api, "true"), (worker, "false"), (second, "false")):
                assert await process.stop() == 0
                await process.start(environ={"TAM_AUTO_MIGRATE": said})
            await load.acknowledged(100)
        await firm.settled()
        rows = await firm.rows("metrics", "SELECT channel, seen_in, count(*) AS n FROM orders GROUP BY 1, 2 ORDER BY 2")
        valid = await firm.rows(
            "metrics", "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_channel'::regclass"
        )
    finally:
        await engine.dispose()

    assert waits, "nobody was in the way: this proves nothing"
    assert probe.worst < HELD_SECONDS - 1, "whoever came after the migration waited as long as it did"
    assert [(row.channel, row.seen_in) for row in rows] == [("web", "before"), ("web", None)]
    assert [row.indisvalid for row in valid] == [True]
    assert (await firm.judged(second)).problems() == [], firm.story()


async def test_without_a_limit_everybody_waits_behind_the_migration(firm: Installation, tmp_path: Path):
    """What the limit is for: the same change as people write it by hand."""
    await migrate(firm.url, (service("metrics"),))
    connection = await asyncpg.connect(plain_url(firm.url))
    try:
        async with somebody_reads(firm.url, LOCK_SECONDS * 2), Probe(firm.url).running() as probe:
            await connection.execute(f"SET search_path TO metrics; {ADDED}")
    finally:
        await connection.close()

    assert probe.worst > LOCK_SECONDS * 1.5
