"""Writes the mail of an invitation."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.service.invitations import Invitations
from services.surveys.definitions.domain.definition import SCORED, Definition
from services.surveys.definitions.errors import SurveyNotActive
from services.surveys.definitions.service.reading import Surveys
from services.surveys.links.service import Links
from services.surveys.mail.domain.outcomes import NotSent, Outcome
from services.surveys.mail.schemas.message import Letter
from services.surveys.pages.repository import seats as seat_rows
from services.surveys.pages.service.clicks import TRAP
from services.surveys.pages.service.links import Addresses
from services.surveys.pages.service.previews import Previews
from shared.clock import Clock
from shared.db.engine import ReadTx

# A link that leads nowhere, for a preview.
_NOWHERE = "#"


@dataclass(frozen=True, slots=True)
class Letters:
    """What mails say."""

    clock: Clock
    zone: ZoneInfo
    links: Links
    surveys: Surveys
    invitations: Invitations
    addresses: Addresses
    previews: Previews

    async def of(self, tx: ReadTx, invitation_id: UUID, number: int) -> Letter:
        """The mail of an invitation, or of a reminder, that is still worth sending.

        Raises:
            InvitationNotFound: there is none.
            NotSent: it was answered, has expired, or its survey is closed.
        """
        invitation = await self.invitations.get(tx, invitation_id)
        if not invitation.is_open(self.clock.now()):
            raise NotSent(Outcome("expired", "too_late"))
        response = None if invitation.is_anonymous else await seat_rows.response_of(tx, invitation.id)
        if response is not None and (number == 0 or response.state not in ("started", "partial")):
            raise NotSent(Outcome("suppressed", "answered"))
        try:
            await self.surveys.current(tx, invitation.survey_id)
        except SurveyNotActive:
            raise NotSent(Outcome("suppressed", "survey_closed")) from None
        definition = await self.surveys.version(tx, invitation.survey_id, invitation.version)
        return self._write(invitation, definition, number)

    def _write(self, invitation: Invitation, definition: Definition, number: int) -> Letter:
        urls = self.addresses.of(invitation, definition)
        trap = self.addresses.url(self.links.sign(invitation.id, question_id=TRAP)) if urls.scores else None
        return Letter(
            definition=definition,
            locale=definition.locale_for(invitation.locale),
            page=urls.page,
            scores=[(each.score, each.url) for each in urls.scores],
            trap=trap,
            order=invitation.order_id,
            until=invitation.expires_at.astimezone(self.zone),
            is_reminder=number > 0,
        )

    async def preview(self, survey_id: UUID, *, version: int | None, locale: str | None) -> Letter:
        """What a mail would look like; its links lead nowhere.

        Raises:
            SurveyNotFound: there is no such survey, or nothing of it was published.
        """
        definition = await self.previews.definition(survey_id, version)
        question = definition.metric_question
        is_scored = question is not None and question.kind in SCORED and not definition.is_anonymous
        points = range(question.lowest or 0, (question.highest or 0) + 1) if question and is_scored else range(0)
        scores = [(point, _NOWHERE) for point in points]
        return Letter(definition, definition.locale_for(locale), _NOWHERE, scores)
