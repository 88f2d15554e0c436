"""Tier tracks in versions, who holds which level, what was set by hand."""

from alembic import op

revision = "0003"
down_revision = "0002"

TIERS = """
CREATE TABLE tier_tracks (
    key text PRIMARY KEY,
    created_at timestamptz NOT NULL
);

CREATE TABLE tier_track_versions (
    track text NOT NULL REFERENCES tier_tracks ON DELETE CASCADE,
    version integer NOT NULL CHECK (version > 0),
    definition jsonb NOT NULL,
    effective_from timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    is_begun boolean NOT NULL DEFAULT false,
    PRIMARY KEY (track, version)
);

-- What a person (the root of their keys) holds; a root that is no person any more keeps its version, without a level.
CREATE TABLE tier_states (
    person uuid NOT NULL,
    track text NOT NULL REFERENCES tier_tracks ON DELETE CASCADE,
    level text,
    rank integer NOT NULL CHECK ((rank = 0) = (level IS NULL)),
    since timestamptz,
    valid_until timestamptz,
    review_at timestamptz,
    version integer NOT NULL CHECK (version > 0),
    PRIMARY KEY (person, track)
);
CREATE INDEX tier_states_due ON tier_states (review_at) WHERE review_at IS NOT NULL;
CREATE INDEX tier_states_of_level ON tier_states (track, level, person);

-- Who was told to be near the next tier (NULL: and is no more).
CREATE TABLE tier_near (
    person uuid NOT NULL,
    track text NOT NULL REFERENCES tier_tracks ON DELETE CASCADE,
    tier text,
    missing bigint NOT NULL,
    threshold bigint NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    PRIMARY KEY (person, track)
);

-- Of whom something else is stored than their facts say, as the round that looks at everybody found; and how far it is.
CREATE TABLE tier_differences (
    person uuid NOT NULL,
    track text NOT NULL,
    stored text,
    recomputed text,
    found_at timestamptz NOT NULL,
    PRIMARY KEY (person, track)
);
CREATE TABLE tier_round (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    place uuid
);

-- Levels set by hand, with reason; the latest until an instant holds, none lifts it.
CREATE TABLE tier_grants (
    id uuid PRIMARY KEY,
    customer uuid NOT NULL,
    track text NOT NULL REFERENCES tier_tracks ON DELETE CASCADE,
    level text,
    at timestamptz NOT NULL,
    until timestamptz,
    reason text NOT NULL,
    recorded_by text NOT NULL
);
CREATE INDEX tier_grants_of ON tier_grants (customer, track, at);
"""

# A key may stand here several times, so that nobody who posts waits for anybody.
_BALANCES = """
CREATE TABLE tier_balance_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer uuid NOT NULL
)
"""

# However points came or went: tiers that go by a balance are looked at again.
_MOVED = """
CREATE FUNCTION balances_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tier_track_versions WHERE definition -> 'measure' ->> 'by' = 'balance') THEN
        INSERT INTO tier_balance_queue (customer)
        SELECT DISTINCT w.person_id FROM posted AS t JOIN wallets AS w ON w.id = t.wallet_id
        WHERE t.available <> t.debt AND w.name IN (
            SELECT definition -> 'measure' ->> 'wallet' FROM tier_track_versions
            WHERE definition -> 'measure' ->> 'by' = 'balance'
        );
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER transactions_move_balances AFTER INSERT ON transactions REFERENCING NEW TABLE AS posted
    FOR EACH STATEMENT EXECUTE FUNCTION balances_moved()
"""


def upgrade() -> None:
    """Make the tables."""
    for statement in (*TIERS.split(";\n"), _BALANCES, _MOVED, _TRIGGER):
        if statement.strip():
            op.execute(statement)
