"""Migrations: from nothing, twice, and by many at once."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import shared
from shared.db.engine import make_engine
from shared.db.migrate import LOCK, Tree, Unmigrated, behind, upgrade
from shared.runtime.trees import trees_of

HOUSE = Path(shared.__file__).parent


@pytest.fixture
async def engine(empty_database_url: str):
    made = make_engine(empty_database_url, schema="public", pool_size=None)
    yield made
    await made.dispose()


def carried_by(*services: str) -> list[Tree]:
    return [Tree(HOUSE / "delivery" / "migrations", name, "alembic_delivery") for name in services]


async def tables(engine: AsyncEngine, schema: str) -> set[str]:
    async with engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = :schema"), {"schema": schema}
        )
        return {row.tablename for row in rows}


async def test_each_schema_gets_its_own_tables(engine: AsyncEngine):
    await upgrade(engine, carried_by("profiles", "metrics"))

    carried = {"outbox", "inbox", "offsets", "leases", "dead_letters", "idempotency_keys", "alembic_delivery"}
    assert await tables(engine, "profiles") == await tables(engine, "metrics") == carried
    assert await tables(engine, "public") == set()


async def test_what_is_behind_is_named_until_it_is_not(engine: AsyncEngine):
    trees = carried_by("profiles", "metrics")
    assert await behind(engine, trees) == ["profiles", "metrics"]

    await upgrade(engine, trees[:1])
    assert await behind(engine, trees) == ["metrics"]

    await upgrade(engine, trees)
    assert await behind(engine, trees) == []


async def test_a_second_upgrade_changes_nothing(engine: AsyncEngine):
    await upgrade(engine, carried_by("shop"))
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO shop.leases VALUES ('x', gen_random_uuid(), now())"))

    await upgrade(engine, carried_by("shop"))

    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM shop.leases")) == 1


async def test_many_processes_may_upgrade_at_once(engine: AsyncEngine):
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(upgrade(engine, carried_by("profiles", "metrics", "touchpoints")))

    assert await behind(engine, carried_by("profiles", "metrics", "touchpoints")) == []


async def test_a_failing_migration_leaves_nothing_behind(engine: AsyncEngine, tmp_path: Path):
    script = 'from alembic import op\nrevision = "0001"\ndown_revision = None\ndef upgrade():\n    op.execute("{}")\n'
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001_broken.py").write_text(script.format("CREATE TABLE half (); SELECT 1 / 0"))
    trees = [*carried_by("shop"), Tree(tmp_path, "shop", "alembic_version")]

    with pytest.raises(asyncpg.PostgresError, match="division by zero"):
        await upgrade(engine, trees)

    assert await tables(engine, "shop") == set()


async def test_a_later_script_is_added_to_data_that_are_there(engine: AsyncEngine, tmp_path: Path):
    script = 'from alembic import op\nrevision = "{}"\ndown_revision = {!r}\ndef upgrade():\n    op.execute("{}")\n'
    versions = tmp_path / "versions"
    versions.mkdir()
    tree = Tree(tmp_path, "shop", "alembic_version")
    (versions / "0001_points.py").write_text(script.format("0001", None, "CREATE TABLE points (n int)"))
    await upgrade(engine, [tree])
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO shop.points VALUES (7)"))
    (versions / "0002_reason.py").write_text(script.format("0002", "0001", "ALTER TABLE points ADD reason text"))
    assert await behind(engine, [tree]) == ["shop"]

    await upgrade(engine, [tree])

    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT n, reason FROM shop.points"))).all() == [(7, None)]
    assert await behind(engine, [tree]) == []


async def test_all_schemas_of_the_platform_come_from_nothing(engine: AsyncEngine):
    from services.registry import SERVICES

    trees = trees_of(SERVICES)
    await upgrade(engine, trees)

    assert await behind(engine, trees) == []
    assert await tables(engine, "public") == set()


ONLINE = """
from alembic import op
revision = "{revision}"
down_revision = {down!r}
online = {online!r}
def upgrade():
    op.execute("{own}")
