"""Take facts in, so that the rows are the same whatever the facts' order and number of repeats.

Whatever touches a person locks the person first, takes their whole part out of the sums, applies what came, and puts
their part in again. Persons have few answers; the sums that many share are touched last.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.metrics.satisfaction.domain import facts
from services.metrics.satisfaction.domain.facts import Answer, Ask
from services.metrics.satisfaction.domain.tally import NOBODY, Person, Tally
from services.metrics.satisfaction.repository import facts as stored
from services.metrics.satisfaction.repository import sums
from shared.db.engine import WriteTx
from shared.errors import Retry
from shared.events.catalogue.profiles import PersonaChanged, SegmentEntered, SegmentLeft
from shared.events.catalogue.surveys import (
    CaseChanged,
    CaseClosed,
    CaseOpened,
    SurveyAnswered,
    SurveyDelivered,
    SurveyExpired,
    SurveyInvited,
    SurveyPublished,
)
from shared.events.envelope import Event, those_of
from shared.identity import mapping, members
from shared.runtime.service import Projection

GROUP = "metrics.satisfaction"
MEMBERS_GROUP = "metrics.members"
PROJECTION = Projection(
    tables=(
        "survey_versions",
        "survey_answers",
        "survey_asks",
        "survey_cases",
        "segment_members",
        "personas",
        "score_days",
        "score_followed",
        "ask_days",
    ),
    groups=(GROUP, MEMBERS_GROUP),
    # A name stays when nothing has it any more; who counts anew may never have met it.
    unfinished=("score_slots",),
)
_Case = CaseOpened | CaseChanged | CaseClosed


@dataclass(slots=True)
class _Kept:
    """What is stored under some keys, and what of it has changed."""

    answers: dict[UUID, Answer] = field(default_factory=dict)
    asks: dict[UUID, Ask] = field(default_factory=dict)
    segments: dict[UUID, set[UUID]] = field(default_factory=dict)
    new_answers: set[UUID] = field(default_factory=set)
    new_asks: set[UUID] = field(default_factory=set)
    moves: dict[tuple[UUID, UUID], bool] = field(default_factory=dict)

    def persons(self, roots: Mapping[UUID, UUID]) -> dict[UUID, Person]:
        """What each person has, by root."""
        answers: defaultdict[UUID, list[Answer]] = defaultdict(list)
        asks: defaultdict[UUID, list[Ask]] = defaultdict(list)
        segments: defaultdict[UUID, set[UUID]] = defaultdict(set)
        for answer in self.answers.values():
            answers[roots[answer.customer]].append(answer)
        for ask in self.asks.values():
            asks[roots[ask.customer]].append(ask)
        for customer, found in self.segments.items():
            segments[roots[customer]] |= found
        return {root: Person(answers[root], asks[root], segments[root]) for root in answers.keys() | asks.keys()}

    def apply(self, event: Event[Any]) -> None:
        """Know one fact more."""
        match event.data:
            case SurveyAnswered() as said:
                self._answered(event, said)
            case SurveyInvited() | SurveyDelivered() | SurveyExpired() as fact:
                self._ask(fact.invitation_id, facts.with_ask(self.asks.get(fact.invitation_id), event))
            case SegmentEntered(segment_id=segment):
                self.segments.setdefault(event.subject, set()).add(segment)
                self.moves[event.subject, segment] = True
            case SegmentLeft(segment_id=segment):
                self.segments.get(event.subject, set()).discard(segment)
                self.moves[event.subject, segment] = False

    def _answered(self, event: Event[Any], said: SurveyAnswered) -> None:
        known = self.answers.get(said.response_id)
        found = facts.newer(known, facts.answer_of(event))
        if found != known:
            self.answers[said.response_id] = found
            self.new_answers.add(said.response_id)
        if (invitation := said.invitation_id) is not None:
            self._ask(invitation, facts.with_answer(self.asks.get(invitation), invitation, event))

    def _ask(self, invitation_id: UUID, found: Ask) -> None:
        if found != self.asks.get(invitation_id):
            self.asks[invitation_id] = found
            self.new_asks.add(invitation_id)


@dataclass(frozen=True, slots=True)
class Taking:
    """Takes facts of surveys and segments in; each call is part of the consumer's transaction."""

    zone: ZoneInfo

    async def take(self, tx: WriteTx, events: Sequence[Event[Any]]) -> Mapping[UUID, Set[UUID]]:
        """Fold a batch of facts, and carry what changes into the sums.

        Answers the segments that keys were in which are in others now, for other rooms to regroup; they stay locked.
        """
        await stored.store_surveys(tx, [each.data for each in those_of(events, (SurveyPublished,))])
        await stored.store_cases(tx, _statuses([each.data for each in those_of(events, _CASES)]))
        personas = [each.data for each in those_of(events, (PersonaChanged,))]
        await stored.store_personas(tx, _personas(personas))
        personal = those_of(events, _PERSONAL)
        return await self._take_personal(tx, personal) if personal else {}

    async def regroup(self, tx: WriteTx, moved: Mapping[UUID, tuple[UUID, UUID]]) -> None:
        """Carry answers over when keys went from one person to another; the mapping is ours alone meanwhile."""
        if not moved:
            return
        touched = {root for pair in moved.values() for root in pair}
        keys = set(moved) | {raw for raws in (await mapping.members(tx, touched)).values() for raw in raws}
        now = await mapping.roots(tx, keys)
        kept = await _read(tx, keys, {})
        before = {raw: moved[raw][0] if raw in moved else root for raw, root in now.items()}
        await self._carry(tx, kept.persons(before), kept.persons(now))

    async def _take_personal(self, tx: WriteTx, events: Sequence[Event[Any]]) -> Mapping[UUID, Set[UUID]]:
        known = await _known(tx, events)
        found = await members.lock_many(tx, {each.subject for each in events} | {each.customer for each in known})
        roots = {raw: member.root for member in found.values() for raw in member.keys}
        kept = await _read(tx, roots, _spoken_of(events, known, roots))
        before, known_answers, known_asks = kept.persons(roots), set(kept.answers), set(kept.asks)
        was = {raw: frozenset(found) for raw, found in kept.segments.items()}
        for event in events:
            kept.apply(event)
        answers = [kept.answers[each] for each in kept.new_answers]
        asks = [kept.asks[each] for each in kept.new_asks]
        are_ours = await stored.store_answers(tx, answers, known_answers)
        if not (are_ours and await stored.store_asks(tx, asks, known_asks)):
            raise Retry("another worker stored one of these responses at the same time, under another key")
        entered = [pair for pair, is_in in kept.moves.items() if is_in]
        await stored.store_segments(tx, entered, [pair for pair, is_in in kept.moves.items() if not is_in])
        await self._carry(tx, before, kept.persons(roots))
        moved = {raw for raw, _ in kept.moves}
        return {raw: old for raw in moved if (old := was.get(raw, frozenset())) != kept.segments.get(raw, frozenset())}

    async def _carry(self, tx: WriteTx, before: Mapping[UUID, Person], after: Mapping[UUID, Person]) -> None:
        tally = Tally(self.zone)
        for root in before.keys() | after.keys():
            tally.replace(before.get(root, NOBODY), after.get(root, NOBODY))
        await sums.add(tx, tally)


