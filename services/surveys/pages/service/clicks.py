"""Clicks on scores in mails: noted when they come, judged when the dust has settled, and, where a firm wants it,
taken for an answer when nothing speaks against a person and nobody confirmed it in time."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter

from services.surveys.answers.domain.submission import Submission
from services.surveys.answers.service.taking import Answering
from services.surveys.asking.service.invitations import Invitations
from services.surveys.definitions.domain.path import is_complete, read_answers
from services.surveys.definitions.errors import SurveyNotFound
from services.surveys.definitions.repository import surveys as survey_rows
from services.surveys.definitions.service.reading import Surveys
from services.surveys.links.service import Links
from services.surveys.pages.domain.clicks import Click, Judgement, Visitor, judge, signals_of
from services.surveys.pages.repository import clicks as rows
from services.surveys.pages.repository import policies
from services.surveys.pages.repository import seats as seat_rows
from services.surveys.pages.repository.clicks import Due, Summary
from services.surveys.pages.repository.policies import Policy
from services.surveys.pages.schemas.staff import PolicyOut
from services.surveys.pages.service.seats import Seat
from services.surveys.pages.settings import PagesSettings
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.errors import AppError
from shared.ids import uuid7
from shared.observability.logging import logger
from shared.observability.metrics import REGISTRY

__all__ = ["ClickLog", "Clicks", "Visitor"]

log = logger(__name__)

JUDGED = Counter("tam_surveys_clicks", "Clicked invitations, by what they came to.", ["verdict"], registry=REGISTRY)
INFERRED = Counter("tam_surveys_inferred_answers", "Answers inferred from a clean click.", registry=REGISTRY)

# The question that the trap in a mail names: no question is called so.
TRAP = "~"
# A scanner is done by then; so is a person who tries several.
SETTLES_AFTER = timedelta(minutes=2)
# Clicks are looked at again for so long: a job that stood still for a day misses none.
LOOKS_BACK = timedelta(days=2)
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ClickLog:
    """Notes clicks."""

    links: Links
    settings: PagesSettings

    async def note(self, tx: WriteTx, seat: Seat, visitor: Visitor) -> None:
        """Note that a score's link was fetched. Of an anonymous survey nothing is noted."""
        link = seat.link
        is_trap = link.question_id == TRAP
        if seat.invitation.is_anonymous or (link.score is None and not is_trap):
            return
        since = seat.now - (seat.invitation.delivered_at or seat.invitation.created_at)
        signals = signals_of(visitor, is_trap=is_trap, since_delivery=since, networks=self.settings.networks)
        click = Click(
            at=seat.now,
            question_id=None if is_trap else link.question_id,
            score=None if is_trap else link.score,
            address=self.links.keys.marks(visitor.address)[0],
            agent=self.links.keys.marks(visitor.agent)[0],
            signals=tuple(signals),
        )
        await rows.add(tx, uuid7(), seat.invitation.id, seat.invitation.person, visitor.method, click)


@dataclass(frozen=True, slots=True)
class Clicks:
    """What clicks come to."""

    db: Database
    clock: Clock
    settings: PagesSettings
    surveys: Surveys
    invitations: Invitations
    answering: Answering

    async def judge(self) -> int:
        """Look at clicks that are old enough, some at once; how many invitations."""
        now = self.clock.now()
        async with self.db.write() as tx:
            found = await rows.unjudged(tx, now - LOOKS_BACK, now - SETTLES_AFTER, AT_ONCE)
            clicks = await rows.of_invitations(tx, [invitation_id for invitation_id, _, _ in found])
            for invitation_id, survey_id, person in found:
                judged: Judgement = judge(clicks[invitation_id])
                await rows.put_judgement(tx, invitation_id, survey_id, person, judged, now)
                tx.after_commit(JUDGED.labels(judged.verdict).inc)
        return len(found)

    async def infer(self) -> int:
        """Take clean clicks for answers where a firm lets them count, some at once; how many were looked at."""
        async with self.db.read() as tx:
            due = await rows.due(tx, self.clock.now(), AT_ONCE)
        for each in due:
            try:
                await self._infer(each)
            except AppError as refusal:
                # Closed, full or withdrawn meanwhile: the click stays a click, and is not looked at again.
                log.info("click_not_inferred", invitation=str(each.invitation_id), code=refusal.code)
                async with self.db.write() as tx:
                    await rows.settle(tx, each.invitation_id, each.at, self.clock.now())
        return len(due)

    async def _infer(self, due: Due) -> None:
        now = self.clock.now()
        async with self.db.write() as tx:
            invitation = await self.invitations.get(tx, due.invitation_id)
            definition = await self.surveys.version(tx, invitation.survey_id, invitation.version)
            said = {due.question_id: {"score": due.score}}
            answers = read_answers(definition, said)
            if await seat_rows.response_of(tx, invitation.id) is None and answers:
                submission = Submission(
                    answers=said,
                    at=now,
                    answered_at=due.at,
                    channel=invitation.channel,
                    locale=invitation.locale,
                    is_final=is_complete(definition, answers),
                    verification="inferred",
                    invitation_id=invitation.id,
                )
                await self.answering.take(tx, submission)
                tx.after_commit(INFERRED.inc)
            if not await rows.settle(tx, due.invitation_id, due.at, now):
                # Somebody was quicker, or clicked again: nothing of this holds.
                raise Superseded

    async def forget_old(self) -> int:
        """Forget single clicks that are too old, some at once; how many."""
        async with self.db.write() as tx:
            before = self.clock.now() - timedelta(days=self.settings.click_days)
            return await rows.forget_old(tx, before, 1_000)

    async def summary(self, survey_id: UUID) -> tuple[Policy, Summary]:
        """What clicks of a survey came to, and what a firm lets them count for.

        Raises:
            SurveyNotFound: there is none.
        """
        async with self.db.read() as tx:
            await _check(tx, survey_id)
            return await policies.get(tx, survey_id), await rows.summary(tx, survey_id)

    async def set_policy(
        self, survey_id: UUID, infer_after_seconds: int | None, *, by: str, idem: Idempotent | None
    ) -> Answer:
        """Let clean clicks count after a time, or (None) never.

        Raises:
            SurveyNotFound: there is no such survey.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await _check(tx, survey_id)
            policy = Policy(infer_after_seconds, self.clock.now(), by)
            await policies.put(tx, survey_id, policy)
            said = Answer(200, PolicyOut.of(policy).model_dump_json().encode())
            await remember(tx, idem, said)
            return said


async def _check(tx: ReadTx, survey_id: UUID) -> None:
    if await survey_rows.get(tx, survey_id) is None:
        raise SurveyNotFound(survey_id)


class Superseded(AppError):
    """Another process took the click, or there was another one."""

    code = "surveys.click_superseded"

    def __init__(self) -> None:
        super().__init__("Something else happened to this click.")
