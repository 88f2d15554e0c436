"""Use cases of the programme: its terms in versions, each from a date on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.loyalty.programs import repository
from services.loyalty.programs.domain.terms import Terms, Timeline, default_terms
from services.loyalty.programs.errors import EffectiveTooEarly, NotADraft, VersionUnknown, WalletDropped
from services.loyalty.programs.repository import Version
from services.loyalty.programs.schemas import PreviewOut, ProgramIn, ProgramOut
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed


@dataclass(frozen=True, slots=True)
class Programs:
    """The programme. `zone` is the firm's, for as long as no version says another."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def timeline(self, tx: ReadTx) -> Timeline:
        """All terms that came into force, by when: what counts is the time of the fact."""
        return Timeline(default_terms(self.zone), await repository.in_force(tx))

    async def current(self, tx: ReadTx, at: datetime) -> Terms:
        """The terms in force at a moment; where nothing was configured, the default."""
        return (await self.timeline(tx)).at(at)

    async def in_force(self) -> tuple[Terms, Version | None]:
        """The terms in force now, and the version they stand in; None: the default."""
        async with self.db.read() as tx:
            terms = await self.current(tx, self.clock.now())
            return terms, await repository.get(tx, terms.version)

    async def draft(self, body: ProgramIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write the next version down, as a draft."""
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            now, number = self.clock.now(), await repository.last(tx) + 1
            version = Version(number, "draft", None, body.terms(number), body.note, now, by, now, by)
            return await _put(tx, version, 201, idem)

    async def change(self, number: int, body: ProgramIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write a draft anew.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft = await _draft(tx, number)
            changed = draft._replace(
                terms=body.terms(number), note=body.note, changed_at=self.clock.now(), changed_by=by
            )
            return await _put(tx, changed, 200, idem)

    async def activate(self, number: int, at: datetime | None, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a draft come into force, now or at a later moment; from then on it is never changed.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
            EffectiveTooEarly: that would change the past, or come before what stands already.
            WalletDropped: members may have points in a wallet that it lacks.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft, now = await _draft(tx, number), self.clock.now()
            others = await repository.in_force(tx)
            # After those that stand, by the least there is.
            earliest = max([now, *(each + timedelta(microseconds=1) for each, _ in others)])
            effective_at = earliest if at is None else at
            if effective_at < earliest:
                raise EffectiveTooEarly(earliest.isoformat())
            before = others[-1][1] if others else default_terms(self.zone)
            if dropped := sorted(before.wallets.keys() - draft.terms.wallets.keys()):
                raise WalletDropped(dropped)
            active = draft._replace(status="active", effective_at=effective_at, changed_at=now, changed_by=by)
            return await _put(tx, active, 200, idem)

    async def withdraw(self, number: int, *, by: str, idem: Idempotent | None) -> Answer:
        """Put a draft aside.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft = await _draft(tx, number)
            gone = draft._replace(status="withdrawn", changed_at=self.clock.now(), changed_by=by)
            return await _put(tx, gone, 200, idem)

    async def get(self, number: int) -> Version:
        """A version.

        Raises:
            VersionUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _known(tx, number)

    async def listed(self, *, before: int | None, limit: int) -> Sequence[Version]:
        """Versions, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await repository.listed(tx, before=before, limit=limit + 1)

    async def preview(self, number: int, *, earned_at: Sequence[datetime]) -> PreviewOut:
        """What a version makes of points earned at these moments, beside what is in force then.

        Raises:
            VersionUnknown: there is none.
        """
        async with self.db.read() as tx:
            version, timeline = await _known(tx, number), await self.timeline(tx)
        return PreviewOut.of(version.terms, timeline, earned_at or (self.clock.now(),))


async def _known(tx: ReadTx, number: int) -> Version:
    found = await repository.get(tx, number)
    if found is None:
        raise VersionUnknown(number)
    return found


async def _draft(tx: WriteTx, number: int) -> Version:
    await repository.claim(tx)
    found = await _known(tx, number)
    if found.status != "draft":
        raise NotADraft(number, found.status)
    return found


async def _put(tx: WriteTx, version: Version, status: int, idem: Idempotent | None) -> Answer:
    await repository.put(tx, version)
    answer = Answer(status, ProgramOut.of(version.terms, version).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
