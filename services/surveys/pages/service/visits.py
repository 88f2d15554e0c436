"""The hosted page: what a visit shows, and what becomes of a form. A visit changes no answer; a form may."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from services.surveys.answers.errors import AnswerTooLate, AnswerWithdrawn, WholeAnswerNeeded
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.path import path
from services.surveys.definitions.errors import BadAnswers, SurveyNotActive
from services.surveys.links.errors import BadLink
from services.surveys.pages.domain.steps import Step, lenient, preselected, step_at
from services.surveys.pages.schemas.forms import Form
from services.surveys.pages.schemas.page import FormPage, ThanksPage
from services.surveys.pages.service.clicks import ClickLog, Visitor
from services.surveys.pages.service.seats import Seat, Seats
from services.surveys.pages.service.steps import Advance, Done, Wrong, merged
from shared.db.engine import Database
from shared.errors import AppError

# Sooner than this nobody has seen what they touch.
SEEN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """What the address of a visit asks for: a language, a question to begin with, to change an answer."""

    locale: str | None = None
    at: str | None = None
    is_edit: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A page with one thing to say, in the language of a survey."""

    kind: Literal["closed", "late"]
    locale: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Something was taken: go on by the link `token`, in a language, with the question `at`; None: thanks."""

    token: str
    locale: str
    at: str | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Taken by itself; there is nothing to show."""


Shown = FormPage | ThanksPage | Said


