"""What is watched, entered by the firm; and that somebody has seen an alarm. Each use case is one transaction."""

from dataclasses import dataclass, replace
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.alarms.domain.watch import Watch
from services.metrics.alarms.errors import (
    BadWatch,
    NoSuchAlarm,
    NoSuchWatch,
    NotRaised,
    TooManyWatches,
    WatchNameTaken,
)
from services.metrics.alarms.repository import alarms, watches
from services.metrics.alarms.schemas.watches import AcknowledgementOut, SeenIn, WatchIn, WatchOut
from services.metrics.alarms.service.saying import Saying
from services.metrics.domain import calendar
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7

MAX_WATCHES = 50
_GONE = Answer(204, b"")


@dataclass(frozen=True, slots=True)
class Watches:
    """Enters, changes and removes watches; acknowledges alarms."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def add(self, body: WatchIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Watch something more; it is looked at within five minutes.

        Raises:
            BadWatch: what is asked for cannot be watched.
            WatchNameTaken, TooManyWatches: see there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            names = await watches.hold_all(tx)
            if len(names) >= MAX_WATCHES:
                raise TooManyWatches(MAX_WATCHES)
            watch = self._watch(body, uuid7(), 1)
            return await self._enter(tx, watch, names, by=by, idem=idem, status=201)

    async def change(self, watch_id: UUID, body: WatchIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Enter a watch anew. If more than its name and owner is new it begins anew, and what it had raised is over.

        Raises:
            NoSuchWatch, BadWatch, WatchNameTaken: see there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            names = await watches.hold_all(tx)
            before = await watches.lock(tx, watch_id)
            if before is None:
                raise NoSuchWatch
            watch = self._watch(body, before.id, before.version)
            if replace(watch, name=before.name, owner=before.owner) != before:
                await self._end(tx, before)
                watch = replace(watch, version=before.version + 1)
            return await self._enter(tx, watch, names, by=by, idem=idem, status=200)

    async def remove(self, watch_id: UUID, *, by: str, idem: Idempotent | None) -> Answer:
        """Watch it no more; what it had raised is over.

        Raises:
            NoSuchWatch: it is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            watch = await watches.lock(tx, watch_id)
            if watch is None:
                raise NoSuchWatch
            await self._end(tx, watch)
            await watches.remove(tx, watch_id, at=self.clock.now(), by=by)
            await remember(tx, idem, _GONE)
            return _GONE

    async def acknowledge(self, alarm_id: UUID, body: SeenIn, idem: Idempotent | None) -> Answer:
        """Say who has seen an alarm, and what they make of it. Whoever says so later is named from then on.

        Raises:
            NoSuchAlarm, NotRaised: see there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            alarm = await alarms.alarm(tx, alarm_id, lock=True)
            if alarm is None:
                raise NoSuchAlarm
            if alarm.state != "raised":
                raise NotRaised(alarm.state)
            now = self.clock.now()
            seen = alarm._replace(
                acknowledged_at=now, acknowledged_by=body.actor, note=body.note, revision=alarm.revision + 1
            )
            await alarms.put(tx, seen)
            await alarms.add_revision(tx, seen, "acknowledged", now)
            out = AcknowledgementOut(alarm_id=alarm_id, at=now, actor=body.actor, note=body.note)
            answer = Answer(200, out.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _enter(
        self, tx: WriteTx, watch: Watch, names: dict[str, UUID], *, by: str, idem: Idempotent | None, status: int
    ) -> Answer:
        if names.get(watch.name, watch.id) != watch.id:
            raise WatchNameTaken(watch.name)
        await watches.put(tx, watch, at=self.clock.now(), by=by)
        answer = Answer(status, WatchOut.of(watch).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer

    async def _end(self, tx: WriteTx, watch: Watch) -> None:
        """Tell that what it raised is over."""
        now = self.clock.now()
        for alarm in await alarms.standing(tx, watch.id):
            ended, event = Saying(watch, alarm.direction, now, self._today()).end(alarm)
            await alarms.put(tx, ended)
            await alarms.add_revision(tx, ended, "cleared", now)
            tx.emit(event)

    def _watch(self, body: WatchIn, watch_id: UUID, version: int) -> Watch:
        if body.base_from is not None and calendar.day_number(body.base_from) > self._today():
            raise BadWatch("base_from has not come yet.", base_from=body.base_from.isoformat())
        return body.watch(watch_id, version)

    def _today(self) -> int:
        return calendar.day_of(self.clock.now(), self.zone)
