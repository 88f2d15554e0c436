"""What was told last."""

from collections.abc import Mapping
from datetime import datetime

from services.metrics.satisfaction.domain.query import Metric
from services.metrics.satisfaction.domain.telling import Told
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


async def last_told(tx: ReadTx, metric: Metric) -> dict[str, tuple[Told, datetime]]:
    """What was told of each segment, and when; of everybody under the empty one."""
    rows = await tx.execute(
        "SELECT segment, definition, value, n, at FROM satisfaction_told WHERE metric = :metric", {"metric": metric}
    )
    return {row.segment: (Told(row.definition, row.value, 0, 0, row.n), row.at) for row in rows}


async def store_told(tx: WriteTx, metric: Metric, told: Mapping[str, Told], at: datetime) -> None:
    """Note what is told now."""
    columns = {
        "metric": "text",
        "segment": "text",
        "definition": "text",
        "value": "int",
        "n": "int",
        "at": "timestamptz",
    }
    await insert_rows(
        tx,
        "satisfaction_told",
        columns,
        [(metric, segment, each.definition, each.value, each.n, at) for segment, each in sorted(told.items())],
        "ON CONFLICT (metric, segment) DO UPDATE SET definition = EXCLUDED.definition, value = EXCLUDED.value, "
        "n = EXCLUDED.n, at = EXCLUDED.at",
    )
