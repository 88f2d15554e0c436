"""Answers come in: one response for an invitation, whatever is sent again."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.surveys.answers.domain.announcing import announcement, judged
from services.surveys.answers.domain.plain import texts
from services.surveys.answers.domain.response import Response, changed, first
from services.surveys.answers.domain.said import Said
from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.errors import AnonymousImport, ResponseUnknown, SurveyNeeded, TakeAlone
from services.surveys.answers.repository import responses as rows
from services.surveys.answers.repository.responses import Revision
from services.surveys.answers.service.ballots import Ballots
from services.surveys.answers.service.counting import count
from services.surveys.answers.service.reading import Reading
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.errors import InvitationNotFound
from services.surveys.asking.repository import invitations as invitation_rows
from services.surveys.cases.service.opening import Opening
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import SurveyNotActive
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import WriteTx
from shared.errors import AppError
from shared.identity import members

# What a submission belongs to: an invitation, or a reference of a survey; what has neither belongs to nothing.
Key = UUID | tuple[UUID, str]
Outcome = Taken | AppError
_NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class _Survey:
    """A survey as it is asked now, or why it takes no answers."""

    id: UUID
    current: Definition | None
    shut: SurveyNotActive | None = None

    @property
    def asked(self) -> Definition:
        """The version that is asked.

        Raises:
            SurveyNotActive: none is.
        """
        if self.current is None:
            raise self.shut or SurveyNotActive(self.id, "closed")
        return self.current

    def check(self, known: Response | None) -> None:
        """Refuse what may not be answered. A full survey lets those change their answer whose place it is."""
        if self.shut is None:
            return
        if known is None or known.state != "complete" or self.shut.data["why"] != "full":
            raise self.shut


@dataclass(frozen=True, slots=True)
class _Said:
    """A submission, and what it is an answer to."""

    submission: Submission
    definition: Definition
    invitation: Invitation | None


@dataclass(slots=True)
class _Work:
    """What a transaction does: responses as they are now, and what is to be stored."""

    is_alone: bool
    known: dict[Key, Response]
    surveys: dict[UUID, _Survey] = field(default_factory=dict)
    added: dict[UUID, Response] = field(default_factory=dict)
    changed: dict[UUID, Response] = field(default_factory=dict)
    replaced: list[Revision] = field(default_factory=list)
    told: list[tuple[Response, Definition]] = field(default_factory=list)
    completes: Counter[UUID] = field(default_factory=Counter)

    def of(self, key: Key | None) -> Response | None:
        """The response that a submission belongs to."""
        return None if key is None else self.known.get(key)

    def put(self, key: Key | None, before: Response | None, after: Response, definition: Definition) -> None:
        """A response came to be, or became another."""
        if before is None or after.id in self.added:
            self.added[after.id] = after
        else:
            self.changed[after.id] = after
        if before is not None:
            self.replaced.append(Revision.of(before))
        if key is not None:
            self.known[key] = after
        self.told.append((after, definition))


@dataclass(frozen=True, slots=True)
class Answering:
    """Takes answers, in the transaction of whoever has them."""

    clock: Clock
    surveys: Surveys
    cases: Opening
    ballots: Ballots
    reading: Reading

    async def take(self, tx: WriteTx, submission: Submission) -> Taken:
        """Take an answer; the same again changes nothing. Locks the person, the invitation, then the response.

        Of an anonymous survey the transaction must have written nothing before, and write nothing after, that belongs
        to somebody.

        Raises:
            InvitationNotFound, ResponseUnknown, SurveyNotFound, SurveyNotActive, SurveyNeeded: nothing can be answered.
            BadAnswers: an answer does not fit its question, or one is missing.
            AnswerTooLate, AnswerWithdrawn: it was answered, and is closed.
            WholeAnswerNeeded, NobodyMayBeNamed: the survey is anonymous.
        """
        (outcome,) = await self.take_all(tx, (submission,))
        if isinstance(outcome, AppError):
            raise outcome
        return outcome

    async def replace(self, tx: WriteTx, before: Response, after: Response) -> None:
        """Store what a locked response becomes by something else than an answer, and tell it."""
        if (before.state, after.state) == ("complete", "withdrawn") and not before.is_imported:
            await self.surveys.give_place_back(tx, before.survey_id)
        work = _Work(is_alone=True, known={})
        definition = await self.surveys.version(tx, after.survey_id, after.version)
        work.put(None, before, await self._read(tx, after), definition)
        await self._store(tx, work)

    async def take_all(self, tx: WriteTx, submissions: Sequence[Submission]) -> list[Outcome]:
        """Take several in one transaction: what became of each, or why it was refused.

        Those of one response are taken in their order.
        An anonymous one among several is refused with `TakeAlone`: what is written together can be found together.
        Those of one survey come together, for counters are locked in that order.
        """
        asked = await self._invitations(tx, submissions)
        ids = {each.response_id for each in submissions if each.response_id is not None}
        references = {key for each in submissions if isinstance(key := _key(each), tuple)}
        await rows.lock_references(tx, references)
        found = await rows.lock(tx, ids, asked.keys(), references) if ids or asked or references else []
        work = _Work(is_alone=len(submissions) == 1, known=_by_key(found, ids))
        outcomes: dict[int, Outcome] = {}
        for place in sorted(range(len(submissions)), key=lambda at: _survey_of(submissions[at], work, asked)):
            outcomes[place] = await self._one(tx, work, submissions[place], asked)
        await self._store(tx, work)
        became = [outcomes[place] for place in range(len(submissions))]
        count(tx, became)
        return became

    async def _invitations(self, tx: WriteTx, submissions: Sequence[Submission]) -> dict[UUID, Invitation]:
        """The invitations that are answered. Of named ones the persons are locked, and then they."""
        ids = {each.invitation_id for each in submissions if each.invitation_id is not None}
        asked = await invitation_rows.asked(tx, ids) if ids else {}
        named = {key: each.person for key, each in asked.items() if not each.is_anonymous}
        persons = {*named.values(), *(each.person for each in submissions if each.person is not None)}
        if changing := [each.response_id for each in submissions if each.response_id is not None]:
            persons |= await rows.persons(tx, changing)
        if persons:
            await members.lock_many(tx, persons)
        found = await invitation_rows.lock_many(tx, named) if named else {}
        if len(named) < len(asked):
            found |= await invitation_rows.find(tx, asked.keys() - named.keys())
        return found

    async def _one(self, tx: WriteTx, work: _Work, submission: Submission, asked: dict[UUID, Invitation]) -> Outcome:
        try:
            invitation = None
            if submission.invitation_id is not None and (invitation := asked.get(submission.invitation_id)) is None:
                raise InvitationNotFound
            survey = await self._survey(tx, work, submission, invitation)
            definition = await self._definition(tx, survey, submission, work.of(_key(submission)) or invitation)
            if not definition.is_anonymous or submission.response_id is not None:
                return await self._take(tx, work, survey, _Said(submission, definition, invitation))
            if submission.is_imported:
                return AnonymousImport()
            if not work.is_alone:
                return TakeAlone()
            return await self.ballots.put(tx, definition, submission, invitation, survey.shut)
        except AppError as refusal:
            return refusal

    async def _survey(self, tx: WriteTx, work: _Work, submission: Submission, invitation: Invitation | None) -> _Survey:
        known = work.of(_key(submission))
        if submission.response_id is not None and known is None:
            raise ResponseUnknown
        pinned = known or invitation
        survey_id = submission.survey_id if pinned is None else pinned.survey_id
        if survey_id is None:
            raise SurveyNeeded
        if survey_id not in work.surveys:
            try:
                work.surveys[survey_id] = _Survey(survey_id, await self.surveys.current(tx, survey_id))
            except SurveyNotActive as shut:
                work.surveys[survey_id] = _Survey(survey_id, None, shut)
        return work.surveys[survey_id]

    async def _definition(
        self, tx: WriteTx, survey: _Survey, submission: Submission, pinned: Response | Invitation | None
    ) -> Definition:
        """The version that is answered: that of the response, the invitation, the submission, or the current one."""
        version = submission.version if pinned is None else pinned.version
        return survey.asked if version is None else await self.surveys.version(tx, survey.id, version)

    async def _take(self, tx: WriteTx, work: _Work, survey: _Survey, said: _Said) -> Taken:
        key = _key(said.submission)
        known = work.of(key)
        if known is None:
            survey.check(None)
            after = first(said.definition, said.submission, said.invitation)
        else:
            become = changed(known, said.definition, said.submission, said.invitation)
            if become is None:
                return _taken(known, is_new=False)
            survey.check(known)
            after = become
        is_complete_now = after.state == "complete" and (known is None or known.state != "complete")
        if is_complete_now and not after.is_imported:
            await self._count(tx, work, survey)
        after = await self._read(tx, after)
        work.put(key, known, after, said.definition)
        return _taken(after, is_new=True)

    async def _read(self, tx: WriteTx, response: Response) -> Response:
        written = texts(response.answers)
        return response.reads(await self.reading.said(tx, written) if written else Said())

    async def _count(self, tx: WriteTx, work: _Work, survey: _Survey) -> None:
        """Count a complete answer: at once where places are few, with all others at the end where they are not."""
        if survey.current is not None and survey.current.quota is None:
            work.completes[survey.id] += 1
        else:
            await self.surveys.count_complete(tx, survey.id)

    async def _store(self, tx: WriteTx, work: _Work) -> None:
        now = self.clock.now()
        await rows.add(tx, list(work.added.values()))
        await rows.change(tx, list(work.changed.values()))
        await rows.keep_revisions(tx, work.replaced)
        done = {
            each.invitation_id: each.changed_at
            for each, _ in work.told
            if each.invitation_id is not None and each.state == "complete"
        }
        if done:
            await invitation_rows.set_all_answered(tx, done)
        for survey_id, answers in sorted(work.completes.items()):
            await self.surveys.count_completes(tx, survey_id, answers)
        for response, definition in work.told:
            if (event := announcement(response, definition, recorded=now)) is not None:
                tx.emit(event)
        # What a response says at the end of a transaction is what cases are about.
        last = {each.id: judged(each, definition) for each, definition in work.told if not each.is_imported}
        await self.cases.consider_many(tx, [each for each in last.values() if each is not None])


def _key(submission: Submission) -> Key | None:
    if submission.response_id is not None or submission.invitation_id is not None:
        return submission.response_id or submission.invitation_id
    if submission.survey_id is None or submission.reference is None:
        return None
    return submission.survey_id, submission.reference


def _by_key(found: Sequence[Response], ids: Collection[UUID]) -> dict[Key, Response]:
    """Responses by what submissions know them by."""
    known: dict[Key, Response] = {}
    for each in found:
        if each.id in ids:
            known[each.id] = each
        elif each.invitation_id is not None:
            known[each.invitation_id] = each
        elif each.reference is not None:
            known[each.survey_id, each.reference] = each
    return known


def _survey_of(submission: Submission, work: _Work, asked: Mapping[UUID, Invitation]) -> str:
    pinned = work.of(_key(submission)) or asked.get(submission.invitation_id or _NOBODY)
    return str(submission.survey_id if pinned is None else pinned.survey_id)


def _taken(response: Response, *, is_new: bool) -> Taken:
    return Taken(response.id, response.revision, response.state, is_new, response.open_until)
