"""All SQL of memberships.

Locks, always in this order and after every other write of a transaction: the mapping of who is whom (shared), the
definitions of segments (shared), the standings of persons in ascending order. What is read after that is final.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from services.profiles.membership.domain import Move
from services.profiles.rfm import repository as scales
from services.profiles.segments.repository.compiler import Asked, Definitions, Plan
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

# No key is made like this.
_BEFORE_ALL = UUID(int=0)
_LOCK = "7262, hashtext(current_schema() || '.segments')"


# Data of people who had their use restricted are kept, and used for nothing.
_RESTRICTED = """
    SELECT coalesce(i.root_id, r.customer_id) FROM restrictions AS r LEFT JOIN identity AS i ON i.raw_id = r.customer_id
"""
# Whose memberships time may have changed is asked everything. A length that the planner cannot see: else it plans anew
# for each batch.
_SOURCE = """
    SELECT t.id, CASE WHEN s.due_at <= :now THEN -1 ELSE t.asked END AS asked,
           CASE WHEN t.asked <> -1 AND s.due_at > :now THEN s.due_at END AS was_due
    FROM unnest(ARRAY(SELECT unnest(CAST(:people AS uuid[]))), ARRAY(SELECT unnest(CAST(:asked AS bigint[]))))
        AS t (id, asked)
    JOIN standings AS s ON s.customer_id = t.id
"""


class Behind(NamedTuple):
    """How far everybody was asked for a segment: up to the key `place`, None for nobody yet."""

    place: UUID | None


async def hold_definitions(tx: WriteTx) -> None:
    """Keep segments from being made, changed or deleted until this transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


