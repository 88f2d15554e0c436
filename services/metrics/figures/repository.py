"""All SQL of the figures. Totals are read from sums by day alone: the cost depends on days, not people."""

from collections.abc import Collection, Sequence
from uuid import UUID

from services.metrics.domain.calendar import Period, PeriodDays
from services.metrics.domain.lifeline import NEVER, NOT_YET
from services.metrics.domain.people import Lifecycle, People
from services.metrics.domain.totals import Totals
from shared.db.engine import ReadTx
from shared.events.orders import ORDER_COLUMNS, Order, order_of_row


async def totals(tx: ReadTx, day: int) -> list[Totals]:
    """Orders and money up to a day, per currency."""
    rows = await tx.execute(
        """
        SELECT currency, CAST(sum(orders) AS bigint) AS orders,
               sum(gross_minor) AS gross, sum(refunds_minor) AS refunds,
               CAST(sum(unmatched) AS bigint) AS unmatched,
               min(day) FILTER (WHERE orders > 0) AS first_day, max(day) FILTER (WHERE orders > 0) AS last_day
        FROM day_money WHERE day <= :day GROUP BY currency ORDER BY currency
        """,
        {"day": day},
    )
    return [
        Totals(row.currency, row.orders, int(row.gross), int(row.refunds), row.unmatched, row.first_day, row.last_day)
        for row in rows
    ]


async def money_by_day(tx: ReadTx, first: int, last: int) -> list[tuple[int, str, int, int, int]]:
    """Rows (day, currency, orders, gross, refunds) of the days from `first` to `last`."""
    rows = await tx.execute(
        "SELECT day, currency, orders, gross_minor, refunds_minor FROM day_money WHERE day BETWEEN :first AND :last",
        {"first": first, "last": last},
    )
    return [(row.day, row.currency, row.orders, int(row.gross_minor), int(row.refunds_minor)) for row in rows]


async def customers(tx: ReadTx, day: int) -> int:
    """How many people have bought up to a day."""
    rows = await tx.execute(
        "SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells "
        "WHERE kind = 'day' AND day = :never AND next_day <= :day",
        {"day": day, "never": NEVER},
    )
    return int(rows.scalar_one())


async def people(tx: ReadTx, day: int, windows: Sequence[int]) -> People:
    """Customers up to a day, and those who bought in the last days before its end.

    As of today the latter are read from the open cells, one for each day of the firm's life. As of a past day they are
    all who bought on each day of the window, less those who bought again within it, so as not to count them twice.
    """
    rows = await tx.execute(
        """
        WITH later AS MATERIALIZED (
            SELECT EXISTS (SELECT FROM cells WHERE kind = 'day' AND next_day > :day AND next_day < :not_yet) AS is_so
        )
        SELECT w.days, CAST(coalesce(CASE WHEN later.is_so THEN (
                   SELECT sum(customers) FROM life_sums
                   WHERE kind = 'buyers' AND part = 0 AND place > :day - w.days AND place <= :day
               ) - coalesce((
                   SELECT sum(customers) FROM cells WHERE kind = 'day' AND day > :day - w.days AND next_day <= :day
               ), 0) ELSE (
                   SELECT sum(customers) FROM cells WHERE kind = 'day' AND next_day = :not_yet AND day > :day - w.days
               ) END, 0) AS bigint) AS active,
               (SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM life_sums
                WHERE kind = 'second' AND part = 0 AND place <= :day) AS again
        FROM later CROSS JOIN unnest(CAST(:windows AS int[])) AS w(days)
        """,
        {"day": day, "not_yet": NOT_YET, "windows": list(windows)},
    )
    ever, found = await customers(tx, day), rows.fetchall()
    return People(ever, ever - found[0].again, {row.days: row.active for row in found})


