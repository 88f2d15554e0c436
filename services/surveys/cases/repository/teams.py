"""SQL of who works on cases: agents, when they are away, and teams with whose turn it is."""

from datetime import date
from typing import NamedTuple

from shared.db.engine import ReadTx, WriteTx

_PRESENT = (
    "a.is_active AND NOT EXISTS (SELECT FROM case_absences AS x WHERE x.agent = a.key "
    "AND :today BETWEEN x.first_day AND x.last_day)"
)


class Turn(NamedTuple):
    """A team whose turn somebody wants to give."""

    key: str
    last_agent: str | None


async def is_present(tx: ReadTx, agent: str, today: date) -> bool:
    """Whether an agent is there and works today."""
    rows = await tx.execute(
        f"SELECT 1 FROM case_agents AS a WHERE a.key = :agent AND {_PRESENT}", {"agent": agent, "today": today}
    )
    return rows.first() is not None


async def team_of_unit_of(tx: ReadTx, agent: str) -> str | None:
    """The team of the unit that a member of the staff belongs to."""
    rows = await tx.execute(
        "SELECT t.key FROM case_agents AS a JOIN case_teams AS t ON t.unit = a.unit AND t.is_active "
        "WHERE a.key = :agent",
        {"agent": agent},
    )
    return rows.scalar_one_or_none()


async def lead_of(tx: ReadTx, team: str) -> str | None:
    """Who leads a team."""
    rows = await tx.execute("SELECT lead FROM case_teams WHERE key = :team", {"team": team})
    return rows.scalar_one_or_none()


async def team_of(tx: ReadTx, agent: str) -> str | None:
    """The first of the teams an agent is in."""
    rows = await tx.execute(
        "SELECT min(m.team) FROM case_team_members AS m JOIN case_teams AS t ON t.key = m.team AND t.is_active "
        "WHERE m.agent = :agent",
        {"agent": agent},
    )
    return rows.scalar_one_or_none()


async def claim_turns(tx: WriteTx) -> None:
    """Be the only one who gives turns until this transaction ends; taken before any case is locked.

    Somebody who opens several cases at once gives turns in several teams, in whatever order answers come.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.case_turns', 0))")


async def turn(tx: WriteTx, team: str) -> Turn | None:
    """A team that takes cases, if it does; whoever asks has claimed the turns."""
    rows = await tx.execute("SELECT key, last_agent FROM case_teams WHERE key = :team AND is_active", {"team": team})
    row = rows.one_or_none()
    return None if row is None else Turn._make(row)


async def present_members(tx: ReadTx, team: str, today: date) -> list[str]:
    """Members of a team who work today, by key."""
    rows = await tx.execute(
        "SELECT m.agent FROM case_team_members AS m JOIN case_agents AS a ON a.key = m.agent "
        f"WHERE m.team = :team AND {_PRESENT} ORDER BY m.agent",
        {"team": team, "today": today},
    )
    return [row.agent for row in rows]


async def give_turn(tx: WriteTx, team: str, agent: str) -> None:
    """It was this agent's turn."""
    await tx.execute("UPDATE case_teams SET last_agent = :agent WHERE key = :team", {"team": team, "agent": agent})
