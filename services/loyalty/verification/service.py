"""Use cases of the nightly verification."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from services.loyalty.replays.service import Replays
from services.loyalty.verification import repository
from services.loyalty.verification.domain import Night, Phase, goes_on, is_due, night_of
from services.loyalty.verification.settings import VerificationSettings
from shared.clock import Clock
from shared.db.engine import Database
from shared.ids import uuid7
from shared.observability.logging import logger
from shared.runtime.places import may_rebuild
from shared.runtime.rebuilding import LogTooShort, Rebuilt, database_url_of, log_ends, rebuilding
from shared.runtime.recovering import verify_told
from shared.runtime.service import Parts, Service
from shared.runtime.verdicts import TableVerdict

log = logger(__name__)

# So often at most whoever works says so.
BEAT = timedelta(seconds=30)


class Standing(NamedTuple):
    """Whether the books are compared every night, and how long the last time took; None: there was none."""

    is_on: bool
    seconds: float | None


class Overtaken(Exception):
    """Somebody else has taken the run over: this process was taken for gone."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Rebuilds the books beside the live ones, and keeps what the comparison found."""

    db: Database
    clock: Clock
    settings: VerificationSettings
    replays: Replays
    parts: Parts | None

    async def run(self, manifest: Service) -> None:
        """Compare tonight, if nobody has. `manifest` says what is rebuilt."""
        parts = self.parts
        if parts is None or not self.settings.verify_nightly or (night := await self._begin(parts)) is None:
            return
        try:
            verdicts = await self._compare(manifest, parts, night)
        except LogTooShort as refusal:
            log.warning("books_not_verified", reason=str(refusal))
            await self._finish(night, "failed", "log_too_short")
        except Overtaken:
            log.warning("verification_overtaken", schema=night.schema)
        else:
            await self._finish(night, "done", None)
            if differing := [each.table for each in verdicts if not each.is_same]:
                log.error("books_are_not_what_was_told", tables=differing)

    async def standing(self) -> Standing:
        """For Prometheus."""
        async with self.db.read() as tx:
            last = await repository.last(tx)
            is_on = self.settings.verify_nightly and await may_rebuild(tx, self.db.schema)
        took = None
        if last is not None and last.reason is None and last.finished_at is not None:
            took = (last.finished_at - last.started_at).total_seconds()
        return Standing(is_on, took)

    async def _begin(self, parts: Parts) -> Night | None:
        """Take tonight's run, new or where it was; None: there is nothing to do, or nobody may."""
        now = self.clock.now()
        tonight = night_of(now, self.settings.verify_hour, parts.zone)
        async with self.db.read() as tx:
            if not is_due(await repository.last(tx), tonight, now):
                return None
        async with self.db.write() as tx:
            await repository.claim(tx)
            last = await repository.last(tx)
            if not is_due(last, tonight, now):
                return None
            schema = f"{self.db.schema}_verified_{uuid7().hex[-8:]}"
            night = Night(tonight, "reading", schema, now, now, None, None)
            if last is None:
                # Of an installation that has just come up there is little to be compared; the next night does.
                await repository.put(tx, night._replace(phase="done", finished_at=now, reason="just_installed"))
                return None
            if goes_on(last, tonight):
                night = night._replace(schema=last.schema, started_at=last.started_at)
            else:
                await repository.drop(tx, last.schema)
            if not await may_rebuild(tx, self.db.schema):
                log.warning("books_not_verified", reason="the role has no place to rebuild in")
                await repository.put(tx, night._replace(phase="failed", finished_at=now, reason="no_place"))
                return None
            await repository.put(tx, night)
        return night

    async def _compare(self, manifest: Service, parts: Parts, night: Night) -> Sequence[TableVerdict]:
        def own(db: Database) -> Parts:
            return Parts(db, parts.bus, parts.clock, parts.platform, parts.settings, parts.seal)

        async with rebuilding(manifest, database_url_of(parts), parts.bus, own, schema=night.schema) as rebuilt:
            await self._read(rebuilt, self._beating(night, "reading"))
            await self._beat(night, "comparing")
            verdicts = await verify_told(rebuilt, self.db, self._beating(night, "comparing"))
        await self.replays.keep(self.db, verdicts)
        return verdicts

    async def _read(self, rebuilt: Rebuilt, moved: Callable[[int], Awaitable[None]]) -> None:
        """Most of it: what is read here need not be read again if the process ends."""
        subscriptions = [each.subscription for each in rebuilt.manifest.recoveries]
        ends = await log_ends(subscriptions, rebuilt.bus)
        for each in subscriptions:
            await rebuilt.read_told(each, ends[each.group], moved)

    def _beating(self, night: Night, phase: Phase) -> Callable[[int], Awaitable[None]]:
        next_beat: datetime = self.clock.now() + BEAT

        async def moved(_: int) -> None:
            nonlocal next_beat
            if self.clock.now() >= next_beat:
                next_beat = self.clock.now() + BEAT
                await self._beat(night, phase)

        return moved

    async def _beat(self, night: Night, phase: Phase) -> None:
        async with self.db.write() as tx:
            if not await repository.beat(tx, night.schema, phase, self.clock.now()):
                raise Overtaken

    async def _finish(self, night: Night, phase: Phase, reason: str | None) -> None:
        async with self.db.write() as tx:
            await repository.finish(tx, night.schema, phase, self.clock.now(), reason)
