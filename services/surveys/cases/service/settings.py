"""What a firm sets for cases. Each change is made alone, and what is due is planned anew with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from services.surveys.cases.domain.standing import DEFAULT_CALENDAR, default_document
from services.surveys.cases.errors import (
    AgentUnknown,
    BadPolicy,
    CalendarUnknown,
    RootCauseUnknown,
    SettingMoved,
    TeamUnknown,
)
from services.surveys.cases.repository import settings as rows
from services.surveys.cases.repository import standing as standing_rows
from services.surveys.cases.repository.settings import Agent, RootCause, Team, Version
from services.surveys.cases.schemas.policy import DEFAULT_DOCUMENT, PolicyIn, PolicyOut, PolicyVersionOut
from services.surveys.cases.schemas.settings import (
    AbsenceIn,
    AgentIn,
    AgentOut,
    CalendarIn,
    CalendarOut,
    RootCauseIn,
    RootCauseOut,
    TeamIn,
    TeamOut,
)
from services.surveys.cases.service.planning import replan
from shared.clock import Clock
from shared.db.engine import Database, ReadTx, WriteTx
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

IfMatch = frozenset[int] | None


@dataclass(frozen=True, slots=True)
class CaseSettings:
    """Policy, calendars, agents, teams and root causes. `by` names the key that asks."""

    db: Database
    clock: Clock
    zone: ZoneInfo

    async def policy(self) -> PolicyOut:
        """The policy that holds."""
        async with self.db.read() as tx:
            return _policy(await rows.policies(tx, before=None, limit=1))

    async def policy_versions(self, *, before: int | None, limit: int) -> Sequence[PolicyVersionOut]:
        """The policies there were, the latest first; one more than `limit` if there are more."""
        async with self.db.read() as tx:
            found = await rows.policies(tx, before=before, limit=limit + 1)
        return [PolicyVersionOut(version=each.version, created_at=each.at, created_by=each.by) for each in found]

    async def put_policy(self, body: PolicyIn, *, by: str, if_match: IfMatch, idem: Idempotent | None) -> Answer:
        """Set the policy, as its next version. Cases stay that are open; what is due in them is planned anew.

        Raises:
            SettingMoved: another one holds by now.
            BadPolicy: it leads to an agent or a team that is not there.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await standing_rows.claim(tx)
            current = _policy(await rows.policies(tx, before=None, limit=1)).version
            _check(if_match, current)
            await _check_routes(tx, body)
            document = body.model_dump(mode="json")
            await rows.add_policy(tx, Version(current + 1, document, self.clock.now(), by))
            await replan(tx, self.zone)
            return await _answer(tx, idem, _policy(await rows.policies(tx, before=None, limit=1)), is_new=False)

    async def calendars(self) -> list[CalendarOut]:
        """All calendars, by key; the default one is among them whether or not it was set."""
        async with self.db.read() as tx:
            return await self._calendars(tx)

    async def calendar(self, key: str) -> CalendarOut:
        """A calendar.

        Raises:
            CalendarUnknown: there is none.
        """
        found = next((each for each in await self.calendars() if each.key == key), None)
        if found is None:
            raise CalendarUnknown(key)
        return found

    async def put_calendar(
        self, key: str, body: CalendarIn, *, by: str, if_match: IfMatch, idem: Idempotent | None
    ) -> Answer:
        """Set a calendar; what is due by it is planned anew at once.

        Raises:
            SettingMoved: it was changed in between.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await standing_rows.claim(tx)
            old = (await rows.calendars(tx)).get(key)
            version = 0 if old is None else old.version
            _check(if_match, version)
            document = body.model_dump(mode="json")
            await rows.put_calendar(tx, key, Version(version + 1, document, self.clock.now(), by))
            await replan(tx, self.zone)
            out = next(each for each in await self._calendars(tx) if each.key == key)
            return await _answer(tx, idem, out, is_new=old is None)

    async def agents(self) -> list[AgentOut]:
        """All agents, by key."""
        async with self.db.read() as tx:
            return [_agent(each) for each in await rows.agents(tx)]

    async def agent(self, key: str) -> AgentOut:
        """An agent.

        Raises:
            AgentUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.agents(tx, (key,))
        if not found:
            raise AgentUnknown(key)
        return _agent(found[0])

    async def put_agent(
        self, key: str, body: AgentIn, *, by: str, if_match: IfMatch, idem: Idempotent | None
    ) -> Answer:
        """Set an agent. Cases they have stay theirs, also while they are away.

        Raises:
            SettingMoved: they were changed in between.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await standing_rows.claim(tx)
            old = await rows.agents(tx, (key,))
            version = old[0].version if old else 0
            _check(if_match, version)
            away = [(each.first_day, each.last_day) for each in body.absences]
            now = self.clock.now()
            await rows.put_agent(tx, Agent(key, version + 1, body.unit, body.is_active, now, by, [], away))
            return await _answer(tx, idem, _agent((await rows.agents(tx, (key,)))[0]), is_new=not old)

    async def teams(self) -> list[TeamOut]:
        """All teams, by key."""
        async with self.db.read() as tx:
            return [_team(each) for each in await rows.teams(tx)]

    async def team(self, key: str) -> TeamOut:
        """A team.

        Raises:
            TeamUnknown: there is none.
        """
        async with self.db.read() as tx:
            found = await rows.teams(tx, (key,))
        if not found:
            raise TeamUnknown(key)
        return _team(found[0])

    async def put_team(self, key: str, body: TeamIn, *, by: str, if_match: IfMatch, idem: Idempotent | None) -> Answer:
        """Set a team and who is in it; what is due in its cases is planned anew if its calendar is another.

        Raises:
            SettingMoved: it was changed in between.
            AgentUnknown, CalendarUnknown: it names what is not there.
            BadPolicy: another active team has the unit.
        """
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            await standing_rows.claim(tx)
            old = await rows.teams(tx, (key,))
            version = old[0].version if old else 0
            _check(if_match, version)
            await self._check_team(tx, key, body)
            # The default calendar need not be stored; to name it is to name none.
            calendar = None if body.calendar == DEFAULT_CALENDAR else body.calendar
            now, set_ = self.clock.now(), (body.unit, body.lead, calendar, body.is_active)
            await rows.put_team(tx, Team(key, version + 1, *set_, now, by, body.members))
            await replan(tx, self.zone)
            return await _answer(tx, idem, _team((await rows.teams(tx, (key,)))[0]), is_new=not old)

    async def root_causes(self) -> list[RootCauseOut]:
        """All root causes, by key."""
        async with self.db.read() as tx:
            return [_cause(each) for each in await rows.root_causes(tx)]

    async def put_root_cause(self, key: str, body: RootCauseIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Set a root cause. One that is in use no more stays with the cases that were closed with it."""
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            is_new = not await rows.root_causes(tx, (key,))
            cause = RootCause(key, body.labels, body.is_active, self.clock.now(), by)
            await rows.put_root_cause(tx, cause)
            return await _answer(tx, idem, _cause(cause), is_new=is_new)

    async def _calendars(self, tx: ReadTx) -> list[CalendarOut]:
        found = await rows.calendars(tx)
        default: dict[str, Any] = {"key": DEFAULT_CALENDAR, "version": 0, "updated_at": None, "updated_by": None}
        said = [
            CalendarOut.model_validate(
                {**each.document, "key": key, "version": each.version, "updated_at": each.at, "updated_by": each.by}
            )
            for key, each in found.items()
        ]
        if DEFAULT_CALENDAR not in found:
            said.append(CalendarOut.model_validate({**default_document(self.zone.key), **default}))
        return sorted(said, key=lambda each: each.key)

    async def _check_team(self, tx: ReadTx, key: str, body: TeamIn) -> None:
        wanted = {*body.members, *([body.lead] if body.lead else [])}
        if unknown := rows.missing(wanted, await rows.agents(tx, wanted)):
            raise AgentUnknown(unknown[0])
        if body.calendar not in (None, DEFAULT_CALENDAR, *await rows.calendars(tx)):
            raise CalendarUnknown(str(body.calendar))
        if body.unit is not None and body.is_active:
            other = await rows.team_with_unit(tx, body.unit)
            if other not in (None, key):
                raise BadPolicy("Another team has this unit.", team=other)


