"""What customers have brought, by segment as of now: everybody is looked at, so it is counted rarely, and kept."""

from services.metrics.satisfaction.repository.members import PERSONS
from shared.db.engine import ReadTx

ALL, NONE, OVERLAP = "all", "none", "overlap"


async def brought(tx: ReadTx, day: int) -> list[tuple[str, str | None, int, str]]:
    """Rows (part, currency, customers, net): parts are segments by their id, and `all`, `none` and `overlap`.

    Net is of purchases up to a day, as text: no number of JSON is as large as money can be. A row without a currency
    counts the customers of a part. Who is in several segments is in `overlap` once for each beyond the first.
    """
    await tx.execute("SELECT set_config('work_mem', '96MB', true), set_config('jit', 'off', true)")
    rows = await tx.execute(
        f"""
        WITH bought AS MATERIALIZED (
            SELECT coalesce(k.root_id, a.customer) AS person, l.currency, sum(l.net) AS net
            FROM activity a LEFT JOIN identity k ON k.raw_id = a.customer
            CROSS JOIN LATERAL unnest(a.days, a.currencies, a.nets) AS l(day, currency, net)
            WHERE l.day <= :day GROUP BY 1, 2
        ), lines AS (
            SELECT * FROM bought UNION ALL SELECT DISTINCT person, CAST(NULL AS text), CAST(0 AS numeric) FROM bought
        ), members AS MATERIALIZED ({PERSONS}), times AS (
            SELECT person, count(*) AS segments FROM members GROUP BY person
        )
        SELECT CAST(m.segment_id AS text) AS part, currency, count(*) AS customers, sum(net) AS net
        FROM lines JOIN members m USING (person) GROUP BY 1, 2
        UNION ALL
        SELECT w.part, currency, CAST(sum(w.times) AS bigint), sum(net * w.times)
        FROM lines LEFT JOIN times USING (person) CROSS JOIN LATERAL (
            VALUES ('{ALL}', 1), ('{NONE}', CASE WHEN segments IS NULL THEN 1 ELSE 0 END), ('{OVERLAP}', segments - 1)
        ) AS w(part, times) WHERE w.times > 0 GROUP BY 1, 2
        """,
        {"day": day, "segments": None},
    )
    return [(row.part, row.currency, row.customers, str(int(row.net))) for row in rows]
