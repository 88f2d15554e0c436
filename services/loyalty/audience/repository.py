"""All SQL of the audience. Every statement takes a whole batch, and locks rows in ascending order of their keys."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.loyalty.audience.domain import (
    KnownOrder,
    KnownTouchpoint,
    Move,
    dump_content,
    known,
    load_content,
    net_minor,
)
from shared.db.bulk import insert_rows
from shared.db.engine import ReadTx, WriteTx
from shared.db.orders import OrderTable, order_after
from shared.events.envelope import Event
from shared.events.orders import ORDER_COLUMNS, Content, Order, OrderFact, order_of_row, order_row, with_content


class Folded(NamedTuple):
    """An order as stored: its money, what it holds, and when we learnt of it first."""

    order: Order
    content: Content | None
    told_at: datetime


def _of_row(row: Any) -> Folded:
    *_, content_at, content, _, told_at = row
    return Folded(order_of_row(row), None if content is None else load_content(content, content_at), told_at)


def _to_row(order_id: str, folded: Folded) -> tuple[Any, ...]:
    order, content, told_at = folded
    return (*order_row(order_id, order), content and content.at, dump_content(content), net_minor(order), told_at)


def _after(before: Folded | None, event: Event[OrderFact]) -> Folded:
    order, content, told_at = before or (None, None, event.recorded)
    return Folded(order_after(order, event), with_content(content, event), min(told_at, event.recorded))


ORDERS = OrderTable(
    "orders",
    {**ORDER_COLUMNS, "content_at": "timestamptz", "content": "jsonb", "net_minor": "bigint", "told_at": "timestamptz"},
    _of_row,
    _to_row,
    _after,
)
_ORDER = ORDERS.select + " "


_KNOWN = """
    SELECT order_id, customer, placed_at, total_minor, net_minor, currency, is_cancelled, told_at, content_at,
        CASE WHEN CAST(:since AS timestamptz) IS NULL OR placed_at >= :since THEN content END AS content
    FROM orders WHERE customer = ANY(:customers)
