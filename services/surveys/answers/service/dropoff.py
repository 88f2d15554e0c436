"""Where people stop: question by question."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.surveys.answers.repository import search
from services.surveys.answers.schemas.dropoff import DropOffOut, QuestionEnd
from services.surveys.definitions.errors import SurveyNotFound
from services.surveys.definitions.repository import surveys as survey_rows
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import Database

PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class DropOff:
    """How far people come."""

    db: Database
    clock: Clock
    surveys: Surveys

    async def of(
        self, survey_id: UUID, version: int | None, since: datetime | None, until: datetime | None
    ) -> DropOffOut:
        """Of a version of a survey (None: the newest), in a period (None: the last thirty days).

        Raises:
            SurveyNotFound: there is none.
        """
        end = until or self.clock.now()
        begin = since or end - PERIOD
        async with self.db.read() as tx:
            survey = await survey_rows.get(tx, survey_id)
            if survey is None:
                raise SurveyNotFound(survey_id)
            definition = await self.surveys.version(tx, survey_id, version or survey.version)
            order = [question.id for question in definition.questions]
            endings = await search.endings(tx, survey_id, definition.version, order, since=begin, until=end)
            answered = await search.answered(tx, survey_id, definition.version, since=begin, until=end)
        stopped = {place: people for is_complete, place, people in endings if not is_complete}
        return DropOffOut(
            version=definition.version,
            since=begin,
            until=end,
            started=sum(people for _, _, people in endings),
            completed=sum(people for is_complete, _, people in endings if is_complete),
            stopped_before_any=stopped.get(0, 0),
            questions=[
                QuestionEnd(question_id=key, answered=answered.get(key, 0), stopped_after=stopped.get(place, 0))
                for place, key in enumerate(order, 1)
            ],
        )
