"""What figures are read from: sums by day, never people."""

from collections.abc import Sequence

from services.metrics.subscriptions.domain.people import Ended
from services.metrics.subscriptions.domain.stream import DaySum
from shared.db.engine import ReadTx


async def moves(tx: ReadTx, first: int, last: int) -> list[DaySum]:
    """Movements up to `last`, day by day from `first` on; all before together, on the day before `first`."""
    rows = await tx.execute(
        """
        SELECT greatest(day, :first - 1) AS day, kind, cause, currency,
               CAST(sum(people) AS bigint) AS people, sum(minor) AS minor
        FROM subscription_moves WHERE day <= :last GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
        {"first": first, "last": last},
    )
    return [DaySum(row.day, row.kind, row.cause, row.currency, row.people, int(row.minor)) for row in rows]


async def ended(tx: ReadTx, first: int, last: int) -> list[Ended]:
    """Times of subscribing that ended within days."""
    rows = await tx.execute(
        "SELECT started, ended, back, cause, people FROM subscription_spells WHERE ended BETWEEN :first AND :last",
        {"first": first, "last": last},
    )
    return [Ended(row.started, row.ended, row.back, row.cause, row.people) for row in rows]


async def cohorts(tx: ReadTx, first: int, last: int) -> Sequence[tuple[int, int, str, int, int]]:
    """Changes up to `last` of months from `first` on: (month, month of the change, currency, people, minor units)."""
    rows = await tx.execute(
        """
        SELECT month, CAST(date_trunc('month', date '1970-01-01' + day) AS date) - date '1970-01-01' AS changed,
               currency, CAST(sum(people) AS bigint) AS people, sum(minor) AS minor
        FROM subscription_cohorts WHERE month >= :first AND day <= :last GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
        {"first": first, "last": last},
    )
    return [(row.month, row.changed, row.currency, row.people, int(row.minor)) for row in rows]


async def first_day(tx: ReadTx) -> int | None:
    """The first day with a movement (primary key)."""
    day: int | None = (await tx.execute("SELECT min(day) FROM subscription_moves")).scalar_one()
    return day
