"""Looking at surveys: their versions, what changed between them, and what would be asked of whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.diff import changes
from services.surveys.definitions.errors import SurveyNotFound, VersionNotFound
from services.surveys.definitions.repository import surveys as rows
from services.surveys.definitions.repository.surveys import Version
from services.surveys.definitions.schemas.live import DiffOut, VersionLineOut, VersionOut
from services.surveys.definitions.schemas.preview import PreviewIn, PreviewOut
from services.surveys.definitions.schemas.survey import SurveyIn
from shared.db.engine import Database, ReadTx


@dataclass(frozen=True, slots=True)
class Versions:
    """What was published, and what is about to be."""

    db: Database

    async def get(self, survey_id: UUID, version: int) -> VersionOut:
        """A version.

        Raises:
            SurveyNotFound: there is none.
        """
        async with self.db.read() as tx:
            return VersionOut.of(await _version(tx, survey_id, version))

    async def listed(self, survey_id: UUID, *, before: int | None, limit: int) -> Sequence[VersionLineOut]:
        """The versions of a survey, the latest first; one more than `limit` if there are more.

        Raises:
            SurveyNotFound: there is no such survey.
        """
        async with self.db.read() as tx:
            found = await rows.versions(tx, survey_id, before=before, limit=limit + 1)
            if not found and await rows.get(tx, survey_id) is None:
                raise SurveyNotFound(survey_id)
        return [VersionLineOut.model_validate(each, from_attributes=True) for each in found]

    async def document(self, survey_id: UUID, version: int) -> SurveyIn:
        """A version as it was written: what can be imported elsewhere.

        Raises:
            SurveyNotFound: there is none.
        """
        async with self.db.read() as tx:
            return SurveyIn.model_validate_json((await _version(tx, survey_id, version)).document)

    async def diff(self, survey_id: UUID, version: int, before: int | None) -> DiffOut:
        """What changed from version `before` (None: the one before) to `version`, or to the draft: version 0.

        Raises:
            SurveyNotFound: there is none of them.
        """
        async with self.db.read() as tx:
            survey = await rows.get(tx, survey_id)
            if survey is None:
                raise SurveyNotFound(survey_id)
            if version == 0 and survey.draft is None:
                raise VersionNotFound(survey_id, 0)
            number = (survey.version if version == 0 else version - 1) if before is None else before
            new = survey.draft if version == 0 else (await _version(tx, survey_id, version)).document
            old = "{}" if number == 0 else (await _version(tx, survey_id, number)).document
        return DiffOut.of(number, version, changes(orjson.loads(old), orjson.loads(new or "{}")))

    async def preview(self, survey_id: UUID, body: PreviewIn) -> PreviewOut:
        """What is asked of somebody who gave these answers: of the draft, or else of what is asked now.

        Raises:
            SurveyNotFound: there is none.
            BadAnswers: something is wrong with the answers.
        """
        async with self.db.read() as tx:
            definition = await self._looked_at(tx, survey_id, body.version)
        return PreviewOut.of(definition, body)

    async def _looked_at(self, tx: ReadTx, survey_id: UUID, version: int | None) -> Definition:
        survey = await rows.get(tx, survey_id)
        if survey is None:
            raise SurveyNotFound(survey_id)
        if version == 0 and survey.draft is None:
            raise VersionNotFound(survey_id, 0)
        if survey.draft is not None and not version:
            return SurveyIn.model_validate_json(survey.draft).definition(survey_id, 0)
        found = await _version(tx, survey_id, version or survey.version)
        return SurveyIn.model_validate_json(found.document).definition(survey_id, found.version)


async def _version(tx: ReadTx, survey_id: UUID, number: int) -> Version:
    found = await rows.version(tx, survey_id, number)
    if found is None:
        raise VersionNotFound(survey_id, number)
    return found
