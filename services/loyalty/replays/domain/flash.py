"""What facts tell of flash sales: units of items, claims on them, tickets, and what was drawn."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.loyalty.flash.domain.sale import item_id
from services.loyalty.points.domain.replaying import Missing
from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty import FlashClaimed, FlashEntered
from shared.events.catalogue.loyalty_rows import (
    FlashClaimChanged,
    FlashDrawHeld,
    FlashItemDrawn,
    FlashItemStocked,
    FlashLotChanged,
)
from shared.events.envelope import Event

# A sale itself is configuration: its id is enough for what refers to it to stand.
_SALES = """
    INSERT INTO flash_sales (id, name, zone, starts_local, ends_local, starts_at, ends_at, created_at, created_by,
        updated_at, updated_by)
    SELECT key, '', '', timestamp 'epoch', timestamp 'epoch', to_timestamp(0), to_timestamp(1), to_timestamp(0), '',
        to_timestamp(0), ''
    FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
"""
# Until it is told an item has one unit, for there is none with less.
_ITEMS = f"""
    WITH sales AS ({_SALES}), items AS (
        INSERT INTO flash_items (id, sale_id, item, units)
        SELECT key, key, CAST(key AS text), 1 FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
    )
    UPDATE flash_item_draws AS d SET promised = coalesce((
        SELECT sum(e.units) FROM flash_entries AS e WHERE e.item_id = d.item_id AND e.state = 'won'
    ), 0) WHERE d.item_id = ANY(CAST(:keys AS uuid[]))
