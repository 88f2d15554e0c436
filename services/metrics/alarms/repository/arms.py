"""What the last evaluation of each direction of a watch came to."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.metrics.alarms.domain.watch import ArmState, Direction, Watch
from shared.db.engine import ReadTx, WriteTx


class Arm(NamedTuple):
    """The state of one direction of a watch as of a day; `document` holds its basis or what is missing, and its path.

    `digest` is that of all it was made of.
    """

    watch_id: UUID
    direction: Direction
    digest: bytes
    state: ArmState
    as_of: int | None
    statistic: float | None
    threshold: float | None
    evaluated_at: datetime
    document: Mapping[str, Any]


_COLUMNS = ", ".join(Arm._fields)
_OTHERS = ", ".join(Arm._fields[:-1])
_LAST_DAYS = f"""
    {_OTHERS}, CASE WHEN CAST(:days AS int) = 0 THEN document - 'path' ELSE jsonb_set(
        document, '{{path}}', jsonb_path_query_array(document -> 'path', '$[last - $back to last]',
                                                     jsonb_build_object('back', CAST(:days AS int) - 1))
    ) END AS document
"""


async def digests(tx: ReadTx) -> dict[tuple[UUID, str], bytes]:
    """What each arm was made of when it was looked at last."""
    rows = await tx.execute("SELECT watch_id, direction, digest FROM alarm_arms")
    return {(row.watch_id, row.direction): bytes(row.digest) for row in rows}


async def arms(tx: ReadTx, watches: Collection[UUID], *, days: int | None) -> dict[tuple[UUID, Direction], Arm]:
    """The arms of these watches, with so many of the last days of their paths; None: with all."""
    columns, wanted = (_COLUMNS, {}) if days is None else (_LAST_DAYS, {"days": days})
    rows = await tx.execute(
        f"SELECT {columns} FROM alarm_arms WHERE watch_id = ANY(CAST(:ids AS uuid[]))", {"ids": list(watches), **wanted}
    )
    return {(each.watch_id, each.direction): each for each in map(_arm, rows)}


async def put(tx: WriteTx, arm: Arm) -> None:
    """Note how an arm is now."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in Arm._fields[2:])
    values = ", ".join(f":{name}" for name in Arm._fields[:-1])
    await tx.execute(
        f"INSERT INTO alarm_arms ({_COLUMNS}) VALUES ({values}, CAST(:document AS jsonb)) "
        f"ON CONFLICT (watch_id, direction) DO UPDATE SET {changed}",
        {**arm._asdict(), "document": orjson.dumps(arm.document).decode()},
    )


async def drop_others(tx: WriteTx, watch: Watch) -> None:
    """Forget the arms of directions that are watched no more."""
    await tx.execute(
        "DELETE FROM alarm_arms WHERE watch_id = :id AND direction <> ALL(CAST(:directions AS text[]))",
        {"id": watch.id, "directions": list(watch.directions)},
    )


def _arm(row: Any) -> Arm:
    return Arm(*row)
