"""Who is in a segment now: persons, not keys. Somebody is in it whose any key is."""

from collections.abc import Collection
from uuid import UUID

from shared.db.engine import ReadTx

# Rows (segment_id, person), each once; a part of larger statements, with the parameter `segments`: null is every one.
PERSONS = """
    SELECT DISTINCT m.segment_id, coalesce(k.root_id, m.customer) AS person
    FROM segment_members m LEFT JOIN identity k ON k.raw_id = m.customer
    WHERE CAST(:segments AS uuid[]) IS NULL OR m.segment_id = ANY(CAST(:segments AS uuid[]))
"""


async def persons(tx: ReadTx, segment: UUID) -> list[UUID]:
    """The persons of one segment, in ascending order: as many as there are, so only for segments that are small."""
    rows = await tx.execute(f"SELECT person FROM ({PERSONS}) AS p ORDER BY person", {"segments": [segment]})
    return list(rows.scalars())


async def sizes(tx: ReadTx, segments: Collection[UUID] | None = None) -> dict[UUID, int]:
    """How many persons are in each of these segments (None: in each there is), customers or not."""
    rows = await tx.execute(
        f"SELECT segment_id, count(*) AS persons FROM ({PERSONS}) AS p GROUP BY segment_id ORDER BY segment_id",
        {"segments": None if segments is None else list(segments)},
    )
    return {row.segment_id: row.persons for row in rows}
