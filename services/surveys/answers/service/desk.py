"""What staff and other systems do with responses, over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.surveys.answers.domain.filters import Filters
from services.surveys.answers.domain.response import Response, withdrawn
from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.errors import AnsweredLater, BadResponseCustomer, ResponseUnknown, TooManyTags
from services.surveys.answers.repository import responses as rows
from services.surveys.answers.repository import search
from services.surveys.answers.schemas.responses import ChangeIn, ResponseIn, ResponseOut, TakenOut, WholeResponseOut
from services.surveys.answers.service.lane import Lane
from services.surveys.answers.service.taking import Answering
from shared.clock import Clock
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.ids import customer_key

MAX_TAGS = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """Responses one by one, and lists of them."""

    db: Database
    clock: Clock
    answering: Answering
    lane: Lane

    async def submit(self, body: ResponseIn, *, idem: Idempotent | None) -> Answer:
        """Take an answer; 201 if something new was stored, 200 if it was there already.

        Raises:
            BadResponseCustomer, AnsweredLater: no such answer can be.
            what `Answering.take` raises.
        """
        return await self._taken(self._submission(body), idem)

    async def change(self, key: UUID, body: ChangeIn, *, channel: str, idem: Idempotent | None) -> Answer:
        """Change a response within its window.

        Raises:
            ResponseUnknown, AnswerTooLate, AnswerWithdrawn, SurveyNotActive, BadAnswers: nothing was changed.
        """
        submission = Submission(
            answers=body.answers,
            at=self.clock.now(),
            channel=channel,
            locale=body.locale,
            is_final=body.is_final,
            response_id=key,
        )
        return await self._taken(submission, idem, fresh=200)

    async def withdraw(self, key: UUID, reason: str, *, by: str, idem: Idempotent | None) -> Answer:
        """Let a response count no more: it stays, with who said so and why; figures and cases are told.

        Raises:
            ResponseUnknown: there is none.
            AnswerWithdrawn: it is one already.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            if persons := await rows.persons(tx, (key,)):
                await members.lock_many(tx, persons)
            known = await rows.lock_one(tx, key)
            if known is None:
                raise ResponseUnknown
            after = withdrawn(known, by=by, reason=reason, at=self.clock.now())
            await self.answering.replace(tx, known, after)
            out = ResponseOut.of(after, (await search.tags(tx, (key,)))[key], self.clock.now())
            answer = Answer(200, out.model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def get(self, key: UUID) -> WholeResponseOut:
        """A response, and what it said before.

        Raises:
            ResponseUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await self._known(tx, key)
            tags = (await search.tags(tx, (key,)))[key]
            return WholeResponseOut.whole(found, tags, self.clock.now(), await rows.revisions(tx, key))

    async def listed(
        self, filters: Filters, customer: str | None, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[ResponseOut]:
        """Responses, those answered last first; one more than `limit` if there are more.

        Raises:
            BadResponseCustomer: the reference names nobody.
        """
        now = self.clock.now()
        async with self.db.read() as tx:
            if customer is not None:
                filters = replace(filters, persons=(await members.find(tx, read_customer(customer))).keys)
            found = await search.page(tx, filters, now=now, after=after, limit=limit + 1)
            tags = await search.tags(tx, [each.id for each in found])
            return [ResponseOut.of(each, tags[each.id], now) for each in found]

    async def tag(self, key: UUID, tag: str, *, by: str) -> WholeResponseOut:
        """Put a tag on a response; told again it changes nothing.

        Raises:
            ResponseUnknown: there is none.
            TooManyTags: it has as many as it may.
        """
        async with self.db.write() as tx:
            if await rows.lock_one(tx, key) is None:
                raise ResponseUnknown
            there = (await search.tags(tx, (key,)))[key]
            if tag not in there and len(there) >= MAX_TAGS:
                raise TooManyTags(MAX_TAGS)
            await search.tag(tx, key, tag, by=by, at=self.clock.now())
        return await self.get(key)

    async def untag(self, key: UUID, tag: str) -> WholeResponseOut:
        """Take a tag off a response; one that is not there, too.

        Raises:
            ResponseUnknown: there is none.
        """
        async with self.db.write() as tx:
            await self._known(tx, key)
            await search.untag(tx, key, tag)
        return await self.get(key)

    async def _taken(self, submission: Submission, idem: Idempotent | None, *, fresh: int = 201) -> Answer:
        if idem is None:
            return _answer(await self.lane.take(self.db, self.answering, submission), fresh)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            taken = await self.answering.take(tx, submission)
            answer = _answer(taken, fresh)
            # A digest of an anonymous answer beside its invitation would be found by trying: there are few scores.
            # That its invitation is used is enough.
            if taken.response_id is not None or submission.invitation_id is None:
                await remember(tx, idem, answer)
            return answer

    def _submission(self, body: ResponseIn) -> Submission:
        now = self.clock.now()
        if body.answered_at is not None and body.answered_at > now:
            raise AnsweredLater
        return Submission(
            answers=body.answers,
            at=now,
            channel=body.channel,
            locale=body.locale,
            is_final=body.is_final,
            invitation_id=body.invitation_id,
            survey_id=body.survey_id,
            version=body.version,
            person=None if body.customer is None else read_customer(body.customer),
            touchpoint=body.touchpoint,
            stage=body.stage,
            staff_id=body.staff_id,
            reference=body.reference,
            answered_at=body.answered_at,
        )

    async def _known(self, tx: ReadTx, key: UUID) -> Response:
        found = await rows.find(tx, key)
        if found is None:
            raise ResponseUnknown
        return found


def read_customer(reference: str) -> UUID:
    """The raw person key of who is named.

    Raises:
        BadResponseCustomer: nobody is.
    """
    try:
        return customer_key(reference)
    except ValueError:
        raise BadResponseCustomer from None


def _answer(taken: Taken, fresh: int) -> Answer:
    return Answer(fresh if taken.is_new else 200, TakenOut.of(taken).model_dump_json().encode())
