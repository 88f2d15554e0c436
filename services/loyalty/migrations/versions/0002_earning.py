"""What rules ask of people; earning rules in versions; what each fact has earned under each rule."""

from alembic import op

revision = "0002"
down_revision = "0001"

AUDIENCE = """
CREATE TABLE orders (
    order_id text PRIMARY KEY,
    customer uuid,
    placed_at timestamptz,
    placed_id uuid,
    placed_by_change boolean,
    total_at timestamptz,
    total_id uuid,
    total_minor bigint,
    currency text,
    refunds jsonb,
    is_cancelled boolean NOT NULL,
    content_at timestamptz,
    content jsonb,
    net_minor bigint,
    told_at timestamptz NOT NULL
);
CREATE INDEX orders_of_customer ON orders (customer, placed_at) WHERE customer IS NOT NULL;
CREATE INDEX orders_placed ON orders (placed_at, order_id) WHERE customer IS NOT NULL;

CREATE TABLE segment_moves (
    customer uuid NOT NULL,
    segment_id uuid NOT NULL,
    at timestamptz NOT NULL,
    event_id uuid NOT NULL,
    is_entered boolean NOT NULL,
    PRIMARY KEY (customer, segment_id, at, event_id)
);
CREATE INDEX segment_moves_of_segment ON segment_moves (segment_id, at);

CREATE TABLE first_seen (
    customer uuid PRIMARY KEY,
    at timestamptz NOT NULL
);

CREATE TABLE happenings (
    kind text NOT NULL,
    id text NOT NULL,
    customer uuid NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL,
    source text NOT NULL,
    order_id text,
    told_at timestamptz,
    amounts jsonb,
    PRIMARY KEY (kind, id)
);
CREATE INDEX happenings_of_customer ON happenings (customer, at);
CREATE INDEX happenings_at ON happenings (at);
CREATE INDEX happenings_of_order ON happenings (order_id) WHERE order_id IS NOT NULL;
"""

EARNING = """
CREATE TABLE earning_rules (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

CREATE TABLE earning_rule_versions (
    rule_id uuid NOT NULL REFERENCES earning_rules ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    state text NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'ended')),
    definition jsonb NOT NULL,
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    PRIMARY KEY (rule_id, version)
);

-- What a fact has earned under a rule: one row, however often the fact comes and however it changes.
CREATE TABLE awards (
    customer uuid NOT NULL,
    source text NOT NULL,
    rule_id uuid NOT NULL,
    rule_version integer NOT NULL,
    wallet text NOT NULL,
    occurred_at timestamptz NOT NULL,
    points bigint NOT NULL CHECK (points >= 0),
    uncapped bigint NOT NULL CHECK (uncapped >= points),
    active_at timestamptz,
    expires_at timestamptz,
    PRIMARY KEY (customer, source, rule_id)
);
CREATE INDEX awards_of_rule ON awards (rule_id, occurred_at);
CREATE INDEX awards_of_source ON awards (source);

-- Persons of whom a rule, a tier track or a merge asks that all they earned is looked at again.
CREATE TABLE earning_queue (
    customer uuid PRIMARY KEY,
    queued_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in (AUDIENCE + EARNING).split(";\n"):
        if statement.strip():
            op.execute(statement)
