"""What days come to: read from the sums by day that figures are read from, never from customers."""

from services.metrics.domain.lifeline import NEVER
from shared.db.engine import ReadTx

# Of a purchase day: customers who bought on it, and those of them who bought nothing in the window after it.
Reached = dict[int, tuple[int, int]]


async def reached(tx: ReadTx, first: int, last: int, window: int) -> tuple[Reached, Reached]:
    """By the day on which the window was reached: all who could reach it, and those who had one order till then.

    A cell holds customers by the day they bought on and the one they bought on next; of first orders the cells of kind
    `repeat` know the second one, which may be on the same day. Both are found by (kind, day), which is an index.
    """
    rows = await tx.execute(
        """
        SELECT kind, day + :window AS day, CAST(sum(customers) AS bigint) AS at_risk,
               CAST(coalesce(sum(customers) FILTER (WHERE next_day > day + :window), 0) AS bigint) AS lapsed
        FROM cells WHERE kind IN ('day', 'repeat') AND day BETWEEN :first - :window AND :last - :window
            AND next_day > day
        GROUP BY kind, day
        """,
        {"first": first, "last": last, "window": window},
    )
    everybody: Reached = {}
    once: Reached = {}
    for row in rows:
        (everybody if row.kind == "day" else once)[row.day] = (row.at_risk, row.lapsed)
    return everybody, once


async def last_purchase(tx: ReadTx) -> int | None:
    """The last day on which anybody bought: of days after it nobody can say who came back and who did not."""
    rows = await tx.execute(
        "SELECT max(day) FROM cells WHERE kind = 'day' AND next_day = 2147483647 AND day > :never", {"never": NEVER}
    )
    found: int | None = rows.scalar_one()
    return found


async def first_answer(tx: ReadTx) -> int | None:
    """The first day of any answer."""
    rows = await tx.execute("SELECT min(day) FROM score_days WHERE dimension = 'all' AND NOT is_month")
    found: int | None = rows.scalar_one()
    return found
