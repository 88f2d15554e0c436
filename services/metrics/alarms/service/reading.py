"""Answers what is watched, what is raised, and why: as it was evaluated last, which costs a read of a few rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from services.metrics.alarms.domain.watch import Direction, State, Watch
from services.metrics.alarms.errors import NoSuchAlarm, NoSuchWatch
from services.metrics.alarms.repository import alarms, arms, raised, watches
from services.metrics.alarms.repository.alarms import Alarm, Revision
from services.metrics.alarms.repository.arms import Arm
from services.metrics.alarms.repository.raised import RaisedAlarm
from shared.db.engine import Database

# What a list shows of a path.
CHART_DAYS = 90


class SeenWatch(NamedTuple):
    """A watch and its directions; those that were not looked at yet are not there."""

    watch: Watch
    arms: Mapping[Direction, Arm]


class SeenAlarm(NamedTuple):
    """An alarm, its watch, and how the direction it is of looks now (None: it is watched no more, or otherwise)."""

    alarm: Alarm
    watch: Watch
    arm: Arm | None


@dataclass(frozen=True, slots=True)
class Alarms:
    """What there is to see."""

    db: Database

    async def watched(self) -> list[SeenWatch]:
        """All watches, without their paths."""
        async with self.db.read() as tx:
            found = await watches.watches(tx)
            seen = await arms.arms(tx, [each.id for each in found], days=0)
        return [SeenWatch(each, _of(each.id, seen)) for each in found]

    async def watch(self, watch_id: UUID) -> SeenWatch:
        """One of them, with its paths.

        Raises:
            NoSuchWatch: it is not there.
        """
        async with self.db.read() as tx:
            found = await watches.watch(tx, watch_id)
            if found is None:
                raise NoSuchWatch
            return SeenWatch(found, _of(watch_id, await arms.arms(tx, [watch_id], days=None)))

    async def listed(
        self, *, state: State | None, watch_id: UUID | None, after: tuple[int, UUID] | None, limit: int
    ) -> tuple[Sequence[SeenAlarm], Sequence[SeenWatch]]:
        """Alarms, those raised last first, one more than the limit if there are more; and all watches."""
        async with self.db.read() as tx:
            found = await alarms.listed(tx, state=state, watch_id=watch_id, after=after, limit=limit + 1)
            known = await watches.any_watches(tx, sorted({each.watch_id for each in found}))
            standing = [each.watch_id for each in found if each.state == "raised"]
            seen = await arms.arms(tx, standing, days=CHART_DAYS)
            watched = await watches.watches(tx)
            states = await arms.arms(tx, [each.id for each in watched], days=0)
        return (
            [_seen(each, known[each.watch_id], seen) for each in found],
            [SeenWatch(each, _of(each.id, states)) for each in watched],
        )

    async def alarm(self, alarm_id: UUID) -> tuple[SeenAlarm, Sequence[Revision]]:
        """One of them, with the path of its watch and all that was ever said of it.

        Raises:
            NoSuchAlarm: it is not there.
        """
        async with self.db.read() as tx:
            found = await alarms.alarm(tx, alarm_id)
            if found is None:
                raise NoSuchAlarm
            watch = (await watches.any_watches(tx, [found.watch_id]))[found.watch_id]
            seen = await arms.arms(tx, [found.watch_id], days=None)
            said = await alarms.revisions(tx, alarm_id)
        return _seen(found, watch, seen), said

    async def gauges(self) -> tuple[list[SeenWatch], Sequence[RaisedAlarm]]:
        """What Prometheus shows."""
        async with self.db.read() as tx:
            found = await watches.watches(tx)
            seen = await arms.arms(tx, [each.id for each in found], days=0)
            return [SeenWatch(each, _of(each.id, seen)) for each in found], await raised.raised_alarms(tx)


def _seen(alarm: Alarm, watch: Watch, arms_: Mapping[tuple[UUID, Direction], Arm]) -> SeenAlarm:
    is_same = alarm.watch_version == watch.version
    return SeenAlarm(alarm, watch, arms_.get((alarm.watch_id, alarm.direction)) if is_same else None)


def _of(watch_id: UUID, found: Mapping[tuple[UUID, Direction], Arm]) -> dict[Direction, Arm]:
    return {direction: arm for (watch, direction), arm in found.items() if watch == watch_id}
