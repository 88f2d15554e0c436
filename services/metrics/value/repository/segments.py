"""What was told of segments, and which are to be looked at."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from services.metrics.value.domain.telling import Told
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


async def due(tx: ReadTx, now: datetime, limit: int) -> dict[UUID, Told | None]:
    """Segments that a persona describes and that are to be looked at now, with what was told of each last."""
    rows = await tx.execute(
        """
        SELECT p.segment_id, v.told
        FROM (SELECT DISTINCT segment_id FROM personas WHERE status <> 'retired') AS p
        LEFT JOIN segment_values AS v USING (segment_id)
        WHERE v.look_at IS NULL OR v.look_at <= :now
        ORDER BY v.look_at NULLS FIRST, p.segment_id LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return {row.segment_id: None if row.told is None else Told.model_validate(row.told) for row in rows}


async def keep(tx: WriteTx, told: Mapping[UUID, Told | None], look_at: datetime) -> None:
    """Note what was told of these segments last, and when to look again."""
    await insert_rows(
        tx,
        "segment_values",
        {"segment_id": "uuid", "told": "jsonb", "look_at": "timestamptz"},
        [
            (segment, None if each is None else each.model_dump_json(), look_at)
            for segment, each in sorted(told.items(), key=lambda item: item[0])
        ],
        "ON CONFLICT (segment_id) DO UPDATE SET told = EXCLUDED.told, look_at = EXCLUDED.look_at",
    )
