"""All SQL of earned growth: why people came, and what they paid in two periods."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.metrics.earned.domain.growth import Class
from services.metrics.earned.domain.joining import Chosen, Earned
from services.metrics.earned.domain.report import Span
from services.metrics.satisfaction.repository.members import PERSONS
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.events.orders import ORDER_COLUMNS, Order, order_of_row

Version = tuple[UUID, int]

_ANSWER = {
    "response_id": "uuid",
    "revision": "int",
    "customer": "uuid",
    "survey_id": "uuid",
    "version": "int",
    "at": "timestamptz",
    "chosen": "jsonb",
    "reason": "text",
}


class JoiningAnswer(NamedTuple):
    """What a response says of why its author came. `reason` None: nothing that counts, or not known yet."""

    response_id: UUID
    revision: int
    customer: UUID
    survey_id: UUID
    version: int
    at: datetime
    chosen: Chosen
    reason: str | None


async def hold_versions(tx: WriteTx) -> None:
    """Keep versions out until the transaction ends; answers go on side by side."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared(7261, hashtext(current_schema() || '.joining'))")


async def claim_versions(tx: WriteTx) -> None:
    """Be the only one who learns of versions or answers until the transaction ends. Never after `hold_versions`."""
    await tx.execute("SELECT pg_advisory_xact_lock(7261, hashtext(current_schema() || '.joining'))")


async def add_versions(tx: WriteTx, versions: Mapping[Version, Earned | None]) -> list[Version]:
    """Store what versions ask; those that were not known."""
    rows = [
        (survey_id, version, None if earned is None else orjson.dumps(earned).decode())
        for (survey_id, version), earned in sorted(versions.items())
    ]
    added = await insert_rows(
        tx,
        "joining_versions",
        {"survey_id": "uuid", "version": "int", "earned": "jsonb"},
        rows,
        "ON CONFLICT (survey_id, version) DO NOTHING RETURNING survey_id, version",
    )
    return [(row.survey_id, row.version) for row in added]


async def versions(tx: ReadTx, wanted: Collection[Version]) -> dict[Version, Earned | None]:
    """Those of the versions that are known, each with what it asks."""
    rows = await tx.execute(
        "SELECT survey_id, version, earned FROM joining_versions "
        "JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[])) AS w (survey_id, version) "
        "USING (survey_id, version)",
        {"ids": [each[0] for each in wanted], "versions": [each[1] for each in wanted]},
    )
    return {(row.survey_id, row.version): row.earned for row in rows}


async def answers_of(tx: ReadTx, version: Version) -> list[JoiningAnswer]:
    """The answers to a version."""
    rows = await tx.execute(
        f"SELECT {', '.join(_ANSWER)} FROM joining_answers WHERE survey_id = :survey AND version = :version",
        {"survey": version[0], "version": version[1]},
    )
    return [JoiningAnswer._make(row) for row in rows]


async def drop_answers(tx: WriteTx, version: Version) -> None:
    """Forget the answers to a version that asks nobody why they came."""
    await tx.execute(
        "DELETE FROM joining_answers WHERE survey_id = :survey AND version = :version",
        {"survey": version[0], "version": version[1]},
    )


async def store_answers(tx: WriteTx, answers: Sequence[JoiningAnswer]) -> None:
    """Store answers; of a response the highest revision holds. The same one again takes a reason that is new."""
    rows = [
        (*each[:6], orjson.dumps(each.chosen).decode(), each.reason)
        for each in sorted(answers, key=lambda each: each.response_id)
    ]
    values = ", ".join(f"{name} = EXCLUDED.{name}" for name in _ANSWER if name != "response_id")
    await insert_rows(
        tx,
        "joining_answers",
        _ANSWER,
        rows,
        f"ON CONFLICT (response_id) DO UPDATE SET {values} WHERE joining_answers.revision < EXCLUDED.revision "
        "OR joining_answers.revision = EXCLUDED.revision AND joining_answers.reason IS DISTINCT FROM EXCLUDED.reason",
    )


async def add_referrals(tx: WriteTx, referrals: Collection[tuple[UUID, UUID]]) -> None:
    """Store referrals that came true: (the friend, the referral)."""
    await insert_rows(
        tx,
        "completed_referrals",
        {"customer": "uuid", "referral_id": "uuid"},
        sorted(referrals),
        "ON CONFLICT (customer, referral_id) DO NOTHING",
    )


class Entry(NamedTuple):
    """Money of one customer in one of the two periods, in minor units; negative where it went back."""

    customer: UUID
    currency: str
    is_now: bool
    minor: int


async def refunded(tx: ReadTx, since: datetime) -> list[Order]:
    """Orders that stand of which money went back since a moment: whatever period they are of."""
    rows = await tx.execute(
        f"SELECT {', '.join(ORDER_COLUMNS)} FROM orders WHERE refunds IS NOT NULL AND last_refund(refunds) >= :since "
        "AND NOT is_cancelled AND customer IS NOT NULL",
        # As the refunds themselves are written, in UTC: such texts are in the order of their times.
        {"since": since.astimezone(UTC).isoformat()},
    )
    return [order_of_row(row) for row in rows]


class Paid(NamedTuple):
    """What the people of a class paid in a currency, less what went back to them, and over how many orders."""

    kind: Class
    currency: str
    before: int
    now: int
    orders: int


class Comers(NamedTuple):
    """How many people of a class had money in this period, whatever the currency."""

    kind: Class
    people: int


