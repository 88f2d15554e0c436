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
    COMMENT ON COLUMN achievement_awards.source IS 'the fact that reached it; version counts up with the state';
    COMMENT ON COLUMN achievement_awards.problem IS 'why the reward could not be given; it is tried again at retry_at';

    CREATE TABLE achievement_queue (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer uuid NOT NULL
    );
    COMMENT ON TABLE achievement_queue IS 'whose facts changed; a key may stand here twice, so that nobody waits';
"""


def upgrade() -> None:
    """Everything hangs on raw person keys, so a merge and an unmerge move no row."""
    op.execute(_ACHIEVEMENTS)
