"""What becomes of what somebody sent: errors, the next questions, or thanks. The page and the widget share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.service.lane import Lane
from services.surveys.answers.service.taking import Answering
from services.surveys.definitions.domain.answer import Answers
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.domain.path import path, read_answers
from services.surveys.definitions.errors import BadAnswers
from services.surveys.links.service import Links
from services.surveys.pages.domain.steps import next_after
from services.surveys.pages.service.seats import Seat
from shared.db.engine import Database

# A page that was open for longer is shown once more before anything is taken.
NONCE_LIVES = timedelta(hours=24)
# A clock that was set back a little makes no page of the future.
_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Wrong:
    """Nothing was taken: what is wrong, by the id of the question."""

    errors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Onward:
    """Go on with the question `at`; `is_kept`: what was said is stored."""

    at: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Done:
    """Everything was answered, and is stored."""

    editable_until: datetime | None


@dataclass(frozen=True, slots=True)
class Advance:
    """Takes what was sent, together with what others send at the same time."""

    db: Database
    links: Links
    answering: Answering
    lane: Lane

    def is_fresh(self, seat: Seat, nonce: str, *, at_least: timedelta = timedelta(0)) -> bool:
        """Whether a nonce is that of a page of this invitation, shown long enough ago, and not too long."""
        shown = self.links.keys.shown_at(seat.invitation.id, nonce)
        return shown is not None and (at_least or -_SLACK) <= seat.now - shown <= NONCE_LIVES

    async def take(
        self, seat: Seat, sent: Mapping[str, Any], shown: tuple[str, ...], locale: str
    ) -> Wrong | Onward | Done:
        """Take the answers that were sent; `shown` are the questions that stood before whoever sent them.

        Raises:
            TooManyAnswers: nothing was taken; come again.
            SurveyNotActive, AnswerTooLate, AnswerWithdrawn: as answering has them.
        """
        said = merged(seat.said, sent)
        try:
            answers = read_answers(seat.definition, said)
        except BadAnswers as error:
            return Wrong(by_question(error))
        if errors := _missing(seat.definition, answers, shown):
            return Wrong(errors)
        at = next_after(seat.definition, answers, shown)
        if at is not None and not seat.keeps_parts:
            return Onward(at, is_kept=False)
        try:
            taken = await self._take(seat, sent, locale, is_final=at is None)
        except BadAnswers as error:
            return Wrong(by_question(error))
        return Done(taken.editable_until) if at is None else Onward(at, is_kept=True)

    async def touch(self, seat: Seat, sent: Mapping[str, Any], locale: str) -> None:
        """Take the one score that a link meant, after a person touched the page: a part, and only where none is whole.

        Raises:
            SurveyNotActive, AnswerTooLate, AnswerWithdrawn, BadAnswers: as answering has them.
        """
        question = seat.link.question_id
        if question is not None and seat.keeps_parts and sent.get(question) is not None:
            await self._take(seat, {question: sent[question]}, locale, is_final=False)

    async def _take(self, seat: Seat, sent: Mapping[str, Any], locale: str, *, is_final: bool) -> Taken:
        submission = Submission(
            answers=dict(sent),
            at=seat.now,
            channel=seat.invitation.channel,
            locale=locale,
            is_final=is_final,
            invitation_id=seat.invitation.id,
        )
        return await self.lane.take(self.db, self.answering, submission)


def merged(stored: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """What holds when something is sent: it, and of what it does not mention what was stored."""
    return {key: said for key, said in {**stored, **sent}.items() if said is not None}


def by_question(error: BadAnswers) -> dict[str, str]:
    """What is wrong, by the id of the question: the first of each."""
    found: dict[str, str] = {}
    for each in error.data["problems"]:
        found.setdefault(str(each["path"]).split("/")[1] if "/" in str(each["path"]) else "", str(each["code"]))
    return found


def _missing(definition: Definition, answers: Answers, shown: tuple[str, ...]) -> dict[str, str]:
    """Questions that were shown, must be answered, and are not."""
    return {
        question.id: "missing"
        for question in path(definition, answers)
        if question.is_required
        and question.id in shown
        and (question.id not in answers or len(answers[question.id].rows) < len(question.rows))
    }
