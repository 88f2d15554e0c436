"""Following a request: what profiles does at once, what it asks of the others, what they answer, and the end.

Everything is in the database before it is done, and doing it again is harmless: whatever is killed when, it goes on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from services.profiles.consent.service import Consent
from services.profiles.rights.domain.cases import Case, Progress, missing
from services.profiles.rights.domain.naming import slices
from services.profiles.rights.domain.receipts import receipt_of
from services.profiles.rights.repository import cases
from services.profiles.rights.repository import person as rows
from services.profiles.rights.schemas import CaseOut
from services.profiles.rights.service.installation import Installation
from services.profiles.rights.service.person import Names, Persons
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.events.catalogue.profiles import RightsAsked
from shared.events.catalogue.rights import RightsAnswered
from shared.events.envelope import Event
from shared.events.topics import DEAD_LETTERS, RIGHTS
from shared.identity import mapping
from shared.ids import uuid7
from shared.observability.logging import logger
from shared.rights import plumbing, suppression
from shared.rights.cleaning import ends_of, have_let_go, overwritten, rewrite_files, size_of
from shared.rights.contract import Subject

log = logger(__name__)

# Where a request itself travels, and what could not be handled: cleaned when every service has answered.
_LAST_TOPICS = (RIGHTS, DEAD_LETTERS)
NAME = "profiles"
# A larger database of our own is rewritten at night: each table is locked while it is.
REWRITTEN_AT_ONCE = 1_000_000_000
QUIET_HOURS = range(2, 5)
BUNDLE_KEPT = timedelta(days=30)


class Rectify(Protocol):
    """Says something of a person in an open transaction, as a request does; the names of what was said."""

    async def __call__(self, tx: WriteTx, key: UUID, traits: Mapping[str, Any], *, by: str) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Following:
    """Brings cases to their end."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    installation: Installation
    persons: Persons
    consent: Consent
    rectify: Rectify

    async def begin(self, tx: WriteTx, case: Case, *, traits: Mapping[str, Any] | None = None) -> None:
        """Do what is ours now, and ask the others; nobody writes about suppressed people meanwhile."""
        await mapping.claim(tx)
        roots = await mapping.roots(tx, case.keys)
        members = await mapping.members(tx, set(roots.values()))
        keys = sorted({key for found in members.values() for key in found})
        match case.kind:
            case "erasure":
                await self._erase(tx, case, keys)
            case "access":
                names = await self.persons.names(tx, keys)
                await self._begin(tx, case, keys, "access", [(list(names.texts), [])])
            case "restriction":
                await rows.restrict(tx, keys, case.id, self.clock.now())
                await self.persons.look_again(tx, keys)
                await self._begin(tx, case, keys, "restriction", [([], [])])
            case "objection":
                await rows.object_to(tx, keys, case.purposes, case.id, self.clock.now())
                await self.consent.object_to(tx, roots[case.customer_id], case.purposes, by=case.recorded_by)
                await self._done(tx, case, {})
            case "rectification":
                said = await self.rectify(tx, roots[case.customer_id], traits or {}, by=case.recorded_by)
                await self._done(tx, case, {"rectified": said})
            case "readmission":
                raise AssertionError("a readmission is asked for by references, not of a person that is there")

    async def release(self, tx: WriteTx, case: Case) -> None:
        """The person's data may be used again."""
        await rows.release(tx, case.keys)
        await self.persons.look_again(tx, case.keys)
        self.ask(tx, case, "release")

    def ask(self, tx: WriteTx, case: Case, kind: Any, *, marks: Sequence[bytes] = ()) -> None:
        """Ask every service for something that needs no names."""
        self._emit(tx, case, case.keys, kind, [([], list(marks))])

    async def hear(self, tx: WriteTx, events: Sequence[Event[RightsAnswered]]) -> None:
        """Take in what services answered; a case that all have answered is done, but for an erasure."""
        for event in events:
            answer = event.data
            case = await cases.locked(tx, answer.case_id)
            if case is None or case.state != "in_progress":
                continue
            if answer.document is not None:
                await cases.add_part(
                    tx,
                    case.id,
                    service=answer.service,
                    slice_=answer.slice,
                    part=answer.part,
                    parts=answer.parts,
                    document=answer.document,
                )
                if not await cases.is_whole(tx, case.id, answer.service, answer.slice):
                    continue
            step = Progress(answer.service, answer.step, answer.slice, self.clock.now(), answer.removed, answer.kept)
            await cases.note(tx, case.id, [step])
            if case.kind != "erasure" and not await self._missing(tx, case):
                await self._done(tx, case, {})

    async def shown(self, tx: ReadTx, case_id: UUID) -> CaseOut:
        """A case with its progress."""
        case = await cases.case(tx, case_id)
        assert case is not None
        return CaseOut.of(case, await cases.progress(tx, case_id), await self._missing(tx, case))

    async def finish(self) -> None:
        """Bring erasures to their end that every service has answered."""
        async with self.db.read() as tx:
            found = [case for case in await cases.erasures_under_way(tx) if not await self._missing(tx, case)]
        ready = [case for case in found if await self._is_clean(case)]
        if ready and self.installation.is_alone:
            url = self.db.engine.url.render_as_string(hide_password=False)
            if not self._is_quiet() and await size_of(url) > REWRITTEN_AT_ONCE:
                return
            tables = await rewrite_files(url)
            log.info("files_rewritten", tables=tables, erasures=len(ready))
        for case in ready:
            async with self.db.write() as tx:
                await cases.locked(tx, case.id)
                await self._done(tx, case, {})

    async def forget(self) -> None:
        """Remove bundles that were there long enough to be fetched."""
        async with self.db.write() as tx:
            await cases.forget_bundles(tx, older_than=self.clock.now() - BUNDLE_KEPT)

    def _is_quiet(self) -> bool:
        """Whether it is night where the firm is: tables may be locked for a while then."""
        return self.clock.now().astimezone(self.zone).hour in QUIET_HOURS

    async def _is_clean(self, case: Case) -> bool:
        """Overwrite the topics that a request travels on; whether nothing of the person is left there."""
        async with self.db.read() as tx:
            texts, ends = await cases.names(tx, case.id), await cases.ends(tx, case.id)
        if ends is not None:
            if not await have_let_go(self.installation.bus, ends):
                return False
        elif texts is not None:
            subject = Subject(case.customer_id, case.keys, texts)
            done = await overwritten(self.installation.bus, _LAST_TOPICS, subject)
            if done is None:
                noted = await ends_of(self.installation.bus, _LAST_TOPICS)
                async with self.db.write() as tx:
                    await cases.await_expiry(tx, case.id, noted)
                return False
            removed = {f"topic {name}": number for name, number in done.items() if number}
            async with self.db.write() as tx:
                await cases.note(tx, case.id, [Progress("rights", "cleaned", 1, self.clock.now(), removed, {})])
        async with self.db.write() as tx:
            await cases.forget_names(tx, case.id)
        return True

    async def _erase(self, tx: WriteTx, case: Case, keys: Sequence[UUID]) -> None:
        names = await self.persons.names(tx, keys)
        subject = Subject(case.customer_id, tuple(keys), names.texts)
        erased = await self.persons.erase(tx, subject, case.id)
        erased.include(await plumbing.erase(tx, subject))
        await suppression.suppress(tx, case.id, names.marks)
        await cases.close_others(tx, case.id, keys, self.clock.now())
        await cases.keep_names(tx, case.id, names.texts)
        at_once = Progress(NAME, "at_once", 1, self.clock.now(), erased.removed, erased.kept)
        await cases.note(tx, case.id, [at_once])
        await self._begin(tx, case, keys, "erasure", _pieces(names))

    async def _begin(
        self, tx: WriteTx, case: Case, keys: Sequence[UUID], kind: Any, pieces: Sequence[tuple[list[str], list[bytes]]]
    ) -> None:
        await cases.begin(tx, case.id, slices=len(pieces), keys=keys, verified_by=case.verified_by)
        self._emit(tx, case, keys, kind, pieces)

    def _emit(
        self, tx: WriteTx, case: Case, keys: Sequence[UUID], kind: Any, pieces: Sequence[tuple[list[str], list[bytes]]]
    ) -> None:
        now = self.clock.now()
        for number, (texts, marks) in enumerate(pieces, 1):
            asked = RightsAsked(
                case_id=case.id,
                kind=kind,
                keys=tuple(keys),
                texts=tuple(texts),
                marks=tuple(mark.hex() for mark in marks),
                slice=number,
                slices=len(pieces),
            )
            tx.emit(Event(uuid7(), case.customer_id, now, now, asked))

    async def _missing(self, tx: ReadTx, case: Case) -> list[str]:
        if case.state not in ("in_progress", "awaiting_expiry"):
            return []
        return missing(case.kind, case.slices, self.installation.holders, await cases.progress(tx, case.id))

    async def _done(self, tx: WriteTx, case: Case, more: Mapping[str, Any]) -> None:
        """The case is done: say so in a receipt, and sign it."""
        now = self.clock.now()
        found = await cases.progress(tx, case.id)
        receipt = receipt_of(case, found, now, is_alone=self.installation.is_alone, more=more)
        await cases.sign(tx, case.id, receipt, self.installation.seal.sign(receipt.encode()), now)


def _pieces(names: Names) -> list[tuple[list[str], list[bytes]]]:
    return slices(list(names.texts), list(names.marks))
