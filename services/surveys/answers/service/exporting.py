"""All responses of a survey as a file, page by page, whatever their number."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.surveys.answers.domain.filters import Filters
from services.surveys.answers.domain.response import Response
from services.surveys.answers.domain.sheet import Sheet
from services.surveys.answers.repository import search
from services.surveys.answers.schemas.responses import ResponseOut
from services.surveys.definitions.errors import SurveyNotFound
from services.surveys.definitions.repository import surveys as survey_rows
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import Database

PAGE = 1_000
# By which Excel knows that a file is UTF-8.
_MARK = "\ufeff"


class Export(NamedTuple):
    """A file: how many responses it has when it is begun, and its parts."""

    responses: int
    parts: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Exporting:
    """Responses as files. What is answered while a file is written may be in it or not; nothing is in it twice."""

    db: Database
    clock: Clock
    surveys: Surveys

    async def csv(self, survey_id: UUID, filters: Filters, *, is_labelled: bool) -> Export:
        """A row for each response, the last first, and a column for each question.

        Raises:
            SurveyNotFound: there is none.
        """
        wanted = replace(filters, survey_id=survey_id)
        async with self.db.read() as tx:
            survey = await survey_rows.get(tx, survey_id)
            if survey is None:
                raise SurveyNotFound(survey_id)
            versions = [await self.surveys.version(tx, survey_id, version) for version in range(1, survey.version + 1)]
            count = await search.count(tx, wanted, now=self.clock.now())
        return Export(count, self._rows(Sheet(versions, is_labelled=is_labelled), wanted))

    async def jsonl(self, survey_id: UUID, filters: Filters) -> Export:
        """A line of JSON for each response, the last first.

        Raises:
            SurveyNotFound: there is none.
        """
        wanted = replace(filters, survey_id=survey_id)
        async with self.db.read() as tx:
            if await survey_rows.get(tx, survey_id) is None:
                raise SurveyNotFound(survey_id)
            count = await search.count(tx, wanted, now=self.clock.now())
        return Export(count, self._lines(wanted))

    async def _rows(self, sheet: Sheet, wanted: Filters) -> AsyncIterator[bytes]:
        yield _csv([sheet.header()], mark=_MARK)
        async for page, now in self._pages(wanted):
            yield _csv([sheet.row(each, tags, now) for each, tags in page])

    async def _lines(self, wanted: Filters) -> AsyncIterator[bytes]:
        async for page, now in self._pages(wanted):
            yield "".join(f"{ResponseOut.of(each, tags, now).model_dump_json()}\n" for each, tags in page).encode()

    async def _pages(self, wanted: Filters) -> AsyncIterator[tuple[list[tuple[Response, list[str]]], datetime]]:
        """Pages, each in a transaction of its own: a long file holds up nobody."""
        now, after = self.clock.now(), None
        while True:
            async with self.db.read() as tx:
                found = await search.page(tx, wanted, now=now, after=after, limit=PAGE)
                tags = await search.tags(tx, [each.id for each in found])
            if not found:
                return
            yield [(each, tags[each.id]) for each in found], now
            after = found[-1].answered_at, found[-1].id


def _csv(rows: list[list[str]], *, mark: str = "") -> bytes:
    out = io.StringIO(mark, newline="")
    out.seek(0, io.SEEK_END)
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
