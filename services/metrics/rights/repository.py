"""What metrics keeps under person keys."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from shared.db.engine import ReadTx

_TABLES = {
    "orders": "customer",
    "subscriptions": "customer",
    "activity": "customer",
    "identity": "raw_id",
    "survey_answers": "customer",
    "survey_asks": "customer",
    "segment_members": "customer",
    "joining_answers": "customer",
    "completed_referrals": "customer",
    "outlooks": "person",
    "wallet_days": "customer",
    "wallet_versions": "customer",
    "complaints": "customer",
}


async def sections(tx: ReadTx, keys: Collection[UUID]) -> dict[str, list[dict[str, Any]]]:
    """The rows of these keys, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, column in _TABLES.items():
        rows = await tx.execute(
            f"SELECT to_jsonb(t) AS row FROM {table} AS t WHERE {column} = ANY(:keys)", {"keys": list(keys)}
        )
        found[table] = [row.row for row in rows]
    return found
