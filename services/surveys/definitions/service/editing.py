"""How staff makes surveys: written as a draft, published as a version, closed and opened again."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.surveys.definitions.domain.checks import problems_of
from services.surveys.definitions.domain.continuity import breaks
from services.surveys.definitions.domain.definition import Definition, State
from services.surveys.definitions.domain.library import KEYS, ready
from services.surveys.definitions.errors import (
    BadSurvey,
    LibraryNotFound,
    NeverPublished,
    NotClosed,
    NothingToPublish,
    Problem,
    SurveyClosed,
    SurveyMoved,
    SurveyNotFound,
)
from services.surveys.definitions.repository import bank as bank_rows
from services.surveys.definitions.repository import places
from services.surveys.definitions.repository import surveys as rows
from services.surveys.definitions.repository.surveys import Survey, Version
from services.surveys.definitions.schemas.live import ProblemOut, ProblemsOut, SurveyLineOut, SurveyOut
from services.surveys.definitions.schemas.survey import DraftIn, FromLibraryIn, SurveyIn
from services.surveys.definitions.service.bank import Bank
from services.surveys.definitions.service.reading import why_not
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.surveys import AskedQuestion, SurveyPublished
from shared.events.envelope import Event
from shared.ids import uuid7

# The id of a survey that is only looked at.
NOT_YET = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Editing:
    """Surveys as staff makes them. Use cases name the key that asks (`by`); `if_match` are revisions."""

    db: Database
    clock: Clock
    bank: Bank

    async def create(
        self, body: DraftIn, *, by: str, idem: Idempotent | None, library_key: str | None = None
    ) -> Answer:
        """Write a survey down, as a draft.

        Raises:
            BadSurvey: a condition has no such form, or a question is not in the bank.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey_id, now, document = uuid7(), self.clock.now(), await self._document(tx, body)
            survey = Survey(
                id=survey_id,
                name=body.name,
                draft=document,
                revision=1,
                version=0,
                closes_at=None,
                quota=None,
                is_full=False,
                closed_at=None,
                closed_by=None,
                library_key=library_key,
                created_at=now,
                created_by=by,
                changed_at=now,
                changed_by=by,
            )
            return await self._put(tx, survey, 201, idem)

    async def create_ready(self, body: FromLibraryIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Write a ready survey down, as a draft.

        Raises:
            LibraryNotFound: there is none of this key.
        """
        if body.library not in KEYS:
            raise LibraryNotFound(body.library)
        draft = DraftIn.model_validate(ready(body.library)["survey"])
        named = draft.model_copy(update={"name": body.name or draft.name})
        return await self.create(named, by=by, idem=idem, library_key=body.library)

    async def change(
        self, survey_id: UUID, body: DraftIn, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Write the draft anew, whole; of a survey that was published, the draft of its next version.

        Raises:
            SurveyNotFound, SurveyMoved, BadSurvey: it cannot be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey = await _locked(tx, survey_id, if_match)
            document = await self._document(tx, body)
            return await self._put(tx, self._next(survey, by)._replace(draft=document), 200, idem)

    async def publish(
        self, survey_id: UUID, *, note: str, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Make the draft a version, which is asked from now on and never changes.

        Raises:
            SurveyNotFound, SurveyMoved, NothingToPublish, SurveyClosed: it cannot be.
            BadSurvey: its logic loops or strands, a language lacks a text, or the like: all that is wrong.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey, now = await _locked(tx, survey_id, if_match), self.clock.now()
            if survey.closed_at is not None:
                raise SurveyClosed(survey_id)
            if survey.draft is None:
                raise NothingToPublish(survey_id)
            definition = SurveyIn.model_validate_json(survey.draft).definition(survey_id, survey.version + 1)
            if problems := [*problems_of(definition, now), *await self._breaks(tx, definition)]:
                raise BadSurvey(problems)
            await rows.add_version(tx, Version(survey_id, definition.version, survey.draft, note, now, by))
            used = [each.bank for each in definition.questions if each.bank is not None]
            await bank_rows.add_uses(tx, survey_id, definition.version, used)
            live = self._next(survey, by)._replace(
                draft=None,
                name=definition.name,
                version=definition.version,
                closes_at=definition.closes_at,
                quota=definition.quota,
            )
            tx.emit(Event(uuid7(), survey_id, now, now, _published(definition)))
            return await self._put(tx, live, 200, idem)

    async def discard(
        self, survey_id: UUID, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Throw the draft away: the survey is as it is asked.

        Raises:
            SurveyNotFound, SurveyMoved: it cannot be.
            NothingToPublish: there is no draft. NeverPublished: there is nothing else.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey = await _locked(tx, survey_id, if_match)
            if survey.draft is None:
                raise NothingToPublish(survey_id)
            if survey.version == 0:
                raise NeverPublished(survey_id)
            return await self._put(tx, self._next(survey, by)._replace(draft=None), 200, idem)

    async def close(
        self, survey_id: UUID, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Let it take no more answers. A survey that is closed stays so.

        Raises:
            SurveyNotFound, SurveyMoved: it cannot be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey = await _locked(tx, survey_id, if_match)
            if survey.closed_at is None:
                survey = self._next(survey, by)._replace(closed_at=self.clock.now(), closed_by=by)
            return await self._put(tx, survey, 200, idem)

    async def reopen(
        self, survey_id: UUID, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Let a survey that was closed by hand take answers again, as far as its end and its quota let it.

        Raises:
            SurveyNotFound, SurveyMoved, NotClosed: it cannot be.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey = await _locked(tx, survey_id, if_match)
            if survey.closed_at is None:
                raise NotClosed(survey_id)
            return await self._put(tx, self._next(survey, by)._replace(closed_at=None, closed_by=None), 200, idem)

    async def get(self, survey_id: UUID) -> SurveyOut:
        """A survey, with its draft and what is asked.

        Raises:
            SurveyNotFound: there is none.
        """
        async with self.db.read() as tx:
            return await self._out(tx, await _known(tx, survey_id))

    async def problems(self, survey_id: UUID) -> ProblemsOut:
        """What keeps the draft of a survey from being published.

        Raises:
            SurveyNotFound: there is none.
        """
        async with self.db.read() as tx:
            survey = await _known(tx, survey_id)
            if survey.draft is None:
                return ProblemsOut(problems=[])
            definition = SurveyIn.model_validate_json(survey.draft).definition(survey_id, survey.version + 1)
            broken = await self._breaks(tx, definition)
        found = [*problems_of(definition, self.clock.now()), *broken]
        return ProblemsOut(problems=[ProblemOut(**each._asdict()) for each in found])

    async def listed(self, *, state: State | None, before: UUID | None, limit: int) -> Sequence[SurveyLineOut]:
        """Surveys, those made last first; one more than `limit` if there are more."""
        now = self.clock.now()
        async with self.db.read() as tx:
            found = await rows.listed(tx, now, state=state, before=before, limit=limit + 1)
        return [SurveyLineOut.of(each, why_not(each, now)) for each in found]

    async def _breaks(self, tx: ReadTx, definition: Definition) -> list[Problem]:
        """What would make the figures of a survey be of two things."""
        earlier = await rows.versions(tx, definition.survey_id, before=definition.version, limit=definition.version)
        before = (
            SurveyIn.model_validate_json(each.document).definition(each.survey_id, each.version) for each in earlier
        )
        return breaks(definition, before)

    async def _document(self, tx: ReadTx, body: DraftIn) -> str:
        """What is stored of a draft; a condition that has no form is refused now, all else at publication."""
        whole = await self.bank.filled(tx, body)
        whole.definition(NOT_YET, 0)
        return whole.model_dump_json()

    def _next(self, survey: Survey, by: str) -> Survey:
        return survey._replace(revision=survey.revision + 1, changed_at=self.clock.now(), changed_by=by)

    async def _out(self, tx: ReadTx, survey: Survey) -> SurveyOut:
        version = None if survey.version == 0 else await rows.version(tx, survey.id, survey.version)
        return SurveyOut.of(survey, version, why_not(survey, self.clock.now()), await places.counted(tx, survey.id))

    async def _put(self, tx: WriteTx, survey: Survey, status: int, idem: Idempotent | None) -> Answer:
        await rows.put(tx, survey)
        # Read again: whether it is full depends on what was changed.
        answer = Answer(status, (await self._out(tx, await _known(tx, survey.id))).model_dump_json().encode())
        await remember(tx, idem, answer)
        return answer


def _published(definition: Definition) -> SurveyPublished:
    asked = tuple(
        AskedQuestion(
            id=each.id,
            kind=each.kind,
            lowest=each.lowest,
            highest=each.highest,
            options=tuple(option.id for option in each.options),
            earned=each.earned,
        )
        for each in definition.questions
    )
    return SurveyPublished(
        survey_id=definition.survey_id,
        version=definition.version,
        purpose=definition.purpose,
        questions=asked,
        touchpoint=definition.touchpoint,
        stage=definition.stage,
        is_anonymous=definition.is_anonymous,
    )


async def _known(tx: ReadTx, survey_id: UUID) -> Survey:
    survey = await rows.get(tx, survey_id)
    if survey is None:
        raise SurveyNotFound(survey_id)
    return survey


async def _locked(tx: WriteTx, survey_id: UUID, if_match: frozenset[str] | None) -> Survey:
    survey = await rows.lock(tx, survey_id)
    if survey is None:
        raise SurveyNotFound(survey_id)
    if if_match is not None and str(survey.revision) not in if_match:
        raise SurveyMoved(survey_id, survey.revision)
    return survey
