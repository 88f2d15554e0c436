"""All SQL of achievements. Locks: queue rows (never waited for), then persons."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.loyalty.achievements.domain.goal import Achievement, State
from services.loyalty.achievements.domain.walk import Span
from services.loyalty.invariants.domain import Check
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx


class Defined(NamedTuple):
    """An achievement and the time in which facts count for it; a draft may have none yet."""

    id: UUID
    name: str
    state: State
    terms: Achievement
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str

    @property
    def span(self) -> Span:
        """The time in which facts count; only of what is or was in force."""
        if self.starts_at is None:
            raise ValueError("a draft has no time")
        return Span(self.starts_at, self.ends_at)


class Award(NamedTuple):
    """What a raw person key reached, or has lost again."""

    achievement_id: UUID
    customer: UUID
    period: str
    number: int
    state: Literal["reached", "lost"]
    reached_at: datetime
    source: str
    version: int
    problem: str | None = None
    retry_at: datetime | None = None

    @property
    def key(self) -> tuple[UUID, str, int]:
        """Which time of which achievement."""
        return self.achievement_id, self.period, self.number

    def is_due(self, now: datetime) -> bool:
        """Whether its reward could not be settled, and is to be tried again by now."""
        return self.retry_at is not None and self.retry_at <= now

    @property
    def told(self) -> tuple[str, datetime, str, str | None]:
        """What is told of it: whatever is other than it was counts as a version."""
        return self.state, self.reached_at, self.source, self.problem


_DEFINED = (
    "SELECT id, name, state, CAST(definition AS text) AS terms, starts_at, ends_at, created_at, created_by, "
    "changed_at, changed_by FROM achievements "
)
_AWARD = ", ".join(Award._fields)
_AWARDS = f"SELECT {_AWARD} FROM achievement_awards "

CHECKS = (
    Check(
        "achievement_once",
        "Nobody, whatever keys they have, holds the same time of an achievement's period twice.",
        """
        SELECT min(CAST(a.achievement_id AS text)) || ' ' || coalesce(i.root_id, a.customer) AS what
        FROM achievement_awards AS a LEFT JOIN identity AS i ON i.raw_id = a.customer
        WHERE a.state = 'reached' AND NOT EXISTS (SELECT FROM achievement_queue)
        GROUP BY a.achievement_id, coalesce(i.root_id, a.customer), a.period, a.number HAVING count(*) > 1
        """,
    ),
    Check(
        "achievement_paid_once",
        "For each time an achievement is held its points are settled in full, once it is lost not at all.",
        """
        SELECT a.achievement_id || ' ' || a.customer AS what FROM achievement_awards AS a
        JOIN achievements AS d ON d.id = a.achievement_id
        CROSS JOIN LATERAL jsonb_array_elements(d.definition -> 'rewards') WITH ORDINALITY AS r (said, place)
        LEFT JOIN wallets AS w ON w.person_id = a.customer AND w.name = r.said ->> 'wallet'
        LEFT JOIN sources AS s ON s.wallet_id = w.id AND s.source = 'achievement:' || a.achievement_id || ':'
            || a.period || ':' || a.number || ':' || (r.place - 1)
        WHERE r.said ->> 'points' IS NOT NULL AND a.problem IS NULL AND coalesce(s.points, 0)
            <> CASE WHEN a.state = 'reached' THEN CAST(r.said ->> 'points' AS bigint) ELSE 0 END
        """,
    ),
)


@lru_cache(maxsize=1_024)
def _terms(definition: str) -> Achievement:
    return Achievement.model_validate_json(definition)


def _read(row: Any) -> Defined:
    return Defined._make(row)._replace(terms=_terms(row.terms))


async def put(tx: WriteTx, defined: Defined) -> bool:
    """Store an achievement; False: its name is another's."""
    kind, name = defined.terms.trigger
    done = await tx.execute(
        """
        INSERT INTO achievements (id, name, state, definition, trigger_kind, trigger_name, starts_at, ends_at,
            created_at, created_by, changed_at, changed_by)
        SELECT :id, :name, :state, CAST(:definition AS jsonb), :kind, :trigger, CAST(:starts_at AS timestamptz),
            CAST(:ends_at AS timestamptz), :created_at, :created_by, :changed_at, :changed_by
        WHERE NOT EXISTS (SELECT FROM achievements WHERE name = :name AND id <> :id)
        ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, state = EXCLUDED.state,
            definition = EXCLUDED.definition, trigger_kind = EXCLUDED.trigger_kind,
            trigger_name = EXCLUDED.trigger_name, starts_at = EXCLUDED.starts_at, ends_at = EXCLUDED.ends_at,
            changed_at = EXCLUDED.changed_at, changed_by = EXCLUDED.changed_by
        """,
        {
            **{field: value for field, value in defined._asdict().items() if field != "terms"},
            "definition": defined.terms.model_dump_json(),
            "kind": kind,
            "trigger": name,
        },
    )
    return done.rowcount == 1


async def delete(tx: WriteTx, key: UUID) -> None:
    """Take a draft away."""
    await tx.execute("DELETE FROM achievements WHERE id = :id AND state = 'draft'", {"id": key})


async def get(tx: ReadTx, key: UUID) -> Defined | None:
    """An achievement."""
    row = (await tx.execute(f"{_DEFINED} WHERE id = :id", {"id": key})).one_or_none()
    return None if row is None else _read(row)