_CASES = (CaseOpened, CaseChanged, CaseClosed)
_PERSONAL = (SurveyAnswered, SurveyInvited, SurveyDelivered, SurveyExpired, SegmentEntered, SegmentLeft)


async def _read(tx: WriteTx, keys: Collection[UUID], spoken_of: Mapping[UUID, Collection[UUID]]) -> _Kept:
    """What is stored under these keys; of answers those to the surveys `spoken_of` by key, and all of other keys."""
    answers = await stored.answers_to(tx, [(key, survey) for key, found in spoken_of.items() for survey in found])
    answers += await stored.answers(tx, [key for key in keys if key not in spoken_of])
    asks = await stored.asks(tx, keys)
    return _Kept(
        {each.response_id: each for each in answers},
        {each.invitation_id: each for each in asks},
        await stored.segments(tx, keys),
    )


def _spoken_of(
    events: Sequence[Event[Any]], known: Sequence[Answer | Ask], roots: Mapping[UUID, UUID]
) -> dict[UUID, set[UUID]]:
    """The surveys to which answers may change, by key; without the keys of whom another answer may count elsewhere."""
    moved = {roots[each.subject] for each in those_of(events, (SegmentEntered, SegmentLeft))}
    surveys: defaultdict[UUID, set[UUID]] = defaultdict(set)
    for event in those_of(events, (SurveyAnswered,)):
        surveys[roots[event.subject]].add(event.data.survey_id)
    for each in known:
        surveys[roots[each.customer]].add(each.survey_id)
    return {key: surveys[root] for key, root in roots.items() if root not in moved}


async def _known(tx: WriteTx, events: Sequence[Event[Any]]) -> list[Answer | Ask]:
    """The responses and invitations of these events as they are kept, if they are, under whatever key."""
    answered = [each.data for each in those_of(events, (SurveyAnswered,))]
    asked = [each.data for each in those_of(events, (SurveyInvited, SurveyDelivered, SurveyExpired))]
    responses = {each.response_id for each in answered}
    invitations = {each.invitation_id for each in (*answered, *asked) if each.invitation_id is not None}
    return [*await stored.answers_by_id(tx, responses), *await stored.asks_by_id(tx, invitations)]


def _statuses(cases: Sequence[_Case]) -> list[tuple[UUID, int, str]]:
    newest: dict[UUID, tuple[int, str]] = {}
    for case in cases:
        newest[case.case_id] = max(newest.get(case.case_id, (0, "")), (case.version, _status(case)))
    return [(case_id, *found) for case_id, found in newest.items()]


def _status(case: _Case) -> str:
    match case:
        case CaseChanged(merged_into=None):
            return case.status
        case CaseOpened():
            return "open"
    # One that was merged goes on as the other.
    return "closed"


def _personas(changed: Sequence[PersonaChanged]) -> list[PersonaChanged]:
    newest: dict[str, PersonaChanged] = {}
    for each in changed:
        newest[each.key] = max(newest.get(each.key, each), each, key=lambda persona: persona.version)
    return list(newest.values())
