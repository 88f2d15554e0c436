"""The SQL of declared traits, and of words that do not fit.

Locks of the job, in this order: the declaration, then what every writer of traits locks, in a writer's order.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.profiles.domain.traits import TraitWrite
from services.profiles.trait_schema.domain.declaration import Declared
from services.profiles.trait_schema.domain.judging import Reason, Refused, Stored
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_BEFORE_ALL = UUID(int=0)
_COLUMNS = {
    "customer_id": "uuid",
    "name": "text",
    "event_id": "uuid",
    "was_held": "boolean",
    "value": "jsonb",
    "reason": "text",
    "source": "text",
    "event_time": "timestamptz",
    "recorded_at": "timestamptz",
}
_HEAD = "SELECT name, version, definition, is_deleted, is_judged, created_at, updated_at, updated_by FROM trait_schemas"


class Declaration(NamedTuple):
    """A declared trait as it is stored; `is_judged`: all that is stored was judged by it."""

    declared: Declared
    version: int
    is_deleted: bool
    is_judged: bool
    created_at: datetime
    updated_at: datetime
    updated_by: str

    def identity(self) -> bytes:
        """What its ETag is of."""
        return f"{self.declared.name}\n{self.version}".encode()

    def tag(self) -> str:
        """The opaque part of its ETag."""
        return sha256(self.identity()).hexdigest()[:32]


class DeclarationVersion(NamedTuple):
    """What a trait was declared as; None: as nothing any more."""

    version: int
    declared: Declared | None
    changed_at: datetime
    changed_by: str


class Behind(NamedTuple):
    """A declaration that not everything was judged by: what is after the key `place` was not."""

    name: str
    version: int
    place: UUID


class RefusedRow(NamedTuple):
    """A word that does not fit, of one of a person's keys."""

    name: str
    value: Any
    reason: Reason
    source: str
    event_id: UUID
    event_time: datetime
    recorded_at: datetime
    customer_id: UUID


async def everything(tx: ReadTx) -> dict[str, Declared]:
    """All that is declared."""
    rows = await tx.execute("SELECT name, definition FROM trait_schemas WHERE NOT is_deleted")
    return {row.name: Declared.stored(row.name, row.definition) for row in rows}


async def sensitive(tx: ReadTx) -> frozenset[str]:
    """The names of traits that lists, searches and exports leave out without the scope `profiles:sensitive`."""
    rows = await tx.execute(
        "SELECT name FROM trait_schemas WHERE NOT is_deleted AND definition @> '{\"sensitive\": true}'"
    )
    return frozenset(row.name for row in rows)


async def listed(tx: ReadTx, *, after: str | None, limit: int) -> list[Declaration]:
    """Declarations by name."""
    rows = await tx.execute(
        f"{_HEAD} WHERE NOT is_deleted {'' if after is None else 'AND name > :after'} ORDER BY name LIMIT :limit",
        {"limit": limit, **({} if after is None else {"after": after})},
    )
    return [_declaration(row) for row in rows]


async def get(tx: ReadTx, name: str) -> Declaration | None:
    """The declaration, also one that is deleted."""
    row = (await tx.execute(f"{_HEAD} WHERE name = :name", {"name": name})).one_or_none()
    return None if row is None else _declaration(row)


