"""The score card of a shop of any size: what a read of it costs. Half a minute.

A card reads sums by day and segment, so how many customers made them does not matter; how many days and segments they
are of does. The tables are filled with two years of sums, every day full, of a thousand customers and of ten million:
the same rows with other numbers.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from stand import cpu_seconds, descendants, durable_postgres, percentile, store

from services.metrics.app import build
from services.metrics.app import service as metrics
from services.metrics.domain.calendar import day_number
from services.metrics.satisfaction.domain.tally import item_id, slot_id
from services.metrics.satisfaction.repository.sums import name_slots
from services.metrics.scorecard.schemas.card import ScoreCardOut
from services.metrics.service import MetricsService
from shared.bus.postgres import PostgresBus
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.db.engine import Database, WriteTx, make_engine
from shared.db.migrate import upgrade
from shared.events.topics import TOPICS
from shared.ids import derived_id
from shared.rights.marks import Seal
from shared.runtime import garbage
from shared.runtime.service import Parts
from shared.runtime.trees import trees_of

DAYS, SEGMENTS, PLACES, RUNS = 730, 50, 10, 60
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY = day_number(datetime.now(UTC).astimezone(ZONE).date())
SURVEY = derived_id("bench", "survey")
KINDS = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}
_SPANS = """
    (SELECT false AS is_month, day FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day
     UNION ALL
     SELECT DISTINCT true, CAST(date_trunc('month', date '1970-01-01' + day) AS date) - date '1970-01-01'
     FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day) AS d
"""
_GROUPS = "(SELECT '' UNION ALL SELECT segment FROM segments) AS g(segment)"
MONEY = (
    """INSERT INTO day_money SELECT day, 'VND', :size, :size * 250000.0, :size * 9000.0, 0
       FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day""",
    """INSERT INTO cells SELECT 'day', day, 2147483647, :size
       FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day
       UNION ALL SELECT 'day', day, day + gap, :size
       FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day, generate_series(1, 60) AS gap
       WHERE day + gap <= :today
       UNION ALL SELECT 'repeat', day, 2147483647, :size
       FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day""",
)
OPINIONS = (
    "CREATE TEMP TABLE segments AS SELECT CAST(CAST(lpad(to_hex(n), 32, '0') AS uuid) AS text) AS segment "
    "FROM generate_series(1, CAST(:segments AS int)) AS n",
    f"""INSERT INTO engagement_sums SELECT what, segment, is_month, day, :size FROM {_SPANS}, {_GROUPS},
       unnest(ARRAY['active:90', 'open', 'late', 'opened', 'became_late', 'earned:diem', 'spent:diem', 'expired:diem',
                    'reversed:diem']) AS what""",
    f"""INSERT INTO score_days SELECT slot, is_month, day, 0, 1000,
       0, :size, :size, :size, :size, :size, 0, 0, 0, 0, 0 FROM score_slots, {_SPANS}""",
    """INSERT INTO score_followed SELECT slot, false, day, day + gap, 15, 1000,
       0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0 FROM generate_series(CAST(:first AS int), CAST(:today AS int)) AS day,
       generate_series(1, 40, 3) AS gap, score_slots WHERE dimension = 'channel' AND day + gap <= :today""",
)


async def fill(tx: WriteTx, size: int) -> None:
    """Two years of sums, as of so many customers a day."""
    await tx.execute("TRUNCATE day_money, cells")
    await run(tx, MONEY, size)
    await say(tx, size)


async def say(tx: WriteTx, size: int) -> None:
    """The same of what customers said, of their points and of their complaints."""
    await tx.execute("TRUNCATE engagement_sums, score_slots, score_days, score_followed, survey_versions")
    await tx.execute("DROP TABLE IF EXISTS segments")
    questions = ", ".join(f'["{kind}", "{kind}", {low}, {high}]' for kind, (low, high) in KINDS.items())
    await tx.execute(
        "INSERT INTO survey_versions VALUES (:survey, 1, 'customers', NULL, NULL, false, CAST(:questions AS jsonb))",
        {"survey": SURVEY, "questions": f"[{questions}]"},
    )
    slots = [
        (item_id(SURVEY, 1, kind), *place)
        for kind in KINDS
        for place in (
            ("channel", "web"),
            *(("segment", str(UUID(int=number))) for number in range(1, SEGMENTS + 1)),
            *(("touchpoint", f"p{number}") for number in range(1, PLACES + 1)),
        )
    ]
    await name_slots(tx, {slot_id(*each): each for each in slots})
    await run(tx, OPINIONS, size)


async def run(tx: WriteTx, statements: Sequence[str], size: int) -> None:
    """Run what fills, as of so many customers a day."""
    given: dict[str, Any] = {"first": TODAY - DAYS + 1, "today": TODAY, "segments": SEGMENTS}
    for template in statements:
        # A number alone, for its type is not the same everywhere.
        statement = template.replace(":size", str(size))
        await tx.execute(statement, {name: value for name, value in given.items() if f":{name}" in statement})


async def measure(service: MetricsService, pid: int) -> dict[str, float]:
    """Milliseconds of a card, with its JSON: by the wall, and of CPU here and in PostgreSQL."""
    times: list[float] = []
    kept: list[float] = []

    async def write() -> bytes:
        return ScoreCardOut.of(*await service.scorecard.card()).model_dump_json().encode()

    for _ in range(5):
        await write()
    own, others = process_time(), cpu_seconds(descendants(pid))
    for _ in range(RUNS):
        begun = perf_counter()
        await write()
        times.append(1000 * (perf_counter() - begun))
    figures = {
        "p50_ms": round(percentile(times, 0.5), 1),
        "p99_ms": round(percentile(times, 0.99), 1),
        "own_cpu_ms": round(1000 * (process_time() - own) / RUNS, 1),
        "postgres_cpu_ms": round(1000 * (cpu_seconds(descendants(pid)) - others) / RUNS, 1),
    }
    for _ in range(10 * RUNS):
        begun = perf_counter()
        await service.answers.get("bench", write)
        kept.append(1000 * (perf_counter() - begun))
    return figures | {
        "as_served_p50_ms": round(percentile(kept, 0.5), 3),
        "as_served_p99_ms": round(percentile(kept, 0.99), 3),
    }


async def both(url: str, pid: int) -> dict[str, Any]:
    """Both sizes, one after the other."""
    db = Database(make_engine(url, schema="metrics"), schema="metrics")
    await upgrade(db.engine, trees_of((metrics,)))
    bus = PostgresBus(url, sole=True)
    await bus.start()
    await bus.ensure_topics(TOPICS, partitions=6)
    clock = SystemClock()
    service = build(Parts(db, bus, clock, PlatformSettings(currency="VND"), None, Seal(bytes(32))))
    found: dict[str, Any] = {}
    for name, size in (("1,000 customers", 1), ("10,000,000 customers", 14_000)):
        async with db.write() as tx:
            await fill(tx, size)
        async with db.engine.connect() as connection:
            await connection.exec_driver_sql("ANALYZE")
            await connection.commit()
        found[name] = await measure(service, pid)
    await bus.stop()
    await db.dispose()
    return found


async def main() -> None:
    """Run it, and keep what was measured."""
    garbage.tune()
    async with durable_postgres() as (url, pid):
        found = await both(url, pid)
    store("scorecard", {"days": DAYS, "segments": SEGMENTS, "runs": RUNS, **found})


if __name__ == "__main__":
    asyncio.run(main())
