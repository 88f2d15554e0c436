"""Use cases of programmes: their terms in versions, each from a date on, and their phases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from services.loyalty.programs import repository
from services.loyalty.programs.domain.beside import Phase, state
from services.loyalty.programs.domain.terms import MAIN, Terms, Timeline, default_terms
from services.loyalty.programs.errors import (
    EffectiveTooEarly,
    NotADraft,
    ProgramTaken,
    ProgramUnknown,
    TooManyPrograms,
    VersionUnknown,
    WalletDropped,
    WalletTaken,
    WrongPhase,
)
from services.loyalty.programs.repository import Program, Version
from services.loyalty.programs.schemas import NewProgramIn, PreviewOut, ProgramCardOut, ProgramIn, ProgramOut
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

MAX_PROGRAMS = 50


@dataclass(frozen=True, slots=True)
class Programs:
    """The programmes: the main one, which is always there, and those beside it. `zone` is the firm's, for as long as
    no version of the main one says another."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def timeline(self, tx: ReadTx) -> Timeline:
        """All terms of all programmes that came into force, by when: what counts is the time of the fact."""
        return await repository.timeline(tx, self.zone)

    async def current(self, tx: ReadTx, at: datetime) -> Terms:
        """The terms in force at a moment; where nothing was configured, the default."""
        return (await self.timeline(tx)).at(at)

    async def create(self, body: NewProgramIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Make a programme beside the others; it is a draft until a version of it comes into force.

        Raises:
            ProgramTaken, TooManyPrograms: there is no room for it.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            made = Program(body.key, dict(body.labels), self.clock.now(), by)
            if len(await repository.programs(tx)) >= MAX_PROGRAMS:
                raise TooManyPrograms(MAX_PROGRAMS)
            if body.key == MAIN or not await repository.add_program(tx, made):
                raise ProgramTaken(body.key)
            answer = Answer(201, ProgramCardOut.of(made, None, None).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def cards(self) -> list[ProgramCardOut]:
        """All programmes as they stand now, the main one first."""
        async with self.db.read() as tx:
            now, zone = self.clock.now(), self.zone
            phases = await repository.phases(tx, now)
            main = await _at(tx, MAIN, now) or default_terms(zone)
            others = [
                ProgramCardOut.of(each, await _at(tx, each.key, now), phases.get(each.key))
                for each in await repository.programs(tx)
            ]
        return [ProgramCardOut.of(None, main, phases.get(MAIN)), *others]

    async def card(self, program: str) -> ProgramCardOut:
        """A programme as it stands now.

        Raises:
            ProgramUnknown: there is none.
        """
        found = next((each for each in await self.cards() if each.key == program), None)
        if found is None:
            raise ProgramUnknown(program)
        return found

    async def to_phase(self, program: str, phase: Phase, *, by: str, idem: Idempotent | None) -> Answer:
        """Pause a programme, let it go on, or archive it for good: one that does not go on takes no points.

        What members have they keep, and spend. The pause counts for what happens while it lasts.

        Raises:
            ProgramUnknown: there is none.
            WrongPhase: it is a draft, or archived.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            await _exists(tx, program)
            now = self.clock.now()
            before = state(await self._is_in_force(tx, program, now), (await repository.phases(tx, now)).get(program))
            if before in ("draft", "archived") or (program == MAIN and phase == "archived"):
                raise WrongPhase(before)
            await repository.put_phase(tx, program, now, phase, by)
            made = await repository.program(tx, program)
            terms = await _at(tx, program, now) or default_terms(self.zone)
            answer = Answer(200, ProgramCardOut.of(made, terms, phase).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _is_in_force(self, tx: ReadTx, program: str, now: datetime) -> bool:
        return program == MAIN or await _at(tx, program, now) is not None

    async def in_force(self) -> tuple[Terms, Version | None]:
        """The terms of the main programme in force now, and the version they stand in; None: the default."""
        async with self.db.read() as tx:
            terms = await _at(tx, MAIN, self.clock.now()) or default_terms(self.zone)
            return terms, await repository.get(tx, MAIN, terms.version)

    async def draft(self, body: ProgramIn, *, by: str, idem: Idempotent | None, program: str = MAIN) -> Answer:
        """Write the next version down, as a draft.

        Raises:
            ProgramUnknown: there is no such programme.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await repository.claim(tx)
            await _exists(tx, program)
            now, number = self.clock.now(), await repository.last(tx, program) + 1
            version = Version(number, "draft", None, body.terms(number), body.note, now, by, now, by, program)
            return await _put(tx, version, 201, idem)

    async def change(
        self, number: int, body: ProgramIn, *, by: str, idem: Idempotent | None, program: str = MAIN
    ) -> Answer:
        """Write a draft anew.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft = await _draft(tx, program, number)
            changed = draft._replace(
                terms=body.terms(number), note=body.note, changed_at=self.clock.now(), changed_by=by
            )
            return await _put(tx, changed, 200, idem)

    async def activate(
        self, number: int, at: datetime | None, *, by: str, idem: Idempotent | None, program: str = MAIN
    ) -> Answer:
        """Let a draft come into force, now or at a later moment; from then on it is never changed.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
            EffectiveTooEarly: that would change the past, or come before what stands already.
            WalletDropped: members may have points in a wallet that it lacks.
            WalletTaken: another programme has a wallet of that name.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft, now = await _draft(tx, program, number), self.clock.now()
            others = await repository.in_force(tx, program)
            # After those that stand, by the least there is.
            earliest = max([now, *(each + timedelta(microseconds=1) for each, _ in others)])
            effective_at = earliest if at is None else at
            if effective_at < earliest:
                raise EffectiveTooEarly(earliest.isoformat())
            first = default_terms(self.zone).wallets if program == MAIN else {}
            before = others[-1][1].wallets if others else first
            if dropped := sorted(before.keys() - draft.terms.wallets.keys()):
                raise WalletDropped(dropped)
            homes = {**dict.fromkeys(default_terms(self.zone).wallets, MAIN), **await repository.homes(tx)}
            if taken := sorted(name for name in draft.terms.wallets if homes.get(name, program) != program):
                raise WalletTaken(taken)
            active = draft._replace(status="active", effective_at=effective_at, changed_at=now, changed_by=by)
            return await _put(tx, active, 200, idem)

    async def withdraw(self, number: int, *, by: str, idem: Idempotent | None, program: str = MAIN) -> Answer:
        """Put a draft aside.

        Raises:
            VersionUnknown, NotADraft: there is no such draft.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            draft = await _draft(tx, program, number)
            gone = draft._replace(status="withdrawn", changed_at=self.clock.now(), changed_by=by)
            return await _put(tx, gone, 200, idem)

    async def get(self, number: int, program: str = MAIN) -> Version:
        """A version.

        Raises:
            VersionUnknown: there is none.
        """
        async with self.db.read() as tx:
            return await _known(tx, program, number)

    async def listed(self, *, before: int | None, limit: int, program: str = MAIN) -> Sequence[Version]:
        """Versions, the latest first; one more than `limit` if there are more.

        Raises:
            ProgramUnknown: there is no such programme.
        """
        async with self.db.read() as tx:
            await _exists(tx, program)
            return await repository.listed(tx, program, before=before, limit=limit + 1)

    async def preview(self, number: int, *, earned_at: Sequence[datetime], program: str = MAIN) -> PreviewOut:
        """What a version makes of points earned at these moments, beside what is in force then.

        Raises:
            VersionUnknown: there is none.
        """
        async with self.db.read() as tx:
            version, timeline = await _known(tx, program, number), await self.timeline(tx)
        return PreviewOut.of(version.terms, timeline, earned_at or (self.clock.now(),))


async def _exists(tx: ReadTx, program: str) -> None:
    if program != MAIN and await repository.program(tx, program) is None:
        raise ProgramUnknown(program)


async def _at(tx: ReadTx, program: str, now: datetime) -> Terms | None:
    """The terms of one programme in force at a moment; None: it has none."""
    found = [terms for at, terms in await repository.in_force(tx, program) if at <= now]
    return found[-1] if found else None


async def _known(tx: ReadTx, program: str, number: int) -> Version:
    await _exists(tx, program)
    found = await repository.get(tx, program, number)
    if found is None:
        raise VersionUnknown(number)
    return found


async def _draft(tx: WriteTx, program: str, number: int) -> Version:
    await repository.claim(tx)
    found = await _known(tx, program, number)
    if found.status != "draft":
        raise NotADraft(number, found.status)
    return found


async def _put(tx: WriteTx, version: Version, status: int, idem: Idempotent | None) -> Answer:
    await repository.put(tx, version)
    answer = Answer(status, ProgramOut.of(version.terms, version).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
