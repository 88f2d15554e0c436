"""What no sum holds: who bought when, everybody looked at. Made now and then and kept, never for each read.

A person is looked at under all their keys at once, so nothing here changes with the order of merges.
"""

from collections.abc import Sequence
from typing import Any

from services.metrics.domain.purchases import SEVERAL
from services.metrics.domain.tallies import MAX_NTH
from services.metrics.retention.domain.survival import GROUPS
from services.metrics.satisfaction.repository.members import PERSONS
from shared.db.engine import ReadTx

# Sorting in memory what would otherwise go through files; compiling costs more than it saves.
_ROOM = "SELECT set_config('work_mem', '96MB', true), set_config('jit', 'off', true)"
_LINES = """
    SELECT coalesce(k.root_id, a.customer) AS person, l.day, l.currency, l.orders, l.net
    FROM activity a LEFT JOIN identity k ON k.raw_id = a.customer
    CROSS JOIN LATERAL unnest(a.days, a.currencies, a.counts, a.nets) AS l(day, currency, orders, net)
    WHERE l.day <= :day
"""


async def chains(tx: ReadTx, day: int, first: int, places: Sequence[int]) -> list[list[int]]:
    """Rows (cohort, periods later, bought, last, unbroken) of `cohorts.Seen`, of cohorts from the day `first` on.

    `places` are the places of the periods of the days from `first` to `day`.
    """
    await tx.execute(_ROOM)
    rows = await tx.execute(
        f"""
        WITH did AS (
            SELECT DISTINCT person,
                   CASE WHEN day < :first THEN -1 ELSE (CAST(:places AS int[]))[day - :first + 1] END AS place
            FROM ({_LINES}) AS l
        ), chain AS (
            SELECT place, first_value(place) OVER own AS cohort, row_number() OVER own AS nth,
                   lead(place) OVER own IS NULL AS is_last
            FROM did WINDOW own AS (PARTITION BY person ORDER BY place)
        )
        SELECT cohort, place - cohort AS later, count(*) AS bought, count(*) FILTER (WHERE is_last) AS last,
               count(*) FILTER (WHERE place - cohort = nth - 1) AS unbroken
        FROM chain WHERE cohort >= 0 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {"day": day, "first": first, "places": list(places)},
    )
    return [list(row) for row in rows]


async def grouped_silences(tx: ReadTx, day: int) -> list[list[int]]:
    """Rows (group, days, 1 if it ended by `day`, how many) of silences, by groups of persons."""
    await tx.execute(_ROOM)
    rows = await tx.execute(
        f"""
        WITH silence AS (
            SELECT person, day, lead(day) OVER (PARTITION BY person ORDER BY day) AS next_day
            FROM (SELECT DISTINCT person, day FROM ({_LINES}) AS l) AS d
        )
        SELECT get_byte(uuid_send(person), 15) % {GROUPS} AS part, coalesce(next_day, :day) - day AS days,
               CAST(next_day IS NOT NULL AS int) AS is_over, count(*) AS silences
        FROM silence GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        {"day": day},
    )
    return [list(row) for row in rows]