async def claim_definitions(tx: WriteTx) -> None:
    """Wait for all who look at persons by the definitions as they are, and be the only one who changes them."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")


async def epoch(tx: ReadTx) -> int:
    """Counts up with every change of a definition."""
    return int((await tx.execute("SELECT number FROM definitions_epoch")).scalar_one())


async def count_up(tx: WriteTx) -> None:
    """Let everybody know that a definition has changed; whoever does so has claimed them."""
    await tx.execute("UPDATE definitions_epoch SET number = number + 1")


async def live(tx: ReadTx) -> Definitions:
    """The segments that somebody can be in, and all that their rules refer to."""
    rows = await tx.execute("SELECT id, CAST(rule AS text) AS rule FROM segments WHERE NOT is_deleted ORDER BY id")
    segments = tuple(Asked(row.id, row.rule) for row in rows)
    rows = await tx.execute("SELECT key, segment_id FROM personas WHERE status = 'active' ORDER BY key")
    personas = tuple((row.key, row.segment_id) for row in rows)
    rows = await tx.execute(
        "SELECT name, CAST(definition AS text) AS definition FROM trait_schemas "
        "WHERE NOT is_deleted AND definition ->> 'merge_policy' <> 'latest' ORDER BY name"
    )
    policies = tuple((row.name, row.definition) for row in rows)
    return Definitions(segments, personas, (await scales.current(tx)).scale, policies)


async def ask_again(tx: WriteTx, segments: Collection[UUID]) -> None:
    """Ask everybody again for these segments."""
    await tx.execute(
        "UPDATE segments SET is_built = false, built_to = NULL WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT is_deleted",
        {"ids": list(segments)},
    )


async def lock_standings(tx: WriteTx, people: Sequence[UUID]) -> None:
    """Be the only one who looks at these persons until this transaction ends."""
    # A row that is there is locked, also where nothing is to be written.
    await insert_rows(
        tx,
        "standings",
        {"customer_id": "uuid"},
        [(each,) for each in people],
        "ON CONFLICT (customer_id) DO UPDATE SET due_at = standings.due_at WHERE false",
    )


async def look(
    tx: WriteTx, plan: Plan, people: Mapping[UUID, int], *, now: datetime, today: date, zone: tzinfo
) -> tuple[list[Move], list[Move]]:
    """Write who of these persons is in what now, and when time may change it; who entered and who left what.

    `people`: the bits of what is to be looked at of each, whose standings are locked.
    """
    places = [
        (f"CAST(:s{place} AS uuid)", f"(f.asked & {each.bits}) <> 0", each) for place, each in enumerate(plan.answers)
    ]
    asked = ", ".join(f"CASE WHEN {is_asked} THEN {id_} END" for id_, is_asked, _ in places)
    wanted = ", ".join(f"CASE WHEN {is_asked} AND {each.rule} THEN {id_} END" for id_, is_asked, each in places)
    rows = await tx.execute(
        f"""
        {plan.tables(_SOURCE)}, looked AS MATERIALIZED (
            SELECT f.id, f.asked = -1 AS is_all, f.is_person AND f.id NOT IN ({_RESTRICTED}) AS is_used,
                   array_remove(CAST(ARRAY[{wanted}] AS uuid[]), NULL) AS wanted,
                   array_remove(CAST(ARRAY[{asked}] AS uuid[]), NULL) AS asked,
                   {plan.due} AS due_at
            FROM feature AS f
        ), standing AS MATERIALIZED (
            SELECT l.id, CASE WHEN l.is_used THEN l.wanted ELSE '{{}}' END AS wanted,
                   ARRAY(SELECT segment_id FROM memberships
                         WHERE customer_id = l.id AND (l.is_all OR segment_id = ANY(l.asked))) AS had,
                   CASE WHEN l.is_used THEN l.due_at END AS due_at
            FROM looked AS l
        ), entered AS MATERIALIZED (
            SELECT unnest(wanted) AS segment_id, id FROM standing WHERE NOT wanted <@ had
            EXCEPT SELECT unnest(had), id FROM standing
        ), gone AS MATERIALIZED (
            SELECT unnest(had) AS segment_id, id FROM standing WHERE NOT had <@ wanted
            EXCEPT SELECT unnest(wanted), id FROM standing
        ), added AS (
            INSERT INTO memberships (segment_id, customer_id, since) SELECT segment_id, id, :now FROM entered
        ), removed AS (
            DELETE FROM memberships USING gone
            WHERE memberships.segment_id = gone.segment_id AND memberships.customer_id = gone.id
        ), timed AS (
            UPDATE standings SET due_at = standing.due_at FROM standing
            WHERE standings.customer_id = standing.id AND standings.due_at IS DISTINCT FROM standing.due_at
        )
        SELECT true AS is_in, segment_id, id FROM entered UNION ALL SELECT false, segment_id, id FROM gone
        ORDER BY segment_id, id
        """,
        {
            **plan.at(now, today, zone),
            **{f"s{place}": each.segment_id for place, each in enumerate(plan.answers)},
            "people": list(people),
            "asked": list(people.values()),
        },
    )
    found: tuple[list[Move], list[Move]] = [], []
    for row in rows:
        found[not row.is_in].append(Move(row.segment_id, row.id))
    return found


# Reads along the index standings_due.
DUE = "SELECT customer_id FROM standings WHERE due_at <= :now ORDER BY due_at LIMIT :limit"


async def due(tx: ReadTx, now: datetime, *, limit: int) -> list[UUID]:
    """Persons whose memberships the passing of time may have changed."""
    rows = await tx.execute(DUE, {"now": now, "limit": limit})
    return [row.customer_id for row in rows]


async def unbuilt(tx: ReadTx) -> Behind | None:
    """The segments that are furthest behind in asking everybody; None: everybody was asked for all of them."""
    rows = await tx.execute(
        "SELECT built_to FROM segments WHERE NOT is_built AND NOT is_deleted ORDER BY built_to NULLS FIRST LIMIT 1"
    )
    row = rows.one_or_none()
    return None if row is None else Behind(row.built_to)


async def customers_after(tx: ReadTx, behind: Behind, *, limit: int) -> list[UUID]:
    """The next raw person keys of customers, in ascending order."""
    rows = await tx.execute(
        "SELECT id FROM customers WHERE id > CAST(:place AS uuid) ORDER BY id LIMIT :limit",
        {"place": behind.place or _BEFORE_ALL, "limit": limit},
    )
    return [row.id for row in rows]


async def advance_builds(tx: WriteTx, behind: Behind, to: UUID | None) -> None:
    """Move the segments that stand there on; `to` None: everybody was asked."""
    await tx.execute(
        "UPDATE segments SET built_to = CAST(:to AS uuid), is_built = CAST(:to AS uuid) IS NULL "
        "WHERE NOT is_built AND NOT is_deleted AND built_to IS NOT DISTINCT FROM CAST(:place AS uuid)",
        {"to": to, "place": behind.place},
    )


async def left_behind(tx: ReadTx, *, limit: int) -> list[UUID]:
    """Members of deleted segments."""
    rows = await tx.execute(
        "SELECT customer_id FROM memberships WHERE segment_id IN (SELECT id FROM segments WHERE is_deleted) "
        "LIMIT :limit",
        {"limit": limit},
    )
    return sorted({row.customer_id for row in rows})


async def forget_deleted(tx: WriteTx) -> None:
    """Remove deleted segments that have no members any more."""
    await tx.execute(
        "DELETE FROM list_members WHERE segment_id IN (SELECT id FROM segments WHERE is_deleted)",
    )
    await tx.execute(
        "DELETE FROM segments WHERE is_deleted "
        "AND NOT EXISTS (SELECT FROM memberships WHERE memberships.segment_id = segments.id)"
    )


async def versions(tx: ReadTx, segments: Collection[UUID]) -> dict[UUID, int]:
    """The version of each of these segments that is still there, deleted ones included."""
    rows = await tx.execute("SELECT id, version FROM segments WHERE id = ANY(:ids)", {"ids": list(segments)})
    return {row.id: row.version for row in rows}