async def paid_by_segment(tx: ReadTx, before: Span, now: Span, refunds: Sequence[Entry]) -> dict[str, list[Paid]]:
    """The same of those who are in each segment now. Segments may overlap: they do not sum to the whole."""
    rows = await _paid(tx, _OF_SEGMENTS, before, now, refunds, segments=None)
    found: dict[str, list[Paid]] = {}
    for row in rows:
        each = Paid(row.kind, row.currency, int(row.before), int(row.now), int(row.orders))
        found.setdefault(row.segment, []).append(each)
    return found


async def paid(tx: ReadTx, before: Span, now: Span, refunds: Sequence[Entry]) -> tuple[list[Paid], list[Comers]]:
    """What each class of people paid in two periods. Only people with money in one of them are looked at.

    A person is who their keys are now. Somebody without an order in the period before is new if their first order of
    all comes after it.
    """
    sums: list[Paid] = []
    people: list[Comers] = []
    for row in await _paid(tx, _OF_ALL, before, now, refunds):
        if row.currency is None:
            people.append(Comers(row.kind, row.people))
        else:
            sums.append(Paid(row.kind, row.currency, int(row.before), int(row.now), int(row.orders)))
    return sums, people


async def _paid(
    tx: ReadTx, select: str, before: Span, now: Span, refunds: Sequence[Entry], **more: None
) -> Sequence[Row[Any]]:
    # A year of a large firm does not fit into what a statement has by default, and would go over the disk.
    await tx.execute("SET LOCAL work_mem = '64MB'")
    rows = await tx.execute(
        _CLASSED + select,
        {
            "before_start": before.start,
            "before_end": before.end,
            "now_start": now.start,
            "now_end": now.end,
            "customers": [each.customer for each in refunds],
            "currencies": [each.currency for each in refunds],
            "is_now": [each.is_now for each in refunds],
            "minors": [each.minor for each in refunds],
            **more,
        },
    )
    return rows.fetchall()


_CLASSED = """
WITH entries AS (
    SELECT customer, currency, placed_at >= :now_start AS is_now, total_minor AS minor, true AS is_order
    FROM orders
    WHERE NOT is_cancelled AND customer IS NOT NULL
      AND placed_at >= :before_start AND placed_at < :now_end
      AND (placed_at < :before_end OR placed_at >= :now_start)
    UNION ALL
    SELECT *, false FROM unnest(CAST(:customers AS uuid[]), CAST(:currencies AS text[]), CAST(:is_now AS boolean[]),
                                CAST(:minors AS bigint[]))
), by_key AS (
    SELECT customer, currency, coalesce(sum(minor) FILTER (WHERE NOT is_now), 0) AS before,
           coalesce(sum(minor) FILTER (WHERE is_now), 0) AS now,
           count(*) FILTER (WHERE is_order) AS orders,
           bool_or(is_order AND NOT is_now) AS is_returning, bool_or(is_now) AS is_now
    FROM entries GROUP BY customer, currency
), own AS MATERIALIZED (
    SELECT coalesce(i.root_id, k.customer) AS person, k.currency, k.before, k.now, k.orders, k.is_returning, k.is_now
    FROM by_key k LEFT JOIN identity i ON i.raw_id = k.customer
), strangers AS MATERIALIZED (
    SELECT person FROM own GROUP BY person HAVING NOT bool_or(is_returning) AND bool_or(is_now)
), keys AS MATERIALIZED (
    SELECT person, person AS raw FROM strangers
    UNION
    SELECT s.person, i.raw_id FROM strangers s JOIN identity i ON i.root_id = s.person
), first_orders AS (
    SELECT k.person, min(o.placed_at) AS at
    FROM keys k JOIN orders o ON o.customer = k.raw WHERE NOT o.is_cancelled GROUP BY k.person
), referred AS (
    SELECT DISTINCT k.person FROM keys k JOIN completed_referrals r ON r.customer = k.raw
), said AS (
    SELECT DISTINCT ON (k.person) k.person, a.reason
    FROM keys k JOIN joining_answers a ON a.customer = k.raw
    WHERE a.reason IS NOT NULL ORDER BY k.person, a.at DESC, a.response_id DESC
), kinds AS (
    SELECT s.person, CASE
        WHEN f.at IS NULL OR f.at < :before_end OR f.at >= :now_end THEN 'reactivated'
        WHEN r.person IS NOT NULL THEN 'earned'
        ELSE coalesce(a.reason, 'unknown') END AS kind
    FROM strangers s
    LEFT JOIN first_orders f USING (person) LEFT JOIN referred r USING (person) LEFT JOIN said a USING (person)
), classed AS MATERIALIZED (
    -- Whoever is no stranger bought in the period before, or has money in it alone: a refund of what is older.
    SELECT o.*, coalesce(k.kind, 'returning') AS kind FROM own o LEFT JOIN kinds k USING (person)
)
"""
_OF_ALL = """
SELECT kind, currency, sum(before) AS before, sum(now) AS now, sum(orders) AS orders, 0 AS people
FROM classed GROUP BY kind, currency
UNION ALL
SELECT kind, NULL, 0, 0, 0, count(*) FROM (SELECT DISTINCT person, kind FROM classed WHERE is_now) AS them GROUP BY kind
"""
_OF_SEGMENTS = f"""
SELECT CAST(m.segment_id AS text) AS segment, kind, currency, sum(before) AS before, sum(now) AS now,
       sum(orders) AS orders
FROM classed JOIN ({PERSONS}) AS m USING (person) GROUP BY 1, 2, 3
"""