def require_causes(found: Sequence[RootCause], wanted: Sequence[str]) -> None:
    """Raise RootCauseUnknown unless all that are wanted are in use."""
    usable = {each.key for each in found if each.is_active}
    for key in wanted:
        if key not in usable:
            raise RootCauseUnknown(key)


async def _check_routes(tx: ReadTx, body: PolicyIn) -> None:
    """Raise BadPolicy if a route, or a step, leads to somebody who is not there."""
    agents = {str(each.name) for each in body.routes if each.to == "agent"}
    agents |= {each.agent for each in body.ladder if each.agent is not None}
    teams = {str(each.name) for each in body.routes if each.to == "team"}
    teams |= {team for each in body.routes for team in (each.teams or {}).values()}
    if unknown := rows.missing(agents, await rows.agents(tx, agents)):
        raise BadPolicy(f"There is no agent {unknown[0]}.", agent=unknown[0])
    if unknown := rows.missing(teams, await rows.teams(tx, teams)):
        raise BadPolicy(f"There is no team {unknown[0]}.", team=unknown[0])


def _check(if_match: IfMatch, version: int) -> None:
    if if_match is not None and version not in if_match:
        raise SettingMoved(version)


def _policy(found: Sequence[Version]) -> PolicyOut:
    if not found:
        said: dict[str, Any] = DEFAULT_DOCUMENT.model_dump(mode="json")
        return PolicyOut.model_validate({**said, "version": 0, "created_at": None, "created_by": None})
    made = {"version": found[0].version, "created_at": found[0].at, "created_by": found[0].by}
    return PolicyOut.model_validate({**found[0].document, **made})


def _agent(agent: Agent) -> AgentOut:
    away = [AbsenceIn(first_day=first, last_day=last) for first, last in agent.absences]
    return AgentOut.model_validate({**agent._asdict(), "absences": away})


def _team(team: Team) -> TeamOut:
    return TeamOut.model_validate(team._asdict())


def _cause(cause: RootCause) -> RootCauseOut:
    return RootCauseOut.model_validate(cause._asdict())


async def _answer(tx: WriteTx, idem: Idempotent | None, out: BaseModel, *, is_new: bool) -> Answer:
    answer = Answer(201 if is_new else 200, out.model_dump_json().encode())
    await remember(tx, idem, answer)
    return answer
