"""Everything that profiles keeps of a person: what names them, reading it all, removing it all."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.db.engine import ReadTx, WriteTx

# Every table that holds something of a person, and the columns with their raw person key. `phrases` go with traits.
TABLES: dict[str, tuple[str, ...]] = {
    "traits": ("customer_id",),
    "refused_traits": ("customer_id",),
    "identifiers": ("customer_id",),
    "customers": ("id",),
    "event_days": ("customer_id",),
    "orders": ("customer_id",),
    "interest_days": ("customer_id",),
    "preference_words": ("customer_id",),
    "consent_words": ("customer_id",),
    "told_facts": ("customer_id",),
    "list_members": ("customer_id",),
    "memberships": ("customer_id",),
    "standings": ("customer_id",),
    "restrictions": ("customer_id",),
    "objections": ("customer_id",),
    "links": ("from_id", "into_id"),
    "decisions": ("from_id", "into_id"),
    "merge_log": ("from_id", "into_id"),
}
# Left when memberships are looked at again, so that followers hear of it.
_LATER = ("memberships", "standings")


class Named(NamedTuple):
    """An identifier of the person. `is_own`: nobody else is known to go by it."""

    type: str
    value: str
    is_own: bool


class Said(NamedTuple):
    """A trait of the person, or a word on one that was refused, and whether nobody else says the same of themselves."""

    name: str
    value: Any
    is_own: bool


async def identifiers(tx: ReadTx, keys: Collection[UUID]) -> list[Named]:
    """What the person goes by, refused evidence too."""
    rows = await tx.execute(
        """
        SELECT type, value, NOT EXISTS (
            SELECT FROM identifiers AS other
            WHERE other.type = own.type AND other.value = own.value AND NOT other.customer_id = ANY(:keys)
        ) AS is_own
        FROM (SELECT DISTINCT type, value FROM identifiers WHERE customer_id = ANY(:keys)) AS own
        ORDER BY type, value
        """,
        {"keys": list(keys)},
    )
    return [Named._make(row) for row in rows]


async def traits(tx: ReadTx, keys: Collection[UUID]) -> list[Said]:
    """What was said of the person: values, their other spelling, and words that were refused."""
    rows = await tx.execute(
        """
        SELECT own.name, own.value, NOT EXISTS (
            SELECT FROM traits AS other
            WHERE other.name = own.name AND other.value IS NOT NULL AND md5(other.value::text) = md5(own.value::text)
              AND NOT other.customer_id = ANY(:keys)
        ) AS is_own
        FROM (
            SELECT name, value FROM traits WHERE customer_id = ANY(:keys) AND value IS NOT NULL
            UNION SELECT name, said FROM traits WHERE customer_id = ANY(:keys) AND said IS NOT NULL
            UNION SELECT name, value FROM refused_traits WHERE customer_id = ANY(:keys)
        ) AS own ORDER BY own.name
        """,
        {"keys": list(keys)},
    )
    return [Said._make(row) for row in rows]


async def sections(tx: ReadTx, keys: Sequence[UUID]) -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Every row of every table about the person, by table."""
    for table, columns in {**TABLES, "consent_announced": ("customer_id",), "identity": ("raw_id",)}.items():
        mine = " OR ".join(f"{column} = ANY(:keys)" for column in columns)
        rows = await tx.execute(f"SELECT to_jsonb(t) AS row FROM {table} AS t WHERE {mine}", {"keys": list(keys)})
        if found := [row.row for row in rows]:
            yield table, found


async def erase(tx: WriteTx, keys: Collection[UUID]) -> dict[str, int]:
    """Remove what is kept of the person but for memberships; how many rows of each table."""
    gone: dict[str, int] = {}
    for table, columns in TABLES.items():
        if table in _LATER:
            continue
        mine = " OR ".join(f"{column} = ANY(:keys)" for column in columns)
        result = await tx.execute(f"DELETE FROM {table} WHERE {mine}", {"keys": list(keys)})
        gone[table] = result.rowcount
    return gone


async def erase_memberships(tx: WriteTx, keys: Collection[UUID]) -> int:
    """Remove what is left of memberships after they were looked at again."""
    total = 0
    for table in _LATER:
        result = await tx.execute(f"DELETE FROM {table} WHERE customer_id = ANY(:keys)", {"keys": list(keys)})
        total += result.rowcount
    return total


