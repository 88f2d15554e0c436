"""Codes in bulk: a job makes them in batches, each with its progress in one transaction, and hands them out once.

A kill between two batches loses nothing and doubles nothing: the next run goes on behind the last batch that stands.
The codes themselves are kept sealed under a key of the job, which is itself sealed under the pepper outside the
database; when they were taken, or after a day, the key is thrown away, and with it what backups hold.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.loyalty.programs.domain.calendar import day_end, local_day
from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.jurisdictions import EXPIRY
from services.loyalty.vouchers.domain.keys import fingerprint, seal, unseal
from services.loyalty.vouchers.errors import (
    AlreadyOver,
    CampaignUnknown,
    CodesGone,
    ExpiresTooSoon,
    JobNotDone,
    JobUnknown,
    TooManyCodes,
    ValueNeeded,
    WrongKindOfCodes,
    WrongState,
)
from services.loyalty.vouchers.repository import campaigns as campaign_rows
from services.loyalty.vouchers.repository import code_jobs as rows
from services.loyalty.vouchers.repository import codes as code_rows
from services.loyalty.vouchers.repository.campaigns import Version
from services.loyalty.vouchers.repository.code_jobs import Job
from services.loyalty.vouchers.schemas.codes import JobIn, JobOut
from services.loyalty.vouchers.service.telling import tell_batch
from services.loyalty.vouchers.service.vault import Vault
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7, uuid7s
from shared.observability.logging import logger

log = logger(__name__)

BATCH = 10_000
_KEY_BYTES = 32


class _Place(NamedTuple):
    """Which batch of a job, and how many codes it has."""

    job: Job
    number: int
    size: int

    def next(self) -> "_Place | None":
        """The batch after it, if nobody else makes that one."""
        job = self.job._replace(made=self.job.made + self.size)
        left = min(BATCH, job.wanted - job.made)
        return _Place(job, self.number + 1, left) if left else None


class _Drawn(NamedTuple):
    """A batch: the rows of its codes, and the codes sealed."""

    rows: Sequence[tuple[Any, ...]]
    sealed: bytes


class _Ahead:
    """Draws the next batch while PostgreSQL stores this one: hundreds of milliseconds of arithmetic, in a thread."""

    def __init__(self) -> None:
        self._place: _Place | None = None
        self._task: asyncio.Task[_Drawn] | None = None

    async def drawn(self, place: _Place, draw: Callable[[_Place], _Drawn]) -> _Drawn:
        """The batch at a place; the one after it is drawn from now on."""
        if self._task is None or self._place != place:
            await self.drop()
            self._task = asyncio.create_task(asyncio.to_thread(draw, place))
        drawn = await self._task
        self._place, self._task = place.next(), None
        if self._place is not None:
            self._task = asyncio.create_task(asyncio.to_thread(draw, self._place))
        return drawn

    async def drop(self) -> None:
        """Let go of what was drawn for nothing."""
        if self._task is not None:
            await asyncio.wait([self._task])
            self._task = None


@dataclass(frozen=True, slots=True)
class Generation:
    """Jobs that make codes."""

    db: Database
    clock: Clock
    vault: Vault

    async def start(self, campaign_id: UUID, body: JobIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a job; codes are made from now on, by whichever process does the jobs.

        Raises:
            CampaignUnknown, WrongKindOfCodes, WrongState: there are no codes to be made for it.
            ValueNeeded, AlreadyOver, TooManyCodes: such codes cannot be.
            PepperMissing: codes are under a pepper that is not here.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            job = await self.add(tx, campaign_id, body, by=by)
            answer = Answer(202, JobOut.of(job).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def begin(self, campaign_id: UUID, body: JobIn, *, by: str) -> JobOut:
        """The same for a command of ours.

        Raises:
            what `start` raises.
        """
        async with self.db.write() as tx:
            return JobOut.of(await self.add(tx, campaign_id, body, by=by))

    async def add(self, tx: WriteTx, campaign_id: UUID, body: JobIn, *, by: str) -> Job:
        """The same inside a transaction."""
        row = (await campaign_rows.rows(tx, (campaign_id,), lock=True)).get(campaign_id)
        if row is None:
            raise CampaignUnknown
        if row.codes != "unique":
            raise WrongKindOfCodes(row.codes)
        if row.state == "ended":
            raise WrongState("ended", "given codes")
        version = (await self.vault.versions(tx, {(campaign_id, row.version)}))[campaign_id, row.version]
        now = self.clock.now()
        expires_at = self._checked(version, body, now)
        form, wanted = version.coding.form, body.count + await rows.wanted_codes(tx, campaign_id)
        wanted += version.coding.pool_max or 0
        if not form.has_room(wanted):
            raise TooManyCodes(body.count, form.symbols, form.symbols_for(wanted))
        peppers = await self.vault.using(tx, now)
        await code_rows.put_shapes(tx, [form.shape])
        job_id = uuid7()
        job = Job(
            id=job_id,
            campaign_id=campaign_id,
            wanted=body.count,
            made=0,
            value_minor=body.value_minor,
            expires_at=expires_at,
            state="waiting",
            prefix=version.coding.prefix,
            length=version.coding.length,
            pattern=version.coding.pattern,
            charset=form.charset,
            has_check=version.coding.has_check,
            max_uses=version.terms.max_uses_per_code,
            kid=peppers.current,
            sealed_key=peppers.seal(os.urandom(_KEY_BYTES), job_id.bytes),
            codes_until=now + rows.KEPT,
            downloads=0,
            created_at=now,
            created_by=by,
            finished_at=None,
        )
        await rows.add(tx, job)
        return job

    async def run(self) -> None:
        """Make the codes of all jobs that wait; one that cannot be ended holds up none of the others."""
        async with self.db.read() as tx:
            found = await rows.waiting(tx)
        for job_id in found:
            try:
                await self.make(job_id)
            except CodesGone:
                # Its pepper was taken away: nobody could ever read what it would make.
                log.error("code_job_cancelled", job=str(job_id), reason="its pepper is not here")
                await self.cancel(job_id)

    async def make(self, job_id: UUID, moved: Callable[[int], None] = lambda _: None) -> None:
        """Make the codes of a job that are still missing; `moved` hears of each batch how many it had.

        Several processes may do so at once: each batch has the job to itself.
        """
        ahead = _Ahead()
        try:
            while (count := await self._batch(job_id, ahead)) is not None:
                moved(count)
        finally:
            await ahead.drop()

    async def _batch(self, job_id: UUID, ahead: "_Ahead") -> int | None:
        """Store one batch; how many codes it had, None if there was nothing left to make."""
        try:
            async with self.db.write() as tx:
                job = await rows.locked(tx, job_id)
                if job is None or job.state != "waiting":
                    return None
                count = min(BATCH, job.wanted - job.made)
                place = _Place(job, await rows.next_number(tx, job_id), count)
                key = await self._key(tx, job)
                hash_key = (await self.vault.peppers(tx)).hash_keys[job.kid]
                now = self.clock.now()
                drawn = await ahead.drawn(place, lambda at: _draw(at, key, hash_key, now))
                await rows.copy(tx, drawn.rows)
                tell_batch(
                    tx,
                    job.campaign_id,
                    [each[0] for each in drawn.rows],
                    [each[2] for each in drawn.rows],
                    now,
                    kid=job.kid,
                    job_id=job_id,
                    max_uses=job.max_uses,
                    value_minor=job.value_minor,
                    expires_at=job.expires_at,
                )
                await rows.progress(tx, job, place.number, drawn.sealed, job.made + count, now)
                return count
        except rows.DrawnBefore:
            # Once in a million batches, or never: all of this one are drawn again.
            return 0

    async def get(self, job_id: UUID) -> JobOut:
        """A job as it stands.

        Raises:
            JobUnknown: there is none.
        """
        async with self.db.read() as tx:
            return JobOut.of(await self._known(tx, job_id))

    async def listed(self, campaign_id: UUID, *, before: UUID | None, limit: int) -> Sequence[JobOut]:
        """The jobs of a campaign, the latest first; one more than `limit` if there are more.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self.db.read() as tx:
            if campaign_id not in await campaign_rows.rows(tx, (campaign_id,)):
                raise CampaignUnknown
            return [JobOut.of(job) for job in await rows.of_campaign(tx, campaign_id, before=before, limit=limit + 1)]

    async def cancel(self, job_id: UUID) -> JobOut:
        """Make no more codes; those that are made stay.

        Raises:
            JobUnknown: there is none.
            WrongState: it is done.
        """
        async with self.db.write() as tx:
            job = await rows.locked(tx, job_id)
            if job is None:
                raise JobUnknown
            if job.state == "done":
                raise WrongState("done", "cancelled")
            if job.state == "waiting":
                await rows.end(tx, job_id, "cancelled", self.clock.now())
            return JobOut.of(await self._known(tx, job_id))

    async def download(self, job_id: UUID) -> AsyncIterator[bytes]:
        """The codes of a job, a line each, batch by batch. May be asked again until they are forgotten.

        Raises:
            JobUnknown, JobNotDone, CodesGone: there is nothing to be had.
            PepperMissing: they were sealed under a pepper that is not here.
        """
        async with self.db.write() as tx:
            job = await self._known(tx, job_id)
            if job.sealed_key is None or job.codes_until <= self.clock.now():
                raise CodesGone
            if job.state == "waiting":
                raise JobNotDone(job.made, job.wanted)
            key = await self._key(tx, job)
            await rows.count_download(tx, job_id)
        return self._lines(job, key)

    async def _lines(self, job: Job, key: bytes) -> AsyncIterator[bytes]:
        cipher, number = AESGCM(key), 0
        yield b"code\n"
        while True:
            async with self.db.read() as tx:
                sealed = await rows.batch(tx, job.id, number)
            if sealed is None:
                return
            plain = unseal(cipher, sealed, _about(job.id, number))
            if plain is None:
                raise CodesGone
            yield plain
            number += 1

    async def forget(self, job_id: UUID) -> None:
        """Throw the codes away that a job keeps: they were taken. What was made stays good.

        Raises:
            JobUnknown, JobNotDone: there is nothing to be thrown away yet.
        """
        async with self.db.write() as tx:
            job = await rows.locked(tx, job_id)
            if job is None:
                raise JobUnknown
            if job.state == "waiting":
                raise JobNotDone(job.made, job.wanted)
            await rows.forget(tx, job_id)

    async def forget_old(self) -> None:
        """Throw the codes away that nobody took in time."""
        async with self.db.read() as tx:
            found = await rows.outdated(tx, self.clock.now())
        for job_id in found:
            async with self.db.write() as tx:
                await rows.forget(tx, job_id)

    async def _known(self, tx: ReadTx, job_id: UUID) -> Job:
        job = await rows.get(tx, job_id)
        if job is None:
            raise JobUnknown
        return job

    async def _key(self, tx: ReadTx, job: Job) -> bytes:
        peppers = await self.vault.peppers(tx)
        key = None if job.sealed_key is None else peppers.unseal(job.kid, job.sealed_key, job.id.bytes)
        if key is None:
            raise CodesGone
        return key

    def _checked(self, version: Version, body: JobIn, now: datetime) -> datetime | None:
        """When codes expire that are made with `body`."""
        if (version.terms.benefit.type == "stored_value") != (body.value_minor is not None):
            raise ValueNeeded(is_needed=body.value_minor is None)
        if body.expires_on is None:
            return None
        if (place := version.coding.jurisdiction) is not None:
            earliest = EXPIRY[place].earliest_end(local_day(now, version.zone))
            if earliest is None or body.expires_on < earliest:
                raise ExpiresTooSoon(place, earliest, EXPIRY[place].source)
        expires_at = day_end(body.expires_on, version.zone)
        if expires_at <= now:
            raise AlreadyOver
        return expires_at


def _draw(place: _Place, key: bytes, hash_key: bytes, now: datetime) -> _Drawn:
    job = place.job
    made = job.form.make(place.size, os.urandom)
    texts = list(map(codes.canonical, made))
    rows_ = [
        (code_id, job.campaign_id, fingerprint(hash_key, code), job.kid, codes.last_shown(code), job.max_uses,
         job.value_minor, job.expires_at, job.id, now)
        for code_id, code in zip(uuid7s(place.size), texts, strict=True)
    ]  # fmt: skip
    text = "".join(f"{code}\n" for code in made)
    return _Drawn(rows_, seal(AESGCM(key), text.encode(), _about(job.id, place.number)))


def _about(job_id: UUID, number: int) -> bytes:
    return job_id.bytes + number.to_bytes(4, "big")
