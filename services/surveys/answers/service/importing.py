"""Past answers of other systems: taken by the same rules as those that come in, and counted at their own time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.surveys.answers.domain.submission import Submission
from services.surveys.answers.errors import AnsweredLater
from services.surveys.answers.service.taking import Answering, Outcome
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import Database

CHANNEL = "import"


class PastAnswer(NamedTuple):
    """What somebody said at `answered_at`. `reference` is what the other system knows it by: unique in the survey."""

    reference: str
    answered_at: datetime
    answers: dict[str, Any]
    person: UUID | None = None
    locale: str | None = None
    touchpoint: str | None = None
    stage: str | None = None
    staff_id: str | None = None


class _OnlyTried(Exception):
    """Takes back what was tried."""


@dataclass(frozen=True, slots=True)
class Importing:
    """Brings past answers in. They open no case, take no place of a quota, and nobody earns or is asked for them."""

    db: Database
    clock: Clock
    surveys: Surveys
    answering: Answering

    async def survey(self, survey_id: UUID) -> Definition:
        """The survey as it is asked now: past answers are read by this version.

        Raises:
            SurveyNotFound, SurveyNotActive: there is none, or none that takes answers.
        """
        async with self.db.read() as tx:
            return await self.surveys.current(tx, survey_id)

    async def bring_in(
        self, definition: Definition, answers: Sequence[PastAnswer], *, is_trial: bool = False
    ) -> list[Outcome]:
        """Take answers in one transaction: what became of each, or why it was refused; a trial stores nothing.

        One that is there already, under its reference, changes nothing; if it says something else it is refused.
        """
        now = self.clock.now()
        timely = [each for each in answers if each.answered_at <= now]
        outcomes: list[Outcome] = []
        try:
            async with self.db.write() as tx:
                outcomes = await self.answering.take_all(tx, [_submission(definition, each, now) for each in timely])
                if is_trial:
                    raise _OnlyTried
        except _OnlyTried:
            pass
        became = iter(outcomes)
        return [next(became) if each.answered_at <= now else AnsweredLater() for each in answers]


def _submission(definition: Definition, past: PastAnswer, now: datetime) -> Submission:
    return Submission(
        answers=past.answers,
        at=now,
        channel=CHANNEL,
        locale=past.locale,
        survey_id=definition.survey_id,
        version=definition.version,
        person=past.person,
        touchpoint=past.touchpoint,
        stage=past.stage,
        staff_id=past.staff_id,
        reference=past.reference,
        answered_at=past.answered_at,
        is_imported=True,
    )
