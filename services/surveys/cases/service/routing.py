"""Who gets a case: along the routes of a rule, the first that leads to somebody."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from services.surveys.cases.domain.case import Case
from services.surveys.cases.domain.policy import Route
from services.surveys.cases.domain.routing import next_in_turn
from services.surveys.cases.repository import teams
from shared.db.engine import WriteTx


@dataclass(slots=True)
class _Turns:
    """A team at work: whose turn it was last, and who is there; nobody of a team that takes no cases."""

    last: str | None
    present: Sequence[str]
    is_active: bool


@dataclass(slots=True)
class Routing:
    """Finds owners, for who has claimed the turns, in one transaction; `settle` ends it.

    Whoever is away `today`, a local day of the firm, gets nothing.
    """

    today: date
    _turns: dict[str, _Turns] = field(default_factory=dict)
    _given: dict[str, str] = field(default_factory=dict)
    _agents: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)

    async def assigned(self, tx: WriteTx, case: Case, routes: Sequence[Route]) -> Case:
        """The case with its owner and team.

        A route to a team of which nobody is there gives it the team alone, if no route after it leads to a person; a
        case that no route leads anywhere keeps what it has.
        """
        team_alone: str | None = None
        for route in routes:
            owner, team = await self._follow(tx, case, route)
            if owner is not None:
                return replace(case, owner=owner, team=team)
            team_alone = team_alone or team
        return case if team_alone is None else replace(case, owner=None, team=team_alone)

    async def settle(self, tx: WriteTx) -> None:
        """Store whose turn it was."""
        for team, agent in sorted(self._given.items()):
            await teams.give_turn(tx, team, agent)

    async def _follow(self, tx: WriteTx, case: Case, route: Route) -> tuple[str | None, str | None]:
        match route.to:
            case "agent" | "staff":
                return await self._agent(tx, route.name if route.to == "agent" else case.staff_id)
            case "team":
                return await self._turn(tx, route.name)
            case "unit":
                return await self._turn(tx, case.staff_id and await teams.team_of_unit_of(tx, case.staff_id))
            case "touchpoint":
                return await self._turn(tx, (route.teams or {}).get(case.touchpoint or ""))
            case "stage":
                return await self._turn(tx, (route.teams or {}).get(case.stage or ""))

    async def _agent(self, tx: WriteTx, agent: str | None) -> tuple[str | None, str | None]:
        if agent is None:
            return None, None
        if agent not in self._agents:
            is_there = await teams.is_present(tx, agent, self.today)
            self._agents[agent] = (agent, await teams.team_of(tx, agent)) if is_there else (None, None)
        return self._agents[agent]

    async def _turn(self, tx: WriteTx, team: str | None) -> tuple[str | None, str | None]:
        """Whose turn it is in a team, and the team; the turn is given.

        Exact among many at once: whoever gives turns has claimed them until the case that came of it is stored, or not.
        """
        if team is None:
            return None, None
        if team not in self._turns:
            found = await teams.turn(tx, team)
            present = [] if found is None else await teams.present_members(tx, team, self.today)
            self._turns[team] = _Turns(found and found.last_agent, present, found is not None)
        turns = self._turns[team]
        owner = next_in_turn(turns.present, turns.last)
        if owner is not None:
            turns.last = self._given[team] = owner
        return owner, team if turns.is_active else None
