"""Use cases of cases: take a request down, follow it, end it."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.consent.domain import Registry
from services.profiles.domain.identifiers import is_type, normalised
from services.profiles.errors import CustomerUnknown
from services.profiles.people import service as people
from services.profiles.people.domain import Person
from services.profiles.rights.domain.cases import OPEN, Case, Proof, RefusalReason
from services.profiles.rights.domain.deadlines import Jurisdiction, Kind, end_of, rule_for
from services.profiles.rights.errors import (
    AlreadyExtended,
    CaseClosed,
    CaseUnknown,
    NobodySuppressed,
    NothingToRectify,
    NotLiftable,
    UnknownObjection,
)
from services.profiles.rights.repository import cases
from services.profiles.rights.repository import person as rows
from services.profiles.rights.schemas import ReadmissionIn, RequestIn
from services.profiles.rights.service.following import Following
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import customer_key, uuid7
from shared.rights import suppression
from shared.rights.marks import Seal


@dataclass(frozen=True, slots=True)
class Requests:
    """What people ask of their data. `country` is that of phone numbers without a country code."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    country: str
    seal: Seal
    registry: Registry
    following: Following

    async def open(self, reference: str, body: RequestIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Take a request down, and follow it at once if the person has proved who they are.

        Somebody who is erased already gets the case that did it: to ask again is harmless.

        Raises:
            CustomerUnknown, AmbiguousIdentifier: the reference does not name one person.
            UnknownObjection, NothingToRectify: the request says too little, or what it has no use for.
        """
        self._check(body)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await suppression.claim(tx)
            try:
                person = await people.known(tx, reference, country=self.country)
            except CustomerUnknown:
                if body.kind == "erasure" and (erased := await self._erased(tx, reference)) is not None:
                    return await self._answer(tx, None, erased, 200)
                raise
            case = self._case(person, body, by)
            await cases.add(tx, case)
            if case.verified_by is not None:
                await self.following.begin(tx, case, traits=body.traits)
            return await self._answer(tx, idem, case.id, 202)

    async def prove(self, case_id: UUID, proof: Proof, *, idem: Idempotent | None) -> Answer:
        """The person has proved who they are: their request is followed now.

        Raises:
            CaseUnknown, CaseClosed: there is no case that waits for it.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await suppression.claim(tx)
            case = await self._open_case(tx, case_id)
            if case.state != "awaiting_proof":
                raise CaseClosed(case.state)
            await self.following.begin(tx, replace(case, verified_by=proof))
            return await self._answer(tx, idem, case_id, 202)

    async def acknowledge(self, case_id: UUID, *, idem: Idempotent | None) -> Answer:
        """The person was told that their request came, and how it is followed. Said again it changes nothing.

        Raises:
            CaseUnknown, CaseClosed: there is no such open case.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await self._open_case(tx, case_id)
            await cases.acknowledge(tx, case_id, self.clock.now())
            return await self._answer(tx, idem, case_id, 200)

    async def refuse(self, case_id: UUID, reason: RefusalReason, *, idem: Idempotent | None) -> Answer:
        """The request is not followed, for a reason that the law knows.

        Raises:
            CaseUnknown, CaseClosed: there is no case that waits for proof.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            case = await self._open_case(tx, case_id)
            if case.state != "awaiting_proof":
                raise CaseClosed(case.state)
            await cases.set_state(tx, case_id, "refused", reason=reason, at=self.clock.now())
            return await self._answer(tx, idem, case_id, 200)

    async def extend(self, case_id: UUID, *, idem: Idempotent | None) -> Answer:
        """Take the one extension that the law allows.

        Raises:
            CaseUnknown, CaseClosed: there is no such open case.
            AlreadyExtended: there is no extension (any more).
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            case = await self._open_case(tx, case_id)
            rule = rule_for(case.jurisdiction, case.kind, "extend", self._day(case.received_at))
            if rule is None or case.extended_at is not None:
                raise AlreadyExtended
            due = end_of(rule, case.due_at, self.zone)
            await cases.extend(tx, case_id, due_at=due, at=self.clock.now(), rule=rule.id)
            return await self._answer(tx, idem, case_id, 200)

    async def lift(self, case_id: UUID, *, idem: Idempotent | None) -> Answer:
        """End a restriction or an objection, as the person wishes.

        Raises:
            CaseUnknown: there is no such case.
            NotLiftable: it is none of these, or does not hold.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            case = await self._known_case(tx, case_id)
            if case.kind not in ("restriction", "objection") or case.state not in ("done", "in_progress"):
                raise NotLiftable
            if case.kind == "restriction":
                await self.following.release(tx, case)
            else:
                await rows.withdraw_objections(tx, case_id)
            await cases.set_state(tx, case_id, "lifted", at=self.clock.now())
            return await self._answer(tx, idem, case_id, 200)

    async def readmit(self, body: ReadmissionIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Somebody who was erased comes back by their own will: what they go by is refused no longer.

        Raises:
            NobodySuppressed: nobody who was erased went by any of it.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await suppression.claim(tx)
            marks = await suppression.told_together(
                tx, [mark for each in body.references for mark in self._marks(each)]
            )
            if not marks:
                raise NobodySuppressed
            case = replace(self._blank(body.jurisdiction, "readmission", uuid7(), by), verified_by=body.verified_by)
            case = replace(case, asked_through=body.asked_through, state="in_progress", slices=1)
            await cases.add(tx, case)
            await suppression.readmit(tx, marks)
            self.following.ask(tx, case, "readmission", marks=sorted(marks))
            return await self._answer(tx, idem, case.id, 202)

    def _check(self, body: RequestIn) -> None:
        known = {*self.registry.purposes, *self.registry.exempt}
        if (body.kind == "objection") != bool(body.purposes) or not known.issuperset(body.purposes):
            raise UnknownObjection(known)
        if (body.kind == "rectification") != bool(body.traits) or (body.traits and body.verified_by is None):
            raise NothingToRectify

    def _case(self, person: Person, body: RequestIn, by: str) -> Case:
        case = self._blank(body.jurisdiction, body.kind, person.id, by)
        return replace(
            case,
            keys=tuple(sorted(person.members)),
            purposes=tuple(sorted(set(body.purposes))),
            asked_through=body.asked_through,
            verified_by=body.verified_by,
        )

    def _blank(self, jurisdiction: Jurisdiction, kind: Kind, customer: UUID, by: str) -> Case:
        """A new case with its deadlines."""
        now = self.clock.now()
        complete = rule_for(jurisdiction, kind, "complete", self._day(now))
        assert complete is not None, "the table has a rule for every kind"
        first = rule_for(jurisdiction, kind, "acknowledge", self._day(now))
        return Case(
            id=uuid7(),
            kind=kind,
            jurisdiction=jurisdiction,
            customer_id=customer,
            keys=(),
            purposes=(),
            asked_through="web",
            verified_by=None,
            recorded_by=by,
            state="awaiting_proof",
            reason=None,
            received_at=now,
            acknowledge_by=None if first is None else end_of(first, now, self.zone),
            acknowledged_at=None,
            due_at=end_of(complete, now, self.zone),
            extended_at=None,
            rules=tuple(rule.id for rule in (first, complete) if rule is not None),
            slices=0,
            finished_at=None,
        )

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    async def _open_case(self, tx: WriteTx, case_id: UUID) -> Case:
        """An open case, locked."""
        case = await self._known_case(tx, case_id)
        if case.state not in OPEN:
            raise CaseClosed(case.state)
        return case

    async def _known_case(self, tx: WriteTx, case_id: UUID) -> Case:
        case = await cases.locked(tx, case_id)
        if case is None:
            raise CaseUnknown
        return case

    async def _erased(self, tx: ReadTx, reference: str) -> UUID | None:
        """The case by which whoever went by a reference was erased."""
        return await cases.suppressing(tx, self._marks(reference))

    def _marks(self, reference: str) -> list[bytes]:
        """The marks that a reference may have left."""
        try:
            return [self.seal.of_key(customer_key(reference))]
        except ValueError:
            type_, _, value = reference.partition(":")
            written = normalised(type_, value, country=self.country) if is_type(type_) else None
            return [] if written is None else [self.seal.of_identifier(type_, written)]

    async def _answer(self, tx: WriteTx, idem: Idempotent | None, case_id: UUID, status: int) -> Answer:
        """The case as it is now, stored for a repeated request."""
        answer = Answer(status, (await self.following.shown(tx, case_id)).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer
