"""The question bank: questions that are written once, in versions, and stand in many surveys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.surveys.definitions.errors import (
    BadSurvey,
    Problem,
    QuestionMoved,
    QuestionNameTaken,
    QuestionNotFound,
)
from services.surveys.definitions.repository import bank as rows
from services.surveys.definitions.repository.bank import BankQuestion
from services.surveys.definitions.schemas.bank import BankQuestionIn, BankQuestionOut, UseOut
from services.surveys.definitions.schemas.question import ContentIn, QuestionIn
from services.surveys.definitions.schemas.survey import BankedIn, DraftIn, SurveyIn
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Bank:
    """Questions to use again. Use cases name the key that asks (`by`); `if_match` are versions."""

    db: Database
    clock: Clock

    async def create(self, body: BankQuestionIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Put a question in the bank.

        Raises:
            QuestionNameTaken: there is one of this name.
        """
        now = self.clock.now()
        question = BankQuestion(uuid7(), body.name, 1, False, body.content.model_dump_json(), now, by, now, by)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            return await _put(tx, question, 201, idem)

    async def change(
        self,
        question_id: UUID,
        body: BankQuestionIn,
        *,
        by: str,
        if_match: frozenset[str] | None,
        idem: Idempotent | None,
    ) -> Answer:
        """Write the next version of a question. Surveys keep the version that they have.

        Raises:
            QuestionNotFound, QuestionMoved, QuestionNameTaken: it cannot be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            question = await _locked(tx, question_id, if_match)
            changed = question._replace(
                name=body.name,
                version=question.version + 1,
                content=body.content.model_dump_json(),
                changed_at=self.clock.now(),
                changed_by=by,
            )
            return await _put(tx, changed, 200, idem)

    async def retire(self, question_id: UUID, *, is_retired: bool, by: str, idem: Idempotent | None) -> Answer:
        """Let no new survey take a question, or let them again. Those that have it keep it.

        Raises:
            QuestionNotFound: there is none.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            question = await _locked(tx, question_id, None)
            changed = question._replace(is_retired=is_retired, changed_at=self.clock.now(), changed_by=by)
            return await _put(tx, changed, 200, idem)

    async def get(self, question_id: UUID) -> BankQuestionOut:
        """A question of the bank.

        Raises:
            QuestionNotFound: there is none.
        """
        async with self.db.read() as tx:
            return BankQuestionOut.of(await _known(tx, question_id))

    async def listed(self, *, before: UUID | None, limit: int) -> Sequence[BankQuestionOut]:
        """The questions of the bank, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            return [BankQuestionOut.of(each) for each in await rows.listed(tx, before=before, limit=limit + 1)]

    async def used_by(self, question_id: UUID) -> Sequence[UseOut]:
        """The versions of surveys in which a question stands.

        Raises:
            QuestionNotFound: there is none.
        """
        async with self.db.read() as tx:
            await _known(tx, question_id)
            return [UseOut(**each._asdict()) for each in await rows.uses(tx, question_id)]

    async def filled(self, tx: ReadTx, body: DraftIn) -> SurveyIn:
        """A survey whose questions are all written out: what the bank says of those that were taken from it.

        Raises:
            BadSurvey: the bank has no such version, or says another thing than the survey does.
        """
        wanted = [(each.bank.id, each.bank.version) for each in body.questions if each.bank is not None]
        known = await rows.contents(tx, wanted) if wanted else {}
        problems: list[Problem] = []
        questions = [_filled(each, known, f"/questions/{n}/bank", problems) for n, each in enumerate(body.questions)]
        if problems:
            raise BadSurvey(problems)
        return SurveyIn(**{**dict(body), "questions": [each for each in questions if each is not None]})


def _filled(
    question: QuestionIn | BankedIn, known: Mapping[tuple[UUID, int], tuple[str, bool]], path: str, found: list[Problem]
) -> QuestionIn | None:
    if question.bank is None:
        return question if isinstance(question, QuestionIn) else None
    text, is_retired = known.get((question.bank.id, question.bank.version), (None, False))
    if text is None:
        found.append(Problem(path, "unknown_question", "The bank has no such version of a question."))
        return None
    content = ContentIn.model_validate_json(text)
    if isinstance(question, QuestionIn):
        if any(getattr(question, name) != value for name, value in content):
            found.append(Problem(path, "differs", "It says another thing than the bank does: leave `bank` out."))
        return question
    if is_retired:
        found.append(Problem(path, "retired", "The question is retired: no survey takes it any more."))
    return QuestionIn(**dict(content), **dict(question))


async def _known(tx: ReadTx, question_id: UUID) -> BankQuestion:
    question = await rows.get(tx, question_id)
    if question is None:
        raise QuestionNotFound(question_id)
    return question


async def _locked(tx: WriteTx, question_id: UUID, if_match: frozenset[str] | None) -> BankQuestion:
    question = await rows.lock(tx, question_id)
    if question is None:
        raise QuestionNotFound(question_id)
    if if_match is not None and str(question.version) not in if_match:
        raise QuestionMoved(question_id, question.version)
    return question


async def _put(tx: WriteTx, question: BankQuestion, status: int, idem: Idempotent | None) -> Answer:
    if await rows.is_named(tx, question.name, by_other_than=question.id):
        raise QuestionNameTaken(question.name)
    await rows.put(tx, question)
    answer = Answer(status, BankQuestionOut.of(question).model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
