"""SQL of what a firm sets for cases: the policy in versions, calendars, agents, teams, root causes."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Version(NamedTuple):
    """Something set: its document, and who set it."""

    version: int
    document: dict[str, Any]
    at: datetime
    by: str


class Agent(NamedTuple):
    """Somebody who answers for cases."""

    key: str
    version: int
    unit: str | None
    is_active: bool
    updated_at: datetime
    updated_by: str
    teams: list[str]
    absences: list[tuple[date, date]]


class Team(NamedTuple):
    """Those who take cases in turn."""

    key: str
    version: int
    unit: str | None
    lead: str | None
    calendar: str | None
    is_active: bool
    updated_at: datetime
    updated_by: str
    members: list[str]


class RootCause(NamedTuple):
    """Why customers were unhappy."""

    key: str
    labels: dict[str, str]
    is_active: bool
    updated_at: datetime
    updated_by: str


async def policies(tx: ReadTx, *, before: int | None, limit: int) -> list[Version]:
    """The policies there were, the latest first."""
    rows = await tx.execute(
        "SELECT version, document, created_at, created_by FROM case_policies "
        "WHERE CAST(:before AS integer) IS NULL OR version < :before ORDER BY version DESC LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [Version._make(row) for row in rows]


async def add_policy(tx: WriteTx, said: Version) -> None:
    """A policy holds from now on."""
    await tx.execute(
        "INSERT INTO case_policies (version, document, created_at, created_by) "
        "VALUES (:version, CAST(:document AS jsonb), :at, :by)",
        {**said._asdict(), "document": orjson.dumps(said.document).decode()},
    )


async def calendars(tx: ReadTx) -> dict[str, Version]:
    """The calendars that a firm has set, by key."""
    rows = await tx.execute("SELECT key, version, document, updated_at, updated_by FROM case_calendars ORDER BY key")
    return {row.key: Version._make(row[1:]) for row in rows}


async def put_calendar(tx: WriteTx, key: str, said: Version) -> None:
    """Set a calendar."""
    await tx.execute(
        "INSERT INTO case_calendars (key, version, document, updated_at, updated_by) "
        "VALUES (:key, :version, CAST(:document AS jsonb), :at, :by) ON CONFLICT (key) DO UPDATE SET "
        "version = EXCLUDED.version, document = EXCLUDED.document, updated_at = EXCLUDED.updated_at, "
        "updated_by = EXCLUDED.updated_by",
        {**said._asdict(), "key": key, "document": orjson.dumps(said.document).decode()},
    )


async def agents(tx: ReadTx, keys: Collection[str] | None = None) -> list[Agent]:
    """Agents by key; all of them if none are named."""
    rows = await tx.execute(
        "SELECT a.key, a.version, a.unit, a.is_active, a.updated_at, a.updated_by, "
        "ARRAY(SELECT team FROM case_team_members AS m WHERE m.agent = a.key ORDER BY team) AS teams, "
        "ARRAY(SELECT first_day FROM case_absences AS x WHERE x.agent = a.key ORDER BY first_day) AS firsts, "
        "ARRAY(SELECT last_day FROM case_absences AS x WHERE x.agent = a.key ORDER BY first_day) AS lasts "
        "FROM case_agents AS a WHERE CAST(:keys AS text[]) IS NULL OR a.key = ANY(:keys) ORDER BY a.key",
        {"keys": None if keys is None else list(keys)},
    )
    return [Agent._make((*row[:7], list(zip(row.firsts, row.lasts, strict=True)))) for row in rows]


async def put_agent(tx: WriteTx, agent: Agent) -> None:
    """Set an agent, and when they are away."""
    await tx.execute(
        "INSERT INTO case_agents (key, version, unit, is_active, updated_at, updated_by) "
        "VALUES (:key, :version, :unit, :is_active, :updated_at, :updated_by) ON CONFLICT (key) DO UPDATE SET "
        "version = EXCLUDED.version, unit = EXCLUDED.unit, is_active = EXCLUDED.is_active, "
        "updated_at = EXCLUDED.updated_at, updated_by = EXCLUDED.updated_by",
        _plain(agent, "teams", "absences"),
    )
    await tx.execute("DELETE FROM case_absences WHERE agent = :key", {"key": agent.key})
    columns = {"agent": "text", "first_day": "date", "last_day": "date"}
    await insert_rows(tx, "case_absences", columns, [(agent.key, *each) for each in agent.absences])


async def teams(tx: ReadTx, keys: Collection[str] | None = None) -> list[Team]:
    """Teams by key; all of them if none are named."""
    rows = await tx.execute(
        "SELECT t.key, t.version, t.unit, t.lead, t.calendar, t.is_active, t.updated_at, t.updated_by, "
        "ARRAY(SELECT agent FROM case_team_members AS m WHERE m.team = t.key ORDER BY agent) AS members "
        "FROM case_teams AS t WHERE CAST(:keys AS text[]) IS NULL OR t.key = ANY(:keys) ORDER BY t.key",
        {"keys": None if keys is None else list(keys)},
    )
    return [Team._make(row) for row in rows]


async def team_with_unit(tx: ReadTx, unit: str) -> str | None:
    """The active team of a unit."""
    rows = await tx.execute("SELECT key FROM case_teams WHERE unit = :unit AND is_active", {"unit": unit})
    return next((str(row.key) for row in rows), None)


async def put_team(tx: WriteTx, team: Team) -> None:
    """Set a team and who is in it; whose turn it is stays."""
    await tx.execute(
        "INSERT INTO case_teams (key, version, unit, lead, calendar, is_active, updated_at, updated_by) "
        "VALUES (:key, :version, :unit, :lead, :calendar, :is_active, :updated_at, :updated_by) "
        "ON CONFLICT (key) DO UPDATE SET version = EXCLUDED.version, unit = EXCLUDED.unit, lead = EXCLUDED.lead, "
        "calendar = EXCLUDED.calendar, is_active = EXCLUDED.is_active, updated_at = EXCLUDED.updated_at, "
        "updated_by = EXCLUDED.updated_by",
        _plain(team, "members"),
    )
    await tx.execute("DELETE FROM case_team_members WHERE team = :key", {"key": team.key})
    columns = {"team": "text", "agent": "text"}
    await insert_rows(tx, "case_team_members", columns, [(team.key, each) for each in team.members])


async def root_causes(tx: ReadTx, keys: Collection[str] | None = None) -> list[RootCause]:
    """Root causes by key; all of them if none are named."""
    rows = await tx.execute(
        "SELECT key, labels, is_active, updated_at, updated_by FROM case_root_causes "
        "WHERE CAST(:keys AS text[]) IS NULL OR key = ANY(:keys) ORDER BY key",
        {"keys": None if keys is None else list(keys)},
    )
    return [RootCause._make(row) for row in rows]


async def put_root_cause(tx: WriteTx, cause: RootCause) -> None:
    """Set a root cause."""
    await tx.execute(
        "INSERT INTO case_root_causes (key, labels, is_active, updated_at, updated_by) "
        "VALUES (:key, CAST(:labels AS jsonb), :is_active, :updated_at, :updated_by) ON CONFLICT (key) DO UPDATE SET "
        "labels = EXCLUDED.labels, is_active = EXCLUDED.is_active, updated_at = EXCLUDED.updated_at, "
        "updated_by = EXCLUDED.updated_by",
        {**cause._asdict(), "labels": orjson.dumps(cause.labels).decode()},
    )


def missing(wanted: Collection[str], found: Sequence[Agent] | Sequence[Team]) -> list[str]:
    """Keys that nothing was found for."""
    return sorted(set(wanted) - {each.key for each in found})


def _plain(row: Agent | Team, *without: str) -> Mapping[str, Any]:
    return {name: value for name, value in row._asdict().items() if name not in without}
