"""What is read from the sums of `cells`: it costs pairs of days, not people."""

from collections.abc import Sequence

from services.metrics.domain.lifeline import NEVER
from shared.db.engine import ReadTx

# Pairs (days, how many).
Lengths = list[tuple[int, int]]


async def silences(tx: ReadTx, day: int) -> tuple[Lengths, Lengths]:
    """How long it took everybody from each day with a purchase to the next: those that ended by `day`, those going on.

    Each customer has one that goes on.
    """
    return _lengths(await _grouped(tx, "day", day))


async def second_orders(tx: ReadTx, day: int) -> tuple[Lengths, Lengths]:
    """How long it took from the first order to the second, on the same day perhaps: ended by `day`, and going on."""
    return _lengths(await _grouped(tx, "repeat", day))


async def _grouped(tx: ReadTx, kind: str, day: int) -> Sequence[tuple[int, bool, int]]:
    rows = await tx.execute(
        """
        SELECT CASE WHEN next_day <= :day THEN next_day ELSE :day END - day AS days, next_day <= :day AS is_over,
               CAST(sum(customers) AS bigint) AS customers
        FROM cells WHERE kind = :kind AND day > :never AND day <= :day GROUP BY 1, 2
        """,
        {"kind": kind, "day": day, "never": NEVER},
    )
    return [tuple(row) for row in rows]


def _lengths(rows: Sequence[tuple[int, bool, int]]) -> tuple[Lengths, Lengths]:
    ended = [(days, number) for days, is_over, number in rows if is_over]
    return ended, [(days, number) for days, is_over, number in rows if not is_over]


async def silent_then(tx: ReadTx, then: int, until: int) -> list[tuple[int, bool, int]]:
    """Customers of the end of day `then`: for how long they had been silent, whether they bought again by `until`."""
    rows = await tx.execute(
        """
        SELECT :then - day AS days, next_day <= :until AS is_back, CAST(sum(customers) AS bigint) AS customers
        FROM cells WHERE kind = 'day' AND day > :never AND day <= :then AND next_day > :then GROUP BY 1, 2
        """,
        {"then": then, "until": until, "never": NEVER},
    )
    return [tuple(row) for row in rows]


async def again_within(tx: ReadTx, windows: Sequence[int], day: int) -> list[tuple[int, int, int]]:
    """By window: customers whose first order is at least so many days before `day`, and who ordered again within it."""
    columns = ", ".join(
        f"CAST(coalesce(sum(customers) FILTER (WHERE {old} AND next_day - day <= {days}), 0) AS bigint), "
        f"CAST(coalesce(sum(customers) FILTER (WHERE {old}), 0) AS bigint)"
        for days in windows
        for old in (f"day <= :day - {days}",)
    )
    # A second order that is not there yet is later than any window, and its day less another would overflow.
    rows = await tx.execute(
        f"SELECT {columns} FROM (SELECT day, CAST(next_day AS bigint) AS next_day, customers FROM cells "
        "WHERE kind = 'repeat' AND day <= :day) AS c",
        {"day": day},
    )
    row = rows.one()
    return [(days, row[2 * place], row[2 * place + 1]) for place, days in enumerate(windows)]
