"""All SQL of referrals, signals and milestones. Locks: the graph, then queue rows (never waited for), then persons."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row

from services.loyalty.invariants.domain import Check
from services.loyalty.referrals.domain.program import terms_of
from services.loyalty.referrals.domain.referral import Reached, Referral
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_REFERRAL = (
    "id, program_id, terms, advocate_id, friend_id, code, state, reasons, hindrance, registered_at, decided_at, "
    "decided_by, decision, delay_days"
)
_REACHED = ", ".join(Reached._fields)
_STANDS = "state IN ('active', 'review')"

CHECKS = (
    Check(
        "referral_one_referrer",
        "Nobody has two referrals that stand, or is their own advocate.",
        f"""
        SELECT friend_id AS what FROM referrals WHERE {_STANDS} GROUP BY friend_id HAVING count(*) > 1
        UNION ALL
        SELECT id FROM referrals WHERE {_STANDS} AND advocate_id = friend_id
        """,
    ),
    Check(
        "referral_paid_stands",
        "What is paid belongs to a referral that stands, and is not hindered unless it waits to be looked at.",
        """
        SELECT r.id AS what FROM referrals AS r JOIN referral_milestones AS m ON m.referral_id = r.id
        WHERE m.state = 'paid' AND (r.state <> 'active' OR r.hindrance IS NOT NULL)
        """,
    ),
    Check(
        "referral_paid_once",
        "Of a referral each milestone is settled in points at most once for each side, in full or not at all.",
        """
        SELECT m.referral_id AS what FROM referral_milestones AS m
        JOIN referrals AS r ON r.id = m.referral_id
        CROSS JOIN LATERAL jsonb_array_elements(r.terms -> 'milestones') AS t (said)
        CROSS JOIN (VALUES ('advocate'), ('friend')) AS side (name)
        LEFT JOIN (
            SELECT source, sum(points) AS points FROM sources WHERE source LIKE 'referral:%' GROUP BY source
        ) AS settled ON settled.source = 'referral:' || r.id || ':' || m.milestone || ':' || side.name
        WHERE t.said ->> 'name' = m.milestone AND coalesce(settled.points, 0) <> CASE WHEN m.state = 'paid'
            THEN coalesce(CAST(t.said -> side.name ->> 'points' AS bigint), 0) ELSE 0 END
        """,
    ),
)


class Versioned(NamedTuple):
    """A referral, and how often it was changed."""

    referral: Referral
    version: int


async def claim_graph(tx: WriteTx) -> None:
    """Be the only one who adds referrals until this transaction ends: rings are looked for in what stands."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.referrals', 0))")


async def add(tx: WriteTx, referral: Referral, document: Mapping[str, Any]) -> None:
    """Store a referral with the terms it came under."""
    values = {**referral._asdict(), "terms": orjson.dumps(document).decode(), "reasons": list(referral.reasons)}
    await tx.execute(
        f"INSERT INTO referrals ({_REFERRAL}) VALUES (:id, :program_id, CAST(:terms AS jsonb), :advocate_id, "
        ":friend_id, :code, :state, CAST(:reasons AS text[]), :hindrance, :registered_at, :decided_at, :decided_by, "
        ":decision, :delay_days)",
        values,
    )


async def get(tx: ReadTx, key: UUID) -> Referral | None:
    """A referral."""
    rows = await tx.execute(f"SELECT {_REFERRAL} FROM referrals WHERE id = :id", {"id": key})
    row = rows.one_or_none()
    return None if row is None else _referral(row)


async def of_friends(tx: ReadTx, friends: Collection[UUID]) -> list[Referral]:
    """Referrals that brought these person keys, the first first."""
    rows = await tx.execute(
        f"SELECT {_REFERRAL} FROM referrals WHERE friend_id = ANY(:friends) ORDER BY registered_at, id",
        {"friends": list(friends)},
    )
    return [_referral(row) for row in rows]


