"""Answers come by: those that are unhappy open a case, those that changed are noted in theirs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import Case, moved
from services.surveys.cases.domain.judged import Judged
from services.surveys.cases.domain.policy import Match, Policy, first_match
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.repository import teams
from services.surveys.cases.repository.cases import Glance
from services.surveys.cases.service.recovering import is_later, judge
from services.surveys.cases.service.routing import Routing
from services.surveys.cases.service.writing import SYSTEM, Draft, store
from shared.clock import Clock
from shared.db import segment_moves
from shared.db.engine import ReadTx, WriteTx
from shared.identity import members
from shared.identity.person import Member
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Opening:
    """What answers do to cases. `zone` is the firm's."""

    clock: Clock
    zone: ZoneInfo

    async def consider(self, tx: WriteTx, judged: Judged) -> UUID | None:
        """Look at a response as it is now; the case that it has, or has opened."""
        return (await self.consider_many(tx, (judged,)))[0]

    async def consider_many(self, tx: WriteTx, answers: Sequence[Judged]) -> list[UUID | None]:
        """Look at responses as they are now; the case that each has, or has opened, in the same order.

        To be called for each revision in the transaction that stores it, which has locked the persons, the invitations
        and the responses. The same revision again, or an older one, changes nothing.
        """
        if not answers:
            return []
        seen = await rows.glance(tx, [(each.response_id, each.person) for each in answers])
        policy = await standing_rows.policy(tx)
        known = await self._known(tx, answers, seen, policy)
        concerned = [each for each in answers if any(seen[each.response_id]) or known.match(policy, each) is not None]
        if not concerned:
            return [None] * len(answers)
        await standing_rows.hold(tx)
        standing = await standing_rows.standing(tx, self.zone)
        if standing.policy.segments != policy.segments:
            known = await self._known(tx, answers, seen, standing.policy)
        if not all(seen[each.response_id].has_case for each in concerned):
            await teams.claim_turns(tx)
        keys = {key for each in concerned if seen[each.response_id].has_closed for key in known.keys(each)}
        locked = await rows.lock_for(tx, [each.response_id for each in concerned], keys)
        book = _Book(standing, known, {each.id: each for each in locked})
        for each in concerned:
            # Several answers of one person may speak of the same case.
            if closed := book.closed_before(each):
                book.keep(await store(tx, await judge(tx, each, closed, standing.policy.recovery), standing))
        await self._open(tx, concerned, book)
        await self._note(tx, concerned, book)
        return [own.id if (own := book.own(each)) is not None else None for each in answers]

    async def open_among(self, tx: ReadTx, keys: Collection[UUID]) -> bool:
        """Whether one of these raw person keys has a case that is not closed: they are not to be asked now."""
        return bool(await rows.open_of(tx, keys))

    async def open_of(self, tx: ReadTx, keys: Collection[UUID]) -> frozenset[UUID]:
        """Those of these raw person keys that have a case which is not closed."""
        return await rows.open_of(tx, keys)

    async def _known(
        self, tx: ReadTx, answers: Sequence[Judged], seen: Mapping[UUID, Glance], policy: Policy
    ) -> "_Known":
        """Who is whom, of those of whom it matters, and which segments they are in, if the policy asks for any."""
        persons = {
            each.person
            for each in answers
            if each.person is not None and (policy.segments or seen[each.response_id].has_closed)
        }
        if not persons:
            return _Known({}, {})
        found = await members.find_many(tx, persons)
        if not policy.segments:
            return _Known(found, {})
        keys = {key for member in found.values() for key in member.keys}
        return _Known(found, await segment_moves.inside(tx, keys, self.clock.now()))

    async def _open(self, tx: WriteTx, answers: Sequence[Judged], book: "_Book") -> None:
        """Open the cases of responses that have none and qualify, all at once.

        Somebody else may have opened one since they were looked at: then their transaction is over, and it is there.
        """
        now, drafts = self.clock.now(), dict[UUID, tuple[Draft, Match]]()
        for judged in answers:
            match = book.known.match(book.standing.policy, judged)
            if match is not None and book.own(judged) is None and judged.response_id not in drafts:
                at = judged.at if judged.person is None else now
                drafts[judged.response_id] = Draft(_new(judged, match, now, self.zone), SYSTEM, at), match
        if not drafts:
            return
        added = await rows.add(tx, [draft.case for draft, _ in drafts.values()])
        routing, opened = Routing(now.astimezone(self.zone).date()), list[Draft]()
        for draft, match in drafts.values():
            if (case := draft.case).id in added:
                draft.case = case = await routing.assigned(tx, case, (*match.rule.assign, *book.standing.policy.assign))
                draft.enter("opened", rule=match.rule.key, score=case.score, owner=case.owner, team=case.team)
                opened.append(draft)
        await routing.settle(tx)
        book.keep(await store(tx, opened, book.standing))
        if len(opened) < len(drafts):
            book.keep(await rows.lock_of_responses(tx, drafts))

    async def _note(self, tx: WriteTx, answers: Sequence[Judged], book: "_Book") -> None:
        """Note in their cases what responses say now; nothing is closed by it."""
        for judged in answers:
            case = book.own(judged)
            if case is not None and judged.revision > case.revision:
                book.keep(await store(tx, [self._noted(case, judged, book)], book.standing))

    def _noted(self, case: Case, judged: Judged, book: "_Book") -> Draft:
        draft = Draft.of(case, by=SYSTEM, at=judged.at if case.is_anonymous else self.clock.now())
        draft.change(revision=judged.revision)
        if judged.state == "withdrawn":
            draft.enter("answer_withdrawn", revision=judged.revision)
            return draft
        score = next((each.score for each in judged.scores if each.kind == case.kind), None)
        draft.change(
            score=case.score if score is None else score,
            wants_callback=case.wants_callback or judged.wants_callback,
            themes=tuple(sorted({*case.themes, *judged.themes})),
        )
        draft.enter(
            "answer_changed",
            revision=judged.revision,
            score_before=case.score,
            score=score,
            qualifies=book.known.match(book.standing.policy, judged) is not None,
        )
        return draft


