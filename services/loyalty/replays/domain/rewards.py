"""What facts tell of rewards and achievements: stock, what was bought, and what was reached."""

from datetime import datetime
from typing import Any

from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty import AchievementLost, AchievementMoved, AchievementReached
from shared.events.catalogue.loyalty_rows import RewardCancelled, RewardFulfilled, RewardOrdered, RewardStocked
from shared.events.envelope import Event

Achievement = AchievementReached | AchievementMoved | AchievementLost
Purchase = RewardOrdered | RewardFulfilled | RewardCancelled
_STATES: dict[type[Purchase], str] = {
    RewardOrdered: "ordered",
    RewardFulfilled: "fulfilled",
    RewardCancelled: "cancelled",
}
# Facts of a reward and of its purchases come in any order, so a reward may be over its stock only in between.
_TAKEN = """
    UPDATE rewards AS r SET taken = least(coalesce(r.stock, p.units), p.units)
    FROM (
        SELECT key, CAST(coalesce(sum(p.quantity), 0) AS bigint) AS units
        FROM unnest(CAST(:keys AS uuid[])) AS told(key)
        LEFT JOIN reward_purchases AS p ON p.reward_id = key AND p.state <> 'cancelled' GROUP BY key
    ) AS p WHERE r.id = p.key AND r.taken <> least(coalesce(r.stock, p.units), p.units)
"""
_ROOM = "UPDATE rewards SET taken = 0 WHERE id = ANY(CAST(:keys AS uuid[])) AND taken > 0"
REWARDS = Table(
    "rewards",
    {
        "id": "uuid",
        "stock": "bigint",
        "version": "integer",
        # All the rest of a reward is configuration.
        "name": "text",
        "kind": "text",
        "state": "text",
        "terms": "jsonb",
        "created_at": "timestamptz",
        "created_by": "text",
        "updated_at": "timestamptz",
        "updated_by": "text",
    },
    found_by="id",
    unsaid=frozenset(
        {"name", "kind", "state", "terms", "created_at", "created_by", "updated_at", "updated_by"},
    ),
    also=("taken",),
    parent="id",
    before=_ROOM,
    after=_TAKEN,
)
PURCHASES = Table(
    "reward_purchases",
    {
        "id": "uuid",
        "reward_id": "uuid",
        "person_id": "uuid",
        "quantity": "integer",
        "wallet": "text",
        "points": "bigint",
        "state": "text",
        "vouchers": "uuid[]",
        "reference": "text",
        "ordered_at": "timestamptz",
        "ordered_by": "text",
        "settled_at": "timestamptz",
        "settled_by": "text",
        "pool": "uuid",
    },
    found_by="id",
    version="CAST({row}.state <> 'ordered' AS integer)",
    parent="reward_id",
    before="""
        INSERT INTO rewards (id, version, name, kind, state, terms, created_at, created_by, updated_at, updated_by)
        SELECT key, 0, '', 'material', 'archived', '{}', to_timestamp(0), '', to_timestamp(0), ''
        FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
    """,
    after=_TAKEN,
)
AWARDS = Table(
    "achievement_awards",
    {
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
    },
    found_by="customer",
    keys=4,
    # When what could not be given is tried again is told to nobody: at once.
    unsaid=frozenset({"retry_at"}),
    parent="achievement_id",
    before="""
        INSERT INTO achievements (id, name, state, definition, trigger_kind, trigger_name, created_at, created_by,
            changed_at, changed_by)
        SELECT key, CAST(key AS text), 'draft', '{}', '', '', to_timestamp(0), '', to_timestamp(0), ''
        FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
    """,
)


def _reward(event: Event[RewardStocked]) -> tuple[Any, ...]:
    at: datetime = event.time
    return event.subject, event.data.stock, event.data.version, "", "material", "archived", "{}", at, "", at, ""


def _purchase(event: Event[Purchase]) -> tuple[Any, ...]:
    told = event.data
    # As text: arrays of arrays do not travel.
    vouchers = f"{{{','.join(map(str, told.vouchers))}}}"
    return (
        told.purchase_id, told.reward_id, event.subject, told.quantity, told.wallet, told.points, _STATES[type(told)],
        vouchers, told.reference, told.ordered_at, told.ordered_by, told.settled_at, told.settled_by, told.pool,
    )  # fmt: skip


def _award(event: Event[Achievement]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.achievement_id, event.subject, told.period, told.number,
        "lost" if isinstance(told, AchievementLost) else "reached", told.reached_at or event.time,
        told.source or "", told.version, told.problem, None if told.problem is None else event.recorded,
    )  # fmt: skip


_AWARDED = Reading(AWARDS, _award, lambda event: event.data.version)
READINGS: Readings = {
    RewardStocked: Reading(REWARDS, _reward, lambda event: event.data.version),
    **dict.fromkeys(
        (RewardOrdered, RewardFulfilled, RewardCancelled),
        Reading(PURCHASES, _purchase, lambda event: int(not isinstance(event.data, RewardOrdered))),
    ),
    **dict.fromkeys((AchievementReached, AchievementMoved, AchievementLost), _AWARDED),
}