async def claim(tx: WriteTx) -> None:
    """Be the only one who changes what is declared until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(7263, hashtext(current_schema() || '.trait_schema'))")


async def count(tx: ReadTx) -> int:
    """How many traits are declared."""
    return int((await tx.execute("SELECT count(*) FROM trait_schemas WHERE NOT is_deleted")).scalar_one())


async def put(
    tx: WriteTx, name: str, declared: Declared | None, *, by: str, now: datetime, again_at: datetime | None
) -> None:
    """Write a version; None declares the trait no more. All that is stored is judged if `again_at`, and then again."""
    definition = None if declared is None else orjson.dumps(declared.definition()).decode()
    await tx.execute(
        """
        INSERT INTO trait_schemas (name, version, definition, is_deleted, created_at, updated_at, updated_by,
            is_judged, judge_again_at)
        VALUES (:name, 1, CAST(:definition AS jsonb), false, :now, :now, :by, CAST(:again AS timestamptz) IS NULL,
            :again)
        ON CONFLICT (name) DO UPDATE SET
            version = trait_schemas.version + 1, is_deleted = :gone, updated_at = :now, updated_by = :by,
            definition = EXCLUDED.definition,
            is_judged = trait_schemas.is_judged AND EXCLUDED.is_judged,
            judged_to = CASE WHEN EXCLUDED.is_judged THEN trait_schemas.judged_to END,
            judge_again_at = coalesce(EXCLUDED.judge_again_at, trait_schemas.judge_again_at)
        """,
        {
            "name": name,
            "definition": definition or "{}",
            "gone": declared is None,
            "now": now,
            "by": by,
            "again": again_at,
        },
    )
    await tx.execute(
        "INSERT INTO trait_schema_versions (name, version, definition, changed_at, changed_by) "
        "SELECT name, version, CAST(:definition AS jsonb), :now, :by FROM trait_schemas WHERE name = :name",
        {"name": name, "definition": definition, "now": now, "by": by},
    )


async def versions(tx: ReadTx, name: str, *, before: int | None, limit: int) -> list[DeclarationVersion]:
    """What a trait was declared as, the latest first."""
    rows = await tx.execute(
        "SELECT version, definition, changed_at, changed_by FROM trait_schema_versions "
        f"WHERE name = :name {'' if before is None else 'AND version < :before'} ORDER BY version DESC LIMIT :limit",
        {"name": name, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [
        DeclarationVersion(
            row.version,
            None if row.definition is None else Declared.stored(name, row.definition),
            row.changed_at,
            row.changed_by,
        )
        for row in rows
    ]


async def put_refused(tx: WriteTx, refused: Mapping[tuple[UUID, str], Refused], *, keep: int) -> None:
    """Keep the latest word of each key and trait that does not fit, of each key the `keep` latest."""
    if not refused:
        return
    await insert_rows(
        tx,
        "refused_traits",
        _COLUMNS,
        [
            (*key, word.event_id, False, word.value, reason, word.source, word.time, word.recorded)
            for key, (word, reason) in sorted(refused.items(), key=lambda each: (each[0][0].int, each[0][1]))
        ],
        """
        ON CONFLICT (customer_id, name) WHERE NOT was_held DO UPDATE SET
            event_id = EXCLUDED.event_id, value = EXCLUDED.value, reason = EXCLUDED.reason, source = EXCLUDED.source,
            event_time = EXCLUDED.event_time, recorded_at = EXCLUDED.recorded_at
        WHERE (EXCLUDED.event_time, EXCLUDED.event_id) > (refused_traits.event_time, refused_traits.event_id)
        """,
    )
    await tx.execute(
        """
        DELETE FROM refused_traits USING (
            SELECT customer_id, name, row_number() OVER (
                PARTITION BY customer_id ORDER BY event_time DESC, event_id DESC, name
            ) AS place
            FROM refused_traits WHERE customer_id = ANY(:customers) AND NOT was_held
        ) AS ranked
        WHERE ranked.place > :keep AND refused_traits.customer_id = ranked.customer_id
          AND refused_traits.name = ranked.name AND NOT was_held
        """,
        {"customers": list({key for key, _ in refused}), "keep": keep},
    )


async def refused_of(tx: ReadTx, keys: Collection[UUID], *, limit: int) -> list[RefusedRow]:
    """Words on these keys that do not fit, the latest first."""
    rows = await tx.execute(
        """
        SELECT name, value, reason, source, event_id, event_time, recorded_at, customer_id FROM refused_traits
        WHERE customer_id = ANY(:keys) AND reason <> 'superseded'
        ORDER BY event_time DESC, event_id DESC, name LIMIT :limit
        """,
        {"keys": list(keys), "limit": limit},
    )
    return [RefusedRow._make(row) for row in rows]


async def count_refused(tx: ReadTx, name: str) -> int:
    """How many words on a trait are kept as refused (index refused_traits_name)."""
    rows = await tx.execute(
        "SELECT count(*) FROM refused_traits WHERE name = :name AND reason <> 'superseded'", {"name": name}
    )
    return int(rows.scalar_one())


async def behind(tx: WriteTx, now: datetime) -> Behind | None:
    """A declaration that not everything was judged by, kept as it is until this transaction ends."""
    rows = await tx.execute(
        """
        SELECT name, version, judged_to FROM trait_schemas WHERE NOT is_judged OR judge_again_at <= :now
        ORDER BY is_judged, name LIMIT 1 FOR UPDATE
        """,
        {"now": now},
    )
    row = rows.one_or_none()
    return None if row is None else Behind(row.name, row.version, row.judged_to or _BEFORE_ALL)


async def end_of_piece(tx: ReadTx, at: Behind, *, limit: int) -> UUID | None:
    """The key that the next piece ends with: it looks at some `limit` traits of whatever name. None: it is the last."""
    rows = await tx.execute(
        """
        SELECT customer_id FROM (
            (SELECT customer_id FROM traits WHERE customer_id > :place ORDER BY customer_id LIMIT :limit)
            UNION ALL
            (SELECT customer_id FROM refused_traits WHERE name = :name AND customer_id > :place
             ORDER BY customer_id LIMIT :limit)
        ) AS rows ORDER BY customer_id OFFSET :limit - 1 LIMIT 1
        """,
        {"place": at.place, "name": at.name, "limit": limit},
    )
    found: UUID | None = rows.scalar_one_or_none()
    return found


async def words(tx: WriteTx, at: Behind, to: UUID | None) -> dict[UUID, list[Stored]]:
    """All words on the trait of the keys after the place, up to `to`; the values stay as they are meanwhile."""
    keys = "name = :name AND customer_id > :place" + ("" if to is None else " AND customer_id <= :to")
    values = {"name": at.name, "place": at.place, **({} if to is None else {"to": to})}
    found: dict[UUID, list[Stored]] = {}
    held = await tx.execute(
        "SELECT customer_id, event_time, event_id, CAST(coalesce(said, value) AS text) AS said, source, "
        "recorded_at, CAST(value AS text) AS value "
        f"FROM traits WHERE {keys} ORDER BY customer_id FOR UPDATE",
        values,
    )
    for row in held:
        word = Stored(row.customer_id, _write(row, row.said), None, False, row.value)
        found.setdefault(row.customer_id, []).append(word)
    refused = await tx.execute(
        "SELECT customer_id, event_time, event_id, CAST(value AS text) AS value, source, recorded_at, reason, was_held "
        f"FROM refused_traits WHERE {keys} ORDER BY customer_id FOR UPDATE",
        values,
    )
    for row in refused:
        word = Stored(row.customer_id, _write(row, row.value), row.reason, row.was_held)
        found.setdefault(row.customer_id, []).append(word)
    return found


async def take_out(tx: WriteTx, name: str, keys: Collection[UUID]) -> None:
    """Take the words on a trait of these keys out, to be put in as they were judged again."""
    for table in ("traits", "refused_traits"):
        await tx.execute(
            f"DELETE FROM {table} WHERE customer_id = ANY(:keys) AND name = :name", {"keys": list(keys), "name": name}
        )


async def set_aside(tx: WriteTx, name: str, found: Sequence[Stored]) -> None:
    """Keep words that are not the value of the trait; where a later one that does not fit came in, that one stays."""
    await insert_rows(
        tx,
        "refused_traits",
        _COLUMNS,
        [
            (key, name, write.event_id, was_held, write.value, verdict, write.source, write.time, write.recorded)
            for key, write, verdict, was_held, _ in found
        ],
        "ON CONFLICT DO NOTHING",
    )


async def advance(tx: WriteTx, at: Behind, to: UUID | None, now: datetime) -> None:
    """Everything up to `to` was judged by the declaration; None: everything."""
    await tx.execute(
        """
        UPDATE trait_schemas SET judged_to = CAST(:to AS uuid), is_judged = CAST(:to AS uuid) IS NULL,
            judge_again_at = CASE WHEN is_judged AND judge_again_at <= :now THEN NULL ELSE judge_again_at END
        WHERE name = :name
        """,
        {"name": at.name, "to": to, "now": now},
    )


def _write(row: Any, said: str | None) -> TraitWrite:
    return TraitWrite(row.event_time, row.event_id, said, row.source, row.recorded_at)


def _declaration(row: Any) -> Declaration:
    declared = Declared.stored(row.name, row.definition or {"type": "string"})
    return Declaration(
        declared, row.version, row.is_deleted, row.is_judged, row.created_at, row.updated_at, row.updated_by
    )
