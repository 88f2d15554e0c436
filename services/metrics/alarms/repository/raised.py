"""Alarms that are raised now, for who shows or acts on them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.metrics.alarms.domain.watch import Dimension, Direction, Metric
from services.metrics.domain.calendar import to_date
from shared.db.engine import ReadTx


class RaisedAlarm(NamedTuple):
    """An alarm that stands. The change began on `change_day`, with 95 % between `change_first` and `change_last`.

    `metric`, `survey_id`, `dimension` and `value` say what it is about (None: all); `before` and `since` are the figure
    in `unit` up to the change and from it on. `owner` None: nobody was named.
    """

    alarm_id: UUID
    watch_id: UUID
    name: str
    metric: Metric
    window_days: int | None
    survey_id: UUID | None
    dimension: Dimension | None
    value: str | None
    direction: Direction
    change_day: date
    change_first: date
    change_last: date
    raised_day: date
    raised_at: datetime
    definition: str
    unit: str
    before: float
    since: float | None
    arl0_days: int
    owner: str | None
    acknowledged_at: datetime | None


async def raised_alarms(tx: ReadTx) -> Sequence[RaisedAlarm]:
    """All that stand, the one that was raised last first; one index, whatever has been raised before."""
    rows = await tx.execute(
        """
        SELECT a.*, w.name, w.metric, w.window_days, w.survey_id, w.dimension, w.value, w.arl0_days, w.owner
        FROM alarms a JOIN alarm_watches w ON w.id = a.watch_id
        WHERE a.state = 'raised' ORDER BY a.raised_day DESC, a.id DESC
        """
    )
    return [_raised(row) for row in rows]


def _raised(row: Any) -> RaisedAlarm:
    return RaisedAlarm(
        alarm_id=row.id,
        watch_id=row.watch_id,
        name=row.name,
        metric=row.metric,
        window_days=row.window_days,
        survey_id=row.survey_id,
        dimension=row.dimension,
        value=row.value,
        direction=row.direction,
        change_day=to_date(row.change_day),
        change_first=to_date(row.change_first),
        change_last=to_date(row.change_last),
        raised_day=to_date(row.raised_day),
        raised_at=row.raised_at,
        definition=row.evidence["definition"],
        unit=row.evidence["unit"],
        before=row.evidence["before"]["value"],
        since=row.evidence["since"]["value"],
        arl0_days=row.arl0_days,
        owner=row.owner,
        acknowledged_at=row.acknowledged_at,
    )
