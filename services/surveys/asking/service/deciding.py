"""Decide about candidates whose time has come: under the lock of each person, once, and for a reason."""

from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Counter

from services.surveys.asking.domain.budget import Contact
from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.domain.judging import contact_of, decide, next_reminder, postponed
from services.surveys.asking.repository import candidates as rows
from services.surveys.asking.repository import contacts, invitations
from services.surveys.asking.service.knowing import Known, OpenCases, Restricted, learn
from services.surveys.definitions.service.reading import Surveys
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.events.catalogue.surveys import SurveyInvited
from shared.events.envelope import Event
from shared.identity import members
from shared.identity.person import Member
from shared.ids import derived_id
from shared.observability.metrics import REGISTRY

# Candidates in one transaction: their persons are locked as long as it takes, and answers of theirs wait.
AT_ONCE = 200

DECISIONS = Counter(
    "tam_surveys_decisions", "Candidates decided, by the reason: asked, or why not.", ["reason"], registry=REGISTRY
)
LATE = Counter("tam_surveys_postponed", "Candidates that wait for the end of quiet hours.", registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Deciding:
    """Any number of workers may decide side by side: whoever has a person's lock first, decides."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    surveys: Surveys
    open_cases: OpenCases
    restricted: Restricted

    async def run(self) -> int:
        """Decide about some of the candidates whose time has come; how many were looked at."""
        async with self.db.write() as tx:
            due = await rows.due(tx, self.clock.now(), AT_ONCE)
            if due:
                persons = await members.lock_many(tx, set(due.values()))
                # Somebody else may have decided while we waited for the lock.
                waiting = await rows.lock_waiting(tx, due)
                await self.decide(tx, waiting, persons)
        return len(due)

    async def decide(
        self, tx: WriteTx, waiting: Sequence[Candidate], persons: Mapping[UUID, Member]
    ) -> list[Candidate]:
        """Decide about candidates that are locked, as are their persons; as they are then.

        The more urgent goes first, and takes its place in the budget before the next is looked at.
        """
        if not waiting:
            return []
        # After the locks: so the contacts of a person are made one after the other.
        now = self.clock.now()
        known = await learn(
            tx, waiting, persons, now=now, zone=self.zone, surveys=self.surveys, open_cases=self.open_cases,
            restricted=self.restricted,
        )  # fmt: skip
        work = _Work(known, now)
        for each in sorted(waiting, key=lambda each: (-known.policy(each.survey_id).priority, each.due_at, each.id)):
            work.decide(each)
        await rows.decide(tx, work.decided)
        await invitations.add(tx, work.invited)
        await contacts.add(tx, work.contacts)
        await rows.add(tx, work.reminders)
        for invitation in work.invited:
            tx.emit(_announced(invitation, now))
        reasons: Tally[str | None] = Tally(each.reason for each in work.decided)
        tx.after_commit(lambda: _count(reasons))
        return work.decided


class _Work:
    """What comes of one pass: decisions, and what they lead to."""

    def __init__(self, known: Known, now: datetime) -> None:
        self._known = known
        self._now = now
        self.decided: list[Candidate] = []
        self.invited: list[Invitation] = []
        self.contacts: list[tuple[UUID, Contact]] = []
        self.reminders: list[Candidate] = []

    def decide(self, candidate: Candidate) -> None:
        """Decide about one, and note what it leads to for those who come after."""
        seen = self._known.situation(candidate, self._now)
        verdict = decide(candidate, seen)
        if isinstance(verdict, datetime):
            self.decided.append(postponed(candidate, verdict))
            return
        done = replace(
            candidate,
            reason=verdict.reason,
            detail=verdict.detail,
            decided_at=self._now,
            policy_version=self._known.version(candidate.survey_id),
        )
        if verdict.reason == "asked":
            asked = contact_of(candidate, seen)
            done = replace(done, invitation_id=asked.invitation_id)
            self.contacts.append((candidate.person, asked))
            self._known.contacts[seen.root].append(asked)
            self._remind(done, self._invite(done, seen.channel))
        self.decided.append(done)
        own = self._known.waiting[seen.root]
        own[:] = [each for each in own if each.id != candidate.id]

    def _invite(self, asked: Candidate, channel: str) -> Invitation:
        """The invitation somebody gets, or is reminded of."""
        if asked.number and asked.invitation_id is not None:
            return self._known.invitations[asked.invitation_id]
        survey, policy = self._known.surveys[asked.survey_id], self._known.policy(asked.survey_id)
        ends = self._now + timedelta(seconds=policy.expires_after_seconds)
        made = Invitation(
            id=asked.id,
            survey_id=asked.survey_id,
            version=survey.version,
            person=asked.person,
            channel=channel,  # type: ignore[arg-type]  # of a policy, or a request: both are checked
            locale=survey.locale_for(asked.locale),
            weight=1.0 if asked.skips_sampling else 1 / policy.share,
            wave=asked.wave,
            touchpoint=asked.touchpoint or survey.touchpoint,
            stage=asked.stage or survey.stage,
            staff_id=asked.staff_id,
            order_id=asked.order_id,
            created_at=self._now,
            expires_at=ends if survey.closes_at is None else min(ends, survey.closes_at),
            is_anonymous=survey.is_anonymous,
        )
        self.invited.append(made)
        return made

    def _remind(self, asked: Candidate, invitation: Invitation) -> None:
        """Propose the next reminder. Of an anonymous survey nobody knows who has answered, so nobody is reminded."""
        policy, number = self._known.policy(asked.survey_id), asked.number + 1
        at = next_reminder(policy, number, self._now, invitation.expires_at)
        if at is None or invitation.is_anonymous:
            return
        self.reminders.append(
            replace(
                asked,
                id=derived_id("reminder", str(invitation.id), str(number)),
                cause="reminder",
                cause_id=str(number),
                happened_at=self._now,
                due_at=at,
                stale_at=at + timedelta(seconds=policy.stale_after_seconds),
                number=number,
                invitation_id=invitation.id,
                reason=None,
                detail=None,
                decided_at=None,
                policy_version=None,
            )
        )


def _announced(invitation: Invitation, now: datetime) -> Event[SurveyInvited]:
    return Event(
        derived_id("survey_invited", str(invitation.id)),
        invitation.person,
        invitation.created_at,
        now,
        SurveyInvited(
            invitation_id=invitation.id,
            survey_id=invitation.survey_id,
            version=invitation.version,
            channel=invitation.channel,
            touchpoint=invitation.touchpoint,
            stage=invitation.stage,
            staff_id=invitation.staff_id,
            weight=invitation.weight,
            wave=invitation.wave,
            expires_at=invitation.expires_at,
        ),
    )


def _count(reasons: Mapping[str | None, int]) -> None:
    for reason, number in reasons.items():
        if reason is None:
            LATE.inc(number)
        else:
            DECISIONS.labels(reason).inc(number)
