"""Answers come by: those that are unhappy open a case, those that changed are noted in theirs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import Case, moved
from services.surveys.cases.domain.judged import Judged
from services.surveys.cases.domain.policy import Match, first_match
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.service.recovering import judge
from services.surveys.cases.service.routing import Routing
from services.surveys.cases.service.writing import SYSTEM, Draft, store
from shared.clock import Clock
from shared.db.engine import ReadTx, WriteTx
from shared.identity import members
from shared.ids import uuid7


@dataclass(frozen=True, slots=True)
class Opening:
    """What answers do to cases. `zone` is the firm's."""

    clock: Clock
    zone: ZoneInfo

    async def consider(self, tx: WriteTx, judged: Judged) -> UUID | None:
        """Look at a response as it is now; the case that it has, or has opened.

        To be called for each revision in the transaction that stores it, which has locked the person, the invitation
        and the response. The same revision again, or an older one, changes nothing.
        """
        seen = await rows.glance(tx, judged.response_id, judged.person)
        policy = standing_rows.policy_of(seen.policy)
        if not (seen.has_case or seen.has_closed) and first_match(policy.rules, judged) is None:
            return None
        await standing_rows.hold(tx)
        standing = await standing_rows.standing(tx, self.zone)
        own, closed = await self._locked(tx, judged, standing, has_closed=seen.has_closed)
        await store(tx, await judge(tx, judged, closed, standing.policy.recovery), standing)
        if own is None and (opened := await self._open(tx, judged, standing)) is not None:
            return opened
        # Somebody else may have opened it since: then their transaction is over, and the case is there.
        own = own or await rows.lock_of_response(tx, judged.response_id)
        return None if own is None else await self._note(tx, own, judged, standing)

    async def open_among(self, tx: ReadTx, keys: Collection[UUID]) -> bool:
        """Whether one of these raw person keys has a case that is not closed: they are not to be asked now."""
        return bool(await rows.open_of(tx, keys))

    async def open_of(self, tx: ReadTx, keys: Collection[UUID]) -> frozenset[UUID]:
        """Those of these raw person keys that have a case which is not closed."""
        return await rows.open_of(tx, keys)

    async def _open(self, tx: WriteTx, judged: Judged, standing: Standing) -> UUID | None:
        """Open the case of a response that has none; None if it has one by now, or qualifies no more."""
        match = first_match(standing.policy.rules, judged)
        if match is None:
            return None
        now = self.clock.now()
        draft = Draft(_new(judged, match, now, self.zone), SYSTEM, judged.at if judged.person is None else now)
        if not await rows.add(tx, draft.case):
            return None
        routing = Routing(now.astimezone(self.zone).date())
        draft.case = await routing.assigned(tx, draft.case, (*match.rule.assign, *standing.policy.assign))
        draft.enter("opened", rule=match.rule.key, score=draft.case.score, owner=draft.case.owner, team=draft.case.team)
        await store(tx, [draft], standing)
        return draft.case.id

    async def _locked(
        self, tx: WriteTx, judged: Judged, standing: Standing, *, has_closed: bool
    ) -> tuple[Case | None, list[Case]]:
        """The case of the response, and those of the person that were closed before it; all locked in one order."""
        keys: Collection[UUID] = ()
        if has_closed and judged.person is not None:
            keys = (await members.find(tx, judged.person)).keys
        since = judged.at - timedelta(days=standing.policy.recovery.within_days)
        found = await rows.lock_for(tx, judged.response_id, keys, since, judged.at)
        own = next((each for each in found if each.response_id == judged.response_id), None)
        return own, [each for each in found if each is not own and each.merged_into is None]

    async def _note(self, tx: WriteTx, case: Case, judged: Judged, standing: Standing) -> UUID:
        """Note in its case what a response says now; nothing is closed by it."""
        if judged.revision <= case.revision:
            return case.id
        draft = Draft.of(case, by=SYSTEM, at=judged.at if case.is_anonymous else self.clock.now())
        match = first_match(standing.policy.rules, judged)
        draft.change(revision=judged.revision)
        if judged.state == "withdrawn":
            draft.enter("answer_withdrawn", revision=judged.revision)
        else:
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
                qualifies=match is not None,
            )
        await store(tx, [draft], standing)
        return case.id


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
