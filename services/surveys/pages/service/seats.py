"""Where somebody is in a survey: their invitation, what it asks, what they said so far, and what may still change."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.surveys.answers.domain.response import Response
from services.surveys.answers.service.ballots import Ballots
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.definitions.domain.answer import Answers
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import SurveyFull, SurveyNotActive, SurveyNotFound
from services.surveys.definitions.service.reading import Surveys
from services.surveys.links.domain import Link
from services.surveys.links.errors import BadLink
from services.surveys.links.service import Links
from services.surveys.pages.domain.steps import lenient
from services.surveys.pages.repository import seats as rows
from shared.clock import Clock
from shared.db.engine import WriteTx


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody who came by a link. `is_shut`: the survey takes no answers, or none but changes of those it has."""

    link: Link
    invitation: Invitation
    definition: Definition
    response: Response | None
    is_used: bool
    is_shut: bool
    now: datetime

    @property
    def is_complete(self) -> bool:
        """Whether everything was answered."""
        return self.is_used or (self.response is not None and self.response.state == "complete")

    @property
    def editable_until(self) -> datetime | None:
        """Until when a complete answer may be changed; None: not any more, or never."""
        if self.response is None or self.is_shut or not self.is_complete or self.now >= self.response.open_until:
            return None
        return self.response.open_until

    @property
    def keeps_parts(self) -> bool:
        """Whether what is answered in part is kept: not of an anonymous survey, nor of a change to a whole answer."""
        return not self.invitation.is_anonymous and not self.is_complete

    @property
    def said(self) -> Mapping[str, Any]:
        """The answers that are stored, as JSON."""
        return {} if self.response is None else self.response.answers

    @property
    def answers(self) -> Answers:
        """The same, read."""
        return lenient(self.definition, self.said)

    def locale(self, *wanted: str | None) -> str:
        """The language to speak: one that is asked for, that of the answer, that of the invitation."""
        answered = None if self.response is None else self.response.locale
        return self.definition.locale_for(*wanted, answered, self.invitation.locale)


@dataclass(frozen=True, slots=True)
class Seats:
    """Finds seats; everything runs in the caller's transaction, and writes nothing."""

    clock: Clock
    links: Links
    surveys: Surveys
    ballots: Ballots

    async def by_token(self, tx: WriteTx, token: str) -> Seat:
        """The seat a link leads to.

        Raises:
            BadLink: it leads nowhere, or nowhere any more.
        """
        return await self.of(tx, self.links.read(token))

    async def of(self, tx: WriteTx, link: Link) -> Seat:
        """The seat of what a link says.

        Raises:
            BadLink: it leads nowhere, or nowhere any more.
        """
        found = await rows.find(tx, link.invitation_id)
        if found is None:
            raise BadLink
        invitation, response = found
        try:
            definition = await self.surveys.version(tx, invitation.survey_id, invitation.version)
        except SurveyNotFound:
            raise BadLink from None
        is_used = invitation.is_anonymous and await self.ballots.used(tx, invitation.id)
        now = self.clock.now()
        seat = Seat(link, invitation, definition, response, is_used, await self._is_shut(tx, invitation, response), now)
        if not _leads_anywhere(seat):
            raise BadLink
        return seat

    async def _is_shut(self, tx: WriteTx, invitation: Invitation, response: Response | None) -> bool:
        try:
            await self.surveys.current(tx, invitation.survey_id)
        except SurveyFull:
            return response is None or response.state != "complete"
        except SurveyNotActive:
            return True
        except SurveyNotFound:
            raise BadLink from None
        return False


def _leads_anywhere(seat: Seat) -> bool:
    if seat.response is not None and seat.response.state == "withdrawn":
        return False
    if seat.is_complete:
        return True
    if seat.response is not None:
        return seat.now < seat.response.open_until
    return seat.invitation.is_open(seat.now)