async def next_orders(tx: ReadTx, day: int) -> list[list[int]]:
    """Rows (nth, days, 1 if the next order came by `day`, customers): from the nth order to the next, from the second.

    Several orders of one day follow one another at once.
    """
    await tx.execute(_ROOM)
    days = range(2, MAX_NTH + 2)
    nths = ", ".join(f"min(day) FILTER (WHERE upto >= {nth}) AS d{nth}" for nth in days)
    pairs = ", ".join(f"({nth}, d{nth}, d{nth + 1})" for nth in days[:-1])
    rows = await tx.execute(
        f"""
        WITH chain AS (
            SELECT person, day, sum(sum(orders)) OVER (PARTITION BY person ORDER BY day) AS upto
            FROM ({_LINES}) AS l GROUP BY person, day
        ), nth AS (SELECT {nths} FROM chain GROUP BY person HAVING max(upto) >= 2)
        SELECT p.nth, coalesce(p.till, :day) - p.since AS days, CAST(p.till IS NOT NULL AS int) AS is_over,
               count(*) AS customers
        FROM nth CROSS JOIN LATERAL (VALUES {pairs}) AS p(nth, since, till)
        WHERE p.since IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        {"day": day},
    )
    return [list(row) for row in rows]


async def scores(tx: ReadTx, day: int) -> list[list[Any]]:
    """Rows (currency, customers, cut points of recency, frequency and money, groups) as `rfm.Crowd` has them.

    Customers who bought in several currencies are under `*`; what they spent is no sum, and they have no groups. Money
    is rounded up to three significant digits, as `tallies.ceiling` does.
    """
    await tx.execute(_ROOM)
    rows = await tx.execute(
        f"""
        WITH bought AS (
            SELECT person, max(day) AS last, CAST(sum(orders) AS int) AS orders, CAST(sum(net) AS numeric) AS net,
                   CASE WHEN min(currency) = max(currency) THEN min(currency) ELSE :several END AS currency
            FROM ({_LINES}) AS l GROUP BY person
        ), person AS MATERIALIZED (
            SELECT b.*, least(div(net + step - 1, step) * step, 9223372036854775807) AS worth
            FROM bought b CROSS JOIN LATERAL (
                SELECT CAST(rpad('1', greatest(length(CAST(net AS text)) - 2, 1), '0') AS numeric) AS step
            ) AS s
        ), cuts AS MATERIALIZED (
            SELECT currency, count(*) AS customers,
                   percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY last) AS recency,
                   percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY orders)
                       FILTER (WHERE orders > 1) AS frequency,
                   percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY worth)
                       FILTER (WHERE currency <> :several) AS money
            FROM person GROUP BY currency
        ), scored AS (
            SELECT currency, 1 + width_bucket(last - 1, recency) AS r,
                   CASE WHEN orders <= 1 THEN 1 ELSE 2 + width_bucket(orders - 1, frequency) END AS f,
                   1 + width_bucket(net - 1, money) AS m,
                   count(*) AS customers, sum(orders) AS orders, sum(net) AS net, sum(:day - last) AS away
            FROM person JOIN cuts USING (currency) WHERE currency <> :several GROUP BY 1, 2, 3, 4
        )
        SELECT c.currency, c.customers, c.recency, coalesce(c.frequency, '{{}}') AS frequency,
               coalesce(CAST(c.money AS text[]), '{{}}') AS money,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(r, f, m, s.customers, orders, CAST(net AS text), away)
                       ORDER BY r, f, m), '[]') FROM scored s WHERE s.currency = c.currency) AS groups
        FROM cuts c ORDER BY c.customers DESC, c.currency
        """,
        {"day": day, "several": SEVERAL},
    )
    return [list(row) for row in rows]


async def last_purchases(tx: ReadTx, day: int) -> list[tuple[str | None, list[int], list[int]]]:
    """By segment as of now: days of the last purchase up to `day`, and how many customers have each.

    Rows (segment, days, customers); null is customers in no segment.
    """
    await tx.execute(_ROOM)
    rows = await tx.execute(
        f"""
        WITH counted AS (
            SELECT m.segment_id, last, count(*) AS customers
            FROM (SELECT person, max(day) AS last FROM ({_LINES}) AS l GROUP BY person) AS p
            LEFT JOIN ({PERSONS}) AS m USING (person) GROUP BY 1, 2
        )
        SELECT CAST(segment_id AS text) AS segment, array_agg(last ORDER BY last) AS days,
               array_agg(customers ORDER BY last) AS customers
        FROM counted GROUP BY segment_id ORDER BY segment_id
        """,
        {"day": day, "segments": None},
    )
    return [tuple(row) for row in rows]
