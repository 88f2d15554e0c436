"""All SQL of predicted value: the sums it is fitted to, what came after a day, and the fits."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np
import orjson

from services.metrics.domain.models.histories import Array
from services.metrics.domain.purchases import SEVERAL
from services.metrics.value.domain.answers import Stored
from services.metrics.value.domain.fitted import Fitted
from services.metrics.value.domain.trial import Outcomes
from services.metrics.value.domain.worth import Base
from shared.db.engine import ReadTx, WriteTx

# Kept of each currency: a year of daily fits.
KEEP = 400


class Crowd(NamedTuple):
    """Customers whose purchases are all in one currency, up to a day; `mark` is what a fit is fitted to."""

    currency: str
    customers: int
    repeaters: int
    first_day: int
    mark: tuple[int, int, int]


async def crowds(tx: ReadTx, day: int) -> list[Crowd]:
    """The customers of each currency who bought for the last time on or before a day, the most first.

    Those who bought in several currencies are one crowd more, under `XXX`.
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
    return Base(*map(_array, (row.repeats, row.firsts, row.lasts, row.customers, row.money)))


async def spends(tx: ReadTx, currency: str) -> tuple[Array, Array, Array]:
    """What those who bought again spent on it: repeats, money in minor units, people."""
    rows = await tx.execute(
        "SELECT array_agg(repeats) AS repeats, array_agg(repeat_minor) AS money, array_agg(customers) AS customers "
        "FROM spends WHERE currency = :currency",
        {"currency": currency},
    )
    row = rows.one()
    return _array(row.repeats), _array(row.money), _array(row.customers)


async def outcomes(tx: ReadTx, currency: str, cut: int, days: int) -> Outcomes:
    """Histories of a currency up to the end of day `cut`, and on how many of the next `days` each then bought.

    Looks at everybody: for a fit, which is made now and then, never for a read.
    """
    rows = await tx.execute(
        """
        WITH bought AS (
            SELECT coalesce(identity.root_id, activity.customer) AS person, line.day,
                   bool_and(line.currency = :currency) AS is_own
            FROM activity LEFT JOIN identity ON identity.raw_id = activity.customer
            CROSS JOIN unnest(activity.days, activity.currencies) AS line(day, currency)
            WHERE line.day <= :until GROUP BY 1, 2
        ), person AS (
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
    return Outcomes(*map(_array, (row.repeats, row.recency, row.age, row.later, row.people)))


def _array(values: Sequence[float] | None) -> Array:
    return np.array(values or (), dtype=np.float64)


async def newest(tx: ReadTx, currency: str) -> Stored | None:
    """The last fit of a currency."""
    rows = await tx.execute(
        "SELECT id, fitted_at, document FROM fits WHERE currency = :currency ORDER BY fitted_at DESC, id DESC LIMIT 1",
        {"currency": currency},
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
        "INSERT INTO fits (id, currency, fitted_at, document) VALUES (:id, :currency, :at, CAST(:document AS jsonb))",
        {"id": fit_id, "currency": fit.currency, "at": at, "document": orjson.dumps(fit.document()).decode()},
    )
    await tx.execute(
        "DELETE FROM fits WHERE id IN (SELECT id FROM fits WHERE currency = :currency "
        "ORDER BY fitted_at DESC, id DESC OFFSET :keep)",
        {"currency": fit.currency, "keep": KEEP},
    )


def several(found: Sequence[Crowd]) -> int:
    """Customers who bought in several currencies: valued in none."""
    return sum(each.customers for each in found if each.currency == SEVERAL)
