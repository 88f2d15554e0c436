"""The links of an invitation, for whoever brings it to the customer."""

from dataclasses import dataclass
from uuid import UUID

from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.service.invitations import Invitations
from services.surveys.definitions.domain.definition import SCORED, Definition
from services.surveys.definitions.service.reading import Surveys
from services.surveys.links.service import Links
from services.surveys.pages.errors import NoPublicUrl
from services.surveys.pages.schemas.staff import LinksOut, ScoreLinkOut
from services.surveys.pages.settings import PagesSettings
from shared.db.engine import Database


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes whole links."""

    db: Database
    settings: PagesSettings
    links: Links
    surveys: Surveys
    invitations: Invitations

    async def of_invitation(self, invitation_id: UUID) -> LinksOut:
        """The links of an invitation.

        Raises:
            InvitationNotFound: there is none.
            NoPublicUrl: nobody said where customers reach the platform.
        """
        async with self.db.read() as tx:
            invitation = await self.invitations.get(tx, invitation_id)
            definition = await self.surveys.version(tx, invitation.survey_id, invitation.version)
        return self.of(invitation, definition)

    def of(self, invitation: Invitation, definition: Definition) -> LinksOut:
        """The same, of an invitation that is at hand.

        Raises:
            NoPublicUrl: nobody said where customers reach the platform.
        """
        question = definition.metric_question
        points: range = range(0)
        if question is not None and question.kind in SCORED and not invitation.is_anonymous:
            points = range(question.lowest or 0, (question.highest or 0) + 1)
        key = None if question is None else question.id
        return LinksOut(
            page=self.url(self.links.sign(invitation.id)),
            scores=[
                ScoreLinkOut(score=score, url=self.url(self.links.sign(invitation.id, score=score, question_id=key)))
                for score in points
            ],
        )

    def url(self, token: str) -> str:
        """A whole link.

        Raises:
            NoPublicUrl: nobody said where customers reach the platform.
        """
        if (url := self.settings.url_of(token)) is None:
            raise NoPublicUrl
        return url
