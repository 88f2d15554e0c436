"""The widget in a shop: whether somebody has an invitation to be shown, that it was shown, closed, answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.surveys.asking.service.invitations import Invitations
from services.surveys.definitions.domain.definition import Definition
from services.surveys.links.domain import Link
from services.surveys.links.errors import BadLink
from services.surveys.links.service import Links
from services.surveys.pages.domain.clicks import Visitor
from services.surveys.pages.repository import seats as rows
from services.surveys.pages.schemas.forms import Form
from services.surveys.pages.schemas.page import FormPage, ThanksPage
from services.surveys.pages.service.seats import Seats
from services.surveys.pages.service.visits import Pages, Redirect, Said, Visit
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.identity import members
from shared.ids import anonymous_key, user_key

# Invitations that are looked at for one that can be shown.
_MOST = 5
# A widget asks for no score by a link, and is no mail: nothing of its visitor is noted.
_NOBODY = Visitor("", "", "POST", has_language=True)


@dataclass(frozen=True, slots=True)
class Widget:
    """What the widget asks and tells."""

    db: Database
    clock: Clock
    links: Links
    seats: Seats
    pages: Pages
    invitations: Invitations

    async def open(self, user_id: str | None, anonymous_id: str | None, locale: str | None) -> FormPage | None:
        """The first step of an invitation that somebody has open in the widget; None: they have none."""
        async with self.db.write() as tx:
            token = await self._find(tx, user_key(user_id) if user_id else anonymous_key(anonymous_id or ""))
        if token is None:
            return None
        shown = await self.pages.visit(token, Visit(locale), _NOBODY)
        return shown if isinstance(shown, FormPage) else None

    async def _find(self, tx: WriteTx, person: UUID) -> str | None:
        keys = (await members.find(tx, person)).keys
        for invitation_id in await rows.widget_invitations(tx, keys, self.clock.now(), _MOST):
            try:
                seat = await self.seats.of(tx, Link(invitation_id))
            except BadLink:
                continue
            if not seat.is_shut and not seat.is_complete:
                return self.links.sign(invitation_id)
        return None

    async def note_shown(self, token: str) -> None:
        """Note, once, that an invitation was shown: it is delivered.

        Raises:
            BadLink: the link leads nowhere.
        """
        async with self.db.write() as tx:
            seat = await self.seats.by_token(tx, token)
            if seat.invitation.channel == "widget":
                await self.invitations.mark_delivered(tx, seat.invitation.id, seat.now)

    async def close(self, token: str) -> None:
        """Note that somebody closed it: it is not shown again. By its link it can still be answered.

        Raises:
            BadLink: the link leads nowhere.
        """
        async with self.db.write() as tx:
            seat = await self.seats.by_token(tx, token)
            await rows.dismiss(tx, seat.invitation.id, seat.now)

    async def answer(self, token: str, sent: "Sent") -> FormPage | ThanksPage | Said:
        """What becomes of answers: errors, the next step, or thanks.

        Raises:
            BadLink: the link leads nowhere, or nowhere any more.
        """
        shown = await self.pages.reply(token, sent.form)
        if isinstance(shown, Redirect):
            return await self.pages.visit(shown.token, Visit(shown.locale, shown.at), _NOBODY)
        if isinstance(shown, FormPage | ThanksPage | Said):
            return shown
        raise BadLink


@dataclass(frozen=True, slots=True)
class Sent:
    """What the widget sends."""

    answers: Mapping[str, Any]
    shown: tuple[str, ...]
    nonce: str
    locale: str | None

    def form(self, definition: Definition) -> Form:
        """The same as a page's form would say it; what is no question of the survey is not read."""
        known = {question.id for question in definition.questions}
        return Form(
            answers={key: said for key, said in self.answers.items() if key in known},
            shown=tuple(key for key in self.shown if key in known),
            nonce=self.nonce,
            locale=self.locale,
        )
