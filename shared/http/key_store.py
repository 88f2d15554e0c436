"""The table of keys (schema `platform`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from shared.db.engine import ReadTx, WriteTx
from shared.http.caller import Caller, Kind


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it may be shown: all but its secret."""

    id: str
    kind: Kind
    name: str
    source: str | None
    scopes: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None

    def caller(self) -> Caller:
        """The caller this key makes."""
        return Caller(self.id, self.kind, frozenset(self.scopes), self.source, frozenset(self.allowed_origins))


_COLUMNS = (
    "id, kind, name, source, scopes, allowed_origins, created_at, last_used_at, expires_at, revoked_at, replaced_by"
)


def _info(row: Row[Any]) -> KeyInfo:
    return KeyInfo(
        id=row.id,
        kind=row.kind,
        name=row.name,
        source=row.source,
        scopes=tuple(row.scopes),
        allowed_origins=tuple(row.allowed_origins),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        replaced_by=row.replaced_by,
    )


async def insert(
    tx: WriteTx,
    *,
    key_id: str,
    digest: bytes,
    kind: Kind,
    name: str,
    source: str | None,
    scopes: Sequence[str],
    origins: Sequence[str],
    expires_at: datetime | None,
) -> KeyInfo:
    """Store a new key."""
    row = await tx.execute(
        "INSERT INTO api_keys (id, kind, name, source, scopes, allowed_origins, hash, expires_at) "
        "VALUES (:id, :kind, :name, :source, CAST(:scopes AS text[]), CAST(:origins AS text[]), :hash, :expires_at) "
        f"RETURNING {_COLUMNS}",
        {
            "id": key_id,
            "kind": kind,
            "name": name,
            "source": source,
            "scopes": list(scopes),
            "origins": list(origins),
            "hash": digest,
            "expires_at": expires_at,
        },
    )
    return _info(row.one())


async def select_all(tx: ReadTx) -> tuple[KeyInfo, ...]:
    """Every key there is, oldest first, revoked ones too."""
    rows = await tx.execute(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, id")
    return tuple(map(_info, rows))


async def find(tx: ReadTx, key_id: str) -> tuple[KeyInfo, bytes] | None:
    """A key and the digest of its secret."""
    row = (await tx.execute(f"SELECT {_COLUMNS}, hash FROM api_keys WHERE id = :id", {"id": key_id})).one_or_none()
    return None if row is None else (_info(row), row.hash)


async def replace(tx: WriteTx, key_id: str, *, by: str, grace: timedelta) -> None:
    """Let a key end after `grace`, or at the end it already has if that is sooner."""
    await tx.execute(
        "UPDATE api_keys SET replaced_by = :by, "
        "expires_at = least(expires_at, clock_timestamp() + make_interval(secs => :grace)) WHERE id = :id",
        {"id": key_id, "by": by, "grace": grace.total_seconds()},
    )


async def set_revoked(tx: WriteTx, key_id: str) -> bool:
    """End a key now; False if there is none. A key that was revoked before keeps its time."""
    result = await tx.execute(
        "UPDATE api_keys SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = :id", {"id": key_id}
    )
    return result.rowcount == 1


async def set_used(tx: WriteTx, used: Mapping[str, datetime]) -> None:
    """Note when keys were last used."""
    ids = sorted(used)
    await tx.execute(
        "UPDATE api_keys SET last_used_at = greatest(last_used_at, used.at) "
        "FROM unnest(CAST(:ids AS text[]), CAST(:times AS timestamptz[])) AS used(id, at) WHERE api_keys.id = used.id",
        {"ids": ids, "times": [used[each] for each in ids]},
    )
