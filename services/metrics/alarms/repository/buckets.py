"""What days come to: read from the sums by day that figures are read from, never from customers."""

from services.metrics.alarms.domain.mornings import Morning
from services.metrics.domain.lifeline import NEVER
from services.metrics.satisfaction.domain.tally import EVERYWHERE
from services.metrics.subscriptions.domain.lives import MOVEMENTS, PEOPLE
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
    rows = await tx.execute(
        "SELECT min((SELECT min(s.day) FROM score_days s WHERE s.slot = k.slot AND NOT s.is_month)) "
        "FROM score_slots k WHERE k.dimension = :everywhere",
        {"everywhere": EVERYWHERE},
    )
    found: int | None = rows.scalar_one()
    return found


async def subscribers(tx: ReadTx, first: int, last: int) -> dict[int, Morning]:
    """Who subscribed in the morning of each day, and who of them left on it; days without a subscriber are not there.

    Who came and left on one day was there in no morning.
    """
    rows = await tx.execute(
        f"""
        SELECT s.day, CAST(s.there AS bigint) AS there, CAST(s.gone - coalesce(p.people, 0) AS bigint) AS gone
        FROM ({_MORNINGS.format(sum="people", change="CASE kind WHEN 'churn' THEN -people ELSE people END")}) AS s
        LEFT JOIN (
            SELECT ended, sum(people) AS people FROM subscription_spells
            WHERE ended BETWEEN :first AND :last AND started = ended GROUP BY ended
        ) AS p ON p.ended = s.day
        WHERE s.there > 0
        """,
        {"first": first, "last": last, "currency": PEOPLE, "kinds": ["new", "reactivation", "churn"]},
    )
    return {row.day: Morning(row.there, row.there, row.gone, row.gone) for row in rows}


async def revenue(tx: ReadTx, first: int, last: int, currency: str) -> dict[int, Morning]:
    """Monthly revenue in the morning of each day, what of it churned or shrank, and how many bring it."""
    rows = await tx.execute(
        f"""
        SELECT m.day, m.there AS whole, m.gone AS lost, CAST(p.there AS bigint) AS people,
               CAST(p.gone AS bigint) AS takers
        FROM ({_MORNINGS.format(sum="-minor", change="minor")}) AS m
        JOIN ({_MORNINGS.format(sum="people", change=_PAYERS)}) AS p ON p.day = m.day
        WHERE m.there > 0
        """,
        {"first": first, "last": last, "currency": currency, "kinds": list(MOVEMENTS)},
    )
    return {row.day: Morning(row.people, float(row.whole), float(row.lost), row.takers) for row in rows}


async def main_currency(tx: ReadTx, last: int) -> str | None:
    """The currency with the most revenue at the end of a day, of several the first by its code; None: there is none."""
    rows = await tx.execute(
        "SELECT currency FROM subscription_moves WHERE day <= :last AND currency NOT IN (:people) "
        "GROUP BY currency HAVING sum(minor) > 0 ORDER BY sum(minor) DESC, currency LIMIT 1",
        {"last": last, "people": PEOPLE},
    )
    found: str | None = rows.scalar_one_or_none()
    return found


# Who pays in a currency: it is said of whoever comes and goes, and of nobody who grows or shrinks.
_PAYERS = "CASE kind WHEN 'churn' THEN -people WHEN 'new' THEN people WHEN 'reactivation' THEN people ELSE 0 END"
# Of each day what was there in the morning, and what went on it. Movements before the first day are one sum.
_MORNINGS = """
    SELECT days.day, coalesce(sum(change) OVER (ORDER BY days.day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
               AS there, coalesce(gone, 0) AS gone
    FROM generate_series(CAST(:first - 1 AS int), CAST(:last AS int)) AS days(day) LEFT JOIN (
        SELECT greatest(day, CAST(:first - 1 AS int)) AS day, sum({change}) AS change,
               sum({sum}) FILTER (WHERE kind IN ('churn', 'contraction')) AS gone
        FROM subscription_moves WHERE day <= :last AND currency = :currency AND kind = ANY(CAST(:kinds AS text[]))
        GROUP BY 1
    ) AS moved ON moved.day = days.day
"""
