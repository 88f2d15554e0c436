"""What staff does with cases: each change is one transaction, is noted, and is refused if somebody was first."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.surveys.cases.domain.case import Case, contacted, moved
from services.surveys.cases.domain.moves import MOVES
from services.surveys.cases.domain.policy import Route
from services.surveys.cases.domain.standing import Standing
from services.surveys.cases.errors import (
    AgentUnknown,
    AlreadyOpened,
    BadMove,
    CaseIsMerged,
    CaseMoved,
    CaseUnknown,
    ContactInFuture,
    TeamUnknown,
)
from services.surveys.cases.repository import cases as rows
from services.surveys.cases.repository import inbox, teams
from services.surveys.cases.repository import settings as settings_rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.schemas.case import (
    AssignIn,
    CallbackIn,
    CaseIn,
    CloseIn,
    ContactIn,
    NoteIn,
    PriorityIn,
    ReasonIn,
    StatusIn,
)
from services.surveys.cases.service.reading import Reading, read_customer
from services.surveys.cases.service.routing import Routing
from services.surveys.cases.service.settings import require_causes
from services.surveys.cases.service.writing import Draft, store
from shared.clock import Clock
from shared.db.engine import Database, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed
from shared.events.catalogue.surveys import CaseClosed
from shared.ids import uuid7

Act = Callable[[WriteTx, Draft, Standing], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a change (`by`), of which versions of the case, and under which idempotency key."""

    by: str
    if_match: frozenset[int] | None = None
    idem: Idempotent | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Cases in the hands of staff. All changes raise CaseUnknown, CaseMoved and CaseIsMerged."""

    db: Database
    clock: Clock
    zone: ZoneInfo
    reading: Reading

    async def open(self, body: CaseIn, asked: Asked) -> Answer:
        """Open a case that no answer opened.

        Raises:
            BadCaseCustomer, AgentUnknown, TeamUnknown: it names somebody who is not there.
            AlreadyOpened: the response has its case.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            await standing_rows.hold(tx)
            await teams.claim_turns(tx)
            standing, now = await standing_rows.standing(tx, self.zone), self.clock.now()
            draft = Draft(moved(_manual(body, uuid7(), now), "open", now), asked.by, now)
            if not await rows.add(tx, [draft.case]):
                raise AlreadyOpened(await self._case_of(tx, body.response_id))
            await self._hand_over(tx, draft, standing, body.owner, body.team)
            draft.enter("opened", body.reason, rule="manual", owner=draft.case.owner, team=draft.case.team)
            return await self._stored(tx, draft, standing, asked, status=201)

    async def move(self, case_id: UUID, body: StatusIn, asked: Asked) -> Answer:
        """Take a case to another status. Who waits for the customer has spoken to them.

        Raises:
            BadMove: it does not go there from where it is.
        """

        async def act(_: WriteTx, draft: Draft, standing: Standing) -> None:
            before = draft.case.status
            _check_move(draft.case, body.status)
            if body.status == "waiting_customer":
                draft.case = contacted(draft.case, draft.at, standing.calendar(draft.case.team))
            draft.case = moved(draft.case, body.status, draft.at)
            draft.enter("status", body.note, before=before, status=body.status)

        return await self.change(case_id, act, asked)

    async def contact(self, case_id: UUID, body: ContactIn, asked: Asked) -> Answer:
        """Somebody spoke to the customer; the first time stops the clock.

        Raises:
            ContactInFuture: it has not happened yet.
            BadMove: the case is closed.
        """

        async def act(_: WriteTx, draft: Draft, standing: Standing) -> None:
            at = max(body.at or draft.at, draft.case.opened_at)
            if at > draft.at:
                raise ContactInFuture
            if draft.case.status == "closed":
                raise BadMove("closed", "contacted")
            draft.case = contacted(draft.case, at, standing.calendar(draft.case.team))
            draft.enter("contact", body.note, channel=body.channel, contacted_at=at)

        return await self.change(case_id, act, asked)

    async def assign(self, case_id: UUID, body: AssignIn, asked: Asked) -> Answer:
        """Give a case to an agent, or to whose turn it is in a team.

        Raises:
            AgentUnknown, TeamUnknown: there is nobody of that key, or they are not active.
            BadMove: the case is closed.
        """

        async def act(tx: WriteTx, draft: Draft, standing: Standing) -> None:
            before = draft.case
            if before.status == "closed":
                raise BadMove("closed", "assigned")
            await self._hand_over(tx, draft, standing, body.owner, body.team)
            draft.enter(
                "assigned",
                body.reason,
                owner_before=before.owner,
                owner=draft.case.owner,
                team_before=before.team,
                team=draft.case.team,
            )

        return await self.change(case_id, act, asked, gives_turn=True)

    async def prioritise(self, case_id: UUID, body: PriorityIn, asked: Asked) -> Answer:
        """Say how much a case matters; its clocks have other targets by that, from where they began.

        Raises:
            BadMove: the case is closed.
        """

        async def act(_: WriteTx, draft: Draft, __: Standing) -> None:
            if draft.case.status == "closed":
                raise BadMove("closed", "prioritised")
            before = draft.case.priority
            draft.change(priority=body.priority)
            draft.enter("priority", body.reason, before=before, priority=body.priority)

        return await self.change(case_id, act, asked)

    async def note(self, case_id: UUID, body: NoteIn, asked: Asked) -> Answer:
        """Write something down, also in a case that is closed."""

        async def act(_: WriteTx, draft: Draft, __: Standing) -> None:
            draft.enter("note", body.text)

        return await self.change(case_id, act, asked)

    async def callback(self, case_id: UUID, body: CallbackIn, asked: Asked) -> Answer:
        """Say whether the customer wants to be called."""

        async def act(_: WriteTx, draft: Draft, __: Standing) -> None:
            draft.change(wants_callback=body.is_wanted)
            draft.enter("callback", body.note, is_wanted=body.is_wanted)

        return await self.change(case_id, act, asked)

    async def close(self, case_id: UUID, body: CloseIn, asked: Asked) -> Answer:
        """Close a case with what came of it, what it was, and what was done; its clocks stop.

        Raises:
            BadMove: it is closed.
            RootCauseUnknown: the firm keeps no such cause.
        """

        async def act(tx: WriteTx, draft: Draft, _: Standing) -> None:
            _check_move(draft.case, "closed")
            require_causes(await settings_rows.root_causes(tx, (body.root_cause,)), (body.root_cause,))
            draft.case = replace(
                moved(draft.case, "closed", draft.at), outcome=body.outcome, root_cause=body.root_cause
            )
            draft.enter("closed", body.action, outcome=body.outcome, root_cause=body.root_cause)
            draft.extra.append(_closed(draft.case))

        return await self.change(case_id, act, asked)

    async def reopen(self, case_id: UUID, body: ReasonIn, asked: Asked) -> Answer:
        """Take up again what was resolved or closed. The resolution clock goes on from where it stood.

        Raises:
            BadMove: it is neither.
        """

        async def act(_: WriteTx, draft: Draft, __: Standing) -> None:
            before = draft.case.status
            if before not in ("resolved", "closed"):
                raise BadMove(before, "reopened")
            draft.case = moved(draft.case, "in_progress", draft.at)
            draft.enter("reopened", body.reason, before=before)

        return await self.change(case_id, act, asked)

    async def watch(self, case_id: UUID, agent: str, asked: Asked, *, is_watching: bool) -> Answer:
        """Let somebody watch a case, or no more; the same again changes nothing.

        Raises:
            AgentUnknown: there is nobody of that key.
        """

        async def act(tx: WriteTx, draft: Draft, _: Standing) -> None:
            if is_watching:
                await self._agent(tx, agent)
            is_new = await (inbox.watch if is_watching else inbox.unwatch)(tx, case_id, agent)
            if is_new:
                draft.enter("watched" if is_watching else "unwatched", agent=agent)

        return await self.change(case_id, act, asked)

    async def change(self, case_id: UUID, act: Act, asked: Asked, *, gives_turn: bool = False) -> Answer:
        """Change a case that nobody else changes meanwhile; the case as it is then."""
        async with self.db.write() as tx:
            if (stored := await replayed(tx, asked.idem)) is not None:
                return stored
            await standing_rows.hold(tx)
            if gives_turn:
                await teams.claim_turns(tx)
            standing = await standing_rows.standing(tx, self.zone)
            case = (await rows.lock(tx, (case_id,))).get(case_id)
            draft = Draft.of(unmoved(case, asked.if_match), by=asked.by, at=self.clock.now())
            if draft.case.merged_into is not None:
                raise CaseIsMerged(str(draft.case.merged_into))
            await act(tx, draft, standing)
            return await self._stored(tx, draft, standing, asked)

    async def _stored(
        self, tx: WriteTx, draft: Draft, standing: Standing, asked: Asked, *, status: int = 200
    ) -> Answer:
        (case,) = await store(tx, [draft], standing)
        case = case if draft.is_changed or draft.before is None else draft.before
        answer = Answer(status, (await self.reading.out(tx, [case], standing))[0].model_dump_json().encode())
        await remember(tx, asked.idem, answer)
        return answer

    async def _hand_over(
        self, tx: WriteTx, draft: Draft, standing: Standing, owner: str | None, team: str | None
    ) -> None:
        """Give the case to somebody, or to whose turn it is; without a name it goes where the policy says."""
        if team is not None and not any(each.is_active for each in await settings_rows.teams(tx, (team,))):
            raise TeamUnknown(team)
        if owner is not None:
            await self._agent(tx, owner)
            draft.change(owner=owner, team=team or draft.case.team)
            return
        routes = standing.policy.assign if team is None else (Route("team", team),)
        routing = Routing(draft.at.astimezone(self.zone).date())
        draft.case = await routing.assigned(tx, draft.case, routes)
        await routing.settle(tx)

    async def _agent(self, tx: WriteTx, key: str) -> None:
        if not any(each.is_active for each in await settings_rows.agents(tx, (key,))):
            raise AgentUnknown(key)

    async def _case_of(self, tx: WriteTx, response_id: UUID | None) -> str:
        found = [] if response_id is None else await rows.lock_of_responses(tx, (response_id,))
        return str(found[0].id)


