"""Two cases of one person become one, and are taken apart again."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import Case
from services.surveys.cases.errors import CaseIsMerged, CaseUnknown, NotMergeable, NotSeparable
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import inbox
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.schemas.case import MergeIn, ReasonIn
from services.surveys.cases.service.desk import Asked, unmoved
from services.surveys.cases.service.reading import Reading
from services.surveys.cases.service.writing import Draft, store
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, remember, replayed
from shared.identity import mapping, members


@dataclass(frozen=True, slots=True)
class Merging:
    """Merges leave both cases as they are but for where one belongs: so that taking them apart leaves no trace."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    reading: Reading

    async def merge(self, case_id: UUID, body: MergeIn, asked: Asked) -> Answer:
        """Make a case part of another one of the same person: it leaves the inbox, its clocks threaten nobody.

        Raises:
            CaseUnknown, CaseMoved, CaseIsMerged: one of them is not there, not of that version, or part of another.
            NotMergeable: they are of two people, or closed, or this one has parts of its own.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            await self._lock_persons(tx, case_id, body.into)
            await standing_rows.hold(tx)
            locked = await rows.lock(tx, (case_id, body.into))
            part, whole = unmoved(locked.get(case_id), asked.if_match), locked.get(body.into)
            if whole is None:
                raise CaseUnknown
            await self._check(tx, part, whole)
            drafts = [Draft.of(each, by=asked.by, at=self.clock.now()) for each in (part, whole)]
            drafts[0].change(merged_into=whole.id)
            drafts[0].enter("merged", body.reason, into=whole.id)
            drafts[1].enter("took_in", case=part.id)
            return await self._stored(tx, drafts, asked)

    async def separate(self, case_id: UUID, body: ReasonIn, asked: Asked) -> Answer:
        """Take a case out of the one it is part of: it stands as if it had never been merged.

        Raises:
            CaseUnknown, CaseMoved: it is not there, or not of that version.
            NotSeparable: it is no part, or what it is part of was closed for both.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            await standing_rows.hold(tx)
            case = await rows.get(tx, case_id)
            whole_id = None if case is None else case.merged_into
            locked = await rows.lock(tx, [each for each in (case_id, whole_id) if each is not None])
            part = unmoved(locked.get(case_id), asked.if_match)
            if part.merged_into is None or part.merged_into != whole_id:
                raise NotSeparable("it is no part of another case")
            whole = locked[part.merged_into]
            if whole.status == "closed":
                raise NotSeparable("the case it is part of is closed; reopen that first")
            drafts = [Draft.of(each, by=asked.by, at=self.clock.now()) for each in (part, whole)]
            drafts[0].change(merged_into=None)
            drafts[0].enter("separated", body.reason, out_of=whole.id)
            drafts[1].enter("let_go", case=part.id)
            return await self._stored(tx, drafts, asked)

    async def _lock_persons(self, tx: WriteTx, *ids: UUID) -> None:
        """Who is whom stays as it is meanwhile. Persons are locked before cases."""
        persons = {case.person for each in ids if (case := await rows.get(tx, each)) and case.person}
        await members.lock_many(tx, persons)

    async def _check(self, tx: WriteTx, part: Case, whole: Case) -> None:
        if part.id == whole.id:
            raise NotMergeable("it is the same case")
        for case in (part, whole):
            if case.merged_into is not None:
                raise CaseIsMerged(str(case.merged_into))
            if case.status == "closed":
                raise NotMergeable("one of them is closed")
        if part.person is None or whole.person is None:
            raise NotMergeable("nobody knows whether they are of the same customer")
        roots = await mapping.roots(tx, (part.person, whole.person))
        if roots[part.person] != roots[whole.person]:
            raise NotMergeable("they are of two customers")
        if await inbox.merged(tx, (part.id,)):
            raise NotMergeable("it has parts of its own")

    async def _stored(self, tx: WriteTx, drafts: list[Draft], asked: Asked) -> Answer:
        standing = await standing_rows.standing(tx, self.zone)
        stored = await store(tx, drafts, standing)
        answer = Answer(200, (await self.reading.out(tx, stored[:1], standing))[0].model_dump_json().encode())
        await remember(tx, asked.idem, answer)
        return answer