async def brought(tx: ReadTx, advocates: Collection[UUID], *, since: datetime) -> tuple[int, int]:
    """How many friends these person keys brought since a moment, and how many stand in all."""
    rows = await tx.execute(
        "SELECT count(*) FILTER (WHERE registered_at >= :since) AS lately, "
        f"count(*) FILTER (WHERE {_STANDS}) AS standing "
        "FROM referrals WHERE advocate_id = ANY(:advocates)",
        {"advocates": list(advocates), "since": since},
    )
    row = rows.one()
    return row.lately, row.standing


async def listed(
    tx: ReadTx,
    *,
    state: str | None,
    advocates: Collection[UUID] | None,
    friends: Collection[UUID] | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Referral]:
    """Referrals, those that came first first."""
    conditions, values = ["true"], dict[str, Any](limit=limit)
    if state is not None:
        conditions.append("state = :state")
        values["state"] = state
    if advocates is not None:
        conditions.append("advocate_id = ANY(:advocates)")
        values["advocates"] = list(advocates)
    if friends is not None:
        conditions.append("friend_id = ANY(:friends)")
        values["friends"] = list(friends)
    if after is not None:
        conditions.append("(registered_at, id) > (:at, :key)")
        values |= {"at": after[0], "key": after[1]}
    rows = await tx.execute(
        f"SELECT {_REFERRAL} FROM referrals WHERE {' AND '.join(conditions)} ORDER BY registered_at, id LIMIT :limit",
        values,
    )
    return [_referral(row) for row in rows]


async def decide(tx: WriteTx, key: UUID, state: str, *, at: datetime, by: str, reason: str) -> Versioned:
    """Store what staff decided; the referral as it is then."""
    found = await tx.execute(
        "UPDATE referrals SET state = :state, decided_at = :at, decided_by = :by, decision = :reason, "
        f"version = version + 1 WHERE id = :id RETURNING version, {_REFERRAL}",
        {"id": key, "state": state, "at": at, "by": by, "reason": reason},
    )
    row = found.one()
    return Versioned(_referral(row[1:]), row.version)


async def hinder(tx: WriteTx, key: UUID, hindrance: str | None) -> Versioned | None:
    """Store what a merge brought about; the referral as it is then, or None: nothing changed."""
    found = await tx.execute(
        "UPDATE referrals SET hindrance = :hindrance, version = version + 1 "
        f"WHERE id = :id AND hindrance IS DISTINCT FROM :hindrance RETURNING version, {_REFERRAL}",
        {"id": key, "hindrance": hindrance},
    )
    row = found.one_or_none()
    return None if row is None else Versioned(_referral(row[1:]), row.version)


async def add_signals(tx: WriteTx, person: UUID, digests: Collection[tuple[str, bytes]], now: datetime) -> None:
    """Keep digests that a person was seen with, and when last."""
    await insert_rows(
        tx,
        "referral_signals",
        {"person_id": "uuid", "kind": "text", "digest": "bytea", "seen_at": "timestamptz"},
        [(person, kind, value, now) for kind, value in sorted(set(digests))],
        "ON CONFLICT (person_id, kind, digest) DO UPDATE SET seen_at = EXCLUDED.seen_at",
    )


async def signals(tx: ReadTx, persons: Collection[UUID]) -> set[tuple[str, bytes]]:
    """The digests these person keys were seen with."""
    rows = await tx.execute(
        "SELECT kind, digest FROM referral_signals WHERE person_id = ANY(:persons)", {"persons": list(persons)}
    )
    return {(row.kind, row.digest) for row in rows}


async def friends_at(tx: ReadTx, digests: Collection[bytes], *, others_than: Collection[UUID], since: datetime) -> int:
    """Of these digests the one with which most other friends came since a moment: how many."""
    rows = await tx.execute(
        "SELECT count(DISTINCT s.person_id) AS friends FROM referral_signals AS s "
        "JOIN referrals AS r ON r.friend_id = s.person_id AND r.registered_at >= :since "
        "WHERE s.digest = ANY(:digests) AND NOT s.person_id = ANY(:others) GROUP BY s.digest ORDER BY 1 DESC LIMIT 1",
        {"digests": list(digests), "since": since, "others": list(others_than)},
    )
    row = rows.one_or_none()
    return 0 if row is None else int(row.friends)