@dataclass(frozen=True, slots=True)
class _Known:
    """Who is whom, by raw person key, and the segments of each key."""

    persons: Mapping[UUID, Member]
    segments: Mapping[UUID, set[UUID]]

    def keys(self, judged: Judged) -> tuple[UUID, ...]:
        """All keys of whoever answered, as far as they were looked for."""
        member = None if judged.person is None else self.persons.get(judged.person)
        return () if member is None else member.keys

    def match(self, policy: Policy, judged: Judged) -> Match | None:
        """The rule that an answer fulfils."""
        inside = frozenset[UUID]().union(*(self.segments.get(key, ()) for key in self.keys(judged)))
        return first_match(policy.rules, judged, inside)


@dataclass(frozen=True, slots=True)
class _Book:
    """What holds, what is known, and the cases that are locked, as they are now."""

    standing: Standing
    known: _Known
    cases: dict[UUID, Case]

    def keep(self, cases: Iterable[Case]) -> None:
        """These have changed, or are new."""
        self.cases.update((each.id, each) for each in cases)

    def own(self, judged: Judged) -> Case | None:
        """The case of a response."""
        return next((each for each in self.cases.values() if each.response_id == judged.response_id), None)

    def closed_before(self, judged: Judged) -> list[Case]:
        """Other cases of the same person that were closed before the answer, and not too long before."""
        keys, recovery = self.known.keys(judged), self.standing.policy.recovery
        return [each for each in self.cases.values() if each.person in keys and is_later(each, judged, recovery)]


def _new(judged: Judged, match: Match, now: datetime, zone: ZoneInfo) -> Case:
    """The case of a response. Of an anonymous one it knows the day: its clocks begin with the next."""
    is_anonymous = judged.person is None
    opened_at = judged.at if is_anonymous else now
    case = Case(
        # Of an anonymous answer not even the id may tell the time.
        id=uuid4() if is_anonymous else uuid7(),
        version=1,
        entries=0,
        person=judged.person,
        response_id=judged.response_id,
        revision=judged.revision,
        survey_id=judged.survey_id,
        is_anonymous=is_anonymous,
        rule=match.rule.key,
        kind=judged.kind if match.scored is None else match.scored.kind,
        score=None if match.scored is None else match.scored.score,
        touchpoint=judged.touchpoint,
        stage=judged.stage,
        staff_id=judged.staff_id,
        wants_callback=judged.wants_callback,
        themes=tuple(sorted(judged.themes)),
        priority=match.rule.priority,
        opened_at=opened_at,
        clock_from=_next_day(judged.at, zone) if is_anonymous else now,
    )
    return moved(case, "open", opened_at)


def _next_day(at: datetime, zone: ZoneInfo) -> datetime:
    day = (at.astimezone(zone) + timedelta(days=1)).date()
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(at.tzinfo)
