"""What the other rooms ask: a version, what is asked now, and whether a quota has a place left."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import (
    SurveyFull,
    SurveyNotActive,
    SurveyNotFound,
    VersionNotFound,
    WhyNot,
)
from services.surveys.definitions.repository import places
from services.surveys.definitions.repository import surveys as rows
from services.surveys.definitions.repository.surveys import Standing, Summary, Survey
from services.surveys.definitions.schemas.survey import SurveyIn
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx

_MOST_KEPT = 2_000


@dataclass(slots=True)
class Shelf:
    """Versions that this process has read. They never change, so none is ever wrong; the oldest go first."""

    versions: dict[tuple[UUID, int], Definition] = field(default_factory=dict)

    def put(self, definition: Definition) -> None:
        """Keep a version."""
        while len(self.versions) >= _MOST_KEPT:
            del self.versions[next(iter(self.versions))]
        self.versions[definition.survey_id, definition.version] = definition


@dataclass(frozen=True, slots=True)
class Surveys:
    """Surveys as they are asked. Everything runs in the caller's transaction."""

    clock: Clock
    shelf: Shelf

    async def version(self, tx: ReadTx, survey_id: UUID, version: int) -> Definition:
        """A version of a survey, whether it is still asked or not.

        Raises:
            SurveyNotFound: there is none.
        """
        if (found := self.shelf.versions.get((survey_id, version))) is not None:
            return found
        row = await rows.version(tx, survey_id, version)
        if row is None:
            raise VersionNotFound(survey_id, version)
        definition = SurveyIn.model_validate_json(row.document).definition(survey_id, version)
        self.shelf.put(definition)
        return definition

    async def current(self, tx: ReadTx, survey_id: UUID) -> Definition:
        """The version that is asked now.

        Raises:
            SurveyNotFound: there is no such survey.
            SurveyNotActive: it takes no answers, and why.
        """
        survey = await rows.standing(tx, survey_id)
        if survey is None:
            raise SurveyNotFound(survey_id)
        if (why := why_not(survey, self.clock.now())) is not None:
            raise SurveyNotActive(survey_id, why)
        return await self.version(tx, survey_id, survey.version)

    async def active(self, tx: ReadTx) -> tuple[Definition, ...]:
        """Every survey that takes answers now, in the version that is asked."""
        asked = await rows.asked(tx, self.clock.now())
        return tuple([await self.version(tx, survey_id, version) for survey_id, version in asked])

    async def count_complete(self, tx: WriteTx, survey_id: UUID) -> None:
        """Count one complete answer; call it once for a response, when it becomes complete.

        The answer that takes the last place of a quota closes the survey. With a quota, answers wait for one another
        until their transactions end: call it as late as the order of locks allows.

        Raises:
            SurveyNotFound: there is no such survey.
            SurveyFull: all places are taken; the caller's transaction is to be rolled back.
        """
        match await places.has_quota(tx, survey_id):
            case None:
                raise SurveyNotFound(survey_id)
            case False:
                # Slots, so that answers to one survey seldom wait for one another; no secret hangs on the draw.
                await places.count(tx, survey_id, random.randrange(places.SLOTS))
                return
        survey = await rows.lock(tx, survey_id)
        # By a statement of its own: one that waited for the lock does not see what was counted meanwhile.
        taken = await places.counted(tx, survey_id)
        if survey is not None and survey.quota is not None and taken >= survey.quota:
            raise SurveyFull(survey_id)
        await places.count(tx, survey_id, 0)

    async def give_place_back(self, tx: WriteTx, survey_id: UUID) -> None:
        """Count one complete answer less: it was withdrawn. A survey that was full takes another in its place."""
        # By who else takes the last place: they lock the survey, too.
        await rows.lock(tx, survey_id)
        await places.take_back(tx, survey_id)

    async def count_completes(self, tx: WriteTx, survey_id: UUID, answers: int) -> None:
        """Count several complete answers to a survey that had no quota when they were taken.

        One that it is given at this very moment takes them as they are, and counts them.
        """
        await places.count(tx, survey_id, random.randrange(places.SLOTS), answers)


def why_not(survey: Standing | Survey | Summary, now: datetime) -> WhyNot | None:
    """Why a survey takes no answers; None: it does."""
    if survey.version == 0:
        return "draft"
    if survey.closed_at is not None:
        return "closed"
    if survey.closes_at is not None and survey.closes_at <= now:
        return "over"
    return "full" if survey.is_full else None
