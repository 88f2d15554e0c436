"""A shop's history in the ledger of metrics, written in bulk as its consumers would have: what reads are measured on.

Customers come over two years, and buy again after times of their own; a day has one order of each at most. That the
rows are those which consuming the same orders makes is a test (`test_metrics_bulk.py`).
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from services.metrics.domain.calendar import day_number
from services.metrics.domain.lifeline import NEVER, NOT_YET
from services.metrics.domain.tallies import MAX_NTH, MOST_COHORTS
from shared.db.engine import Database

DAYS, SEGMENTS = 730, 12
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
TODAY = day_number(datetime.now(UTC).astimezone(ZONE).date())

# The period that a day lies in, by its number and by its first day.
_DATE = "(date '1970-01-01' + day)"
_PLACES: Mapping[str, str] = {
    "day": "day",
    "week": "div(day + 3, 7)::int",
    "month": f"CAST(extract(year FROM {_DATE}) * 12 + extract(month FROM {_DATE}) AS int)",
}
_STARTS: Mapping[str, str] = {
    "day": "day",
    "week": "day - (day + 3) % 7",
    "month": f"CAST(date_trunc('month', {_DATE}) AS date) - date '1970-01-01'",
}


def _cells(period: str) -> str:
    return f"""
    INSERT INTO cells
    SELECT '{period}', here, there, count(*) FROM (
        SELECT n, start AS here, coalesce(lead(start) OVER (PARTITION BY n ORDER BY start), {NOT_YET}) AS there
        FROM (SELECT DISTINCT n, {_STARTS[period]} AS start FROM bought) AS s
        UNION ALL
        SELECT n, {NEVER}, min({_STARTS[period]}) FROM bought GROUP BY n
    ) AS c GROUP BY 2, 3"""


def _cohorts(period: str) -> str:
    most = MOST_COHORTS[period]  # type: ignore[index]
    return f"""
    INSERT INTO life_sums
    SELECT k.kind || '.{period}', cohort, later, count(*) FROM (
        SELECT cohort, later, later = row_number() OVER own - 1 AS is_unbroken, lead(later) OVER own IS NULL AS is_last
        FROM (SELECT DISTINCT n, cohort, place - cohort AS later FROM (
                SELECT n, {_PLACES[period]} AS place, min({_PLACES[period]}) OVER (PARTITION BY n) AS cohort FROM bought
            ) AS p WHERE place - cohort < {most}) AS d
        WINDOW own AS (PARTITION BY n ORDER BY later)
    ) AS c CROSS JOIN LATERAL (
        SELECT 'on' AS kind UNION ALL SELECT 'last' WHERE is_last UNION ALL SELECT 'every' WHERE is_unbroken
    ) AS k GROUP BY 1, 2, 3"""


BOUGHT = """
    CREATE UNLOGGED TABLE bought AS
    WITH person AS (
        SELECT n, CAST(:first AS int) + abs(hashint8(n)) % CAST(:days AS int) AS day,
               5 + abs(hashint8(n + 1)) % 120 AS pace,
               CASE WHEN abs(hashint8(n + 2)) % 2 = 0 THEN 1 ELSE 1 + abs(hashint8(n + 3)) % 8 END AS times
        FROM generate_series(CAST(1 AS bigint), :customers) AS n
    ), days AS (
        SELECT DISTINCT n, day + nth * pace + abs(hashint8(n * 31 + nth)) % pace AS day
        FROM person CROSS JOIN LATERAL generate_series(0, times - 1) AS nth
        WHERE day + nth * pace + pace <= CAST(:today AS int)
    )
    SELECT n, day, row_number() OVER own AS nth, lead(day) OVER own AS next_day,
           CAST(100000 + abs(hashint8(n * 7 + day)) % 900000 AS bigint) AS net
    FROM days WINDOW own AS (PARTITION BY n ORDER BY day)"""
FILL = (
    BOUGHT,
    """
    INSERT INTO activity
    SELECT CAST(md5(CAST(n AS text)) AS uuid), array_agg(day ORDER BY day), array_agg(CAST('VND' AS text)),
           array_agg(1), array_agg(net ORDER BY day)
    FROM bought GROUP BY n""",
    """
    INSERT INTO orders (order_id, customer, placed_at, placed_id, placed_by_change, total_at, total_id, total_minor,
                        currency, is_cancelled)
    SELECT n || '-' || day, customer, at, id, false, at, id, net, 'VND', false FROM bought CROSS JOIN LATERAL (
        SELECT CAST(md5(CAST(n AS text)) AS uuid) AS customer, CAST(md5(n || '-' || day) AS uuid) AS id,
               (date '1970-01-01' + day) AT TIME ZONE 'UTC' AS at
    ) AS made ORDER BY day, n""",
    *(_cells(period) for period in _STARTS),
    f"""
    INSERT INTO cells
    SELECT 'repeat', day, coalesce(next_day, {NOT_YET}), count(*) FROM bought WHERE nth = 1 GROUP BY 2, 3""",
    """
    INSERT INTO histories
    SELECT 'VND', times - 1, first, last, count(*), sum(again) FROM (
        SELECT count(*) AS times, min(day) AS first, max(day) AS last,
               coalesce(sum(net) FILTER (WHERE nth > 1), 0) AS again FROM bought GROUP BY n
    ) AS h GROUP BY 2, 3, 4""",
    """
    INSERT INTO spends
    SELECT 'VND', times - 1, again, count(*) FROM (
        SELECT count(*) AS times, sum(net) FILTER (WHERE nth > 1) AS again FROM bought GROUP BY n HAVING count(*) > 1
    ) AS h GROUP BY 2, 3""",
    "INSERT INTO day_money SELECT day, 'VND', count(*), sum(net), 0, 0 FROM bought GROUP BY 1",
    f"""
    INSERT INTO life_sums
    SELECT 'buyers', 0, day, count(*) FROM bought GROUP BY 3
    UNION ALL SELECT 'silence', 0, next_day - day, count(*) FROM bought WHERE next_day IS NOT NULL GROUP BY 3
    UNION ALL SELECT 'second', 0, day, count(*) FROM bought WHERE nth = 2 GROUP BY 3
    UNION ALL SELECT 'waited', nth, next_day - day, count(*) FROM bought
        WHERE next_day IS NOT NULL AND nth <= {MAX_NTH} GROUP BY 2, 3
    UNION ALL SELECT 'waiting', nth, day, count(*) FROM bought
        WHERE next_day IS NULL AND nth BETWEEN 2 AND {MAX_NTH} GROUP BY 2, 3""",
    *(_cohorts(period) for period in _PLACES),
    """
    INSERT INTO rfm_crowds
    SELECT 'VND', last, times, count(*), sum(net) FROM (
        SELECT max(day) AS last, count(*) AS times, sum(net) AS net FROM bought GROUP BY n
    ) AS h GROUP BY 2, 3""",
    """
    INSERT INTO rfm_worths
    SELECT 'VND', div(net + step - 1, step) * step, count(*) FROM (SELECT sum(net) AS net FROM bought GROUP BY n) AS h
    CROSS JOIN LATERAL (SELECT CAST(rpad('1', greatest(length(CAST(net AS text)) - 2, 1), '0') AS numeric) AS step) AS s
    GROUP BY 2""",
    """
    INSERT INTO segment_members
    SELECT customer, CAST(lpad(to_hex(abs(hashtext(CAST(customer AS text))) % CAST(:segments AS int)), 32, '0') AS uuid)
    FROM (SELECT CAST(md5(CAST(n AS text)) AS uuid) AS customer FROM bought WHERE nth = 1) AS m""",
    f"INSERT INTO calendar (zone) VALUES ('{ZONE.key}') ON CONFLICT DO NOTHING",
)


# What takes most rows, and gets its keys and indexes when they are there: one by one they take more time than all else.
_LARGE = ("orders", "activity", "spends", "histories", "segment_members")
_KEYS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS make
    FROM pg_constraint WHERE contype = 'p' AND conrelid = ANY (CAST(CAST(:tables AS text[]) AS regclass[]))
    UNION ALL
    SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index WHERE NOT indisprimary AND indrelid = ANY (CAST(CAST(:tables AS text[]) AS regclass[]))"""
# So many statements at a time, with so much memory each.
_LANES = 2
_SETTINGS = {"work_mem": "512MB", "maintenance_work_mem": "512MB", "synchronous_commit": "off", "jit": "off"}


async def fill(db: Database, customers: int) -> None:
    """The tables; what was bought is left in `bought`."""
    given = {"first": TODAY - DAYS, "days": DAYS, "today": TODAY, "customers": customers, "segments": SEGMENTS}
    lanes = asyncio.Semaphore(_LANES)

    async def run(statement: str) -> None:
        async with lanes, db.write() as tx:
            for name, value in _SETTINGS.items():
                await tx.execute("SELECT set_config(:name, :value, true)", {"name": name, "value": value})
            await tx.execute(statement, {name: value for name, value in given.items() if f":{name}" in statement})

    async with db.read() as tx:
        keys = (await tx.execute(_KEYS, {"tables": list(_LARGE)})).fetchall()
    bought, *made_of_it = FILL
    for statement in (*(key.drop for key in keys), bought, "ANALYZE bought"):
        await run(statement)
    await asyncio.gather(*map(run, made_of_it))
    await asyncio.gather(*(run(key.make) for key in keys))
