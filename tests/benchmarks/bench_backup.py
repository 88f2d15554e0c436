"""What a back-up and a restore take, beside pg_dump and pg_restore alone. About two minutes.

A shop's database whose touchpoints were multiplied: rows are what takes the time. Ours reads every table a second time
for its digests, and writes it a second time to compare; theirs trust.
"""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
from stand import store

from services.registry import NAMES, SERVICES
from shared.backup.dumping import back_up
from shared.backup.loading import checked, restore
from shared.backup.programs import environ_of, tools_for
from shared.runtime.platform import migrate
from shared.runtime.trees import trees_of
from shared.testing.postgres import fresh_database, scratch_folder, throwaway_server

ROWS = 400_000
TREES = trees_of(SERVICES)
MULTIPLY = """
    INSERT INTO touchpoints.touchpoints
    SELECT gen_random_uuid(), gen_random_uuid(), 'web', 'message-' || n, 'track', 'Product Viewed',
        timestamptz '2026-01-01' + n * interval '7 seconds', now(),
        jsonb_build_object('product_id', 'p-' || n % 5000, 'price', n % 900,
            'name', md5(n::text), 'url', md5(n || 'u')),
        jsonb_build_object('locale', 'vi-VN', 'userAgent', md5((n % 50)::text), 'ip', md5((n % 9000)::text))
    FROM generate_series(1, {rows}) AS n
"""


async def size_of(url: str) -> float:
    """Megabytes of rows, without indexes."""
    connection = await asyncpg.connect(url)
    found = "SELECT sum(pg_table_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    number = await connection.fetchval(found + "WHERE relkind = 'r' AND nspname = ANY($1)", list(NAMES))
    await connection.close()
    return float(number) / 1e6


async def timed(work: Callable[[], Awaitable[Any]], megabytes: float) -> dict[str, float]:
    """Seconds, and megabytes of rows a second."""
    began, before = monotonic(), os.times()
    await work()
    seconds, after = monotonic() - began, os.times()
    used = sum(after[:4]) - sum(before[:4])
    return {
        "seconds": round(seconds, 1),
        "megabytes_per_second": round(megabytes / seconds, 1),
        "cpu_seconds_of_ours": round(used, 1),
    }


async def alone(url: str, name: str, *arguments: str) -> None:
    """One of PostgreSQL's programs by itself."""
    command = [tools_for(18).path(name), *arguments]
    await asyncio.to_thread(subprocess.run, command, env=environ_of(url), check=True)


async def measure(server: str, folder: Path) -> dict[str, Any]:
    """Back up and restore, ours and theirs, the same database."""
    async with fresh_database(server) as url, fresh_database(server) as first, fresh_database(server) as second:
        await migrate(url, SERVICES)
        connection = await asyncpg.connect(url)
        await connection.execute(MULTIPLY.format(rows=ROWS))
        await connection.close()
        megabytes, ours, theirs = await size_of(url), folder / "ours", str(folder / "theirs")

        async def backed_up() -> None:
            await back_up(url, ours, TREES, NAMES, kafka=None, version="bench", now=datetime.now(UTC))

        async def restored() -> None:
            await restore(first, ours, await checked(ours, TREES))

        dump = ("--format=custom", "--compress=1", f"--file={theirs}")
        load = ("--no-owner", "--single-transaction", "--dbname", environ_of(second)["PGDATABASE"], theirs)
        found = {
            "megabytes_of_rows": round(megabytes),
            "back_up": await timed(backed_up, megabytes),
            "pg_dump_alone": await timed(lambda: alone(url, "pg_dump", *dump), megabytes),
            "restore": await timed(restored, megabytes),
            "pg_restore_alone": await timed(lambda: alone(second, "pg_restore", *load), megabytes),
            "megabytes_of_files": round(sum(file.stat().st_size for file in ours.iterdir()) / 1e6),
        }
    found["back_up_to_pg_dump"] = round(found["back_up"]["seconds"] / found["pg_dump_alone"]["seconds"], 2)
    found["restore_to_pg_restore"] = round(found["restore"]["seconds"] / found["pg_restore_alone"]["seconds"], 2)
    return found


def main() -> None:
    """Measure, print and store."""
    with throwaway_server() as server, scratch_folder() as folder:
        store("backup", asyncio.run(measure(server, folder)))


if __name__ == "__main__":
    main()
