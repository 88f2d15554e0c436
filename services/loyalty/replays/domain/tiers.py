"""What facts tell of tiers: who holds which, who is near the next one, and what was set by hand."""

from typing import Any

from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty import TierChanged, TierNear
from shared.events.catalogue.loyalty_rows import TierGranted, TierKept
from shared.events.envelope import Event

# A track itself is configuration: its key is enough for what refers to it to stand.
_TRACKS = (
    "INSERT INTO tier_tracks (key, created_at) SELECT key, to_timestamp(0) "
    "FROM unnest(CAST(:keys AS text[])) AS told(key) ON CONFLICT DO NOTHING"
)
STATES = Table(
    "tier_states",
    {
        "person": "uuid",
        "track": "text",
        "level": "text",
        "rank": "integer",
        "since": "timestamptz",
        "valid_until": "timestamptz",
        "review_at": "timestamptz",
        "version": "integer",
    },
    found_by="person",
    keys=2,
    # When to look again follows from the facts: whoever is looked at anew is given another moment.
    unsaid=frozenset({"review_at"}),
    parent="track",
    before=_TRACKS,
)
NEAR = Table(
    "tier_near",
    {
        "person": "uuid",
        "track": "text",
        "tier": "text",
        "missing": "bigint",
        "threshold": "bigint",
        "version": "integer",
    },
    found_by="person",
    keys=2,
    parent="track",
    before=_TRACKS,
)
GRANTS = Table(
    "tier_grants",
    {
        "id": "uuid",
        "customer": "uuid",
        "track": "text",
        "level": "text",
        "at": "timestamptz",
        "until": "timestamptz",
        "reason": "text",
        "recorded_by": "text",
    },
    found_by="id",
    version=None,
    unsaid=frozenset({"reason"}),
    parent="track",
    before=_TRACKS,
)


def _state(event: Event[TierChanged] | Event[TierKept]) -> tuple[Any, ...]:
    told = event.data
    review_at = None if told.tier is None else event.recorded
    return (
        event.subject, told.track, told.tier, told.rank, told.since, told.valid_until, review_at, told.version,
    )  # fmt: skip


def _near(event: Event[TierNear]) -> tuple[Any, ...]:
    told = event.data
    return event.subject, told.track, told.tier, told.missing, told.threshold, told.version


def _grant(event: Event[TierGranted]) -> tuple[Any, ...]:
    told = event.data
    return told.grant_id, event.subject, told.track, told.tier, event.time, told.until, "", told.by


READINGS: Readings = {
    TierChanged: Reading(STATES, _state, lambda event: event.data.version),
    TierKept: Reading(STATES, _state, lambda event: event.data.version),
    TierNear: Reading(NEAR, _near, lambda event: event.data.version),
    TierGranted: Reading(GRANTS, _grant, lambda _: 0),
}
