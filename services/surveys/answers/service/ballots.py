"""Anonymous answers: into the box one by one, out of it together."""

from dataclasses import dataclass, replace
from datetime import datetime, time
from functools import partial
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.surveys.answers.domain.announcing import announcement, judged
from services.surveys.answers.domain.box import COMPANY, Ballot, Box, mixed
from services.surveys.answers.domain.plain import texts
from services.surveys.answers.domain.response import Response, metric_score, whole
from services.surveys.answers.domain.submission import Submission, Taken
from services.surveys.answers.errors import AnswerTooLate, NobodyMayBeNamed, WholeAnswerNeeded
from services.surveys.answers.repository import box as rows
from services.surveys.answers.repository import responses as response_rows
from services.surveys.answers.service.counting import OPENED
from services.surveys.answers.service.reading import Reading
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.cases.service.opening import Opening
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.errors import SurveyNotActive
from services.surveys.definitions.service.reading import Surveys
from services.surveys.links.service import Links
from shared.clock import Clock
from shared.db.engine import Database, WriteTx

# Answers that leave the box in one transaction.
MOST_AT_ONCE = 2_000
_TAKEN = Taken(None, 1, "complete", is_new=True, editable_until=None)


@dataclass(frozen=True, slots=True)
class Ballots:
    """The box of anonymous answers."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    surveys: Surveys
    cases: Opening
    links: Links
    reading: Reading

    async def put(
        self,
        tx: WriteTx,
        definition: Definition,
        submission: Submission,
        invitation: Invitation | None,
        shut: SurveyNotActive | None,
    ) -> Taken:
        """Put an answer into the box. An invitation that was used changes nothing, whatever is sent.

        Raises:
            SurveyNotActive, AnswerTooLate: no more answers are taken.
            WholeAnswerNeeded, NobodyMayBeNamed, BadAnswers: not like this.
        """
        if not submission.is_final:
            raise WholeAnswerNeeded
        if invitation is None and (submission.person or submission.staff_id or submission.reference):
            raise NobodyMayBeNamed
        if await rows.has_written(tx):
            raise RuntimeError("an anonymous answer is the only thing that its transaction writes")
        box = self._box
        if invitation is not None and await rows.used(tx, box.stubs(invitation.id)):
            return replace(_TAKEN, is_new=False)
        if shut is not None:
            raise shut
        if invitation is not None and not invitation.is_open(submission.at):
            raise AnswerTooLate("nothing", closed_at=invitation.expires_at)
        answers = whole(definition, submission)
        if invitation is not None and not await rows.use(tx, box.stubs(invitation.id)):
            return replace(_TAKEN, is_new=False)
        ballot = Ballot(
            answers,
            submission.channel,
            definition.locale_for(submission.locale, None if invitation is None else invitation.locale),
            1.0 if invitation is None else invitation.weight,
            submission.verification,
        )
        sealed = box.seal(ballot, definition.survey_id)
        await rows.put(tx, uuid4(), definition.survey_id, definition.version, sealed)
        await self.surveys.count_complete(tx, definition.survey_id)
        return _TAKEN

    async def used(self, tx: WriteTx, invitation_id: UUID) -> bool:
        """Whether an invitation to an anonymous survey was used. Whoever asks keeps the answer to themselves."""
        return bool(await rows.used(tx, self._box.stubs(invitation_id)))

    async def open_full(self) -> int:
        """Open every box that holds enough; how many answers came out."""
        async with self.db.read() as tx:
            found = await rows.full(tx, least=COMPANY)
        return sum([await self._open(survey_id, version) for survey_id, version in found])

    async def _open(self, survey_id: UUID, version: int) -> int:
        async with self.db.write() as tx:
            box, now = self._box, self.clock.now()
            sealed = await rows.lock(tx, survey_id, version, most=MOST_AT_ONCE)
            ballots = [(row.id, box.unseal(bytes(row.sealed), survey_id)) for row in sealed]
            leaving = mixed([(key, each) for key, each in ballots if each is not None])
            if not leaving:
                return 0
            definition = await self.surveys.version(tx, survey_id, version)
            day = datetime.combine(now.astimezone(self.zone).date(), time(), self.zone)
            responses = [await self._response(tx, definition, each, day) for _, each in leaving]
            await rows.take_out(tx, [key for key, _ in leaving])
            await response_rows.add(tx, responses)
            for response in responses:
                if (event := announcement(response, definition, recorded=now)) is not None:
                    tx.emit(event)
            said = [judged(response, definition) for response in responses]
            await self.cases.consider_many(tx, [each for each in said if each is not None])
            tx.after_commit(partial(OPENED.inc, len(responses)))
            return len(responses)

    async def _response(self, tx: WriteTx, definition: Definition, ballot: Ballot, day: datetime) -> Response:
        written = texts(ballot.answers)
        response = Response(
            id=uuid4(),
            survey_id=definition.survey_id,
            version=definition.version,
            invitation_id=None,
            reference=None,
            person=None,
            is_anonymous=True,
            state="complete",
            revision=1,
            answers=ballot.answers,
            score=metric_score(definition, ballot.answers),
            channel=ballot.channel,
            locale=ballot.locale or definition.default_locale,
            verification=ballot.verification,
            touchpoint=definition.touchpoint,
            stage=definition.stage,
            staff_id=None,
            weight=ballot.weight,
            answered_at=day,
            changed_at=day,
            open_until=day,
        )
        return response.reads(await self.reading.said(tx, written)) if written else response

    @property
    def _box(self) -> Box:
        return Box(self.links.keys.box_keys)
