"""Ask somebody by hand, look at what was decided, and say why."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.surveys.asking.domain.budget import longest
from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.judging import decide, findings
from services.surveys.asking.domain.sampling import wave_of
from services.surveys.asking.errors import BadAskedCustomer
from services.surveys.asking.repository import candidates as rows
from services.surveys.asking.repository import policies
from services.surveys.asking.schemas.deciding import (
    AskingCheckOut,
    DecisionOut,
    ExplanationOut,
    InvitationIn,
    TotalsOut,
)
from services.surveys.asking.service.deciding import Deciding
from services.surveys.asking.service.knowing import learn
from services.surveys.asking.service.policies import must_exist
from services.surveys.definitions.service.reading import Surveys
from shared.db.engine import Database, ReadTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.identity import members
from shared.ids import customer_key, uuid7

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Inviting:
    """What staff and other systems ask of asking."""

    db: Database
    surveys: Surveys
    deciding: Deciding

    async def invite(self, survey_id: UUID, body: InvitationIn, *, idem: Idempotent | None) -> Answer:
        """Propose somebody and decide at once: 201 they were asked, 202 quiet hours hold it up, 200 they were not.

        Raises:
            SurveyNotFound, SurveyNotActive: there is nothing to ask.
            BadAskedCustomer: it names nobody.
        """
        person = key_of(body.customer)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await self.surveys.current(tx, survey_id)
            persons = await members.lock_many(tx, (person,))
            candidate = await self._proposed(tx, survey_id, person, body)
            await rows.add(tx, (candidate,))
            (decided,) = await self.deciding.decide(tx, (candidate,), persons)
            status = 201 if decided.reason == "asked" else 202 if decided.reason is None else 200
            answer = Answer(status, DecisionOut.of(decided).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def _proposed(self, tx: ReadTx, survey_id: UUID, person: UUID, body: InvitationIn) -> Candidate:
        found = (await policies.current(tx, (survey_id,))).get(survey_id)
        candidate = self._now(survey_id, person)
        patience = 86_400 if found is None else found.policy.stale_after_seconds
        return replace(
            candidate,
            wave=1 if found is None else wave_of(found.policy.rotates, candidate.due_at, self.deciding.zone),
            stale_at=candidate.due_at + timedelta(seconds=patience),
            order_id=body.order_id,
            touchpoint=body.touchpoint,
            stage=body.stage,
            staff_id=body.staff_id,
            locale=body.locale,
            zone=body.time_zone,
            channel=body.channel,
            skips_sampling=body.skips_sampling,
        )

    def _now(self, survey_id: UUID, person: UUID) -> Candidate:
        now = self.deciding.clock.now()
        return Candidate(
            uuid7(), survey_id, person, "manual", "", 1, happened_at=now, due_at=now, stale_at=now + timedelta(days=1)
        )

    async def decisions(
        self,
        survey_id: UUID,
        *,
        reason: str | None,
        since: datetime | None,
        until: datetime | None,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Candidate]:
        """What was decided about a survey's candidates, the latest first; one more than `limit`, if there are more.

        Raises:
            SurveyNotFound: there is no such survey.
        """
        async with self.db.read() as tx:
            await must_exist(tx, self.surveys, survey_id)
            return await rows.of_survey(
                tx, survey_id, reason=reason, since=since, until=until, after=after, limit=limit + 1
            )

    async def decisions_of(
        self, customer: str, *, survey_id: UUID | None, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Candidate]:
        """What was decided about a person, over all their keys, and what waits; one more than `limit`.

        Raises:
            BadAskedCustomer: it names nobody.
        """
        person = key_of(customer)
        async with self.db.read() as tx:
            member = await members.find(tx, person)
            return await rows.of_person(tx, member.keys, survey_id=survey_id, after=after, limit=limit + 1)

    async def totals(self, survey_id: UUID, *, since: datetime | None, until: datetime | None) -> TotalsOut:
        """How many candidates of a survey were decided for which reason, in a time.

        Raises:
            SurveyNotFound: there is no such survey.
        """
        async with self.db.read() as tx:
            await must_exist(tx, self.surveys, survey_id)
            found = await rows.totals(tx, survey_id, since=since, until=until)
        by_reason = {reason: number for reason, number in sorted(found.items(), key=str) if reason is not None}
        return TotalsOut(
            survey_id=survey_id,
            candidates=sum(found.values()),
            asked=by_reason.get("asked", 0),
            waiting=found.get(None, 0),
            by_reason=by_reason,
        )

    async def explain(self, survey_id: UUID, customer: str) -> ExplanationOut:
        """Why a customer would be asked now, or not: every check, and what was decided before. Nothing is changed.

        Raises:
            SurveyNotFound: there is no such survey.
            BadAskedCustomer: it names nobody.
        """
        person, deciding = key_of(customer), self.deciding
        async with self.db.read() as tx:
            await must_exist(tx, self.surveys, survey_id)
            member = await members.find(tx, person)
            candidate = await self._proposed(tx, survey_id, person, InvitationIn(customer=customer))
            known = await learn(
                tx, (candidate,), {person: member}, now=candidate.due_at, zone=deciding.zone,
                surveys=self.surveys, open_cases=deciding.open_cases, restricted=deciding.restricted,
            )  # fmt: skip
            past = await rows.of_person(tx, member.keys, survey_id=survey_id, after=None, limit=_SHOWN)
        seen = known.situation(candidate, candidate.due_at)
        verdict = decide(candidate, seen)
        since = candidate.due_at - longest(seen.rules)
        return ExplanationOut(
            survey_id=survey_id,
            customer_id=member.root,
            as_of=candidate.due_at,
            policy_version=known.version(survey_id),
            reason="asked" if isinstance(verdict, datetime) else verdict.reason,
            waits_until=verdict if isinstance(verdict, datetime) else None,
            checks=[AskingCheckOut(**each._asdict()) for each in findings(candidate, seen)],
            contacts=[each.at for each in seen.contacts if each.at > since],
            decisions=[DecisionOut.of(each) for each in past],
        )


def key_of(customer: str) -> UUID:
    """The person key that a reference names.

    Raises:
        BadAskedCustomer: it names none.
    """
    try:
        return customer_key(customer)
    except ValueError:
        raise BadAskedCustomer from None
