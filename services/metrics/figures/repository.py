"""All SQL of the figures. Totals are read from `cells` and `day_money` alone: the cost depends on days, not people."""

from collections.abc import Collection, Sequence
from uuid import UUID

from services.metrics.domain.calendar import Period, PeriodDays
from services.metrics.domain.lifeline import NEVER
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


async def people(tx: ReadTx, day: int, windows: Sequence[int]) -> People:
    """Customers up to a day. Each of them has one cell that the day lies in, from the last purchase to the next.

    As of today these are the open cells alone, one for each day of the firm's life, however many customers it has.
    """
    rows = await tx.execute(
        """
        SELECT w.days, CAST(coalesce(sum(c.customers), 0) AS bigint) AS customers,
               CAST(coalesce(sum(c.customers) FILTER (WHERE c.day > :day - w.days), 0) AS bigint) AS active,
               (SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells
                WHERE kind = 'repeat' AND day <= :day AND next_day > :day) AS once_only
        FROM unnest(CAST(:windows AS int[])) AS w(days)
        LEFT JOIN cells c ON c.kind = 'day' AND c.day > :never AND c.day <= :day AND c.next_day > :day
        GROUP BY w.days
        """,
        {"day": day, "never": NEVER, "windows": list(windows)},
    )
    found = rows.fetchall()
    return People(found[0].customers, found[0].once_only, {row.days: row.active for row in found})


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
        "SELECT next_day, CAST(sum(customers) AS bigint) AS customers FROM cells "
        "WHERE kind = 'repeat' AND next_day <= :day GROUP BY next_day",
        {"day": day},
    )
    return [(row.next_day, row.customers) for row in rows]


async def active_changes(tx: ReadTx, first: int, last: int, window: int) -> list[tuple[int, int]]:
    """Rows (day, difference) that sum to the active customers of each day from `first` to `last`.

    Each cell makes its customers active from its day until the window has passed or the next purchase comes.
    """
    rows = await tx.execute(
        """
        WITH spans AS (
            SELECT day, LEAST(next_day, day + :window) AS until, customers FROM cells
            WHERE kind = 'day' AND day > :never AND day <= :last AND LEAST(next_day, day + :window) > :first
        )
        SELECT day, CAST(sum(customers) AS bigint) AS customers FROM spans GROUP BY day
        UNION ALL
        SELECT until, CAST(-sum(customers) AS bigint) FROM spans GROUP BY until
        """,
        {"first": first, "last": last, "window": window, "never": NEVER},
    )
    return [(row.day, row.customers) for row in rows]


async def orders_of(tx: ReadTx, customers: Collection[UUID]) -> list[Order]:
    """All orders placed under these person keys (index orders_customer)."""
    rows = await tx.execute(
        "SELECT " + ", ".join(ORDER_COLUMNS) + " FROM orders WHERE customer = ANY(CAST(:customers AS uuid[]))",
        {"customers": list(customers)},
    )
    return [order_of_row(row) for row in rows]