def unmoved(case: Case | None, if_match: frozenset[int] | None) -> Case:
    """The case, if it is there and of one of these versions.

    Raises:
        CaseUnknown, CaseMoved: it is not.
    """
    if case is None:
        raise CaseUnknown
    if if_match is not None and case.version not in if_match:
        raise CaseMoved(case.version)
    return case


def _check_move(case: Case, wanted: str) -> None:
    if case.status == "closed" or wanted not in MOVES[case.status]:
        raise BadMove(case.status, wanted)


def _manual(body: CaseIn, case_id: UUID, now: datetime) -> Case:
    return Case(
        id=case_id,
        version=1,
        entries=0,
        person=None if body.customer is None else read_customer(body.customer),
        response_id=body.response_id,
        revision=0,
        survey_id=body.survey_id,
        is_anonymous=False,
        rule="manual",
        kind=None,
        score=None,
        touchpoint=body.touchpoint,
        stage=body.stage,
        staff_id=body.staff_id,
        wants_callback=body.wants_callback,
        themes=(),
        priority=body.priority,
        opened_at=now,
        clock_from=now,
    )


def _closed(case: Case) -> CaseClosed:
    assert case.outcome is not None
    assert case.root_cause is not None
    return CaseClosed(
        case_id=case.id,
        version=case.version,
        outcome=case.outcome,
        root_cause=case.root_cause,
        was_contact_late=None if case.contacted_at is None else case.is_contact_late,
        was_resolution_late=case.is_resolution_late,
    )
