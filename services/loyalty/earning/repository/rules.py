"""Rules and their versions. A version that was stored is never changed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from services.loyalty.earning.domain.book import Rulebook, RuleVersion, State
from services.loyalty.earning.domain.facts import Trigger
from services.loyalty.earning.domain.rule import Rule
from shared.db.engine import ReadTx, WriteTx

_LOCK = "hashtextextended(current_schema() || '.rules', 0)"
_VERSION = """
    SELECT v.rule_id, v.version, r.name, v.state, CAST(v.definition AS text) AS definition, v.effective_from,
        v.recorded_at, v.recorded_by
    FROM earning_rule_versions AS v JOIN earning_rules AS r ON r.id = v.rule_id
"""
_LATEST = f"""
    SELECT * FROM (
        SELECT DISTINCT ON (found.rule_id) found.* FROM ({_VERSION}) AS found ORDER BY found.rule_id, found.version DESC
    ) AS latest
"""


_BOOK = f"""
    SELECT watches.watched, rules.* FROM (
        SELECT array_agg(DISTINCT ARRAY[asked.kind, asked.name]) AS watched FROM achievements CROSS JOIN LATERAL (
            SELECT trigger_kind AS kind, trigger_name AS name
            UNION ALL SELECT 'tier', definition -> 'who' -> 'tiers' ->> 'track'
            UNION ALL SELECT 'segment', jsonb_array_elements_text(definition -> 'who' -> 'segments' -> 'any_of')
            UNION ALL SELECT 'segment', jsonb_array_elements_text(definition -> 'who' -> 'segments' -> 'none_of')
        ) AS asked
        WHERE state = 'active' AND asked.name IS NOT NULL
    ) AS watches LEFT JOIN ({_VERSION} WHERE v.state <> 'draft') AS rules ON true ORDER BY rules.rule_id, rules.version
"""


async def hold(tx: WriteTx) -> None:
    """Keep the rules and the tier tracks as they are until this transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})")


async def claim(tx: WriteTx) -> None:
    """Be the only one who changes rules or tracks, while nobody earns by them, until this transaction ends."""
    await tx.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")


@lru_cache(maxsize=4_096)
def _rule(definition: str) -> Rule:
    return Rule.model_validate_json(definition)


def _read(row: Any) -> RuleVersion:
    state: State = row.state
    return RuleVersion(
        row.rule_id,
        row.version,
        row.name,
        state,
        _rule(row.definition),
        row.effective_from,
        row.recorded_at,
        row.recorded_by,
    )


@lru_cache(maxsize=16)
def _book(versions: tuple[RuleVersion, ...], watched: frozenset[Trigger]) -> Rulebook:
    return Rulebook(versions, watched)


async def book(tx: ReadTx, *, besides: UUID | None = None, more: Sequence[RuleVersion] = ()) -> Rulebook:
    """All rules in all versions, and what achievements watch; for a simulation without one rule, or with others."""
    rows = (await tx.execute(_BOOK)).all()
    versions = [_read(row) for row in rows if row.rule_id is not None and row.rule_id != besides]
    # Every row has it, and there is one at least: so it costs no statement of its own.
    watched = frozenset((kind, name) for kind, name in rows[0].watched or ())
    return _book((*versions, *more), watched)


async def latest(tx: ReadTx, rule_id: UUID) -> RuleVersion | None:
    """A rule in its latest version."""
    row = (await tx.execute(_LATEST + "WHERE rule_id = :id", {"id": rule_id})).one_or_none()
    return None if row is None else _read(row)


async def listed(tx: ReadTx, *, after: UUID | None, limit: int) -> list[RuleVersion]:
    """Rules in their latest version, those made last first."""
    rows = await tx.execute(
        _LATEST + "WHERE CAST(:after AS uuid) IS NULL OR rule_id < :after ORDER BY rule_id DESC LIMIT :limit",
        {"after": after, "limit": limit},
    )
    return [_read(row) for row in rows]