async def lifecycles(tx: ReadTx, periods: Sequence[PeriodDays], day: int) -> dict[tuple[Period, int], Lifecycle]:
    """What customers did up to `day` in each of the periods, by kind and first day.

    Cells of weeks and months know nothing of days: people who came into a period only after `day` are taken out of it
    again, with the cells of days. As of today there are none, and a running period is read from a handful of cells.
    """
    rows = await tx.execute(
        """
        WITH p AS (
            SELECT * FROM unnest(CAST(:periods AS text[]), CAST(:starts AS int[]), CAST(:befores AS int[]),
                                 CAST(:ends AS int[])) AS p(period, start, before, "end")
        ), late AS (
            SELECT p.*, c.day, c.customers FROM cells c
            JOIN p ON c.day < p.start AND c.next_day < p."end"
            WHERE c.kind = 'day' AND c.next_day > :day AND c.next_day < :last_end
        ), did AS (
            SELECT p.period, p.start, 'buyers' AS what, c.customers FROM p
            JOIN cells c ON c.kind = p.period AND c.day = p.start
            UNION ALL
            SELECT p.period, p.start, 'new', c.customers FROM p
            JOIN cells c ON c.kind = p.period AND c.day = :never AND c.next_day = p.start
            UNION ALL
            SELECT p.period, p.start, CASE WHEN c.next_day = p.start THEN 'returning' ELSE 'dormant' END, c.customers
            FROM p JOIN cells c ON c.kind = p.period AND c.day = p.before
            UNION ALL
            SELECT period, start, 'buyers', -customers FROM late
            UNION ALL
            SELECT period, start, 'new', -customers FROM late WHERE day = :never
            UNION ALL
            SELECT period, start, 'returning', -customers FROM late WHERE day >= before
            UNION ALL
            SELECT period, start, 'dormant', customers FROM late WHERE day >= before
        )
        SELECT period, start, what, CAST(sum(customers) AS bigint) AS customers FROM did GROUP BY period, start, what
        """,
        {
            "periods": [each.period for each in periods],
            "starts": [each.start for each in periods],
            "befores": [each.before for each in periods],
            "ends": [each.end for each in periods],
            "last_end": max(each.end for each in periods),
            "day": day,
            "never": NEVER,
        },
    )
    found: dict[tuple[Period, int], dict[str, int]] = {(each.period, each.start): {} for each in periods}
    for row in rows:
        found[row.period, row.start][row.what] = row.customers
    return {period: Lifecycle.of(**numbers) for period, numbers in found.items()}


async def first_purchases(tx: ReadTx, day: int) -> list[tuple[int, int]]:
    """Rows (day, customers whose first purchase it was), up to `day`."""
    rows = await tx.execute(
        "SELECT next_day, customers FROM cells WHERE kind = 'day' AND day = :never AND next_day <= :day",
        {"day": day, "never": NEVER},
    )
    return [(row.next_day, row.customers) for row in rows]


async def second_purchases(tx: ReadTx, day: int) -> list[tuple[int, int]]:
    """Rows (day, customers whose second purchase was on it), up to `day`."""
    rows = await tx.execute(
        "SELECT place, customers FROM life_sums WHERE kind = 'second' AND part = 0 AND place <= :day", {"day": day}
    )
    return [(row.place, row.customers) for row in rows]


async def active_changes(tx: ReadTx, first: int, last: int, window: int) -> list[tuple[int, int]]:
    """Rows (day, difference) that sum to the active customers of each day from `first` to `last`.

    Whoever buys on a day is active from it on, until the window has passed; but for those who buy again within it, who
    are until then.
    """
    rows = await tx.execute(
        """
        WITH bought AS (
            SELECT place AS day, customers FROM life_sums
            WHERE kind = 'buyers' AND part = 0 AND place > CAST(:first AS int) - CAST(:window AS int) AND place <= :last
        ), again AS (
            SELECT b.day, c.next_day, c.customers FROM bought b CROSS JOIN LATERAL (
                SELECT next_day, customers FROM cells
                WHERE kind = 'day' AND day = b.day AND next_day < b.day + CAST(:window AS int) AND next_day <= :last
                OFFSET 0
            ) AS c
        )
        SELECT day, customers FROM bought
        UNION ALL
        SELECT day + CAST(:window AS int), -customers FROM bought
        UNION ALL
        SELECT coalesce(day + CAST(:window AS int), next_day),
               CAST(CASE WHEN day IS NULL THEN -sum(customers) ELSE sum(customers) END AS bigint)
        FROM again GROUP BY GROUPING SETS ((day), (next_day))
        """,
        {"first": first, "last": last, "window": window},
    )
    return [(row.day, row.customers) for row in rows]


async def orders_of(tx: ReadTx, customers: Collection[UUID]) -> list[Order]:
    """All orders placed under these person keys (index orders_customer)."""
    rows = await tx.execute(
        "SELECT " + ", ".join(ORDER_COLUMNS) + " FROM orders WHERE customer = ANY(CAST(:customers AS uuid[]))",
        {"customers": list(customers)},
    )
    return [order_of_row(row) for row in rows]