@dataclass(frozen=True, slots=True)
class Pages:
    """What people see by a link."""

    db: Database
    seats: Seats
    advance: Advance
    clicks: ClickLog

    async def visit(self, token: str, visit: Visit, visitor: Visitor) -> Shown:
        """What a link shows. If it stands for a score, the click is noted, which is no answer.

        Raises:
            BadLink: it leads nowhere, or nowhere any more.
        """
        async with self.db.write() as tx:
            seat = await self.seats.by_token(tx, token)
            await self.clicks.note(tx, seat, visitor)
        locale = seat.locale(visit.locale)
        answers = preselected(seat.definition, seat.answers, seat.link.question_id, seat.link.score)
        is_chosen = answers != seat.answers
        if seat.is_complete and not (seat.editable_until and (visit.is_edit or is_chosen)):
            return self._thanks(seat, locale, seat.editable_until)
        if seat.is_shut:
            return Said("closed", locale)
        if not is_chosen or seat.link.question_id is None:
            # What is changed is gone through from the start.
            begin = path(seat.definition, answers)[0].id if seat.is_complete else None
            return self._form(seat, locale, seat.said, at=visit.at or begin)
        said = {**seat.said, seat.link.question_id: {"score": seat.link.score}}
        at = visit.at or seat.link.question_id
        return self._form(seat, locale, said, at=at, score=seat.link.score, is_touching=seat.keeps_parts)

    async def reply(self, token: str, read: Callable[[Definition], Form]) -> Shown | Redirect | Kept:
        """What becomes of a form; `read` reads it for the survey that it answers.

        Raises:
            BadLink: the link leads nowhere, or nowhere any more.
        """
        async with self.db.write() as tx:
            seat = await self.seats.by_token(tx, token)
        form = read(seat.definition)
        locale = seat.locale(form.locale)
        said = merged(seat.said, form.answers)
        if seat.is_shut:
            return Said("closed", locale)
        if seat.is_complete and seat.editable_until is None:
            return self._thanks(seat, locale, None)
        if form.is_auto:
            if self.advance.is_fresh(seat, form.nonce, at_least=SEEN) and not form.is_trapped:
                await self._touch(seat, form, locale)
            return Kept()
        if (again := self._again(seat, form, locale, said)) is not None:
            return again
        try:
            outcome = await self.advance.take(seat, form.answers, form.shown, locale)
        except (AnswerTooLate, AnswerWithdrawn, SurveyNotActive, WholeAnswerNeeded) as refusal:
            return _refused(refusal, locale)
        if isinstance(outcome, Wrong):
            return self._wrong(seat, form, locale, said, outcome.errors)
        if isinstance(outcome, Done):
            return Redirect(self._plain(seat), locale, None)
        if outcome.is_kept:
            return Redirect(self._plain(seat), locale, outcome.at)
        return self._form(seat, locale, said, at=outcome.at, is_carrying=True)

    async def _touch(self, seat: Seat, form: Form, locale: str) -> None:
        try:
            await self.advance.touch(seat, form.answers, locale)
        except (AnswerTooLate, AnswerWithdrawn, SurveyNotActive, BadAnswers):
            # Nobody waits for this answer; what is sent by the button says what is wrong.
            return

    def _again(self, seat: Seat, form: Form, locale: str, said: Mapping[str, Any]) -> FormPage | None:
        """The page once more, where nothing is to be taken yet: with all that stood in it."""
        at = form.shown[0] if form.shown else None
        if form.to is not None:
            return self._form(seat, seat.locale(form.to), said, at=at, is_carrying=True)
        if form.is_trapped:
            return self._form(seat, locale, said, at=at, is_carrying=True, notice="trapped")
        if not self.advance.is_fresh(seat, form.nonce):
            return self._form(seat, locale, said, at=at, is_carrying=True, notice="stale")
        if form.back is not None:
            return self._form(seat, locale, said, at=form.back, is_carrying=True)
        return None

    def _wrong(
        self, seat: Seat, form: Form, locale: str, said: Mapping[str, Any], errors: Mapping[str, str]
    ) -> FormPage:
        at = form.shown[0] if form.shown else None
        asked = path(seat.definition, lenient(seat.definition, said))
        if not set(errors) & set(form.shown):
            # What is wrong stood on an earlier page.
            at = next((question.id for question in asked if question.id in errors), at)
        return self._form(seat, locale, said, at=at, is_carrying=True, errors=errors)

    def _form(
        self,
        seat: Seat,
        locale: str,
        said: Mapping[str, Any],
        *,
        at: str | None,
        errors: Mapping[str, str] | None = None,
        notice: str | None = None,
        score: int | None = None,
        is_touching: bool = False,
        is_carrying: bool = False,
    ) -> FormPage:
        return FormPage(
            definition=seat.definition,
            locale=locale,
            step=_step(seat, said, at, is_whole=is_touching or score is not None or seat.is_complete),
            token=self._own(seat) if is_touching else self._plain(seat),
            nonce=self.advance.links.keys.nonce(seat.invitation.id, seat.now),
            seed=str(seat.invitation.id),
            order=seat.invitation.order_id,
            answers=said,
            carried=said if is_carrying or not seat.keeps_parts else {},
            errors=errors or {},
            notice=notice,
            score=score,
            is_touching=is_touching,
            is_trap_seen=notice == "trapped",
        )

    def _thanks(self, seat: Seat, locale: str, until: datetime | None) -> ThanksPage:
        return ThanksPage(seat.definition, locale, self._plain(seat), until, seat.said, seat.invitation.order_id)

    def _own(self, seat: Seat) -> str:
        """The link by which somebody came."""
        link = seat.link
        return self.advance.links.sign(link.invitation_id, score=link.score, question_id=link.question_id)

    def _plain(self, seat: Seat) -> str:
        """The link to the invitation that means no score: what was chosen by one click is chosen once."""
        return self.advance.links.sign(seat.invitation.id)


def _step(seat: Seat, said: Mapping[str, Any], at: str | None, *, is_whole: bool) -> Step:
    answers = lenient(seat.definition, said)
    found = step_at(seat.definition, answers, at, is_whole=is_whole)
    if found is None:
        # Everything was answered and nothing sent: the last page once more.
        found = step_at(seat.definition, answers, path(seat.definition, answers)[-1].id)
    assert found is not None, "a survey that was published asks something"
    return found


def _refused(refusal: AppError, locale: str) -> Said:
    if isinstance(refusal, SurveyNotActive):
        return Said("closed", locale)
    if isinstance(refusal, AnswerTooLate) and refusal.data["kept"] == "complete":
        return Said("late", locale)
    raise BadLink from None
