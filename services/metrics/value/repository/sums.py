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
    """Customers whose purchases are all in one currency, up to a day; `mark` is what a fit is fitted to."""

    currency: str
    customers: int
    repeaters: int
    first_day: int
    mark: Mark


def crowd_of(currency: str, base: Base) -> Crowd:
    """The same of customers who are counted already."""
    people, repeats = base.customers, base.repeats
    mark = (int(people.sum()), int(people @ repeats), int(base.repeat_minor.sum()))
    return Crowd(currency, mark[0], int(people[repeats > 0].sum()), int(base.first_day.min()), mark)


async def crowds(tx: ReadTx, day: int) -> list[Crowd]:
    """The customers of each currency who bought for the last time on or before a day, the most first.

    Those who bought in several currencies are one crowd more, under `*`.
    """
    rows = await tx.execute(
        """
        SELECT currency, CAST(sum(customers) AS bigint) AS customers,
               CAST(coalesce(sum(customers) FILTER (WHERE repeats > 0), 0) AS bigint) AS repeaters,
               min(first_day) AS first_day, CAST(sum(customers * repeats) AS bigint) AS repeats,
               sum(repeat_minor) AS money
        FROM histories WHERE last_day <= :day GROUP BY currency ORDER BY 2 DESC, 1
        """,
        {"day": day},
    )
    return [
        Crowd(row.currency, row.customers, row.repeaters, row.first_day, (row.customers, row.repeats, int(row.money)))
        for row in rows
    ]


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
