"""Schedules: go through everybody a schedule is for, a page at a time, and propose those whose turn it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.policy import PolicyVersion, Schedule
from services.surveys.asking.domain.rounds import Sweep, sweep_of, turn
from services.surveys.asking.repository import candidates as rows
from services.surveys.asking.repository import people, policies, sweeps
from services.surveys.asking.repository.sweeps import Progress
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db import segment_moves
from shared.db.engine import Database, ReadTx, WriteTx
from shared.identity import mapping
from shared.ids import derived_id

# Person keys looked at in one transaction.
PAGE = 1_000
# Longer than any delay, any patience, and the time for which touchpoints come again.
_KEEP = timedelta(days=300)
_FORGOTTEN_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Sweeping:
    """Rounds of schedules. A page that is gone through twice proposes nobody twice."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    surveys: Surveys

    async def run(self) -> int:
        """Go through one page of each round that is not done; how many were."""
        now = self.clock.now()
        async with self.db.read() as tx:
            active = {each.survey_id for each in await self.surveys.active(tx)}
            found = await policies.current(tx, active)
        gone = 0
        for version, schedule, sweep in self._begun(list(found.values()), now):
            async with self.db.write() as tx:
                gone += await self._page(tx, version, schedule, sweep)
        return gone

    async def forget(self) -> int:
        """Remove some of the facts that took candidates back and for which nobody waits any more; how many."""
        async with self.db.write() as tx:
            return await people.forget_cancels(tx, self.clock.now() - _KEEP, _FORGOTTEN_AT_ONCE)

    def _begun(self, found: Sequence[PolicyVersion], now: datetime) -> Iterator[tuple[PolicyVersion, Schedule, Sweep]]:
        for version in found:
            for schedule in version.policy.schedules if version.policy.is_active else ():
                if (sweep := sweep_of(schedule, now, self.zone)) is not None:
                    yield version, schedule, sweep

    async def _page(self, tx: WriteTx, version: PolicyVersion, schedule: Schedule, sweep: Sweep) -> int:
        """Go through the next page of a round; 0: it is done, or another worker is at it."""
        name = f"{schedule.kind}:{schedule.id}"
        before = await sweeps.lock(tx, version.survey_id, name)
        if before is None or before.number > sweep.number or (before.number == sweep.number and before.is_done):
            return 0
        place = before.place if before.number == sweep.number else None
        keys = await self._people(tx, version, place)
        await rows.add(tx, await self._proposed(tx, version, schedule, sweep, keys))
        progress = Progress(sweep.number, keys[-1] if keys else place, len(keys) < PAGE)
        await sweeps.save(tx, version.survey_id, name, progress)
        return 1

    async def _people(self, tx: ReadTx, version: PolicyVersion, place: UUID | None) -> list[UUID]:
        """The next person keys that the survey is for: of its segments, or all who agreed to be asked."""
        policy = version.policy
        if policy.segments_any:
            return await segment_moves.members_page(tx, policy.segments_any, self.clock.now(), after=place, limit=PAGE)
        if policy.consent is None:
            return []
        agreed = policy.consent
        return await people.granted_page(tx, agreed.purpose, agreed.channel, after=place, limit=PAGE)

    async def _proposed(
        self, tx: ReadTx, version: PolicyVersion, schedule: Schedule, sweep: Sweep, keys: Sequence[UUID]
    ) -> list[Candidate]:
        """Those among them whose turn it is, each person once."""
        roots = sorted(set((await mapping.roots(tx, keys)).values()))
        if schedule.kind == "wave":
            return [self._candidate(version, schedule, sweep, root, sweep.at) for root in roots]
        families = await mapping.members(tx, roots)
        known = await rows.rounds(tx, version.survey_id, [key for own in families.values() for key in own])
        found = []
        for root in roots:
            rounds = [each for key in families[root] for each in known.get(key, ())]
            at = turn(schedule, version.survey_id, root, rounds, sweep, self.zone)
            if at is not None:
                found.append(self._candidate(version, schedule, sweep, root, at))
        return found

    def _candidate(
        self, version: PolicyVersion, schedule: Schedule, sweep: Sweep, root: UUID, at: datetime
    ) -> Candidate:
        return Candidate(
            id=derived_id("asking", str(version.survey_id), schedule.id, str(sweep.number), str(root)),
            survey_id=version.survey_id,
            person=root,
            cause="rolling" if schedule.kind == "rolling" else "wave",
            cause_id=schedule.id,
            wave=sweep.wave,
            happened_at=sweep.at,
            due_at=at,
            stale_at=at + timedelta(seconds=version.policy.stale_after_seconds),
        )
