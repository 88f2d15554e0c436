"""All SQL of the figures. Totals are read from `cells` and `day_money` alone: the cost depends on days, not people."""

from collections.abc import Collection, Sequence
from uuid import UUID

from services.metrics.domain.calendar import Period, PeriodDays
from services.metrics.domain.lifeline import NEVER
from services.metrics.domain.order_rows import ORDER_COLUMNS, order_of_row
from services.metrics.domain.orders import Order
from services.metrics.domain.people import Lifecycle, People
from services.metrics.domain.totals import Totals
from shared.db.engine import ReadTx


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
    """Customers up to a day.

    As of today only cells that nothing follows are touched (primary key), one for each day of the firm's life.
    """
    row = (
        await tx.execute(
            """
            SELECT
                (SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells
                 WHERE kind = 'day' AND day = :never AND next_day <= :day) AS customers,
                (SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells
                 WHERE kind = 'repeat' AND day <= :day AND next_day > :day) AS once_only,
                ARRAY(
                    SELECT (SELECT CAST(coalesce(sum(customers), 0) AS bigint) FROM cells
                            WHERE kind = 'day' AND next_day > :day AND day <= :day AND day > :day - w.days)
                    FROM unnest(CAST(:windows AS int[])) WITH ORDINALITY AS w(days, nth) ORDER BY nth
                ) AS active
            """,
            {"day": day, "never": NEVER, "windows": list(windows)},
        )
    ).one()
    return People(row.customers, row.once_only, dict(zip(windows, row.active, strict=True)))


async def lifecycles(tx: ReadTx, periods: Sequence[PeriodDays], day: int) -> dict[tuple[Period, int], Lifecycle]:
    """What customers did up to `day` in each of the periods, by kind and first day.

    Cells of weeks and months know nothing of days: people who came into a period only after `day` are taken out of it
    again, with the cells of days. As of today there are none, and both indexes of `cells` lead to the rows at once.
    """
    rows = await tx.execute(
        """
        WITH p AS (
            SELECT * FROM unnest(CAST(:periods AS text[]), CAST(:starts AS int[]), CAST(:befores AS int[]),
                                 CAST(:ends AS int[])) AS p(period, start, before, "end")
        ), late AS (
            SELECT p.*, c.day, c.customers FROM p
            JOIN cells c ON c.kind = 'day' AND c.next_day > :day AND c.next_day < p."end" AND c.day < p.start
            WHERE p."end" > :day + 1
        ), moves AS (
            SELECT p.*, c.day, c.customers FROM p JOIN cells c ON c.kind = p.period AND c.next_day = p.start
            UNION ALL
            SELECT period, start, before, "end", day, -customers FROM late
        )
        SELECT period, start, CAST(sum(customers) AS bigint) AS customers,
               CASE WHEN day = :never THEN 'new' WHEN day >= before THEN 'returning' ELSE 'resurrecting' END AS did
        FROM moves GROUP BY 1, 2, 4
        UNION ALL
        SELECT period, start, CAST(sum(customers) AS bigint), 'dormant' FROM (
            SELECT p.period, p.start, c.customers FROM p
            JOIN cells c ON c.kind = p.period AND c.day = p.before AND c.next_day > p.start
            UNION ALL
            SELECT period, start, customers FROM late WHERE day >= before
        ) AS gone GROUP BY 1, 2
        """,
        {
            "periods": [each.period for each in periods],
            "starts": [each.start for each in periods],
            "befores": [each.before for each in periods],
            "ends": [each.end for each in periods],
            "day": day,
            "never": NEVER,
        },
    )
    found: dict[tuple[Period, int], dict[str, int]] = {(each.period, each.start): {} for each in periods}
    for row in rows:
        found[row.period, row.start][row.did] = row.customers
    return {period: Lifecycle(**numbers) for period, numbers in found.items()}


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
