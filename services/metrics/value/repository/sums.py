"""All SQL of predicted value: the sums it is fitted to, who had bought what on a past day, and the fits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
import orjson

from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import SEVERAL
from services.metrics.satisfaction.repository.members import PERSONS
from services.metrics.value.domain.answers import Stored
from services.metrics.value.domain.backtest import Mark
from services.metrics.value.domain.fitted import Fitted
from services.metrics.value.domain.worth import Base
from shared.db.engine import ReadTx, WriteTx

# Kept of each currency: a year of daily fits.
KEEP = 400
LAST_DAY = 2**31 - 1

# Whom a statement is about: `members` by segment, and the `keys` of each person.
_KEYS_OF_ALL = """
    keys AS (
        SELECT coalesce(i.root_id, a.customer) AS person, a.customer AS raw
        FROM activity a LEFT JOIN identity i ON i.raw_id = a.customer
    ), members AS (SELECT DISTINCT person, CAST(NULL AS uuid) AS segment_id FROM keys)
"""
_KEYS_OF_SEGMENTS = f"""
    members AS ({PERSONS}), persons AS (SELECT DISTINCT person FROM members), keys AS (
        SELECT person, person AS raw FROM persons
        UNION SELECT p.person, i.raw_id FROM persons p JOIN identity i ON i.root_id = p.person
    )