async def erase_aliases(tx: WriteTx, values: Collection[str]) -> int:
    """Remove the person's ids from others to whom an alias once tried to join them."""
    result = await tx.execute(
        "DELETE FROM identifiers WHERE type = 'previous_id' AND value = ANY(:values)", {"values": list(values)}
    )
    return result.rowcount


async def consent_records(tx: ReadTx, keys: Collection[UUID]) -> list[Any]:
    """The words on consent as JSON texts, with what of them may stay."""
    rows = await tx.execute(
        "SELECT to_jsonb(w)::text AS document, purpose, channel, granted, event_time, text_version "
        "FROM consent_words AS w WHERE customer_id = ANY(:keys) ORDER BY id",
        {"keys": list(keys)},
    )
    return list(rows)


async def keep_proofs(tx: WriteTx, case_id: UUID, records: Sequence[Any], digests: Sequence[bytes]) -> None:
    """Keep of each word what proves it without telling whose it was."""
    for record, digest in zip(records, digests, strict=True):
        await tx.execute(
            "INSERT INTO consent_proofs (case_id, purpose, channel, granted, event_time, text_version, digest) "
            "VALUES (:case, :purpose, :channel, :granted, :time, :text, :digest)",
            {
                "case": case_id,
                "purpose": record.purpose,
                "channel": record.channel,
                "granted": record.granted,
                "time": record.event_time,
                "text": record.text_version,
                "digest": digest,
            },
        )


async def are_restricted(tx: ReadTx, keys: Collection[UUID]) -> bool:
    """Whether the person of these keys, who are all they have, had the use of their data restricted."""
    found = await tx.execute(
        "SELECT EXISTS (SELECT FROM restrictions WHERE customer_id = ANY(:keys))", {"keys": list(keys)}
    )
    return bool(found.scalar_one())


async def restrict(tx: WriteTx, keys: Collection[UUID], case_id: UUID, at: Any) -> None:
    """Keep the data of these keys without using them."""
    await tx.execute(
        "INSERT INTO restrictions (customer_id, case_id, since) "
        "SELECT unnest(CAST(:keys AS uuid[])), CAST(:case AS uuid), CAST(:at AS timestamptz) "
        "ON CONFLICT (customer_id) DO NOTHING",
        {"keys": list(keys), "case": case_id, "at": at},
    )


async def release(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Use them again."""
    await tx.execute("DELETE FROM restrictions WHERE customer_id = ANY(:keys)", {"keys": list(keys)})


async def hindered(
    tx: ReadTx, keys: Collection[UUID], purpose: str, *, objections: bool
) -> dict[UUID, Literal["restricted", "objected"]]:
    """Those of the keys whose person must not be contacted for a purpose, whatever they once allowed, and why not."""
    rows = await tx.execute(
        """
        WITH root_of AS (
            SELECT asked.id, coalesce(i.root_id, asked.id) AS root
            FROM unnest(CAST(:keys AS uuid[])) AS asked (id) LEFT JOIN identity AS i ON i.raw_id = asked.id
        ), said AS (
            SELECT customer_id, 'restricted' AS why FROM restrictions
            UNION ALL
            SELECT customer_id, 'objected' FROM objections WHERE :objections AND purpose = :purpose
        )
        SELECT root_of.id, max(said.why) AS why
        FROM said LEFT JOIN identity AS i ON i.raw_id = said.customer_id
        JOIN root_of ON root_of.root = coalesce(i.root_id, said.customer_id) GROUP BY root_of.id
        """,
        {"keys": list(set(keys)), "purpose": purpose, "objections": objections},
    )
    return {row.id: row.why for row in rows}


async def object_to(tx: WriteTx, keys: Collection[UUID], purposes: Sequence[str], case_id: UUID, at: Any) -> None:
    """The person objects to these purposes."""
    await tx.execute(
        "INSERT INTO objections (customer_id, purpose, case_id, since) "
        "SELECT key, purpose, CAST(:case AS uuid), CAST(:at AS timestamptz) FROM unnest(CAST(:keys AS uuid[])) AS key, "
        "unnest(CAST(:purposes AS text[])) AS purpose ON CONFLICT DO NOTHING",
        {"keys": list(keys), "purposes": list(purposes), "case": case_id, "at": at},
    )


async def withdraw_objections(tx: WriteTx, case_id: UUID) -> None:
    """The person objects no longer to what this case says."""
    await tx.execute("DELETE FROM objections WHERE case_id = :case", {"case": case_id})
