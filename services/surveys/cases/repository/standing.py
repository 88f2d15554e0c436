"""SQL of what holds for all cases: policies, calendars, teams. Who reads it to write a case holds it until the end."""

from functools import lru_cache
from zoneinfo import ZoneInfo

import orjson

from services.surveys.cases.domain.calendar import Calendar
from services.surveys.cases.domain.policy import DEFAULT_POLICY, Policy, read_policy
from services.surveys.cases.domain.standing import DEFAULT_CALENDAR, Standing, default_document, read_calendar
from shared.db.engine import ReadTx, WriteTx

_LOCK = "hashtextextended(current_schema() || '.cases', 0)"


async def hold(tx: WriteTx) -> None:
    """Keep policy, calendars and teams as they are until this transaction ends. Before any case is locked."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


async def claim(tx: WriteTx) -> None:
    """Be the only one who changes them, and any case, until this transaction ends. Never after `hold`."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")


async def policy(tx: ReadTx) -> Policy:
    """The policy that holds."""
    rows = await tx.execute("SELECT CAST(document AS text) FROM case_policies ORDER BY version DESC LIMIT 1")
    return policy_of(rows.scalar_one_or_none())


async def standing(tx: ReadTx, zone: ZoneInfo) -> Standing:
    """All that holds; `zone` is the firm's, for a calendar that nobody has set yet."""
    rows = await tx.execute(
        "SELECT 'policy' AS kind, '' AS key, CAST(document AS text) AS said FROM case_policies "
        "WHERE version = (SELECT max(version) FROM case_policies) "
        "UNION ALL SELECT 'calendar', key, CAST(document AS text) FROM case_calendars "
        "UNION ALL SELECT 'team', key, calendar FROM case_teams WHERE calendar IS NOT NULL"
    )
    found = [(row.kind, row.key, row.said) for row in rows]
    calendars = {key: _calendar(said) for kind, key, said in found if kind == "calendar"}
    return Standing(
        policy_of(next((said for kind, _, said in found if kind == "policy"), None)),
        {DEFAULT_CALENDAR: _default(zone), **calendars},
        {key: said for kind, key, said in found if kind == "team"},
    )


@lru_cache(maxsize=64)
def policy_of(document: str | None) -> Policy:
    """The policy of a stored document; the same text is read once."""
    return DEFAULT_POLICY if document is None else read_policy(orjson.loads(document))


# A calendar remembers the days it was asked for.
@lru_cache(maxsize=64)
def _calendar(document: str) -> Calendar:
    return read_calendar(orjson.loads(document))


@lru_cache(maxsize=16)
def _default(zone: ZoneInfo) -> Calendar:
    return read_calendar(default_document(zone.key))
