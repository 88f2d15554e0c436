"""What changed because of you: improvements, the cases that led to them, and who may be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.surveys.cases.errors import CaseUnknown, ImprovementUnknown, NotPublished, SettingMoved
from services.surveys.cases.repository import improvements as rows
from services.surveys.cases.repository import settings as settings_rows
from services.surveys.cases.repository.improvements import Improvement
from services.surveys.cases.schemas.improvements import ImprovementIn, ImprovementOut, ToBeToldOut, ToldIn, ToldOut
from services.surveys.cases.service.desk import Asked
from services.surveys.cases.service.reading import read_customer
from services.surveys.cases.service.settings import require_causes
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, remember, replayed
from shared.identity import members
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Improvements:
    """Improvements, from a draft to who was told."""

    db: Database
    clock: Clock

    async def create(self, body: ImprovementIn, asked: Asked) -> Answer:
        """Write down what was changed. Nobody is told before it is published.

        Raises:
            RootCauseUnknown, CaseUnknown: it names what is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            await self._check(tx, body)
            now, by = self.clock.now(), asked.by
            said = Improvement(uuid7(), 1, body.texts, body.root_causes, body.cases, None, now, by, now, by)
            await rows.put(tx, said)
            return await self._answer(tx, asked, said, status=201)

    async def change(self, key: UUID, body: ImprovementIn, asked: Asked) -> Answer:
        """Say it otherwise. Who was told was told.

        Raises:
            ImprovementUnknown, SettingMoved: it is not there, or not of that version.
            RootCauseUnknown, CaseUnknown: it names what is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            old = await self._locked(tx, key, asked)
            await self._check(tx, body)
            said = self._next(old, asked)._replace(texts=body.texts, root_causes=body.root_causes, cases=body.cases)
            await rows.put(tx, said)
            return await self._answer(tx, asked, said)

    async def publish(self, key: UUID, asked: Asked) -> Answer:
        """Let it be told from now on; the same again changes nothing.

        Raises:
            ImprovementUnknown, SettingMoved: it is not there, or not of that version.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            said = await self._locked(tx, key, asked)
            if said.published_at is None:
                said = self._next(said, asked)._replace(published_at=self.clock.now())
                await rows.put(tx, said)
            return await self._answer(tx, asked, said)

    async def get(self, key: UUID) -> ImprovementOut:
        """An improvement.

        Raises:
            ImprovementUnknown: there is none.
        """
        async with self.db.read() as tx:
            return (await _out(tx, [await _found(tx, key)]))[0]

    async def listed(self, *, before: UUID | None, limit: int) -> Sequence[ImprovementOut]:
        """Improvements, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return await _out(tx, await rows.listed(tx, before=before, limit=limit + 1))

    async def audience(self, key: UUID, *, after: UUID | None, limit: int) -> tuple[list[ToBeToldOut], UUID | None]:
        """Who may be told and was not, each person once; and where the next page begins, if there is one.

        Raises:
            ImprovementUnknown: there is none.
            NotPublished: nobody is to be told of it yet.
        """
        async with self.db.read() as tx:
            said = await _found(tx, key)
            if said.published_at is None:
                raise NotPublished
            found = await rows.audience(tx, said, after=after, limit=limit + 1)
            last = (await members.find(tx, found[limit - 1][0])).root if len(found) > limit else None
        return [ToBeToldOut(person=person, case_id=case) for person, case in found[:limit]], last

    async def tell(self, key: UUID, body: ToldIn, asked: Asked) -> Answer:
        """Say who was told; whoever was told before, under any key, does not count again.

        Raises:
            ImprovementUnknown: there is none.
            NotPublished: nobody is to be told of it yet.
            BadCaseCustomer: a reference names nobody.
        """
        persons = {read_customer(each) for each in body.customers}
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            # Persons before anything else is locked; the improvement then lets one at a time say who was told.
            found = await members.lock_many(tx, persons)
            said = await rows.get(tx, key, is_locked=True)
            if said is None:
                raise ImprovementUnknown
            if said.published_at is None:
                raise NotPublished
            told = await rows.told_among(tx, key, {each for member in found.values() for each in member.keys})
            first = {member.root: person for person, member in sorted(found.items(), reverse=True)}
            anew = {first[each.root] for each in found.values() if told.isdisjoint(each.keys)}
            await rows.tell(tx, key, anew, self.clock.now(), asked.by)
            answer = Answer(200, ToldOut(told=len(anew)).model_dump_json().encode())
            await remember(tx, asked.idem, answer)
            return answer

    async def _locked(self, tx: WriteTx, key: UUID, asked: Asked) -> Improvement:
        old = await rows.get(tx, key, is_locked=True)
        if old is None:
            raise ImprovementUnknown
        if asked.if_match is not None and old.version not in asked.if_match:
            raise SettingMoved(old.version)
        return old

    async def _check(self, tx: ReadTx, body: ImprovementIn) -> None:
        require_causes(await settings_rows.root_causes(tx, body.root_causes), body.root_causes)
        if await rows.missing_cases(tx, body.cases):
            raise CaseUnknown

    def _next(self, old: Improvement, asked: Asked) -> Improvement:
        return old._replace(version=old.version + 1, updated_at=self.clock.now(), updated_by=asked.by)

    async def _answer(self, tx: WriteTx, asked: Asked, said: Improvement, *, status: int = 200) -> Answer:
        answer = Answer(status, (await _out(tx, [said]))[0].model_dump_json().encode())
        await remember(tx, asked.idem, answer)
        return answer


async def _found(tx: ReadTx, key: UUID) -> Improvement:
    found = await rows.get(tx, key)
    if found is None:
        raise ImprovementUnknown
    return found


async def _out(tx: ReadTx, said: Sequence[Improvement]) -> list[ImprovementOut]:
    told = await rows.told(tx, [each.id for each in said])
    return [ImprovementOut.model_validate({**each._asdict(), "told": told.get(each.id, 0)}) for each in said]
