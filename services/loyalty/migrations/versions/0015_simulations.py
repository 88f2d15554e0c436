"""Simulations: what was asked, whom they look at, what they came to; and the last nightly verification."""

from alembic import op

revision = "0015"
down_revision = "0011"

_SIMULATIONS = """
    CREATE TABLE simulations (
        id uuid PRIMARY KEY,
        title text NOT NULL,
        state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'cancelled', 'failed')),
        from_at timestamptz NOT NULL,
        until_at timestamptz NOT NULL,
        zone text NOT NULL,
        request jsonb NOT NULL,
        inputs text NOT NULL,
        inputs_digest text NOT NULL,
        asked_at timestamptz NOT NULL,
        asked_by text NOT NULL,
        started_at timestamptz,
        finished_at timestamptz,
        keep_until timestamptz,
        total bigint,
        done bigint NOT NULL CHECK (done >= 0),
        place uuid,
        digest text,
        reason text,
        CHECK (from_at < until_at),
        CHECK ((state IN ('done', 'cancelled', 'failed')) = (finished_at IS NOT NULL))
    );
    CREATE INDEX simulations_open ON simulations (id) WHERE state IN ('waiting', 'running');
    COMMENT ON COLUMN simulations.inputs IS 'both programmes whole, as JSON: what changes meanwhile changes nothing';
    COMMENT ON COLUMN simulations.place IS 'the last member that was looked at';
    COMMENT ON COLUMN simulations.digest IS 'of all that came out, before anybody was erased from it';

    CREATE TABLE simulation_people (
        simulation_id uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
        person uuid NOT NULL,
        keys uuid[] NOT NULL,
        PRIMARY KEY (simulation_id, person)
    );
    COMMENT ON TABLE simulation_people IS 'members as they were when it began; gone when it is over';

    CREATE TABLE simulation_tallies (
        simulation_id uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
        measure text NOT NULL,
        run text NOT NULL CHECK (run IN ('live', 'proposed')),
        month date NOT NULL,
        subject text NOT NULL,
        before text NOT NULL,
        after text NOT NULL,
        amount bigint NOT NULL,
        PRIMARY KEY (simulation_id, measure, run, month, subject, before, after)
    );

    CREATE TABLE simulation_differences (
        simulation_id uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
        wallet text NOT NULL,
        difference bigint NOT NULL,
        members bigint NOT NULL CHECK (members > 0),
        PRIMARY KEY (simulation_id, wallet, difference)
    );

    CREATE TABLE simulation_examples (
        simulation_id uuid NOT NULL REFERENCES simulations ON DELETE CASCADE,
        wallet text NOT NULL,
        person uuid NOT NULL,
        difference bigint NOT NULL CHECK (difference <> 0),
        PRIMARY KEY (simulation_id, wallet, person)
    );
    CREATE INDEX simulation_people_person ON simulation_people (person);
    CREATE INDEX simulation_examples_person ON simulation_examples (person);
"""

_VERIFICATIONS = """
    CREATE TABLE verifications (
        only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
        night date NOT NULL,
        phase text NOT NULL CHECK (phase IN ('reading', 'comparing', 'done', 'failed')),
        schema text NOT NULL,
        started_at timestamptz NOT NULL,
        beat_at timestamptz NOT NULL,
        finished_at timestamptz,
        reason text,
        CHECK ((phase IN ('done', 'failed')) = (finished_at IS NOT NULL))
    );
    COMMENT ON TABLE verifications IS 'the last time that the books were compared with what was told of them';
"""


def upgrade() -> None:
    """Sums, but for the members that are still to be looked at and a handful of examples."""
    op.execute(_SIMULATIONS)
    op.execute(_VERIFICATIONS)
