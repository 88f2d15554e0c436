"""What is read from sums. Of past days from `cells`, which costs pairs of days; as of today from tallies, which costs
days. Neither costs people.
"""

from collections.abc import Sequence
from typing import Any

from services.metrics.domain.calendar import Period
from services.metrics.domain.lifeline import NEVER, NOT_YET
from services.metrics.domain.purchases import SEVERAL
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


async def is_ahead(tx: ReadTx, day: int) -> bool:
    """Whether purchases are known of days after this one: tallies have them too. Each is the end of some cell."""
    rows = await tx.execute(
        "SELECT EXISTS (SELECT FROM cells WHERE kind = 'day' AND next_day > :day AND next_day < :not_yet)",
        {"day": day, "not_yet": NOT_YET},
    )
    return bool(rows.scalar_one())


async def live_silences(tx: ReadTx, day: int) -> tuple[Lengths, Lengths]:
    """What `silences` answers."""
    return await _tallied(tx, "silence", 0), await _open(tx, "day", day)


async def live_second_orders(tx: ReadTx, day: int) -> tuple[Lengths, Lengths]:
    """What `second_orders` answers."""
    return await _tallied(tx, "waited", 1), await _open(tx, "repeat", day)


async def _tallied(tx: ReadTx, kind: str, part: int) -> Lengths:
    rows = await tx.execute(
        "SELECT array_agg(place) AS places, array_agg(customers) AS customers FROM life_sums "
        "WHERE kind = :kind AND part = :part",
        {"kind": kind, "part": part},
    )
    row = rows.one()
    return _pairs(row.places, row.customers)


async def _open(tx: ReadTx, kind: str, day: int) -> Lengths:
    """For how many days those have been waiting of whom nothing has come since."""
    rows = await tx.execute(
        "SELECT array_agg(:day - day) AS days, array_agg(customers) AS customers FROM cells "
        "WHERE kind = :kind AND next_day = :not_yet AND day > :never",
        {"day": day, "kind": kind, "not_yet": NOT_YET, "never": NEVER},
    )
    row = rows.one()
    return _pairs(row.days, row.customers)


def _pairs(places: list[int] | None, customers: list[int] | None) -> Lengths:
    # By column: of many rows, which is read four times as fast.
    return list(zip(places or (), customers or (), strict=True))


async def first_days(tx: ReadTx) -> Lengths:
    """How many customers bought for the first time on each day."""
    rows = await tx.execute(
        "SELECT array_agg(next_day) AS days, array_agg(customers) AS customers FROM cells "
        "WHERE kind = 'day' AND day = :never",
        {"never": NEVER},
    )
    row = rows.one()
    return _pairs(row.days, row.customers)


async def live_next_orders(tx: ReadTx, day: int) -> list[list[int]]:
    """What `scans.next_orders` answers."""
    rows = await tx.execute(
        """
        SELECT part, kind = 'waited' AS is_over,
               array_agg(CASE kind WHEN 'waited' THEN place ELSE :day - place END) AS days,
               array_agg(customers) AS customers
        FROM life_sums WHERE kind IN ('waited', 'waiting') AND part > 1 GROUP BY 1, 2
        """,
        {"day": day},
    )
    return [
        [row.part, days, int(row.is_over), customers]
        for row in rows
        for days, customers in zip(row.days, row.customers, strict=True)
    ]


async def cohorts(tx: ReadTx, period: Period, first: int) -> list[list[int]]:
    """Rows (cohort, periods later, bought, last, unbroken) of the cohorts from the place `first` on."""
    rows = await tx.execute(
        """
        SELECT part, place, CAST(coalesce(sum(customers) FILTER (WHERE kind = :did), 0) AS bigint),
               CAST(coalesce(sum(customers) FILTER (WHERE kind = :last), 0) AS bigint),
               CAST(coalesce(sum(customers) FILTER (WHERE kind = :every), 0) AS bigint)
        FROM life_sums WHERE kind IN (:did, :last, :every) AND part >= :first GROUP BY part, place
        """,
        {"did": f"on.{period}", "last": f"last.{period}", "every": f"every.{period}", "first": first},
    )
    return [[row[0] - first, *row[1:]] for row in rows]


async def scores(tx: ReadTx, day: int) -> list[list[Any]]:
    """Rows (currency, customers, cut points of recency, frequency and money, groups) as `rfm.Crowd` has them.

    Groups are of recency and frequency. Who bought in several currencies is under `*`, without groups.
    """
    rows = await tx.execute(
        f"""
        WITH lasts AS ({_cuts("rfm_crowds", "last_day", 5)}),
             often AS ({_cuts("rfm_crowds", "orders", 4, "WHERE orders > 1")}),
             money AS ({_cuts("rfm_worths", "ceiling_minor", 5)}),
        cuts AS MATERIALIZED (
            SELECT currency, CAST(lasts.customers AS bigint) AS customers, lasts.cuts AS recency,
                   coalesce(often.cuts, '{{}}') AS frequency, coalesce(CAST(money.cuts AS text[]), '{{}}') AS money
            FROM lasts LEFT JOIN often USING (currency) LEFT JOIN money USING (currency)
        ), scored AS (
            SELECT currency, 1 + width_bucket(last_day - 1, recency) AS r,
                   CASE WHEN orders <= 1 THEN 1 ELSE 2 + width_bucket(orders - 1, frequency) END AS f,
                   sum(s.customers) AS customers, sum(s.orders * s.customers) AS orders, sum(net_minor) AS net,
                   sum((:day - last_day) * s.customers) AS away
            FROM rfm_crowds s JOIN cuts USING (currency) WHERE currency <> :several GROUP BY 1, 2, 3
        )
        SELECT c.currency, c.customers, c.recency, c.frequency, c.money,
               (SELECT coalesce(jsonb_agg(jsonb_build_array(r, f, s.customers, orders, CAST(net AS text), away)
                       ORDER BY r, f), '[]') FROM scored s WHERE s.currency = c.currency) AS groups
        FROM cuts c ORDER BY c.customers DESC, c.currency
        """,
        {"day": day, "several": SEVERAL},
    )
    return [list(row) for row in rows]


def _cuts(table: str, column: str, parts: int, where: str = "") -> str:
    """By currency the smallest values that one, two, … of so many parts of its customers do not exceed."""
    each = ", ".join(f"min(value) FILTER (WHERE upto * {parts} >= whole * {part})" for part in range(1, parts))
    return f"""
        SELECT currency, max(whole) AS customers, ARRAY[{each}] AS cuts FROM (
            SELECT currency, {column} AS value,
                   sum(sum(customers)) OVER (PARTITION BY currency ORDER BY {column}) AS upto,
                   sum(sum(customers)) OVER (PARTITION BY currency) AS whole
            FROM {table} {where} GROUP BY currency, {column}
        ) AS cumulated GROUP BY currency
    """
