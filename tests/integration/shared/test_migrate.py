"""Migrations: from nothing, twice, and by many at once."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

import shared
from shared.db.engine import make_engine
from shared.db.migrate import Tree, behind, upgrade
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
