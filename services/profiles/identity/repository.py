"""All SQL of the identity graph. Whatever writes here holds `shared.identity.mapping.claim`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.profiles.domain.facts import Link
from services.profiles.identity.domain import Candidate, Decision, LogEntry, Status
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_LINK_COLUMNS = {
    "from_id": "uuid",
    "into_id": "uuid",
    "kind": "text",
    "event_time": "timestamptz",
    "event_id": "uuid",
    "source": "text",
    "status": "text",
    "priority": "int",
}
_CANDIDATE = ", ".join(_LINK_COLUMNS)


class Place(NamedTuple):
    """Where a key stands in the forest, and the version of that."""

    parent_id: UUID | None
    version: int


async def news(tx: ReadTx, links: Mapping[tuple[UUID, UUID], Link]) -> list[tuple[UUID, UUID]]:
    """The pairs that are not known yet, or only from weaker evidence, later or from a source of a greater name."""
    if not links:
        return []
    rows = await tx.execute(
        """
        SELECT t.from_id, t.into_id
        FROM unnest(CAST(:froms AS uuid[]), CAST(:intos AS uuid[]), CAST(:times AS timestamptz[]),
                    CAST(:events AS uuid[]), CAST(:sources AS text[]), CAST(:priorities AS int[]))
            AS t (from_id, into_id, event_time, event_id, source, priority)
        WHERE NOT EXISTS (
            SELECT FROM links
            WHERE links.from_id = t.from_id AND links.into_id = t.into_id
              AND (links.priority, links.event_time, links.event_id) <= (t.priority, t.event_time, t.event_id)
              AND (links.event_time, links.source) <= (t.event_time, t.source)
        )
        """,
        {
            "froms": [from_id for from_id, _ in links],
            "intos": [into_id for _, into_id in links],
            "times": [link.time for link in links.values()],
            "events": [link.event_id for link in links.values()],
            "sources": [link.source for link in links.values()],
            "priorities": [link.priority for link in links.values()],
        },
    )
    return [(row.from_id, row.into_id) for row in rows]


async def put_links(tx: WriteTx, links: Mapping[tuple[UUID, UUID], Link]) -> None:
    """Keep the strongest evidence of each pair; what is written counts as accepted until it is judged."""
    await insert_rows(
        tx,
        "links",
        _LINK_COLUMNS,
        [
            (*pair, link.kind, link.time, link.event_id, link.source, "accepted", link.priority)
            for pair, link in sorted(links.items())
        ],
        "ON CONFLICT (from_id, into_id) DO UPDATE SET kind = EXCLUDED.kind, event_time = EXCLUDED.event_time, "
        "event_id = EXCLUDED.event_id, source = EXCLUDED.source, status = EXCLUDED.status, "
        "priority = EXCLUDED.priority WHERE (EXCLUDED.priority, EXCLUDED.event_time, EXCLUDED.event_id) "
        "< (links.priority, links.event_time, links.event_id)",
    )


async def refuse_over_limit(tx: WriteTx, intos: Collection[UUID], *, seats: int) -> set[UUID]:
    """Of the evidence that leads into each of these keys, refuse what came after the earliest `seats`; whose it is.

    What is refused already is never read: what holds is always the earliest (index links_held).
    """
    rows = await tx.execute(
        """
        UPDATE links SET status = 'over_limit'
        FROM unnest(CAST(:intos AS uuid[])) AS t (id)
        CROSS JOIN LATERAL (
            SELECT s.event_time, s.event_id, s.from_id FROM links AS s
            WHERE s.into_id = t.id AND s.status <> 'over_limit'
            ORDER BY s.event_time, s.event_id, s.from_id OFFSET :seats - 1 LIMIT 1
        ) AS last
        WHERE links.into_id = t.id AND links.status <> 'over_limit'
          AND (links.event_time, links.event_id, links.from_id) > (last.event_time, last.event_id, last.from_id)
        RETURNING links.from_id
        """,
        {"intos": sorted(intos), "seats": seats},
    )
    return {row.from_id for row in rows}


async def identified(tx: ReadTx, keys: Collection[UUID]) -> set[UUID]:
    """Those of the keys that belong to somebody known, not to a visitor."""
    rows = await tx.execute("SELECT id FROM customers WHERE id = ANY(:keys) AND identified", {"keys": list(keys)})
    return {row.id for row in rows}


async def inner(tx: ReadTx, keys: Collection[UUID]) -> list[UUID]:
    """The keys that others lead into, and those that a shared value joins: only they can be in a ring."""
    rows = await tx.execute(
        """
        SELECT t.key FROM unnest(CAST(:keys AS uuid[])) AS t (key)
        WHERE EXISTS (SELECT FROM links WHERE links.into_id = t.key)
           OR EXISTS (SELECT FROM decisions WHERE decisions.into_id = t.key)
           OR EXISTS (SELECT FROM links WHERE links.from_id = t.key AND links.kind = 'identifier')
        """,
        {"keys": list(keys)},
    )
    return [row.key for row in rows]


async def component(tx: ReadTx, keys: Collection[UUID]) -> set[UUID]:
    """The inner keys that any evidence or decision, also a refused one, connects with `keys`.

    A visitor's key that nothing leads into is left out, and with it the thousands of devices of a busy person.
    """
    rows = await tx.execute(
        """
        WITH RECURSIVE edges AS NOT MATERIALIZED (
            SELECT from_id, into_id FROM links UNION ALL SELECT from_id, into_id FROM decisions
        ), component AS (
            SELECT id FROM unnest(CAST(:keys AS uuid[])) AS t (id)
            UNION
            SELECT next.id FROM component CROSS JOIN LATERAL (
                SELECT into_id AS id FROM edges WHERE from_id = component.id
                UNION ALL
                SELECT from_id FROM edges
                WHERE into_id = component.id
                  AND (EXISTS (SELECT FROM links WHERE links.into_id = edges.from_id)
                    OR EXISTS (SELECT FROM decisions WHERE decisions.into_id = edges.from_id)
                    OR EXISTS (SELECT FROM links WHERE links.from_id = edges.from_id AND kind = 'identifier'))
            ) AS next
        )
        SELECT id FROM component
        """,
        {"keys": list(keys)},
    )
    return {row.id for row in rows}


async def candidates(tx: ReadTx, keys: Collection[UUID]) -> list[Candidate]:
    """All evidence on what these keys lead into."""
    rows = await tx.execute(f"SELECT {_CANDIDATE} FROM links WHERE from_id = ANY(:keys)", {"keys": list(keys)})
    return [Candidate._make(row) for row in rows]


async def accepted(tx: ReadTx, keys: Collection[UUID]) -> list[Candidate]:
    """The evidence on these keys that is accepted, or not judged yet (index links_accepted)."""
    rows = await tx.execute(
        f"SELECT {_CANDIDATE} FROM links WHERE from_id = ANY(:keys) AND status = 'accepted'", {"keys": list(keys)}
    )
    return [Candidate._make(row) for row in rows]


def candidates_between(keys: str, limit: int) -> str:
    """The SELECT of evidence that leads from or into one of the keys, the earliest first; `keys`: an SQL expression."""
    return f"""
        SELECT {_CANDIDATE} FROM links WHERE from_id = ANY({keys})
        UNION SELECT {_CANDIDATE} FROM links WHERE into_id = ANY({keys})
        ORDER BY event_time, event_id, from_id, into_id LIMIT {limit}
    """


async def decisions(tx: ReadTx, keys: Collection[UUID]) -> list[Decision]:
    """What people decided on these keys."""
    rows = await tx.execute(
        "SELECT from_id, kind, into_id, id, decided_at FROM decisions WHERE from_id = ANY(:keys)", {"keys": list(keys)}
    )
    return [Decision._make(row) for row in rows]


async def decide(tx: WriteTx, decision: Decision) -> None:
    """Keep a decision in place of an older one of its kind."""
    await tx.execute(
        """
        INSERT INTO decisions (from_id, kind, into_id, id, decided_at)
        VALUES (:from_id, :kind, :into_id, :id, :decided_at)
        ON CONFLICT (from_id, kind) DO UPDATE SET into_id = :into_id, id = :id, decided_at = :decided_at
        """,
        decision._asdict(),
    )


async def withdraw(tx: WriteTx, decision_id: UUID) -> None:
    """Undo a decision."""
    await tx.execute("DELETE FROM decisions WHERE id = :id", {"id": decision_id})


async def places(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Place]:
    """Where the keys stand; one that was never merged is not there."""
    rows = await tx.execute(
        "SELECT raw_id, parent_id, version FROM identity WHERE raw_id = ANY(:keys)", {"keys": list(keys)}
    )
    return {row.raw_id: Place(row.parent_id, row.version) for row in rows}


async def set_statuses(tx: WriteTx, statuses: Mapping[tuple[UUID, UUID], Status]) -> None:
    """Write what became of these pairs."""
    pairs = sorted(statuses)
    await tx.execute(
        """
        UPDATE links SET status = t.status
        FROM unnest(CAST(:froms AS uuid[]), CAST(:intos AS uuid[]), CAST(:statuses AS text[]))
            AS t (from_id, into_id, status)
        WHERE links.from_id = t.from_id AND links.into_id = t.into_id
        """,
        {
            "froms": [from_id for from_id, _ in pairs],
            "intos": [into_id for _, into_id in pairs],
            "statuses": [statuses[pair] for pair in pairs],
        },
    )


async def log(tx: WriteTx, entries: Sequence[LogEntry]) -> None:
    """Write lines of the merge log."""
    await insert_rows(
        tx,
        "merge_log",
        {
            "from_id": "uuid",
            "version": "bigint",
            "kind": "text",
            "into_id": "uuid",
            "reason": "text",
            "event_id": "uuid",
            "event_time": "timestamptz",
            "decided_at": "timestamptz",
            "decided_by": "text",
            "note": "text",
        },
        entries,
    )


async def log_of(
    tx: ReadTx, keys: Collection[UUID], *, before: tuple[datetime, UUID, int] | None, limit: int
) -> list[LogEntry]:
    """The log of all merges from or into these keys, the newest first, `before` a line."""
    at, from_id, version = before or (None, None, None)
    rows = await tx.execute(
        """
        SELECT from_id, version, kind, into_id, reason, event_id, event_time, decided_at, decided_by, note
        FROM merge_log
        WHERE (from_id = ANY(:keys) OR into_id = ANY(:keys))
          AND (CAST(:at AS timestamptz) IS NULL
               OR (decided_at, from_id, version)
                  < (CAST(:at AS timestamptz), CAST(:from_id AS uuid), CAST(:version AS bigint)))
        ORDER BY decided_at DESC, from_id DESC, version DESC LIMIT :limit
        """,
        {"keys": list(keys), "at": at, "from_id": from_id, "version": version, "limit": limit},
    )
    return [LogEntry._make(row) for row in rows]
