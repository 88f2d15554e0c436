"""What must be known of several candidates to decide about them, read at once for all of them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.asking.domain.budget import Contact, Rule, longest
from services.surveys.asking.domain.candidate import Candidate
from services.surveys.asking.domain.invitation import Invitation
from services.surveys.asking.domain.judging import PERIODS, Rival, Situation, Word
from services.surveys.asking.domain.policy import Consent, ContactRules, Policy, PolicyVersion
from services.surveys.asking.domain.sampling import is_sampled
from services.surveys.asking.domain.timing import zone_of
from services.surveys.asking.repository import candidates as rows
from services.surveys.asking.repository import contacts, invitations, people, policies
from services.surveys.definitions.domain.definition import Definition
from services.surveys.definitions.service.reading import Surveys
from shared.db import segment_moves
from shared.db.engine import ReadTx
from shared.identity.person import Member

# Those of these person keys that have a case which is not closed.
OpenCases = Callable[[ReadTx, Collection[UUID]], Awaitable[Collection[UUID]]]
# Those of them whose person had the use of their data restricted.
Restricted = OpenCases

_NO_POLICY = Policy()
# A consent may say so many in a month.
_LONGEST_CONSENT = Rule("all", window_seconds=max(PERIODS.values()))


@dataclass(slots=True)
class Known:
    """What was read. `contacts` are those of all keys of each root, and grow while decisions are made."""

    zone: ZoneInfo
    rules: ContactRules
    policies: Mapping[UUID, PolicyVersion]
    surveys: Mapping[UUID, Definition]
    persons: Mapping[UUID, Member]
    segments: Mapping[UUID, set[UUID]]
    words: Mapping[tuple[UUID, str, str], Word]
    contacts: Mapping[UUID, list[Contact]]
    waiting: Mapping[UUID, list[Candidate]]
    suppressed: Collection[UUID]
    restricted: Collection[UUID]
    cancelled: Collection[UUID]
    invitations: Mapping[UUID, Invitation]

    def policy(self, survey_id: UUID) -> Policy:
        """The policy of a survey; one without any may only be asked by hand."""
        found = self.policies.get(survey_id)
        return _NO_POLICY if found is None else found.policy

    def version(self, survey_id: UUID) -> int:
        """The version of the policy; 0: there is none."""
        found = self.policies.get(survey_id)
        return 0 if found is None else found.version

    def budget(self, survey_id: UUID) -> tuple[Rule, ...]:
        """The rules a survey must keep: the firm's, and its own."""
        return (*self.rules.budget, *self.policy(survey_id).budget)

    def kind(self, survey_id: UUID) -> str:
        """The kind of a survey's main question."""
        survey = self.surveys.get(survey_id)
        question = None if survey is None else survey.metric_question
        return "none" if question is None else question.kind

    def channel(self, candidate: Candidate) -> str:
        """Over which channel somebody would be asked; of a reminder, that of its invitation."""
        if candidate.invitation_id is not None and candidate.invitation_id in self.invitations:
            return self.invitations[candidate.invitation_id].channel
        return candidate.channel or self.policy(candidate.survey_id).channel

    def situation(self, candidate: Candidate, now: datetime) -> Situation:
        """What is known of a candidate, now."""
        member, policy = self.persons[candidate.person], self.policy(candidate.survey_id)
        agreed = policy.consent or Consent()
        invitation = self.invitations.get(candidate.invitation_id) if candidate.invitation_id else None
        return Situation(
            now=now,
            policy=policy,
            is_survey_active=candidate.survey_id in self.surveys,
            root=member.root,
            kind=self.kind(candidate.survey_id),
            channel=self.channel(candidate),
            rules=self.budget(candidate.survey_id),
            contacts=self.contacts[member.root],
            rivals=self._rivals(candidate, member.root, now),
            segments=set().union(*(self.segments.get(key, set()) for key in member.keys)),
            word=self.words.get((member.root, agreed.purpose, agreed.channel)),
            has_open_case=member.root in self.suppressed,
            is_restricted=member.root in self.restricted,
            is_cancelled=candidate.id in self.cancelled,
            is_answered=bool(candidate.number) and (invitation is None or not _is_unanswered(invitation, now)),
            quiet=self.rules.quiet,
            zone=zone_of(candidate.zone, self.zone),
        )

    def _rivals(self, candidate: Candidate, root: UUID, now: datetime) -> tuple[Rival, ...]:
        """Those of the same person who wait for a more urgent survey, and are in its sample."""
        urgency = self.policy(candidate.survey_id).priority
        found = []
        for other in self.waiting.get(root, ()):
            policy = self.policy(other.survey_id)
            if (
                policy.priority > urgency
                and other.number == 0
                and other.reason is None
                and policy.is_active
                and other.survey_id in self.surveys
                and is_sampled(other.survey_id, other.wave, root, policy.share)
            ):
                at = max(other.due_at, now)
                asked = Contact(at, other.survey_id, self.kind(other.survey_id), self.channel(other), other.id)
                found.append(Rival(asked, self.budget(other.survey_id)))
        return tuple(found)


def _is_unanswered(invitation: Invitation, now: datetime) -> bool:
    return invitation.answered_at is None and invitation.is_open(now)


async def learn(
    tx: ReadTx,
    wanted: Sequence[Candidate],
    persons: Mapping[UUID, Member],
    *,
    now: datetime,
    zone: ZoneInfo,
    surveys: Surveys,
    open_cases: OpenCases,
    restricted: Restricted,
) -> Known:
    """Read what decides about candidates; `persons` holds the person of each of their keys."""
    members = {member.root: member for member in persons.values()}
    keys = [key for member in members.values() for key in member.keys]
    waiting = await _waiting(tx, wanted, members)
    found = await policies.current(tx, {each.survey_id for own in waiting.values() for each in own})
    firm = await policies.rules(tx)
    rules = ContactRules() if firm is None else firm.rules
    purposes = {each.policy.consent.purpose for each in found.values() if each.policy.consent} | {Consent().purpose}
    with_case, unused = await open_cases(tx, keys), await restricted(tx, keys)
    known = Known(
        zone=zone,
        rules=rules,
        policies=found,
        surveys={each.survey_id: each for each in await surveys.active(tx)},
        persons=persons,
        segments=await segment_moves.inside(tx, keys, now),
        words=await people.words(tx, list(members), purposes),
        contacts={},
        waiting=waiting,
        suppressed={root for root, member in members.items() if any(key in with_case for key in member.keys)},
        restricted={root for root, member in members.items() if any(key in unused for key in member.keys)},
        cancelled=await people.cancelled(tx, wanted, [persons[each.person].keys for each in wanted]),
        invitations=await invitations.find(tx, [each.invitation_id for each in wanted if each.invitation_id]),
    )
    every_rule = [_LONGEST_CONSENT, *rules.budget, *(rule for each in found.values() for rule in each.policy.budget)]
    made = await contacts.of(tx, keys, now - longest(every_rule))
    known.contacts = {
        root: [one for key in member.keys for one in made.get(key, ())] for root, member in members.items()
    }
    return known


async def _waiting(
    tx: ReadTx, wanted: Sequence[Candidate], members: Mapping[UUID, Member]
) -> dict[UUID, list[Candidate]]:
    """All candidates of these persons that wait, the wanted ones among them, by root."""
    root_of = {key: member.root for member in members.values() for key in member.keys}
    found = {each.id: each for each in await rows.waiting(tx, list(root_of))} | {each.id: each for each in wanted}
    by_root: dict[UUID, list[Candidate]] = {root: [] for root in members}
    for each in found.values():
        by_root[root_of[each.person]].append(each)
    return by_root