"""


class Crowd(NamedTuple):
    """Customers whose purchases are all in one currency, up to a day."""

    currency: str
    customers: int
    repeaters: int
    first_day: int


def crowd_of(currency: str, base: Base) -> Crowd:
    """The same of customers who are counted already."""
    people = base.customers
    return Crowd(currency, int(people.sum()), int(people[base.repeats > 0].sum()), int(base.first_day.min()))


async def crowds(tx: ReadTx, day: int) -> list[Crowd]:
    """The customers of each currency who bought for the last time on or before a day, the most first.

    Those who bought in several currencies are one crowd more, under `*`. Of histories no more than the first of each
    number of repeats is read, and those without any: as many rows as days, whatever the number of customers.
    """
    rows = await tx.execute(
        """
        WITH RECURSIVE often AS (
            (SELECT currency, repeats FROM histories ORDER BY currency, repeats LIMIT 1)
            UNION ALL
            SELECT n.* FROM often CROSS JOIN LATERAL (
                SELECT h.currency, h.repeats FROM histories h
                WHERE (h.currency, h.repeats) > (often.currency, often.repeats)
                ORDER BY h.currency, h.repeats LIMIT 1
            ) AS n
        ), firsts AS (
            SELECT currency, min(f.first_day) AS first_day FROM often CROSS JOIN LATERAL (
                SELECT h.first_day FROM histories h
                WHERE h.currency = often.currency AND h.repeats = often.repeats AND h.last_day <= :day
                ORDER BY h.first_day LIMIT 1
            ) AS f GROUP BY currency
        ), everybody AS (
            SELECT currency, CAST(sum(customers) AS bigint) AS customers FROM rfm_crowds
            WHERE last_day <= :day GROUP BY currency
        )
        SELECT currency, customers, customers - once AS repeaters, first_day
        FROM everybody JOIN firsts USING (currency) CROSS JOIN LATERAL (
            SELECT CAST(coalesce(sum(h.customers), 0) AS bigint) AS once FROM histories h
            WHERE h.currency = everybody.currency AND h.repeats = 0 AND h.last_day <= :day
        ) AS o ORDER BY customers DESC, currency
        """,
        {"day": day},
    )
    return [Crowd._make(row) for row in rows]


async def mark(tx: ReadTx, currency: str, day: int) -> Mark:
    """What a fit is fitted to: customers, days bought again, money spent again. Looks at all histories."""
    rows = await tx.execute(
        "SELECT CAST(sum(customers) AS bigint) AS customers, CAST(sum(customers * repeats) AS bigint) AS repeats, "
        "sum(repeat_minor) AS money FROM histories WHERE currency = :currency AND last_day <= :day",
        {"currency": currency, "day": day},
    )
    row = rows.one()
    return row.customers, row.repeats, int(row.money)


async def base(tx: ReadTx, currency: str, day: int) -> Base:
    """All customers of a currency who bought for the last time on or before a day."""
    rows = await tx.execute(
        "SELECT array_agg(repeats) AS repeats, array_agg(first_day) AS firsts, array_agg(last_day) AS lasts, "
        "array_agg(customers) AS customers, array_agg(CAST(repeat_minor AS float8)) AS money "
        "FROM histories WHERE currency = :currency AND last_day <= :day",
        {"currency": currency, "day": day},
    )
    row = rows.one()
    return Base(*map(array, (row.repeats, row.firsts, row.lasts, row.customers, row.money)))


async def spends(tx: ReadTx, currency: str) -> tuple[Array, Array, Array]:
    """What those who bought again spent on it: repeats, money in minor units, people."""
    rows = await tx.execute(
        "SELECT array_agg(repeats) AS repeats, array_agg(repeat_minor) AS money, array_agg(customers) AS customers "
        "FROM spends WHERE currency = :currency",
        {"currency": currency},
    )
    row = rows.one()
    return array(row.repeats), array(row.money), array(row.customers)


async def bases(tx: ReadTx, day: int, segments: Collection[UUID] | None = None) -> dict[UUID | None, dict[str, Base]]:
    """Customers by currency as of the end of a day, from what each bought up to it; of each of `segments`, else of all.

    Who bought in several currencies is under `*`. Looks at everybody who is asked for, whereas `base` reads sums.
    """
    who = _KEYS_OF_ALL if segments is None else _KEYS_OF_SEGMENTS
    rows = await tx.execute(
        f"""
        WITH {who}, bought AS (
            SELECT k.person, line.day, min(line.currency) AS least, max(line.currency) AS most,
                   sum(line.net) AS net
            FROM keys k JOIN activity a ON a.customer = k.raw
            CROSS JOIN unnest(a.days, a.currencies, a.nets) AS line(day, currency, net)
            WHERE line.day <= :day GROUP BY k.person, line.day
        ), history AS (
            SELECT person, CASE WHEN min(least) = max(most) THEN min(least) ELSE :several END AS currency,
                   count(*) - 1 AS repeats, min(day) AS first_day, max(day) AS last_day,
                   sum(net) - (array_agg(net ORDER BY day))[1] AS again
            FROM bought GROUP BY person
        ), counted AS (
            SELECT segment_id, currency, repeats, first_day, last_day, count(*) AS customers,
                   CASE WHEN currency = :several THEN 0 ELSE sum(again) END AS again
            FROM history JOIN members USING (person) GROUP BY 1, 2, 3, 4, 5
        )
        SELECT segment_id, currency, array_agg(repeats) AS repeats, array_agg(first_day) AS firsts,
               array_agg(last_day) AS lasts, array_agg(customers) AS customers,
               array_agg(CAST(again AS float8)) AS money
        FROM counted GROUP BY segment_id, currency ORDER BY segment_id, currency
        """,
        {
            "day": day,
            "several": SEVERAL,
            **({} if segments is None else {"segments": list(segments)}),
        },
    )
    found: dict[UUID | None, dict[str, Base]] = {}
    for row in rows:
        columns = (row.repeats, row.firsts, row.lasts, row.customers, row.money)
        found.setdefault(row.segment_id, {})[row.currency] = Base(*map(array, columns))
    return found


def array(values: Sequence[float] | None) -> Array:
    """Numbers as PostgreSQL aggregates them: null where there is none."""
    return np.array(values or (), dtype=np.float64)


async def newest(tx: ReadTx, currency: str, day: int | None = None) -> Stored | None:
    """The last fit of a currency: of or before a day, if one is given; without any from then, the first there is."""
    rows = await tx.execute(
        """
        SELECT id, fitted_at, document FROM fits WHERE currency = :currency
        ORDER BY (day > :day), CASE WHEN day > :day THEN day ELSE -day END,
                 CASE WHEN day > :day THEN fitted_at END, fitted_at DESC, id DESC LIMIT 1
        """,
        {"currency": currency, "day": LAST_DAY if day is None else day},
    )
    row = rows.one_or_none()
    return None if row is None else Stored(row.id, row.fitted_at, Fitted.model_validate(row.document))


async def fits(tx: ReadTx) -> dict[str, list[Stored]]:
    """All fits that are kept by currency, the oldest day first."""
    rows = await tx.execute("SELECT currency, id, fitted_at, document FROM fits ORDER BY currency, day, fitted_at, id")
    found: dict[str, list[Stored]] = {}
    for row in rows:
        found.setdefault(row.currency, []).append(Stored(row.id, row.fitted_at, Fitted.model_validate(row.document)))
    return found


async def stored(tx: ReadTx, fit_id: UUID) -> Stored | None:
    """A fit by its id; None: it is kept no more."""
    rows = await tx.execute("SELECT id, fitted_at, document FROM fits WHERE id = :id", {"id": fit_id})
    row = rows.one_or_none()
    return None if row is None else Stored(row.id, row.fitted_at, Fitted.model_validate(row.document))


async def newest_id(tx: ReadTx, currency: str | None) -> UUID | None:
    """Which fit of a currency, or of any, was made last."""
    rows = await tx.execute(
        "SELECT id FROM fits WHERE CAST(:currency AS text) IS NULL OR currency = :currency "
        "ORDER BY fitted_at DESC, id DESC LIMIT 1",
        {"currency": currency},
    )
    found: UUID | None = rows.scalar_one_or_none()
    return found


async def currencies(tx: ReadTx, since: datetime) -> list[str]:
    """The currencies of fits that were made since, by name: all that customers pay in."""
    rows = await tx.execute("SELECT DISTINCT currency FROM fits WHERE fitted_at >= :since ORDER BY 1", {"since": since})
    return list(rows.scalars())


async def served(tx: ReadTx) -> dict[str, Fitted]:
    """The newest fit of each currency of which a model is served."""
    rows = await tx.execute(
        "SELECT DISTINCT ON (currency) document FROM fits ORDER BY currency, fitted_at DESC, id DESC"
    )
    fits = [Fitted.model_validate(row.document) for row in rows]
    return {fit.currency: fit for fit in fits if fit.chosen is not None}


async def add(tx: WriteTx, fit_id: UUID, at: datetime, fit: Fitted) -> None:
    """Keep a fit, and of its currency no more than KEEP."""
    await tx.execute(
        "INSERT INTO fits (id, currency, day, fitted_at, document) "
        "VALUES (:id, :currency, :day, :at, CAST(:document AS jsonb))",
        {
            "id": fit_id,
            "currency": fit.currency,
            "day": fit.day,
            "at": at,
            "document": orjson.dumps(fit.document()).decode(),
        },
    )
    await tx.execute(
        "DELETE FROM fits WHERE id IN (SELECT id FROM fits WHERE currency = :currency "
        "ORDER BY fitted_at DESC, id DESC OFFSET :keep)",
        {"currency": fit.currency, "keep": KEEP},
    )


def several(found: Sequence[Crowd]) -> int:
    """Customers who bought in several currencies: valued in none."""
    return sum(each.customers for each in found if each.currency == SEVERAL)
