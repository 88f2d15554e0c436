"""The SQL of declared types of identifiers, and of values that several keys go by."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.profiles.domain.identifiers import Identifier
from services.profiles.identifier_types.domain import Holder, IdentifierType
from shared.db.engine import ReadTx, WriteTx


class Declaration(NamedTuple):
    """A type as it is stored; `declared` None: as nothing any more."""

    name: str
    version: int
    declared: IdentifierType | None
    updated_at: datetime
    updated_by: str


async def everything(tx: ReadTx) -> dict[str, IdentifierType]:
    """All that is declared."""
    rows = await tx.execute("SELECT name, definition FROM identifier_types WHERE definition IS NOT NULL")
    return {row.name: IdentifierType.stored(row.name, row.definition) for row in rows}


async def declared(tx: ReadTx, name: str) -> IdentifierType | None:
    """What a type is declared as."""
    found = await get(tx, name)
    return None if found is None else found.declared


async def get(tx: ReadTx, name: str) -> Declaration | None:
    """The declaration, also one that is deleted."""
    rows = await tx.execute(
        "SELECT name, version, definition, updated_at, updated_by FROM identifier_types WHERE name = :name",
        {"name": name},
    )
    row = rows.one_or_none()
    return None if row is None else _declaration(row.name, row.version, row.definition, row.updated_at, row.updated_by)


async def listed(tx: ReadTx) -> list[Declaration]:
    """All that is declared, by name."""
    rows = await tx.execute(
        "SELECT name, version, definition, updated_at, updated_by FROM identifier_types "
        "WHERE definition IS NOT NULL ORDER BY name"
    )
    return [_declaration(row.name, row.version, row.definition, row.updated_at, row.updated_by) for row in rows]


async def versions(tx: ReadTx, name: str, *, before: int | None, limit: int) -> list[Declaration]:
    """What a type was declared as, the latest first."""
    rows = await tx.execute(
        "SELECT version, definition, changed_at, changed_by FROM identifier_type_versions "
        f"WHERE name = :name {'' if before is None else 'AND version < :before'} ORDER BY version DESC LIMIT :limit",
        {"name": name, "limit": limit, **({} if before is None else {"before": before})},
    )
    return [_declaration(name, row.version, row.definition, row.changed_at, row.changed_by) for row in rows]


async def claim(tx: WriteTx) -> None:
    """Be the only one who changes what is declared until this transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(7263, hashtext(current_schema() || '.identifier_types'))")


async def count(tx: ReadTx) -> int:
    """How many types are declared."""
    rows = await tx.execute("SELECT count(*) FROM identifier_types WHERE definition IS NOT NULL")
    return int(rows.scalar_one())


async def is_stored(tx: ReadTx, name: str) -> bool:
    """Whether any key goes by a value of the type."""
    rows = await tx.execute("SELECT EXISTS (SELECT FROM identifiers WHERE type = :name)", {"name": name})
    return bool(rows.scalar_one())


async def put(tx: WriteTx, name: str, type_: IdentifierType | None, *, by: str, now: datetime) -> None:
    """Write a version; None declares the type no more."""
    definition = None if type_ is None else orjson.dumps(type_.definition()).decode()
    await tx.execute(
        """
        INSERT INTO identifier_types (name, version, definition, updated_at, updated_by)
        VALUES (:name, 1, CAST(:definition AS jsonb), :now, :by)
        ON CONFLICT (name) DO UPDATE SET version = identifier_types.version + 1, definition = EXCLUDED.definition,
            updated_at = :now, updated_by = :by
        """,
        {"name": name, "definition": definition, "now": now, "by": by},
    )
    await tx.execute(
        "INSERT INTO identifier_type_versions (name, version, definition, changed_at, changed_by) "
        "SELECT name, version, definition, updated_at, updated_by FROM identifier_types WHERE name = :name",
        {"name": name},
    )


