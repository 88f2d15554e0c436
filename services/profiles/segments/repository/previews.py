"""Asking a rule of people before it is saved: of all, or, where they are many, of a random sample."""

from datetime import date, datetime, tzinfo

from services.profiles.segments.domain.definition import Preview
from services.profiles.segments.repository.compiler import Plan
from shared.db.engine import ReadTx

# So many are looked at in some tenths of a second; of this sample the share is right to about one in a hundred.
MOST = 10_000
SAMPLE = 10

_ALL = "CAST(-1 AS bigint) AS asked, CAST(NULL AS timestamptz) AS was_due"
_EVERYBODY = f"""
    SELECT DISTINCT coalesce(i.root_id, c.id) AS id, {_ALL}
    FROM customers AS c LEFT JOIN identity AS i ON i.raw_id = c.id
"""
_SOME = f"""
    SELECT c.id, {_ALL} FROM customers AS c TABLESAMPLE BERNOULLI (CAST(:percent AS float8))
    WHERE NOT EXISTS (SELECT FROM identity WHERE raw_id = c.id AND parent_id IS NOT NULL)
"""


async def preview(tx: ReadTx, plan: Plan, *, now: datetime, today: date, zone: tzinfo, most: int = MOST) -> Preview:
    """How many people the plan's one rule takes in, and some of them."""
    few = await tx.execute("SELECT count(*) FROM (SELECT FROM customers LIMIT :most) AS t", {"most": most + 1})
    percent = None
    if int(few.scalar_one()) > most:
        share = 100.0 * most / await _about_how_many(tx)
        percent = share if share < 100 else None
    ((_, rule, _),) = plan.answers
    found = await tx.execute(
        f"""
        {plan.tables(_EVERYBODY if percent is None else _SOME)}
        SELECT count(*) FILTER (WHERE f.is_person) AS people, count(*) FILTER (WHERE f.is_person AND {rule}) AS hits,
               (array_agg(f.id ORDER BY f.id) FILTER (WHERE f.is_person AND {rule}))[1:{SAMPLE}] AS sample
        FROM feature AS f
        """,
        {**plan.at(now, today, zone), **({} if percent is None else {"percent": percent})},
    )
    row = found.one()
    return Preview(row.people, row.hits, 1 if percent is None else 100 / percent, row.sample or ())


async def _about_how_many(tx: ReadTx) -> float:
    """About how many customers there are, without counting them.

    Of a sample it decides the size alone: each who is in it stands for as many as its share says, which is exact.
    """
    rows = await tx.execute(
        """
        SELECT reltuples * (pg_relation_size(oid) / current_setting('block_size')::int) / nullif(relpages, 0) AS known
        FROM pg_class WHERE oid = CAST('customers' AS regclass) AND reltuples > 0
        """
    )
    known: float | None = rows.scalar_one_or_none()
    # Never analysed: a young table.
    return known or float((await tx.execute("SELECT count(*) FROM customers")).scalar_one())
