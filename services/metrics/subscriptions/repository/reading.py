"""What figures are read from: sums by day, never people."""

from services.metrics.subscriptions.domain.cohorts import Change
from services.metrics.subscriptions.domain.lives import NEVER
from services.metrics.subscriptions.domain.people import Ended
from services.metrics.subscriptions.domain.stream import DaySum
from services.metrics.subscriptions.domain.worth import Aged
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
    """Subscriptions of a currency by renewals, as of the end of `last`: lost at one, or still there after it.

    A month is over on the same day of the next one, or on the first day that comes after it.
    """
    rows = await tx.execute(
        f"""
        WITH dated AS (
            SELECT people, minor, period, ended, CAST(substr(period, 2) AS int) AS length,
                   date '1970-01-01' + started AS began, date '1970-01-01' + least(ended, :last) AS closed,
                   date '1970-01-01' + CAST(:last AS int) AS today
            FROM subscription_terms WHERE currency = :currency AND started <= :last
        ), ages AS (
            SELECT people, minor, period, ended,
                   greatest(1, CAST(ceil({_since_began("closed", ">")} / length) AS int)) AS lost_at,
                   CAST(floor({_since_began("today", "<")} / length) AS int) AS done
            FROM dated
        )
        SELECT period, least(CASE WHEN ended <= :last THEN lost_at ELSE done END, done) AS renewals,
               ended <= :last AND lost_at <= done AS is_lost, ended = :never AS is_open,
               CAST(sum(people) AS bigint) AS people, sum(minor) AS minor
        FROM ages GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
        {"currency": currency, "last": last, "never": NEVER},
    )
    return [Aged(row.period, row.renewals, row.is_lost, row.is_open, row.people, int(row.minor)) for row in rows]


def _since_began(to: str, beyond: str) -> str:
    """Months from when it began (days, where is paid by days): with `>` a month that has begun counts, with `<` not."""
    months = " + ".join(
        (
            f"12 * (extract(year FROM {to}) - extract(year FROM began))",
            f"extract(month FROM {to}) - extract(month FROM began)",
            f"CAST(extract(day FROM {to}) {beyond} extract(day FROM began) AS int) * {1 if beyond == '>' else -1}",
        )
    )
    return f"CASE WHEN period LIKE 'm%' THEN {months} ELSE CAST({to} - began AS numeric) END"