async def asked_names(tx: ReadTx) -> frozenset[str]:
    """The names of touchpoints that a milestone of some programme asks for."""
    rows = await tx.execute(
        "SELECT DISTINCT m.said ->> 'touchpoint' AS name FROM referral_programs AS p "
        "CROSS JOIN LATERAL jsonb_array_elements(p.terms -> 'milestones') AS m (said) "
        "WHERE m.said ->> 'touchpoint' IS NOT NULL"
    )
    return frozenset(row.name for row in rows)


async def add_touchpoints(tx: WriteTx, found: Collection[tuple[UUID, UUID, str, datetime]]) -> set[UUID]:
    """Keep touchpoints that milestones ask for (event, person key, name, time), each once; whose are new."""
    columns = {"id": "uuid", "person_id": "uuid", "name": "text", "at": "timestamptz"}
    tail = "ON CONFLICT (id) DO NOTHING RETURNING person_id"
    rows = await insert_rows(tx, "referral_touchpoints", columns, sorted(found), tail)
    return {row.person_id for row in rows}


async def touchpoints_of(tx: ReadTx, persons: Collection[UUID]) -> list[tuple[str, datetime]]:
    """The names and times of the touchpoints of these person keys."""
    rows = await tx.execute(
        "SELECT name, at FROM referral_touchpoints WHERE person_id = ANY(:persons)", {"persons": list(persons)}
    )
    return [(row.name, row.at) for row in rows]


async def reached(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, list[Reached]]:
    """What became of the milestones of referrals, by name."""
    rows = await tx.execute(
        f"SELECT referral_id, {_REACHED} FROM referral_milestones WHERE referral_id = ANY(:ids) ORDER BY milestone",
        {"ids": list(keys)},
    )
    found: dict[UUID, list[Reached]] = {key: [] for key in keys}
    for row in rows:
        found[row.referral_id].append(Reached._make(row[1:]))
    return found


async def put_reached(tx: WriteTx, key: UUID, found: Sequence[Reached], *, untold: Collection[str]) -> dict[str, int]:
    """Store what became of milestones; those in `untold` earning is to hear of. The version of each that changed."""
    kinds = {
        "referral_id": "uuid",
        "milestone": "text",
        "state": "text",
        "qualified_at": "timestamptz",
        "order_id": "text",
        "due_at": "timestamptz",
        "completed_at": "timestamptz",
        "problem": "text",
        "is_told": "boolean",
    }
    rows = await insert_rows(
        tx,
        "referral_milestones",
        kinds,
        [(key, *each, each.milestone not in untold) for each in found],
        "ON CONFLICT (referral_id, milestone) DO UPDATE SET state = EXCLUDED.state, "
        "qualified_at = EXCLUDED.qualified_at, order_id = EXCLUDED.order_id, due_at = EXCLUDED.due_at, "
        "completed_at = EXCLUDED.completed_at, problem = EXCLUDED.problem, "
        "is_told = referral_milestones.is_told AND EXCLUDED.is_told, version = referral_milestones.version + 1 "
        "WHERE (referral_milestones.state, referral_milestones.qualified_at, referral_milestones.order_id, "
        "referral_milestones.due_at, referral_milestones.completed_at, referral_milestones.problem) "
        "IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.qualified_at, EXCLUDED.order_id, EXCLUDED.due_at, "
        "EXCLUDED.completed_at, EXCLUDED.problem) RETURNING milestone, version",
    )
    return {row.milestone: row.version for row in rows}


async def queue(tx: WriteTx, keys: Collection[UUID]) -> None:
    """Have referrals looked at."""
    await insert_rows(tx, "referral_queue", {"referral_id": "uuid"}, [(key,) for key in sorted(keys)])


