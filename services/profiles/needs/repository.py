"""All SQL of preferences and interests, and the times of orders. Rows are written in ascending order of their keys."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from uuid import UUID

import orjson

from services.profiles.activity.domain import Tally
from services.profiles.needs.domain.interests import Cell, Evidence, Interest
from services.profiles.needs.domain.preferences import Word
from services.profiles.people.repository import Beside
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx

_WORD = "id, customer_id, name, value, event_time, recorded_at, source, recorded_by"
MAX_INTERESTS = 2_000
MAX_ORDERS = 100


async def add_word(tx: WriteTx, word: Word) -> None:
    """Keep a word; none is ever changed."""
    value = None if word.value is None else orjson.dumps(word.value).decode()
    await tx.execute(
        f"INSERT INTO preference_words ({_WORD}) VALUES "
        "(:id, :customer_id, :name, CAST(:value AS jsonb), :time, :recorded_at, :source, :recorded_by)",
        {**word._asdict(), "value": value},
    )


async def history(
    tx: ReadTx, keys: Collection[UUID], *, before: tuple[datetime, UUID] | None, limit: int
) -> list[Word]:
    """Words under these keys, the latest first, `before` a place in that order (index preference_words_history)."""
    at, key = before or (None, None)
    rows = await tx.execute(
        f"SELECT {_WORD} FROM preference_words WHERE customer_id = ANY(:keys) "
        f"{'' if before is None else 'AND (event_time, id) < (:at, :key)'} "
        "ORDER BY event_time DESC, id DESC LIMIT :limit",
        {"keys": list(keys), "limit": limit, **({} if before is None else {"at": at, "key": key})},
    )
    return [Word._make(row) for row in rows]


async def add_interests(tx: WriteTx, cells: Mapping[Cell, Tally]) -> None:
    """Add to what was counted; never twice for one touchpoint, the inbox sees to that."""
    await insert_rows(
        tx,
        "interest_days",
        {
            "customer_id": "uuid",
            "kind": "text",
            "interest": "text",
            "event": "text",
            "day": "date",
            "order_id": "text",
            "count": "bigint",
            "first_at": "timestamptz",
            "last_at": "timestamptz",
        },
        [(*cell, tally.count, tally.first_at, tally.last_at) for cell, tally in sorted(cells.items(), key=_by_cell)],
        "ON CONFLICT (customer_id, kind, interest, event, day, order_id) DO UPDATE SET "
        "count = interest_days.count + EXCLUDED.count, "
        "first_at = LEAST(interest_days.first_at, EXCLUDED.first_at), "
        "last_at = GREATEST(interest_days.last_at, EXCLUDED.last_at)",
    )


async def evidence(tx: ReadTx, keys: Collection[UUID], *, until: date) -> dict[Interest, list[Evidence]]:
    """What was counted under these keys up to a local day; of interests at most `MAX_INTERESTS`, those seen last.

    Touchpoints about an order that was cancelled, or refunded as a whole, tell of nothing.
    """
    rows = await tx.execute(
        """
        WITH daily AS (
            SELECT kind, interest, event, day, CAST(sum(count) AS bigint) AS count,
                   min(first_at) AS first_at, max(last_at) AS last_at
            FROM interest_days AS i WHERE customer_id = ANY(:keys) AND day <= :until AND NOT (
                i.order_id <> '' AND EXISTS (
                    SELECT FROM orders AS o WHERE o.order_id = i.order_id
                    AND (o.is_cancelled OR (o.total_minor > 0 AND o.refunded_minor >= o.total_minor))
                )
            )
            GROUP BY kind, interest, event, day
        ), latest AS (
            SELECT kind, interest FROM daily
            GROUP BY kind, interest ORDER BY max(last_at) DESC, kind, interest LIMIT :most
        )
        SELECT kind, interest, event, CAST(sum(count) AS bigint) AS count, min(first_at) AS first_at,
               max(last_at) AS last_at, array_agg(day ORDER BY day) AS days, array_agg(count ORDER BY day) AS counts
        FROM daily JOIN latest USING (kind, interest) GROUP BY kind, interest, event
        """,
        {"keys": list(keys), "until": until, "most": MAX_INTERESTS},
    )
    found: defaultdict[Interest, list[Evidence]] = defaultdict(list)
    for row in rows:
        days = tuple(zip(row.days, row.counts, strict=True))
        found[Interest(row.kind, row.interest)].append(
            Evidence(row.event, sum(count for _, count in days), row.first_at, row.last_at, days)
        )
    return found


async def order_times(tx: ReadTx, keys: Collection[UUID], *, until: datetime) -> list[datetime]:
    """When orders were placed that are not cancelled, the earliest first; of many the last `MAX_ORDERS`."""
    rows = await tx.execute(
        "SELECT placed_at FROM orders WHERE customer_id = ANY(:keys) AND NOT is_cancelled AND placed_at <= :until "
        "ORDER BY placed_at DESC LIMIT :most",
        {"keys": list(keys), "until": until, "most": MAX_ORDERS},
    )
    return sorted(row.placed_at for row in rows)


def _by_cell(item: tuple[Cell, Tally]) -> Cell:
    return item[0]


# The latest word of each of a person's keys on each preference, those taken back included.
LATEST = Beside(
    f"SELECT DISTINCT ON (customer_id, name) {_WORD} FROM preference_words WHERE customer_id = ANY({{keys}}) "
    "ORDER BY customer_id, name, event_time DESC, id DESC",
    Word._make,
)
