"""All SQL of the back-test: what came after a day, and a sample of whole lives."""

from uuid import UUID

from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import Bought, Purchases, together
from services.metrics.value.domain.trial import Outcomes
from services.metrics.value.repository.sums import array
from shared.db.engine import ReadTx

# Each day that somebody bought on, and whether in no other currency than that asked for.
_BOUGHT = """
    SELECT coalesce(identity.root_id, activity.customer) AS person, line.day,
           bool_and(line.currency = :currency) AS is_own
    FROM activity LEFT JOIN identity ON identity.raw_id = activity.customer
    CROSS JOIN unnest(activity.days, activity.currencies) AS line(day, currency)
    WHERE line.day <= :until GROUP BY 1, 2
"""


async def outcomes(tx: ReadTx, currency: str, cut: int, days: int) -> Outcomes:
    """Histories of a currency up to the end of day `cut`, and on how many of the next `days` each then bought.

    Looks at everybody: for a fit, which is made now and then, never for a read.
    """
    rows = await tx.execute(
        f"""
        WITH bought AS ({_BOUGHT}), person AS (
            SELECT count(*) FILTER (WHERE day <= :cut) - 1 AS repeats, min(day) AS first,
                   max(day) FILTER (WHERE day <= :cut) AS last, count(*) FILTER (WHERE day > :cut) AS later
            FROM bought GROUP BY person HAVING min(day) <= :cut AND bool_and(is_own)
        ), counted AS (
            SELECT repeats, last - first AS recency, :cut - first AS age, later, count(*) AS people
            FROM person GROUP BY 1, 2, 3, 4
        )
        SELECT array_agg(repeats) AS repeats, array_agg(recency) AS recency, array_agg(age) AS age,
               array_agg(later) AS later, array_agg(people) AS people FROM counted
        """,
        {"currency": currency, "cut": cut, "until": cut + days},
    )
    row = rows.one()
    return Outcomes(*map(array, (row.repeats, row.recency, row.age, row.later, row.people)))


async def again(tx: ReadTx, currency: str, cut: int, until: int) -> tuple[Array, Array]:
    """The days on which those who first came on or before `cut` bought again, ascending, and how many did.

    Looks at everybody, as `outcomes` does.
    """
    rows = await tx.execute(
        f"""
        WITH bought AS ({_BOUGHT}), person AS (
            SELECT person, min(day) AS first FROM bought
            GROUP BY person HAVING min(day) <= :cut AND bool_and(is_own)
        ), counted AS (
            SELECT day, count(*) AS people FROM bought JOIN person USING (person) WHERE day > first GROUP BY day
        )
        SELECT array_agg(day ORDER BY day) AS days, array_agg(people ORDER BY day) AS people FROM counted
        """,
        {"currency": currency, "cut": cut, "until": until},
    )
    row = rows.one()
    return array(row.days), array(row.people)


async def sample(tx: ReadTx, share: float) -> list[Purchases]:
    """The purchases of about this share of all persons, always the same ones: ids are as good as drawn by chance."""
    rows = await tx.execute(
        """
        WITH picked AS (
            SELECT a.customer AS person, a.customer AS raw FROM activity a
            WHERE a.customer <= :last
              AND NOT EXISTS (SELECT FROM identity i WHERE i.raw_id = a.customer AND i.root_id <> a.customer)
            UNION ALL
            SELECT i.root_id, i.raw_id FROM identity i WHERE i.root_id <= :last AND i.raw_id <> i.root_id
        )
        SELECT person, days, currencies, counts, nets FROM picked JOIN activity ON customer = raw
        WHERE cardinality(days) > 0 ORDER BY person, raw
        """,
        {"last": UUID(int=min(int(share * 2**128), 2**128 - 1))},
    )
    found: dict[UUID, list[Purchases]] = {}
    for row in rows:
        days = zip(row.days, row.currencies, strict=True)
        found.setdefault(row.person, []).append(dict(zip(days, map(Bought, row.counts, row.nets), strict=True)))
    return [together(each) for each in found.values()]
