"""What a page would look like; nothing is recorded, and nothing can be sent from it."""

from dataclasses import dataclass
from uuid import UUID

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import SurveyNotFound, VersionNotFound
from services.surveys.definitions.repository import surveys as survey_rows
from services.surveys.definitions.service.reading import Surveys
from services.surveys.pages.domain.steps import step_at
from services.surveys.pages.schemas.page import FormPage
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class Previews:
    """Pages for staff to look at."""

    db: Database
    surveys: Surveys

    async def definition(self, survey_id: UUID, version: int | None) -> Definition:
        """A version of a survey; None: the newest that was published, whether it is still asked or not.

        Raises:
            SurveyNotFound: there is no such survey, or nothing of it was published.
        """
        async with self.db.read() as tx:
            survey = await survey_rows.get(tx, survey_id)
            if survey is None:
                raise SurveyNotFound(survey_id)
            wanted = version or survey.version
            if not wanted:
                raise VersionNotFound(survey_id, 0)
            return await self.surveys.version(tx, survey_id, wanted)

    async def page(self, survey_id: UUID, *, version: int | None, locale: str | None, at: str | None) -> FormPage:
        """The page that begins with a question; none: the first.

        Raises:
            SurveyNotFound: there is no such survey, or nothing of it was published.
        """
        definition = await self.definition(survey_id, version)
        step = step_at(definition, {}, at)
        assert step is not None, "a survey that was published asks something"
        return FormPage(definition=definition, locale=definition.locale_for(locale), step=step, seed="preview")