async def queue_orders(tx: WriteTx, order_ids: Collection[str]) -> None:
    """Have the referrals looked at that brought those who placed these orders. Waits for nobody."""
    await tx.execute(
        f"""
        INSERT INTO referral_queue (referral_id)
        SELECT r.id FROM (
            SELECT DISTINCT coalesce(i.root_id, o.customer) AS root FROM orders AS o
            LEFT JOIN identity AS i ON i.raw_id = o.customer WHERE o.order_id = ANY(CAST(:ids AS text[]))
        ) AS placed
        CROSS JOIN LATERAL (
            SELECT placed.root AS id UNION SELECT i.raw_id FROM identity AS i WHERE i.root_id = placed.root
        ) AS person_key
        JOIN referrals AS r ON r.friend_id = person_key.id AND r.{_STANDS}
        """,
        {"ids": list(order_ids)},
    )


async def queue_friends(tx: WriteTx, persons: Collection[UUID]) -> None:
    """Have the referrals looked at that stand and brought whoever has one of these keys. Waits for nobody."""
    await tx.execute(
        f"""
        INSERT INTO referral_queue (referral_id)
        SELECT r.id FROM (
            SELECT DISTINCT coalesce(i.root_id, k.id) AS root FROM unnest(CAST(:persons AS uuid[])) AS k (id)
            LEFT JOIN identity AS i ON i.raw_id = k.id
        ) AS person
        CROSS JOIN LATERAL (
            SELECT person.root AS id UNION SELECT i.raw_id FROM identity AS i WHERE i.root_id = person.root
        ) AS person_key
        JOIN referrals AS r ON r.friend_id = person_key.id AND r.{_STANDS}
        """,
        {"persons": list(persons)},
    )


async def queue_persons(tx: WriteTx, persons: Collection[UUID]) -> None:
    """Have the referrals looked at that these person keys are part of, and those that a ring hinders."""
    await tx.execute(
        "INSERT INTO referral_queue (referral_id) SELECT id FROM referrals "
        "WHERE friend_id = ANY(:persons) OR advocate_id = ANY(:persons) OR hindrance = 'cycle'",
        {"persons": list(persons)},
    )


async def take(tx: WriteTx, *, most: int) -> set[UUID]:
    """Take referrals out of the queue, in this transaction."""
    rows = await tx.execute(
        "DELETE FROM referral_queue WHERE id IN (SELECT id FROM referral_queue ORDER BY id LIMIT :most "
        "FOR UPDATE SKIP LOCKED) RETURNING referral_id",
        {"most": most},
    )
    return {row.referral_id for row in rows}


async def due(tx: ReadTx, now: datetime, *, most: int) -> list[UUID]:
    """Referrals with a milestone whose hold-back is over, the longest due first."""
    rows = await tx.execute(
        "SELECT referral_id FROM referral_milestones WHERE state = 'held' AND due_at <= :now "
        "ORDER BY due_at LIMIT :most",
        {"now": now, "most": most},
    )
    return list(dict.fromkeys(row.referral_id for row in rows))


async def untold(tx: ReadTx, *, most: int) -> Sequence[Row[Any]]:
    """Completed milestones that earning has not heard of."""
    rows = await tx.execute(
        "SELECT r.id, m.milestone, m.completed_at, r.advocate_id, r.friend_id "
        "FROM referral_milestones AS m JOIN referrals AS r ON r.id = m.referral_id "
        "WHERE NOT m.is_told ORDER BY m.referral_id LIMIT :most",
        {"most": most},
    )
    return rows.all()


async def note_told(tx: WriteTx, keys: Sequence[tuple[UUID, str]]) -> None:
    """Note that earning has heard of these milestones. After persons were locked, as whoever settles does."""
    await tx.execute(
        "UPDATE referral_milestones AS m SET is_told = true "
        "FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS t (id, name) "
        "WHERE m.referral_id = t.id AND m.milestone = t.name",
        {"ids": [key for key, _ in keys], "names": [name for _, name in keys]},
    )


def _referral(row: Any) -> Referral:
    referral_id, program_id, terms, *rest = row
    found = Referral(referral_id, program_id, terms_of(terms), *rest)
    return found._replace(reasons=tuple(found.reasons))