async def versions(tx: ReadTx, rule_id: UUID) -> list[RuleVersion]:
    """All versions of a rule, the latest first."""
    rows = await tx.execute(_VERSION + "WHERE v.rule_id = :id ORDER BY v.version DESC", {"id": rule_id})
    return [_read(row) for row in rows]


async def others(tx: ReadTx, rule_id: UUID) -> list[RuleVersion]:
    """All other rules that have not ended, in their latest version."""
    rows = await tx.execute(_LATEST + "WHERE rule_id <> :id AND state <> 'ended'", {"id": rule_id})
    return [_read(row) for row in rows]


async def namesake(tx: ReadTx, name: str) -> UUID | None:
    """The rule of this name."""
    found: UUID | None = (
        await tx.execute("SELECT id FROM earning_rules WHERE name = :name", {"name": name})
    ).scalar_one_or_none()
    return found


async def put(tx: WriteTx, version: RuleVersion) -> None:
    """Store a version; the name is that of the rule."""
    await tx.execute(
        "INSERT INTO earning_rules (id, name, created_at) VALUES (:id, :name, :at) "
        "ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name",
        {"id": version.rule_id, "name": version.name, "at": version.recorded_at},
    )
    await tx.execute(
        "INSERT INTO earning_rule_versions (rule_id, version, state, definition, effective_from, recorded_at, "
        "recorded_by) VALUES (:id, :version, :state, CAST(:definition AS jsonb), :effective_from, :at, :by)",
        {
            "id": version.rule_id,
            "version": version.version,
            "state": version.state,
            "definition": version.rule.model_dump_json(by_alias=True, exclude_none=True),
            "effective_from": version.effective_from,
            "at": version.recorded_at,
            "by": version.recorded_by,
        },
    )


async def delete(tx: WriteTx, rule_id: UUID) -> None:
    """Take a rule away with all its versions."""
    await tx.execute("DELETE FROM earning_rules WHERE id = :id", {"id": rule_id})


class Progress(NamedTuple):
    """How many persons wait to be looked at again, and since when the first of them does."""

    waiting: int
    since: datetime | None


async def queue_since(tx: WriteTx, at: datetime, now: datetime, segments: Collection[UUID]) -> int:
    """Ask to look again at everybody with a fact, or a move in or out of these segments, since a moment; how many."""
    done = await tx.execute(
        "INSERT INTO earning_queue (customer, queued_at) SELECT DISTINCT customer, CAST(:now AS timestamptz) FROM ("
        "SELECT customer FROM orders WHERE placed_at >= :at AND customer IS NOT NULL "
        "UNION ALL SELECT customer FROM happenings WHERE happenings.at >= :at "
        "UNION ALL SELECT customer FROM segment_moves AS moves "
        "WHERE segment_id = ANY(CAST(:segments AS uuid[])) AND moves.at >= :at"
        ") AS found ORDER BY customer ON CONFLICT (customer) DO NOTHING",
        {"at": at, "now": now, "segments": list(segments)},
    )
    return done.rowcount


async def queue(tx: WriteTx, customers: Collection[UUID], now: datetime) -> None:
    """Ask to look again at these persons."""
    await tx.execute(
        "INSERT INTO earning_queue (customer, queued_at) "
        "SELECT each, :now FROM unnest(CAST(:customers AS uuid[])) AS each ORDER BY each ON CONFLICT DO NOTHING",
        {"customers": list(customers), "now": now},
    )


async def take(tx: WriteTx, limit: int) -> list[UUID]:
    """The next persons to look at again; they are off the queue if the transaction commits."""
    rows = await tx.execute(
        "DELETE FROM earning_queue WHERE customer IN ("
        "SELECT customer FROM earning_queue ORDER BY queued_at, customer LIMIT :limit FOR UPDATE SKIP LOCKED"
        ") RETURNING customer",
        {"limit": limit},
    )
    return sorted(row.customer for row in rows)


async def progress(tx: ReadTx) -> Progress:
    """How long the queue is."""
    row = (await tx.execute("SELECT count(*) AS waiting, min(queued_at) AS since FROM earning_queue")).one()
    return Progress(row.waiting, row.since)