async def lock_values(tx: WriteTx, identifiers: Collection[Identifier], types: Collection[str]) -> None:
    """Keep others from giving these values to anybody, where the type decides between those who share one.

    The first lock of a transaction.
    """
    values = sorted({f"{each.type}:{each.value}" for each in identifiers if each.type in types})
    if values:
        await tx.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.identifier:' || t.value, 0)) "
            "FROM (SELECT unnest(CAST(:values AS text[])) AS value ORDER BY 1) AS t",
            {"values": values},
        )


async def refuse_taken(tx: WriteTx, values: Collection[tuple[str, str]]) -> None:
    """Of the keys that go by one of these values (type, value), let the one that was seen with it first keep it.

    Who is refused stays so: an earlier one only ever takes it from the one that has it (index identifiers_first).
    """
    if not values:
        return
    await tx.execute(
        """
        UPDATE identifiers SET refused_because = 'taken'
        FROM unnest(CAST(:types AS text[]), CAST(:values AS text[])) AS t (type, value)
        CROSS JOIN LATERAL (
            SELECT i.customer_id FROM identifiers AS i
            WHERE i.type = t.type AND i.value = t.value AND i.refused_because IS NULL
            ORDER BY i.first_seen, i.customer_id LIMIT 1
        ) AS first
        WHERE identifiers.type = t.type AND identifiers.value = t.value AND identifiers.refused_because IS NULL
          AND identifiers.customer_id <> first.customer_id
        """,
        {"types": [type_ for type_, _ in values], "values": [value for _, value in values]},
    )


async def holders(tx: ReadTx, values: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[Holder]]:
    """The keys that go by each of these values, those seen with it first, as many as is said of each."""
    if not values:
        return {}
    rows = await tx.execute(
        """
        SELECT t.type, t.value, i.first_seen, i.customer_id, coalesce(c.identified, false) AS is_identified
        FROM unnest(CAST(:types AS text[]), CAST(:values AS text[]), CAST(:most AS int[])) AS t (type, value, most)
        CROSS JOIN LATERAL (
            SELECT i.first_seen, i.customer_id FROM identifiers AS i
            WHERE i.type = t.type AND i.value = t.value AND i.refused_because IS NULL
            ORDER BY i.first_seen, i.customer_id LIMIT t.most
        ) AS i LEFT JOIN customers AS c ON c.id = i.customer_id
        """,
        {
            "types": [type_ for type_, _ in values],
            "values": [value for _, value in values],
            "most": list(values.values()),
        },
    )
    found: dict[tuple[str, str], list[Holder]] = {}
    for row in rows:
        found.setdefault((row.type, row.value), []).append(Holder(row.first_seen, row.customer_id, row.is_identified))
    return found


async def taken_by(tx: ReadTx, identifiers: Collection[Identifier]) -> tuple[str, UUID] | None:
    """The type of one of these identifiers that another person has, and whose it is."""
    rows = await tx.execute(
        """
        SELECT i.type, coalesce(own.root_id, first.customer_id) AS owner
        FROM unnest(CAST(:types AS text[]), CAST(:values AS text[]), CAST(:keys AS uuid[]))
            AS t (type, value, customer_id) JOIN identifiers AS i USING (type, value, customer_id)
        JOIN identifiers AS first ON first.type = i.type AND first.value = i.value AND first.refused_because IS NULL
        LEFT JOIN identity AS own ON own.raw_id = first.customer_id
        LEFT JOIN identity AS mine ON mine.raw_id = i.customer_id
        WHERE i.refused_because = 'taken'
          AND coalesce(own.root_id, first.customer_id) <> coalesce(mine.root_id, i.customer_id)
        LIMIT 1
        """,
        {
            "types": [each.type for each in identifiers],
            "values": [each.value for each in identifiers],
            "keys": [each.customer_id for each in identifiers],
        },
    )
    row = rows.one_or_none()
    return None if row is None else (row.type, row.owner)


def _declaration(name: str, version: int, definition: dict[str, object] | None, at: datetime, by: str) -> Declaration:
    return Declaration(name, version, None if definition is None else IdentifierType.stored(name, definition), at, by)
