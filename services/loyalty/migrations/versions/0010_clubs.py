"""Achievements, what was reached of them, and whose facts changed; household pools and what was spent from them."""

from alembic import op

revision = "0010"
down_revision = "0009"

_ACHIEVEMENTS = """
    CREATE TABLE achievements (
        id uuid PRIMARY KEY,
        name text NOT NULL UNIQUE,
        state text NOT NULL CHECK (state IN ('draft', 'active', 'archived')),
        definition jsonb NOT NULL,
        trigger_kind text NOT NULL,
        trigger_name text NOT NULL,
        starts_at timestamptz,
        ends_at timestamptz CHECK (ends_at >= starts_at),
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        CHECK (state = 'draft' OR starts_at IS NOT NULL)
    );

    CREATE TABLE achievement_awards (
        achievement_id uuid NOT NULL REFERENCES achievements,
        customer uuid NOT NULL,
        period text NOT NULL,
        number integer NOT NULL CHECK (number > 0),
        state text NOT NULL CHECK (state IN ('reached', 'lost')),
        reached_at timestamptz NOT NULL,
        source text NOT NULL,
        version integer NOT NULL CHECK (version > 0),
        problem text,
        retry_at timestamptz,
        PRIMARY KEY (achievement_id, customer, period, number),
        CHECK ((problem IS NULL) = (retry_at IS NULL))
    ) WITH (fillfactor = 80);
    CREATE INDEX achievement_awards_customer ON achievement_awards (customer, reached_at DESC);
    CREATE INDEX achievement_awards_retry ON achievement_awards (retry_at) WHERE retry_at IS NOT NULL;
    COMMENT ON COLUMN achievement_awards.source IS 'the fact that reached it; version counts what is told of it';
    COMMENT ON COLUMN achievement_awards.problem IS 'why the reward could not be given; it is tried again at retry_at';

    CREATE TABLE achievement_queue (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer uuid NOT NULL
    );
    COMMENT ON TABLE achievement_queue IS 'whose facts changed; a key may stand here twice, so that nobody waits';
"""

_POOLS = """
    CREATE TABLE pools (
        id uuid PRIMARY KEY,
        wallets text[] NOT NULL,
        max_members integer NOT NULL CHECK (max_members BETWEEN 2 AND 20),
        daily_limit bigint CHECK (daily_limit >= 0),
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        closed_at timestamptz
    );

    CREATE TABLE pool_members (
        id uuid PRIMARY KEY,
        pool_id uuid NOT NULL REFERENCES pools,
        person_id uuid NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'spender', 'saver')),
        joined_at timestamptz NOT NULL,
        left_at timestamptz,
        spend_limit bigint CHECK (spend_limit >= 0),
        spend_per text CHECK (spend_per IN ('day', 'week', 'month')),
        CHECK ((spend_limit IS NULL) = (spend_per IS NULL))
    );
    CREATE UNIQUE INDEX pool_members_one_pool ON pool_members (person_id) WHERE left_at IS NULL;
    CREATE UNIQUE INDEX pool_members_one_owner ON pool_members (pool_id) WHERE left_at IS NULL AND role = 'owner';
    CREATE INDEX pool_members_pool ON pool_members (pool_id);
    CREATE INDEX pool_members_person ON pool_members (person_id);

    CREATE TABLE pool_invitations (
        id uuid PRIMARY KEY,
        pool_id uuid NOT NULL REFERENCES pools,
        person_id uuid NOT NULL,
        role text NOT NULL CHECK (role IN ('spender', 'saver')),
        state text NOT NULL CHECK (state IN ('open', 'accepted', 'declined', 'revoked')),
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        decided_at timestamptz,
        CHECK ((state = 'open') = (decided_at IS NULL))
    );
    CREATE INDEX pool_invitations_person ON pool_invitations (person_id) WHERE state = 'open';
    CREATE UNIQUE INDEX pool_invitations_open ON pool_invitations (pool_id, person_id) WHERE state = 'open';

    CREATE TABLE pool_spends (
        id uuid PRIMARY KEY,
        pool_id uuid NOT NULL REFERENCES pools,
        person_id uuid NOT NULL,
        wallet text NOT NULL,
        points bigint NOT NULL CHECK (points > 0),
        returned bigint NOT NULL DEFAULT 0 CHECK (returned BETWEEN 0 AND points),
        is_hold boolean NOT NULL,
        day date NOT NULL,
        reference text,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        operation text UNIQUE
    );
    CREATE INDEX pool_spends_pool ON pool_spends (pool_id, id);
    CREATE INDEX pool_spends_person ON pool_spends (person_id, pool_id, day);
    COMMENT ON COLUMN pool_spends.is_hold IS 'the points were set apart by the hold of this id';
    COMMENT ON COLUMN pool_spends.operation IS 'of the ledger: its own, or that of what it paid for';
"""


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    op.execute(_ACHIEVEMENTS)
    op.execute(_POOLS)