async def running(tx: ReadTx) -> list[Defined]:
    """All that are in force or were, and are not archived."""
    return [_read(row) for row in await tx.execute(f"{_DEFINED} WHERE state = 'active' ORDER BY id")]


async def by_ids(tx: ReadTx, keys: Collection[UUID]) -> dict[UUID, Defined]:
    """These achievements."""
    rows = await tx.execute(f"{_DEFINED} WHERE id = ANY(:ids)", {"ids": list(keys)})
    return {row.id: _read(row) for row in rows}


async def listed(tx: ReadTx, *, state: str | None, after: UUID | None, limit: int) -> list[Defined]:
    """Achievements, those made last first."""
    rows = await tx.execute(
        f"{_DEFINED} WHERE (CAST(:state AS text) IS NULL OR state = :state) "
        "AND (CAST(:after AS uuid) IS NULL OR id < :after) ORDER BY id DESC LIMIT :limit",
        {"state": state, "after": after, "limit": limit},
    )
    return [_read(row) for row in rows]


async def queue(tx: WriteTx, customers: Iterable[UUID]) -> None:
    """Have these persons looked at. Waits for nobody."""
    await insert_rows(tx, "achievement_queue", {"customer": "uuid"}, [(each,) for each in sorted(set(customers))])


async def queue_since(tx: WriteTx, at: datetime) -> None:
    """Have everybody looked at with a fact since a moment."""
    await tx.execute(
        "INSERT INTO achievement_queue (customer) SELECT customer FROM orders "
        "WHERE placed_at >= :at AND customer IS NOT NULL UNION SELECT customer FROM happenings WHERE at >= :at",
        {"at": at},
    )


async def take(tx: WriteTx, limit: int) -> list[UUID]:
    """Take persons out of the queue, in this transaction."""
    rows = await tx.execute(
        "DELETE FROM achievement_queue WHERE id IN (SELECT id FROM achievement_queue ORDER BY id LIMIT :limit "
        "FOR UPDATE SKIP LOCKED) RETURNING customer",
        {"limit": limit},
    )
    return sorted({row.customer for row in rows})


async def due(tx: ReadTx, now: datetime, limit: int) -> list[UUID]:
    """Persons with a reward that could not be given or taken back, and is to be tried again.

    Of what is archived nothing is given any more.
    """
    rows = await tx.execute(
        "SELECT DISTINCT a.customer FROM achievement_awards AS a JOIN achievements AS d ON d.id = a.achievement_id "
        "WHERE a.retry_at <= :now AND (d.state = 'active' OR a.state = 'lost') ORDER BY a.customer LIMIT :limit",
        {"now": now, "limit": limit},
    )
    return [row.customer for row in rows]


async def awards_of(tx: ReadTx, customers: Collection[UUID]) -> list[Award]:
    """All that these person keys reached or have lost."""
    rows = await tx.execute(f"{_AWARDS} WHERE customer = ANY(:keys)", {"keys": list(customers)})
    return [Award._make(row) for row in rows]


async def badges_of(
    tx: ReadTx, customers: Collection[UUID], *, before: tuple[datetime, str] | None, limit: int
) -> Sequence[tuple[Award, str]]:
    """What these person keys hold, the latest first, with the place of each: what tells it from all others."""
    at, place = before or (None, None)
    rows = await tx.execute(
        f"SELECT {_AWARD}, place FROM (SELECT *, achievement_id || '|' || customer || '|' || period || '|' || "
        "lpad(CAST(number AS text), 6, '0') AS place FROM achievement_awards) AS found "
        "WHERE customer = ANY(:keys) AND state = 'reached' AND (CAST(:at AS timestamptz) IS NULL "
        "OR (reached_at, place) < (:at, CAST(:place AS text))) ORDER BY reached_at DESC, place DESC LIMIT :limit",
        {"keys": list(customers), "at": at, "place": place, "limit": limit},
    )
    return [(Award._make(row[:-1]), row.place) for row in rows]


async def put_awards(tx: WriteTx, awards: Sequence[Award]) -> None:
    """Store what is new or has changed."""
    kinds = {
        "achievement_id": "uuid",
        "customer": "uuid",
        "period": "text",
        "number": "integer",
        "state": "text",
        "reached_at": "timestamptz",
        "source": "text",
        "version": "integer",
        "problem": "text",
        "retry_at": "timestamptz",
    }
    key = ("achievement_id", "customer", "period", "number")
    replaced = ", ".join(f"{name} = EXCLUDED.{name}" for name in kinds if name not in key)
    rows = sorted(awards, key=lambda each: (each.achievement_id, each.customer, each.period, each.number))
    await insert_rows(
        tx,
        "achievement_awards",
        kinds,
        rows,
        f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}",
    )


class Holders(NamedTuple):
    """How many persons hold an achievement, how often in all, and how often it was lost and something is still out."""

    persons: int
    times: int
    not_taken_back: int


async def holders(tx: ReadTx, key: UUID) -> Holders:
    """Who holds an achievement, counted."""
    row = (
        await tx.execute(
            "SELECT count(DISTINCT coalesce(i.root_id, a.customer)) FILTER (WHERE a.state = 'reached'), "
            "count(*) FILTER (WHERE a.state = 'reached'), "
            "count(*) FILTER (WHERE a.state = 'lost' AND a.problem IS NOT NULL) "
            "FROM achievement_awards AS a LEFT JOIN identity AS i ON i.raw_id = a.customer "
            "WHERE a.achievement_id = :id",
            {"id": key},
        )
    ).one()
    return Holders._make(row)
