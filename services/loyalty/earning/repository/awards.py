"""What facts have earned under rules, as it was settled with the ledger."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.loyalty.earning.domain.history import AwardKey, FactKey, Stored
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_COLUMNS = {
    "customer": "uuid",
    "source": "text",
    "rule_id": "uuid",
    "rule_version": "integer",
    "wallet": "text",
    "occurred_at": "timestamptz",
    "points": "bigint",
    "uncapped": "bigint",
    "active_at": "timestamptz",
    "expires_at": "timestamptz",
}
_KEY = ("customer", "source", "rule_id")
_SELECT = "SELECT " + ", ".join(_COLUMNS) + " FROM awards "
_REPLACE = ", ".join(f"{name} = EXCLUDED.{name}" for name in _COLUMNS if name not in _KEY)


# What each fact has earned under each rule.
Earned = dict[FactKey, dict[UUID, Stored]]


async def of_customers(tx: ReadTx, customers: Collection[UUID]) -> Earned:
    """All awards of person keys."""
    return _keyed(await tx.execute(_SELECT + "WHERE customer = ANY(:ids)", {"ids": list(customers)}))


async def of_sources(tx: ReadTx, sources: Collection[str]) -> Earned:
    """All awards for these facts, whoever has them."""
    return _keyed(await tx.execute(_SELECT + "WHERE source = ANY(CAST(:ids AS text[]))", {"ids": list(sources)}))


def _keyed(rows: Any) -> Earned:
    found: Earned = {}
    for customer, source, rule, version, wallet, at, points, uncapped, active_at, expires_at in rows:
        row = Stored(version, wallet, at, points, uncapped, _aware(active_at), _aware(expires_at))
        found.setdefault((customer, source), {})[rule] = row
    return found


def _aware(at: datetime | None) -> datetime | None:
    # The last moment there is comes back from the driver without a zone.
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


async def put(tx: WriteTx, awards: Mapping[AwardKey, Stored]) -> None:
    """Store awards that are new or changed."""
    rows = [(*key, *awards[key]) for key in sorted(awards, key=_in_order)]
    tail = f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {_REPLACE}"
    await insert_rows(tx, "awards", _COLUMNS, rows, tail)


async def delete(tx: WriteTx, keys: Collection[AwardKey]) -> None:
    """Take away awards that are for nothing any more."""
    if keys:
        customers, sources, rules = zip(*keys, strict=True)
        await tx.execute(
            "DELETE FROM awards USING unnest(CAST(:customers AS uuid[]), CAST(:sources AS text[]), "
            "CAST(:rules AS uuid[])) AS gone(customer, source, rule_id) WHERE awards.customer = gone.customer "
            "AND awards.source = gone.source AND awards.rule_id = gone.rule_id",
            {"customers": list(customers), "sources": list(sources), "rules": list(rules)},
        )


def _in_order(key: AwardKey) -> tuple[bytes, str, bytes]:
    return key[0].bytes, key[1], key[2].bytes


class Listed(NamedTuple):
    """An award, to be shown."""

    customer: UUID
    source: str
    rule_id: UUID
    rule_name: str
    rule_version: int
    wallet: str
    occurred_at: datetime
    points: int
    uncapped: int
    active_at: datetime | None
    expires_at: datetime | None


Place = tuple[datetime, str, UUID]


async def listed(tx: ReadTx, keys: Sequence[UUID], *, before: Place | None, limit: int) -> list[Listed]:
    """Awards of a person, the latest fact first."""
    at, source, rule = before or (None, None, None)
    rows = await tx.execute(
        "SELECT a.customer, a.source, a.rule_id, r.name, a.rule_version, a.wallet, a.occurred_at, a.points, "
        "a.uncapped, a.active_at, a.expires_at FROM awards AS a JOIN earning_rules AS r ON r.id = a.rule_id "
        "WHERE a.customer = ANY(:keys) AND (CAST(:at AS timestamptz) IS NULL "
        "OR (a.occurred_at, a.source, a.rule_id) < (:at, CAST(:source AS text), CAST(:rule AS uuid))) "
        "ORDER BY a.occurred_at DESC, a.source DESC, a.rule_id DESC LIMIT :limit",
        {"keys": list(keys), "at": at, "source": source, "rule": rule, "limit": limit},
    )
    found = [Listed._make(row) for row in rows]
    return [each._replace(active_at=_aware(each.active_at), expires_at=_aware(each.expires_at)) for each in found]