"""
# A claim that stands at once is told by a job that counts them; one that had to be paid first, when it comes to an end.
# What was given back or has expired is told as held until the job has told otherwise.
_CLAIMS = """(
    SELECT c.id, c.item_id, c.sale_id, c.person_id, c.key, c.units, c.number,
        CASE WHEN u.id IS NULL THEN c.state ELSE 'held' END AS state, c.claimed_at, c.expires_at,
        CASE WHEN u.id IS NULL THEN c.settled_at END AS settled_at, c.order_id
    FROM flash_claims AS c LEFT JOIN flash_untold_claims AS u ON u.id = c.id
    LEFT JOIN flash_announced AS a ON a.item_id = c.item_id
    WHERE c.number <= a.upto OR (c.expires_at IS NOT NULL AND c.state <> 'held' AND u.id IS NULL)
)"""
_STOCK = f"""(
    SELECT i.id, i.sale_id, i.item, i.units, i.max_per_person,
        i.taken - coalesce(own.units, 0) + coalesce(told.units, 0) AS taken,
        i.last_number - coalesce(own.number, 0) + coalesce(told.number, 0) AS last_number
    FROM flash_items AS i
    LEFT JOIN (
        SELECT item_id, CAST(sum(units) FILTER (WHERE state IN ('held', 'confirmed')) AS bigint) AS units,
            max(number) AS number FROM flash_claims GROUP BY item_id
    ) AS own ON own.item_id = i.id
    LEFT JOIN (
        SELECT item_id, CAST(sum(units) FILTER (WHERE state IN ('held', 'confirmed')) AS bigint) AS units,
            max(number) AS number FROM {_CLAIMS} AS c GROUP BY item_id
    ) AS told ON told.item_id = i.id
)"""
_LOT = "units, state, place, entered_at, won_at, right_until, claim_id, version"
_ENTRIES = f"""(
    SELECT id, sale_id, item_id, person_id, {_LOT} FROM flash_entries AS e
    WHERE NOT EXISTS (SELECT FROM flash_untold_entries AS u WHERE u.id = e.id)
    UNION ALL
    SELECT e.id, e.sale_id, e.item_id, e.person_id, {", ".join(f"u.{name}" for name in _LOT.split(", "))}
    FROM flash_untold_entries AS u JOIN flash_entries AS e ON e.id = u.id
)"""
_DRAWN = f"""(
    SELECT d.item_id, d.sale_id, d.entries, d.digest,
        d.promised - coalesce(own.units, 0) + coalesce(told.units, 0) AS promised
    FROM flash_item_draws AS d
    LEFT JOIN (SELECT item_id, sum(units) AS units FROM flash_entries WHERE state = 'won' GROUP BY item_id)
        AS own ON own.item_id = d.item_id
    LEFT JOIN (SELECT item_id, sum(units) AS units FROM {_ENTRIES} AS e WHERE state = 'won' GROUP BY item_id)
        AS told ON told.item_id = d.item_id
)"""
# What follows from the rows, when all are there.
SETTLED = (
    """
    INSERT INTO flash_announced (item_id, upto) SELECT item_id, max(number) FROM flash_claims GROUP BY item_id
    ON CONFLICT (item_id) DO UPDATE SET upto = EXCLUDED.upto
    """,
    """
    UPDATE flash_items AS i SET taken = least(i.units, c.units), last_number = c.number
    FROM (
        SELECT item_id, coalesce(sum(units) FILTER (WHERE state IN ('held', 'confirmed')), 0) AS units,
            max(number) AS number FROM flash_claims GROUP BY item_id
    ) AS c WHERE c.item_id = i.id
    """,
    """
    UPDATE flash_item_draws AS d SET promised = coalesce((
        SELECT sum(e.units) FROM flash_entries AS e WHERE e.item_id = d.item_id AND e.state = 'won'
    ), 0)
    """,
)

ITEMS = Table(
    "flash_items",
    {"id": "uuid", "sale_id": "uuid", "item": "text", "units": "bigint", "max_per_person": "integer"},
    found_by="id",
    version="{row}.units",
    also=("taken", "last_number"),
    told_as=_STOCK,
    parent="sale_id",
    before=_SALES,
)
CLAIMS = Table(
    "flash_claims",
    {
        "id": "uuid",
        "item_id": "uuid",
        "sale_id": "uuid",
        "person_id": "uuid",
        "key": "text",
        "units": "integer",
        "number": "bigint",
        "state": "text",
        "claimed_at": "timestamptz",
        "expires_at": "timestamptz",
        "settled_at": "timestamptz",
        "order_id": "text",
    },
    found_by="id",
    version="CAST({row}.state <> 'held' AS integer)",
    # What the shop calls a claim is the shop's, and its id is made of it: whoever asks again finds the claim by that.
    unsaid=frozenset({"key"}),
    told_as=_CLAIMS,
    parent="item_id",
    before=_ITEMS,
)
ENTRIES = Table(
    "flash_entries",
    {
        "id": "uuid",
        "sale_id": "uuid",
        "item_id": "uuid",
        "person_id": "uuid",
        "units": "integer",
        "state": "text",
        "place": "bigint",
        "entered_at": "timestamptz",
        "won_at": "timestamptz",
        "right_until": "timestamptz",
        "claim_id": "uuid",
        "version": "integer",
    },
    found_by="id",
    told_as=_ENTRIES,
    parent="item_id",
    before=_ITEMS,
)
_UNKNOWN = bytes(32)
DRAWS = Table(
    "flash_draws",
    {
        "sale_id": "uuid",
        "seed": "bytea",
        "drawn_at": "timestamptz",
        # All the rest of a draw is configuration.
        "enters_local": "timestamp",
        "enters_until_local": "timestamp",
        "enters_at": "timestamptz",
        "enters_until": "timestamptz",
        "right_seconds": "integer",
        "seed_hash": "bytea",
        "kid": "text",
        "sealed_seed": "bytea",
    },
    found_by="sale_id",
    version=None,
    unsaid=frozenset(
        {
            *("enters_local", "enters_until_local", "enters_at", "enters_until", "right_seconds"),
            *("seed_hash", "kid", "sealed_seed"),
        }
    ),
    told_as="(SELECT * FROM flash_draws WHERE drawn_at IS NOT NULL)",
    parent="sale_id",
    before=_SALES,
)
DRAWN = Table(
    "flash_item_draws",
    {"item_id": "uuid", "sale_id": "uuid", "entries": "bigint", "digest": "bytea"},
    found_by="item_id",
    version=None,
    also=("promised",),
    told_as=_DRAWN,
    parent="item_id",
    before=_ITEMS,
)


def _item(event: Event[FlashItemStocked]) -> tuple[Any, ...]:
    told = event.data
    return event.subject, told.sale, told.item, told.units, told.max_per_person


def _claimed(event: Event[FlashClaimed]) -> tuple[Any, ...]:
    told = event.data
    if told.number is None:
        raise Missing("the fact does not tell the whole claim")
    sale, held = UUID(told.sale), told.held
    at: tuple[datetime, datetime | None, datetime | None, str | None] = (event.time, None, None, None)
    if held is not None:
        at = held["claimed_at"], held["expires_at"], event.time, held["order_id"]
    return (
        told.claim_id, item_id(sale, told.item), sale, event.subject, "", told.units, told.number, "confirmed", *at,
    )  # fmt: skip


def _claim(event: Event[FlashClaimChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.claim_id, item_id(told.sale, told.item), told.sale, event.subject, "", told.units, told.number, told.state,
        told.claimed_at, told.expires_at, told.settled_at, None,
    )  # fmt: skip


def _entered(event: Event[FlashEntered]) -> tuple[Any, ...]:
    told = event.data
    if told.version is None:
        raise Missing("the fact does not tell the whole ticket")
    sale = UUID(told.sale)
    return (
        told.entry_id, sale, item_id(sale, told.item), event.subject, told.units, "waiting", None, event.time, None,
        None, None, told.version,
    )  # fmt: skip


def _lot(event: Event[FlashLotChanged]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.entry_id, told.sale, told.item_id, event.subject, told.units, told.state, told.place, told.entered_at,
        told.won_at, told.right_until, told.claim_id, told.version,
    )  # fmt: skip


def _draw(event: Event[FlashDrawHeld]) -> tuple[Any, ...]:
    told = event.data
    local = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
    return (
        event.subject, bytes.fromhex(told.seed), told.drawn_at, local, local.replace(year=1971), event.time,
        event.time.replace(year=9999), 1, _UNKNOWN, "", _UNKNOWN,
    )  # fmt: skip


def _drawn(event: Event[FlashItemDrawn]) -> tuple[Any, ...]:
    told = event.data
    return event.subject, told.sale, told.entries, bytes.fromhex(told.digest)


READINGS: Readings = {
    FlashItemStocked: Reading(ITEMS, _item, lambda event: event.data.units),
    FlashClaimed: Reading(CLAIMS, _claimed, lambda _: 1),
    FlashClaimChanged: Reading(CLAIMS, _claim, lambda event: int(event.data.state != "held")),
    FlashEntered: Reading(ENTRIES, _entered, lambda event: event.data.version),
    FlashLotChanged: Reading(ENTRIES, _lot, lambda event: event.data.version),
    FlashDrawHeld: Reading(DRAWS, _draw, lambda _: 0),
    FlashItemDrawn: Reading(DRAWN, _drawn, lambda _: 0),
}
