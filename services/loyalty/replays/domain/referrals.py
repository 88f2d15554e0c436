"""What facts tell of referrals: codes, friends who came with one, and what their milestones came to."""

from typing import Any

from services.loyalty.replays.domain.rows import Reading, Readings, Table
from shared.events.catalogue.loyalty_rows import ReferralChanged, ReferralCodeMade, ReferralMoved
from shared.events.envelope import Event

# A programme itself is configuration: its id is enough for what refers to it to stand.
_PROGRAMS = """
    INSERT INTO referral_programs (id, name, terms, created_at, created_by, updated_at, updated_by)
    SELECT key, CAST(key AS text), '{}', to_timestamp(0), '', to_timestamp(0), ''
    FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
"""
CODES = Table(
    "referral_codes",
    {"code": "text", "program_id": "uuid", "person_id": "uuid", "created_at": "timestamptz"},
    found_by="person_id",
    version=None,
    parent="program_id",
    before=_PROGRAMS,
)
REFERRALS = Table(
    "referrals",
    {
        "id": "uuid",
        "program_id": "uuid",
        "advocate_id": "uuid",
        "friend_id": "uuid",
        "code": "text",
        "state": "text",
        "reasons": "text[]",
        "hindrance": "text",
        "registered_at": "timestamptz",
        "decided_at": "timestamptz",
        "decided_by": "text",
        "delay_days": "integer",
        "version": "integer",
        # Those of its programme, which never change.
        "terms": "jsonb",
    },
    found_by="id",
    unsaid=frozenset({"terms"}),
    parent="program_id",
    before=_PROGRAMS,
)
MILESTONES = Table(
    "referral_milestones",
    {
        "referral_id": "uuid",
        "milestone": "text",
        "state": "text",
        "qualified_at": "timestamptz",
        "order_id": "text",
        "due_at": "timestamptz",
        "completed_at": "timestamptz",
        "problem": "text",
        "version": "integer",
    },
    found_by="referral_id",
    keys=2,
    parent="referral_id",
    before=f"""
        WITH programs AS ({_PROGRAMS})
        INSERT INTO referrals (id, program_id, terms, advocate_id, friend_id, code, state, reasons, registered_at,
            version)
        SELECT key, key, '{{}}', key, key, '', 'blocked', '{{}}', to_timestamp(0), 0
        FROM unnest(CAST(:keys AS uuid[])) AS told(key) ON CONFLICT DO NOTHING
    """,
)


def _code(event: Event[ReferralCodeMade]) -> tuple[Any, ...]:
    return event.data.code, event.data.program_id, event.subject, event.data.created_at


def _referral(event: Event[ReferralChanged]) -> tuple[Any, ...]:
    told = event.data
    # As text: arrays of arrays do not travel.
    reasons = f"{{{','.join(told.reasons)}}}"
    return (
        told.referral_id, told.program_id, told.advocate_id, event.subject, told.code, told.state, reasons,
        told.hindrance, told.registered_at, told.decided_at, told.decided_by, told.delay_days, told.version, "{}",
    )  # fmt: skip


def _milestone(event: Event[ReferralMoved]) -> tuple[Any, ...]:
    told = event.data
    return (
        told.referral_id, told.milestone, told.state, told.qualified_at, told.order_id, told.due_at, told.completed_at,
        told.problem, told.version,
    )  # fmt: skip


READINGS: Readings = {
    ReferralCodeMade: Reading(CODES, _code, lambda _: 0),
    ReferralChanged: Reading(REFERRALS, _referral, lambda event: event.data.version),
    ReferralMoved: Reading(MILESTONES, _milestone, lambda event: event.data.version),
}
