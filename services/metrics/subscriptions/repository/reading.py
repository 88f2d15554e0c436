"""What figures are read from: sums by day, never people. By column: of thousands of rows, which is read five times
as fast. Money is numeric, and travels as text: no number of JSON or of a machine word holds all of it.
"""

from itertools import chain, repeat

from services.metrics.subscriptions.domain.cohorts import Change
from services.metrics.subscriptions.domain.lives import PEOPLE
from services.metrics.subscriptions.domain.people import Ended, all_ended
from services.metrics.subscriptions.domain.stream import DaySum
from services.metrics.subscriptions.domain.worth import Aged, by_renewals
from shared.db.engine import ReadTx

_WANTED = "CASE currency WHEN :people THEN :with_people ELSE CAST(:only AS text) IS NULL OR currency = :only END"


async def moves(
    tx: ReadTx, first: int, last: int, *, with_people: bool = True, only: str | None = None
) -> list[DaySum]:
    """Movements up to `last`, day by day from `first` on; all before together, on the day before `first`.

    Not `with_people`: of money alone. `only`: no money but in this currency.
    """
    rows = await tx.execute(
        f"""
        SELECT kind, cause, currency, array_agg(day) AS days, array_agg(people) AS people,
               array_agg(CAST(minor AS text)) AS minors
        FROM (
            SELECT CAST(:first - 1 AS int) AS day, kind, cause, currency, CAST(sum(people) AS bigint) AS people,
                   sum(minor) AS minor
            FROM subscription_moves WHERE day < least(:first, :last + 1) AND {_WANTED} GROUP BY 2, 3, 4
            UNION ALL
            SELECT day, kind, cause, currency, people, minor FROM subscription_moves
            WHERE day BETWEEN :first AND :last AND {_WANTED}
        ) AS summed GROUP BY kind, cause, currency
        """,
        {"first": first, "last": last, "with_people": with_people, "people": PEOPLE, "only": only},
    )
    columns = (
        (row.days, repeat(row.kind), repeat(row.cause), repeat(row.currency), row.people, map(int, row.minors))
        for row in rows
    )
    return list(chain.from_iterable(map(DaySum, *each) for each in columns))


async def ended(tx: ReadTx, first: int, last: int) -> list[Ended]:
    """Times of subscribing that ended within days (primary keys).

    One by one those that began within them too, or were followed; all others as `all_ended` has it: of days there are
    as many pairs as their square.
    """
    rows = await tx.execute(
        """
        SELECT started, ended, back, cause, people FROM subscription_spells
        WHERE ended BETWEEN :first AND :last AND started >= :first
        UNION ALL
        SELECT CAST(:first - 1 AS int), ended, back, cause, CAST(sum(people) AS bigint) FROM subscription_spells
        WHERE ended BETWEEN :first AND :last AND started < :first AND back <= :last GROUP BY ended, back, cause
        """,
        {"first": first, "last": last},
    )
    within = [Ended(row.started, row.ended, row.back, row.cause, row.people) for row in rows]
    left = await tx.execute(
        "SELECT day, cause, people FROM subscription_moves "
        "WHERE day BETWEEN :first AND :last AND kind = 'churn' AND currency = :people",
        {"first": first, "last": last, "people": PEOPLE},
    )
    return all_ended({(row.day, row.cause): row.people for row in left}, within, first)


_MONTH = "CAST(date_trunc('month', date '1970-01-01' + day) AS date) - date '1970-01-01'"


async def cohorts(tx: ReadTx, first: int, last: int) -> list[Change]:
    """What changed up to `last`, month by month, of everybody who first came in a month from `first` on."""
    rows = await tx.execute(
        f"""
        SELECT month, {_MONTH} AS changed, currency, CAST(sum(people) AS bigint) AS people, sum(minor) AS minor
        FROM subscription_cohorts WHERE month BETWEEN :first AND :last AND day <= :last GROUP BY 1, 2, 3
        """,
        {"first": first, "last": last},
    )
    return [Change(row.month, row.changed, row.currency, row.people, int(row.minor)) for row in rows]


async def came(tx: ReadTx, first: int, last: int) -> list[Change]:
    """Who came for the first time within days, and what they brought as they came, by month."""
    rows = await tx.execute(
        f"""
        SELECT {_MONTH} AS month, currency, CAST(sum(people) AS bigint) AS people, sum(minor) AS minor
        FROM subscription_moves WHERE kind = 'new' AND day BETWEEN :first AND :last GROUP BY 1, 2
        """,
        {"first": first, "last": last},
    )
    return [Change(row.month, row.month, row.currency, row.people, int(row.minor)) for row in rows]


async def aged(tx: ReadTx, currency: str, last: int) -> list[Aged]:
    """Subscriptions of a currency by renewals, as of the end of `last`: lost at one, or still there after it."""
    rows = await tx.execute(
        """
        SELECT period, started, array_agg(lost_at) AS lost_at, array_agg(people) AS people,
               array_agg(CAST(minor AS text)) AS minors
        FROM subscription_terms WHERE currency = :currency AND started <= :last GROUP BY period, started
        """,
        {"currency": currency, "last": last},
    )
    return by_renewals(
        ((row.period, row.started, zip(row.lost_at, row.people, map(int, row.minors), strict=True)) for row in rows),
        last,
    )
