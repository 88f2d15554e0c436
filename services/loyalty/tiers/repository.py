"""All SQL of tiers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from services.loyalty.invariants.domain import Check
from services.loyalty.tiers.domain.balance import Change
from services.loyalty.tiers.domain.grants import Grant
from services.loyalty.tiers.domain.near import Near
from services.loyalty.tiers.domain.track import Track
from services.loyalty.tiers.domain.walk import Version
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Held(NamedTuple):
    """The level a person holds in a track; `rank` counts from 1, the lowest."""

    track: str
    level: str
    rank: int


class State(NamedTuple):
    """What is stored of a person in a track. `version` counts the changes; `review_at`: when time may change it."""

    level: str | None
    rank: int
    since: datetime | None
    valid_until: datetime | None
    review_at: datetime | None
    version: int


StateKey = tuple[UUID, str]


async def held(tx: ReadTx, root: UUID) -> list[Held]:
    """The levels a person holds now."""
    rows = await tx.execute(
        "SELECT track, level, rank FROM tier_states WHERE person = :root AND level IS NOT NULL", {"root": root}
    )
    return [Held._make(row) for row in rows]


async def states(tx: ReadTx, persons: Collection[UUID]) -> dict[StateKey, State]:
    """What is stored of persons."""
    rows = await tx.execute(
        "SELECT person, track, level, rank, since, valid_until, review_at, version FROM tier_states "
        "WHERE person = ANY(:ids)",
        {"ids": list(persons)},
    )
    return {(row.person, row.track): State._make(row[2:]) for row in rows}


async def put_states(tx: WriteTx, changed: Mapping[StateKey, State]) -> None:
    """Store what persons hold now; their lock is that of the person."""
    columns = {
        "person": "uuid",
        "track": "text",
        "level": "text",
        "rank": "integer",
        "since": "timestamptz",
        "valid_until": "timestamptz",
        "review_at": "timestamptz",
        "version": "integer",
    }
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in ("person", "track"))
    await insert_rows(
        tx,
        "tier_states",
        columns,
        [(*key, *changed[key]) for key in sorted(changed)],
        f"ON CONFLICT (person, track) DO UPDATE SET {replaced}",
    )


class Told(NamedTuple):
    """What was told last of how near somebody is to the next tier of a track; `near` None: not any more."""

    near: Near | None
    version: int


async def told_near(tx: ReadTx, persons: Collection[UUID]) -> dict[StateKey, Told]:
    """What was told of persons."""
    rows = await tx.execute(
        "SELECT person, track, tier, missing, threshold, version FROM tier_near WHERE person = ANY(:ids)",
        {"ids": list(persons)},
    )
    return {
        (row.person, row.track): Told(
            None if row.tier is None else Near(row.tier, row.missing, row.threshold), row.version
        )
        for row in rows
    }


async def put_near(tx: WriteTx, changed: Mapping[StateKey, Told]) -> None:
    """Store what was told; the lock is that of the person."""
    columns = {
        "person": "uuid",
        "track": "text",
        "tier": "text",
        "missing": "bigint",
        "threshold": "bigint",
        "version": "integer",
    }
    rows = [(*key, *(changed[key].near or (None, 0, 0)), changed[key].version) for key in sorted(changed)]
    await insert_rows(
        tx,
        "tier_near",
        columns,
        rows,
        "ON CONFLICT (person, track) DO UPDATE SET tier = EXCLUDED.tier, missing = EXCLUDED.missing, "
        "threshold = EXCLUDED.threshold, version = EXCLUDED.version",
    )


async def due(tx: ReadTx, now: datetime, limit: int) -> list[UUID]:
    """Persons whose tier may change by time alone by now, those that are longest due first."""
    rows = await tx.execute(
        "SELECT person FROM tier_states WHERE review_at <= :now ORDER BY review_at LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return sorted({row.person for row in rows})


@lru_cache(maxsize=1_024)
def _track(definition: str) -> Track:
    return Track.model_validate_json(definition)


class TrackVersion(NamedTuple):
    """A version of a track, with who made it when."""

    track: str
    version: int
    definition: Track
    effective_from: datetime
    recorded_at: datetime
    recorded_by: str


async def versions(tx: ReadTx, track: str | None = None) -> list[TrackVersion]:
    """All versions of one track or of all, in the order of their numbers."""
    rows = await tx.execute(
        "SELECT track, version, CAST(definition AS text) AS definition, effective_from, recorded_at, recorded_by "
        "FROM tier_track_versions WHERE CAST(:track AS text) IS NULL OR track = :track ORDER BY track, version",
        {"track": track},
    )
    return [TrackVersion._make(row)._replace(definition=_track(row.definition)) for row in rows]


async def tracks(tx: ReadTx) -> dict[str, list[Version]]:
    """The versions of each track in the order of their effect; one that a later version precedes has none."""
    return in_effect(await versions(tx))


def in_effect(found: Sequence[TrackVersion]) -> dict[str, list[Version]]:
    """Versions by track, as they take effect."""
    by_track: dict[str, list[Version]] = {}
    for each in found:
        kept = [one for one in by_track.get(each.track, []) if one.effective_from < each.effective_from]
        by_track[each.track] = [*kept, Version(each.version, each.definition, each.effective_from)]
    return by_track


async def put_version(tx: WriteTx, version: TrackVersion) -> None:
    """Store a version of a track."""
    await tx.execute(
        "INSERT INTO tier_tracks (key, created_at) VALUES (:key, :at) ON CONFLICT DO NOTHING",
        {"key": version.track, "at": version.recorded_at},
    )
    await tx.execute(
        "INSERT INTO tier_track_versions (track, version, definition, effective_from, recorded_at, recorded_by) "
        "VALUES (:track, :version, CAST(:definition AS jsonb), :effective_from, :at, :by)",
        {
            "track": version.track,
            "version": version.version,
            "definition": version.definition.model_dump_json(exclude_none=True),
            "effective_from": version.effective_from,
            "at": version.recorded_at,
            "by": version.recorded_by,
        },
    )


async def queue_everybody(tx: WriteTx, now: datetime) -> int:
    """Ask to look again at everybody who did anything; how many."""
    done = await tx.execute(
        "INSERT INTO earning_queue (customer, queued_at) SELECT DISTINCT customer, CAST(:now AS timestamptz) FROM ("
        "SELECT customer FROM orders WHERE customer IS NOT NULL UNION ALL SELECT customer FROM happenings "
        "UNION ALL SELECT person FROM tier_states UNION ALL SELECT customer FROM tier_grants "
        "UNION ALL SELECT person_id FROM wallets"
        ") AS found ORDER BY customer ON CONFLICT (customer) DO NOTHING",
        {"now": now},
    )
    return done.rowcount


async def begun(tx: WriteTx, now: datetime) -> bool:
    """Whether versions have taken effect that nobody was asked for yet; they are noted as asked for."""
    done = await tx.execute(
        "UPDATE tier_track_versions SET is_begun = true WHERE NOT is_begun AND effective_from <= :now", {"now": now}
    )
    return done.rowcount > 0


async def counts(tx: ReadTx, track: str) -> dict[str, int]:
    """How many persons hold each level."""
    rows = await tx.execute(
        "SELECT level, count(*) AS persons FROM tier_states WHERE track = :track AND level IS NOT NULL GROUP BY level",
        {"track": track},
    )
    return {row.level: row.persons for row in rows}


async def holders(tx: ReadTx, track: str, level: str, *, after: UUID | None, limit: int) -> list[UUID]:
    """Who holds a level, by id."""
    rows = await tx.execute(
        "SELECT person FROM tier_states WHERE track = :track AND level = :level AND person > :after "
        "ORDER BY person LIMIT :limit",
        {"track": track, "level": level, "after": after or UUID(int=0), "limit": limit},
    )
    return [row.person for row in rows]


async def persons(tx: ReadTx, *, after: UUID | None, limit: int) -> list[UUID]:
    """Person keys with any fact or grant, in ascending order."""
    rows = await tx.execute(
        "SELECT customer FROM (SELECT customer FROM orders WHERE customer > :after "
        "UNION SELECT customer FROM happenings WHERE customer > :after "
        "UNION SELECT person_id FROM wallets WHERE person_id > :after "
        "UNION SELECT customer FROM tier_grants WHERE customer > :after) AS found ORDER BY customer LIMIT :limit",
        {"after": after or UUID(int=0), "limit": limit},
    )
    return [row.customer for row in rows]


async def grants_of(tx: ReadTx, customers: Collection[UUID]) -> list[Grant]:
    """The levels that person keys were given by hand."""
    rows = await tx.execute(
        "SELECT id, customer, track, level, at, until, reason, recorded_by FROM tier_grants "
        "WHERE customer = ANY(:ids) ORDER BY at, id",
        {"ids": list(customers)},
    )
    return [Grant._make(row) for row in rows]


async def balances_of(tx: ReadTx, customers: Collection[UUID], wallets: Collection[str]) -> list[tuple[UUID, Change]]:
    """How what these person keys can spend changed, by when it did, as the ledger has it."""
    rows = await tx.execute(
        "SELECT w.person_id, t.occurred_at, w.name, CAST(sum(t.available - t.debt) AS bigint) FROM wallets AS w "
        "JOIN transactions AS t ON t.wallet_id = w.id WHERE w.person_id = ANY(:ids) AND w.name = ANY(:wallets) "
        "AND t.available <> t.debt GROUP BY w.person_id, t.occurred_at, w.name",
        {"ids": list(customers), "wallets": list(wallets)},
    )
    return [(row[0], Change._make(row[1:])) for row in rows.all()]


async def take_moved(tx: WriteTx, limit: int) -> list[UUID]:
    """Keys whose balance changed by which a track goes; they are off the queue if the transaction commits."""
    rows = await tx.execute(
        "DELETE FROM tier_balance_queue WHERE id IN ("
        "SELECT id FROM tier_balance_queue ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING customer",
        {"limit": limit},
    )
    return sorted({row.customer for row in rows})


async def add_grant(tx: WriteTx, grant: Grant) -> None:
    """Store a level given by hand."""
    values: dict[str, Any] = grant._asdict()
    await tx.execute(
        "INSERT INTO tier_grants (id, customer, track, level, at, until, reason, recorded_by) "
        "VALUES (:id, :customer, :track, :level, :at, :until, :reason, :recorded_by)",
        values,
    )


class Difference(NamedTuple):
    """A person of whom something else is stored than their facts say."""

    person: UUID
    track: str
    stored: str | None
    recomputed: str | None


async def round_place(tx: ReadTx) -> UUID | None:
    """Behind which person key the round that looks at everybody goes on."""
    place: UUID | None = (await tx.execute("SELECT place FROM tier_round")).scalar_one_or_none()
    return place


async def is_settling(tx: ReadTx, now: datetime) -> bool:
    """Whether somebody still waits to be looked at again after a change of rules or tracks."""
    found: bool = (
        await tx.execute(
            "SELECT EXISTS (SELECT FROM earning_queue) OR EXISTS (SELECT FROM tier_balance_queue) OR EXISTS ("
            "SELECT FROM tier_track_versions WHERE NOT is_begun AND effective_from <= :now)",
            {"now": now},
        )
    ).scalar_one()
    return found


async def keep_round(
    tx: WriteTx, place: UUID | None, looked_at: Collection[UUID], found: Sequence[Difference], now: datetime
) -> None:
    """Note what a part of the round found, and where it goes on."""
    await tx.execute("DELETE FROM tier_differences WHERE person = ANY(:ids)", {"ids": list(looked_at)})
    columns = {
        "person": "uuid",
        "track": "text",
        "stored": "text",
        "recomputed": "text",
        "found_at": "timestamptz",
    }
    await insert_rows(tx, "tier_differences", columns, [(*each, now) for each in found])
    await tx.execute(
        "INSERT INTO tier_round (place) VALUES (:place) ON CONFLICT (only_one) DO UPDATE SET place = EXCLUDED.place",
        {"place": place},
    )


CHECKS = (
    Check(
        "tier_is_recomputed",
        "The tier that is stored of somebody is the one that their facts lead to.",
        "SELECT person AS what FROM tier_differences",
    ),
    Check(
        "tier_is_a_person_s",
        "A key that was merged into another holds no tier.",
        "SELECT s.person AS what FROM tier_states AS s JOIN identity AS i ON i.raw_id = s.person "
        "WHERE i.root_id <> i.raw_id AND s.level IS NOT NULL",
    ),
    Check(
        "tier_review_in_time",
        "Nobody holds a tier for more than an hour beyond its time.",
        "SELECT person AS what FROM tier_states WHERE review_at < clock_timestamp() - interval '1 hour'",
    ),
)