"""


async def orders_of(
    tx: ReadTx,
    customers: Collection[UUID],
    besides: Mapping[str, KnownOrder | None] = MappingProxyType({}),
    *,
    since: datetime | None = None,
) -> list[KnownOrder]:
    """All orders that these person keys placed, cancelled ones among them; `besides` are known to the caller.

    What an order holds that was placed before `since` is not read, which takes longer than all the rest.
    """
    rows = (await tx.execute(_KNOWN, {"customers": list(customers), "since": since})).all()
    found = [_known(tuple(row)) for row in rows if row[0] not in besides]
    return [*found, *(order for order in besides.values() if order is not None and order.customer in customers)]


def _known(row: tuple[Any, ...]) -> KnownOrder:
    """As `known` says it of the order; what was paid and did not go back is stored beside it."""
    order_id, customer, placed_at, total_minor, net_minor, currency, is_cancelled, told_at, content_at, content = row
    money = order_id, customer, placed_at, total_minor, net_minor or 0, currency, is_cancelled
    if content is None or content_at is None:
        return KnownOrder(*money, told_at=told_at)
    held = load_content(content, content_at)
    return KnownOrder(
        *money, held.source, held.coupon, held.lines, held.shipping_minor or 0, held.tax_minor or 0, told_at
    )


async def moves_of(tx: ReadTx, customers: Collection[UUID], segments: Collection[UUID]) -> dict[UUID, list[Move]]:
    """The moves of person keys in and out of segments, in the order of their times."""
    rows = await tx.execute(
        "SELECT customer, segment_id, at, is_entered, event_id FROM segment_moves "
        "WHERE customer = ANY(:customers) AND segment_id = ANY(:segments) ORDER BY at, event_id",
        {"customers": list(customers), "segments": list(segments)},
    )
    found: defaultdict[UUID, list[Move]] = defaultdict(list)
    for row in rows:
        found[row.customer].append(Move(row.segment_id, row.at, row.is_entered, row.event_id))
    return found


_TOUCHPOINT = "SELECT kind, id, customer, name, at, source, order_id, told_at, amounts FROM happenings "


def _touchpoint(row: Any) -> KnownTouchpoint:
    found = KnownTouchpoint._make(row)
    return found._replace(amounts=found.amounts or {})


async def touchpoints_of(tx: ReadTx, customers: Collection[UUID]) -> list[KnownTouchpoint]:
    """The touchpoints and other facts of person keys that rules asked for when they came."""
    rows = await tx.execute(_TOUCHPOINT + "WHERE customer = ANY(:customers)", {"customers": list(customers)})
    return [_touchpoint(row) for row in rows]


async def touchpoints_on(tx: ReadTx, order_ids: Collection[str]) -> dict[str, list[KnownTouchpoint]]:
    """The touchpoints that name one of these orders."""
    rows = await tx.execute(_TOUCHPOINT + "WHERE order_id = ANY(CAST(:ids AS text[]))", {"ids": list(order_ids)})
    found: defaultdict[str, list[KnownTouchpoint]] = defaultdict(list)
    for row in rows:
        found[row.order_id].append(_touchpoint(row))
    return found


async def order_of(tx: ReadTx, order_id: str) -> KnownOrder | None:
    """An order, once it was placed."""
    row = (await tx.execute(_ORDER + "WHERE order_id = :id", {"id": order_id})).one_or_none()
    return None if row is None else known(order_id, *_of_row(row))


async def customers_since(
    tx: ReadTx, first: datetime, last: datetime, segments: Collection[UUID], *, after: UUID | None, limit: int
) -> list[UUID]:
    """The person keys with an order or another fact, or who entered one of these segments, in a time; ascending."""
    rows = await tx.execute(
        "SELECT DISTINCT customer FROM (SELECT customer FROM orders WHERE placed_at BETWEEN :first AND :last "
        "UNION ALL SELECT customer FROM happenings WHERE at BETWEEN :first AND :last "
        "UNION ALL SELECT customer FROM segment_moves WHERE segment_id = ANY(:segments) AND at BETWEEN :first AND :last"
        ") AS found WHERE customer > :after ORDER BY customer LIMIT :limit",
        {"first": first, "last": last, "segments": list(segments), "after": after or UUID(int=0), "limit": limit},
    )
    return [row.customer for row in rows]


async def add_seen(tx: WriteTx, seen: Mapping[UUID, datetime]) -> None:
    """Note when person keys were seen for the first time; the earliest holds."""
    await insert_rows(
        tx,
        "first_seen",
        {"customer": "uuid", "at": "timestamptz"},
        sorted(seen.items()),
        "ON CONFLICT (customer) DO UPDATE SET at = EXCLUDED.at WHERE EXCLUDED.at < first_seen.at",
    )


async def seen_at(tx: ReadTx, customers: Collection[UUID]) -> dict[UUID, datetime]:
    """When these person keys were seen for the first time, as far as is known."""
    rows = await tx.execute("SELECT customer, at FROM first_seen WHERE customer = ANY(:ids)", {"ids": list(customers)})
    return {row.customer: row.at for row in rows}


async def add_touchpoints(tx: WriteTx, facts: Sequence[KnownTouchpoint]) -> list[KnownTouchpoint]:
    """Store facts that rules ask for, once per kind and id; those that are new."""
    columns = {
        "kind": "text",
        "id": "text",
        "customer": "uuid",
        "name": "text",
        "at": "timestamptz",
        "source": "text",
        "order_id": "text",
        "told_at": "timestamptz",
        "amounts": "jsonb",
    }
    tail = "ON CONFLICT (kind, id) DO NOTHING RETURNING kind, id"
    given = {(each.kind, each.id): each for each in facts}
    rows = [
        (*each[:-1], orjson.dumps(dict(each.amounts)).decode() if each.amounts else None)
        for _, each in sorted(given.items())
    ]
    return [given[row.kind, row.id] for row in await insert_rows(tx, "happenings", columns, rows, tail)]


async def forget_touchpoints(tx: WriteTx, kind: str, ids: Collection[str]) -> list[UUID]:
    """Remove facts that turned out to be none; whose they were."""
    gone = await tx.execute(
        "DELETE FROM happenings WHERE kind = :kind AND id = ANY(:ids) RETURNING customer",
        {"kind": kind, "ids": list(ids)},
    )
    return [row.customer for row in gone]


_SPENT = """
    SELECT customer, currency, count(*) AS orders, min(placed_at) AS first, max(placed_at) AS last,
        sum(net_minor)::bigint AS net
    FROM orders WHERE customer = ANY(:keys) AND placed_at <= :at AND NOT is_cancelled GROUP BY customer, currency
"""


class Spent(NamedTuple):
    """Orders of one key in one currency: how many, the first and the last, what was paid and did not go back."""

    customer: UUID
    currency: str
    orders: int
    first: datetime
    last: datetime
    net_minor: int


async def spent_by(tx: ReadTx, keys: Sequence[UUID], at: datetime) -> list[Spent]:
    """What each of these keys has ordered until an instant, per currency."""
    return [Spent._make(row) for row in await tx.execute(_SPENT, {"keys": list(keys), "at": at})]
