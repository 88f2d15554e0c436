"""Alarms and what was said of them when."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.metrics.alarms.domain.revising import Known
from services.metrics.alarms.domain.watch import Dates, Direction, State, Watch
from shared.db.engine import ReadTx, WriteTx


class Alarm(NamedTuple):
    """An alarm as it is said now. `watch_version` is that of the watch that raised it."""

    id: UUID
    watch_id: UUID
    watch_version: int
    direction: Direction
    state: State
    cause: str | None
    change_day: int
    change_first: int
    change_last: int
    raised_day: int
    cleared_day: int | None
    raised_at: datetime
    revision: int
    evidence: Mapping[str, Any]
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    note: str | None

    @property
    def dates(self) -> Dates:
        """Its days."""
        return Dates(
            self.change_day, self.change_first, self.change_last, self.raised_day, self.cleared_day, self.cause
        )

    @property
    def known(self) -> Known:
        """What the arithmetic needs of it."""
        return Known(self.id, self.state, self.dates)


class Revision(NamedTuple):
    """What was said of an alarm at some time."""

    revision: int
    at: datetime
    what: str
    state: State
    cause: str | None
    change_day: int
    change_first: int
    change_last: int
    raised_day: int
    cleared_day: int | None
    by: str | None
    note: str | None


_COLUMNS = ", ".join(Alarm._fields)
_OF_REVISION = ", ".join(Revision._fields)


async def known(tx: ReadTx, watch: Watch, direction: Direction, since: int) -> list[Alarm]:
    """Alarms of this version of a watch: those that stand, and those that were over on `since` or later."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM alarms WHERE watch_id = :watch AND direction = :direction "
        "AND watch_version = :version AND (state = 'raised' OR cleared_day >= :since) ORDER BY change_day, id",
        {"watch": watch.id, "direction": direction, "version": watch.version, "since": since},
    )
    return [_alarm(row) for row in rows]


async def standing(tx: ReadTx, watch_id: UUID) -> list[Alarm]:
    """Alarms of a watch that are raised."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM alarms WHERE watch_id = :watch AND state = 'raised' ORDER BY id", {"watch": watch_id}
    )
    return [_alarm(row) for row in rows]


async def alarm(tx: ReadTx, alarm_id: UUID, *, lock: bool = False) -> Alarm | None:
    """One of them."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM alarms WHERE id = :id {'FOR UPDATE' if lock else ''}", {"id": alarm_id}
    )
    row = rows.one_or_none()
    return None if row is None else _alarm(row)


async def listed(
    tx: ReadTx, *, state: State | None, watch_id: UUID | None, after: tuple[int, UUID] | None, limit: int
) -> list[Alarm]:
    """Those raised last first: up to `limit` of them after a day and id."""
    rows = await tx.execute(
        f"SELECT {_COLUMNS} FROM alarms WHERE (CAST(:state AS text) IS NULL OR state = :state) "
        "AND (CAST(:watch AS uuid) IS NULL OR watch_id = :watch) "
        "AND (CAST(:day AS int) IS NULL OR (raised_day, id) < (CAST(:day AS int), CAST(:id AS uuid))) "
        "ORDER BY raised_day DESC, id DESC LIMIT :limit",
        {
            "state": state,
            "watch": watch_id,
            "day": None if after is None else after[0],
            "id": None if after is None else after[1],
            "limit": limit,
        },
    )
    return [_alarm(row) for row in rows]


async def put(tx: WriteTx, alarm: Alarm) -> None:
    """Note how an alarm is now."""
    changed = ", ".join(f"{name} = EXCLUDED.{name}" for name in Alarm._fields[3:])
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name == "evidence" else f":{name}" for name in Alarm._fields)
    await tx.execute(
        f"INSERT INTO alarms ({_COLUMNS}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {changed}",
        {**alarm._asdict(), "evidence": orjson.dumps(alarm.evidence).decode()},
    )


async def add_revision(tx: WriteTx, alarm: Alarm, what: str, at: datetime) -> None:
    """Keep what was said of it now."""
    said = Revision(
        alarm.revision,
        at,
        what,
        alarm.state,
        alarm.cause,
        alarm.change_day,
        alarm.change_first,
        alarm.change_last,
        alarm.raised_day,
        alarm.cleared_day,
        alarm.acknowledged_by if what == "acknowledged" else None,
        alarm.note if what == "acknowledged" else None,
    )
    values = ", ".join(f":{name}" for name in Revision._fields)
    await tx.execute(
        f"INSERT INTO alarm_revisions (alarm_id, {_OF_REVISION}) VALUES (:alarm, {values})",
        {"alarm": alarm.id, **said._asdict()},
    )


async def revisions(tx: ReadTx, alarm_id: UUID) -> Sequence[Revision]:
    """All that was ever said of an alarm, in order."""
    rows = await tx.execute(
        f"SELECT {_OF_REVISION} FROM alarm_revisions WHERE alarm_id = :alarm ORDER BY revision", {"alarm": alarm_id}
    )
    return [_revision(row) for row in rows]


def _alarm(row: Any) -> Alarm:
    return Alarm(*row)


def _revision(row: Any) -> Revision:
    return Revision(*row)