"""
INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS points_n ON points (n)"
IS_WHOLE = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.points_n'::regclass"
FILL = "UPDATE points SET m = n WHERE ctid = ANY(ARRAY(SELECT ctid FROM points WHERE m IS NULL LIMIT 3))"


def points_tree(folder: Path, *, later: bool) -> Tree:
    """A table, and in the next release an index on it and a column that is filled some rows at a time."""
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    scripts = [
        ("0001", None, "CREATE TABLE points (n int, m int); INSERT INTO points SELECT generate_series(1, 10)", ())
    ]
    if later:
        scripts += [("0002", "0001", "ALTER TABLE points ADD reason text", (INDEX, FILL))]
        scripts += [("0003", "0002", "ALTER TABLE points ADD kind text", ())]
    for revision, down, own, online in scripts:
        text_ = ONLINE.format(revision=revision, down=down, own=own, online=online)
        (versions / f"{revision}_points.py").write_text(text_)
    return Tree(folder, "shop", "alembic_version")


@pytest.mark.parametrize("is_new", [True, False], ids=["from nothing", "with rows"])
async def test_what_takes_long_runs_outside_of_a_transaction(engine: AsyncEngine, tmp_path: Path, is_new: bool):
    if not is_new:
        (tmp_path / "before").mkdir()
        await upgrade(engine, [points_tree(tmp_path / "before", later=False)])
    (tmp_path / "after").mkdir()
    tree = points_tree(tmp_path / "after", later=True)

    await upgrade(engine, [tree])

    assert await behind(engine, [tree]) == []
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM shop.points WHERE m = n AND reason IS NULL")) == 10
        assert await connection.scalar(
            text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.points_n'::regclass")
        )


async def test_an_index_left_half_made_is_made_anew(engine: AsyncEngine, tmp_path: Path):
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    await upgrade(engine, [points_tree(tmp_path / "before", later=False)])
    async with engine.begin() as connection:
        await connection.execute(text("CREATE INDEX points_n ON shop.points (n)"))
        # As a CREATE INDEX CONCURRENTLY leaves it whose client was killed.
        await connection.execute(
            text("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shop.points_n'::regclass")
        )

    await upgrade(engine, [points_tree(tmp_path / "after", later=True)])

    async with engine.connect() as connection:
        assert await connection.scalar(
            text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.points_n'::regclass")
        )


async def test_a_newer_release_s_schema_is_not_behind(engine: AsyncEngine, tmp_path: Path):
    """The release before starts beside it: so can the firm go back to it."""
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    old = points_tree(tmp_path / "before", later=False)
    await upgrade(engine, [points_tree(tmp_path / "after", later=True)])

    assert await behind(engine, [old]) == []
    await upgrade(engine, [old])

    assert "points" in await tables(engine, "shop")


async def test_a_table_that_stays_locked_is_told_and_left(engine: AsyncEngine, tmp_path: Path):
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    await upgrade(engine, [points_tree(tmp_path / "before", later=False)])
    waits: list[object] = []
    async with engine.begin() as somebody:
        await somebody.execute(text("SELECT * FROM shop.points"))
        # The index waits for nobody who reads; what changes the table does.
        later = points_tree(tmp_path / "after", later=True)
        (later.folder / "versions" / "0002_points.py").write_text(
            ONLINE.format(revision="0002", down="0001", own="ALTER TABLE points ADD reason text", online=())
        )
        with pytest.raises(Unmigrated, match="stays locked"):
            await upgrade(engine, [later], patience_seconds=0.0, waits=waits.append)
    assert waits == []

    await upgrade(engine, [later])
    assert await behind(engine, [later]) == []


async def test_a_migration_waits_for_a_back_up(engine: AsyncEngine):
    async with engine.connect() as back_up:
        await back_up.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": LOCK})
        with pytest.raises(Unmigrated, match="a back-up runs"):
            await upgrade(engine, carried_by("shop"), patience_seconds=0.1)
        assert await tables(engine, "shop") == set()
    await upgrade(engine, carried_by("shop"))
    # Whoever has nothing to migrate does not ask.
    async with engine.connect() as back_up:
        await back_up.execute(text("SELECT pg_advisory_lock_shared(:lock)"), {"lock": LOCK})
        await upgrade(engine, carried_by("shop"), patience_seconds=0.1)
