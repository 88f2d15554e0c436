"""How staff makes surveys: written as a draft, published as a version, closed and opened again."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.surveys.definitions.domain.checks import problems_of
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.library import KEYS, ready
from services.surveys.definitions.errors import (
    BadSurvey,
    LibraryNotFound,
    NotClosed,
    NothingToPublish,
    SurveyClosed,
    SurveyMoved,
    SurveyNotFound,
)
from services.surveys.definitions.repository import places
from services.surveys.definitions.repository import surveys as rows
from services.surveys.definitions.repository.surveys import Survey, Version
from services.surveys.definitions.schemas.live import SurveyOut
from services.surveys.definitions.schemas.survey import SurveyIn
from services.surveys.definitions.service.reading import why_not
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.surveys import AskedQuestion, SurveyPublished
from shared.events.envelope import Event
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Editing:
    """Surveys as staff makes them. Use cases name the key that asks (`by`); `if_match` are revisions."""

    db: Database
    clock: Clock

    async def create(
        self, body: SurveyIn, *, by: str, idem: Idempotent | None, library_key: str | None = None
    ) -> Answer:
        """Write a survey down, as a draft.

        Raises:
            BadSurvey: a condition has no such form.
        """
        survey_id, now = uuid7(), self.clock.now()
        body.definition(survey_id, 0)
        survey = Survey(
            survey_id, body.name, body.model_dump_json(), 1, 0, None, None, False, None, None, library_key, now, by,
            now, by,
        )  # fmt: skip
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            return await self._put(tx, survey, 201, idem)

    async def create_ready(self, key: str, *, by: str, idem: Idempotent | None) -> Answer:
        """Write a ready survey down, as a draft.

        Raises:
            LibraryNotFound: there is none of this key.
        """
        if key not in KEYS:
            raise LibraryNotFound(key)
        body = SurveyIn.model_validate(ready(key)["survey"])
        return await self.create(body, by=by, idem=idem, library_key=key)

    async def change(
        self, survey_id: UUID, body: SurveyIn, *, by: str, if_match: frozenset[str] | None, idem: Idempotent | None
    ) -> Answer:
        """Write the draft anew, whole; of a survey that was published, the draft of its next version.

        Raises:
            SurveyNotFound, SurveyMoved, BadSurvey: it cannot be.
        """
        body.definition(survey_id, 0)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            survey = await _locked(tx, survey_id, if_match)
            return await self._put(tx, self._next(survey, by)._replace(draft=body.model_dump_json()), 200, idem)

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
            if problems := problems_of(definition, now):
                raise BadSurvey(problems)
            await rows.add_version(tx, Version(survey_id, definition.version, survey.draft, note, now, by))
            taken = await places.counted(tx, survey_id)
            live = self._next(survey, by)._replace(
                draft=None,
                name=definition.name,
                version=definition.version,
                closes_at=definition.closes_at,
                quota=definition.quota,
                is_full=definition.quota is not None and taken >= definition.quota,
            )
            tx.emit(Event(uuid7(), survey_id, now, now, _published(definition)))
            return await self._put(tx, live, 200, idem)

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

    async def listed(self, *, before: UUID | None, limit: int) -> Sequence[SurveyOut]:
        """Surveys, those made last first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await rows.listed(tx, before=before, limit=limit + 1)
            return [await self._out(tx, each) for each in found]

    def _next(self, survey: Survey, by: str) -> Survey:
        return survey._replace(revision=survey.revision + 1, changed_at=self.clock.now(), changed_by=by)

    async def _out(self, tx: ReadTx, survey: Survey) -> SurveyOut:
        version = None if survey.version == 0 else await rows.version(tx, survey.id, survey.version)
        return SurveyOut.of(survey, version, why_not(survey, self.clock.now()), await places.counted(tx, survey.id))

    async def _put(self, tx: WriteTx, survey: Survey, status: int, idem: Idempotent | None) -> Answer:
        await rows.put(tx, survey)
        answer = Answer(status, (await self._out(tx, survey)).model_dump_json().encode())
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
