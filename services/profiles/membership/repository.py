"""All SQL of memberships.

Locks, always in this order and after every other write of a transaction: the mapping of who is whom (shared), the
definitions of segments (shared), the standings of persons in ascending order. What is read after that is final.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from services.profiles.membership.domain import Move, Standing
from services.profiles.rfm import repository as scales
from services.profiles.segments.repository.compiler import Asked, Definitions, Plan
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

# No key is made like this.
_BEFORE_ALL = UUID(int=0)
_LOCK = "7262, hashtext(current_schema() || '.segments')"


# Data of people who had their use restricted are kept, and used for nothing. There are few of them.
_IS_USED = """f.is_person AND NOT EXISTS (
    SELECT FROM restrictions AS r LEFT JOIN identity AS i ON i.raw_id = r.customer_id
    WHERE coalesce(i.root_id, r.customer_id) = f.id
)"""


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
    await insert_rows(tx, "standings", {"customer_id": "uuid"}, [(each,) for each in people], "ON CONFLICT DO NOTHING")
    await tx.execute(
        "SELECT FROM standings WHERE customer_id = ANY(CAST(:people AS uuid[])) ORDER BY customer_id FOR UPDATE",
        {"people": list(people)},
    )


async def ask(
    tx: ReadTx, plan: Plan, people: Sequence[UUID], *, now: datetime, today: date, zone: tzinfo
) -> list[Standing]:
    """Those of the persons whose memberships or due time are not what is written."""
    answers = ", ".join(f"CASE WHEN {rule} THEN CAST(:s{place} AS uuid) END" for place, (_, rule) in _placed(plan))
    rows = await tx.execute(
        f"""
        {plan.tables("SELECT id FROM unnest(CAST(:people AS uuid[])) AS t (id)")}, standing AS MATERIALIZED (
            SELECT f.id,
                   CASE WHEN {_IS_USED} THEN array_remove(CAST(ARRAY[{answers}] AS uuid[]), NULL)
                        ELSE CAST('{{}}' AS uuid[]) END AS wanted,
                   ARRAY(SELECT segment_id FROM memberships WHERE customer_id = f.id ORDER BY segment_id) AS had,
                   CASE WHEN {_IS_USED} THEN {plan.due} END AS due_at
            FROM feature AS f
        )
        SELECT standing.* FROM standing JOIN standings ON standings.customer_id = standing.id
        WHERE wanted <> had OR standing.due_at IS DISTINCT FROM standings.due_at
        """,
        {
            **plan.at(now, today, zone),
            **{f"s{place}": id_ for place, (id_, _) in _placed(plan)},
            "people": list(people),
        },
    )
    return [Standing(row.id, frozenset(row.wanted), frozenset(row.had), row.due_at) for row in rows]


def _placed(plan: Plan) -> list[tuple[int, tuple[UUID, str]]]:
    return list(enumerate(plan.answers))


async def write(
    tx: WriteTx, standings: Sequence[Standing], entered: Sequence[Move], left: Sequence[Move], *, now: datetime
) -> None:
    """Write who is in what now, and when time may change it."""
    await insert_rows(
        tx,
        "memberships",
        {"segment_id": "uuid", "customer_id": "uuid", "since": "timestamptz"},
        [(*move, now) for move in entered],
    )
    if left:
        await tx.execute(
            "DELETE FROM memberships USING unnest(CAST(:segments AS uuid[]), CAST(:customers AS uuid[])) "
            "AS t (segment_id, customer_id) "
            "WHERE memberships.segment_id = t.segment_id AND memberships.customer_id = t.customer_id",
            {"segments": [move.segment_id for move in left], "customers": [move.customer_id for move in left]},
        )
    if standings:
        await tx.execute(
            "UPDATE standings SET due_at = t.due_at "
            "FROM unnest(CAST(:people AS uuid[]), CAST(:dues AS timestamptz[])) AS t (id, due_at) "
            "WHERE customer_id = t.id AND standings.due_at IS DISTINCT FROM t.due_at",
            {"people": [each.id for each in standings], "dues": [each.due_at for each in standings]},
        )


async def due(tx: ReadTx, now: datetime, *, limit: int) -> list[UUID]:
    """Persons whose memberships the passing of time may have changed (index standings_due)."""
    rows = await tx.execute(
        "SELECT customer_id FROM standings WHERE due_at <= :now ORDER BY due_at LIMIT :limit",
        {"now": now, "limit": limit},
    )
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
