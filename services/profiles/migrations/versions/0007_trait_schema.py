"""Traits as the firm declares them, and the words on traits that do not fit."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """A trait's value is in the normal form of its type; `said` is what was said, where that was written otherwise."""
    op.execute(
        """
        ALTER TABLE traits ADD COLUMN said jsonb;
        COMMENT ON COLUMN traits.said IS 'the value as it was said; NULL: as in value';
        CREATE TABLE trait_schemas (
            name text PRIMARY KEY,
            version int NOT NULL,
            definition jsonb NOT NULL,
            is_deleted boolean NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL,
            is_judged boolean NOT NULL,
            judged_to uuid,
            judge_again_at timestamptz
        );
        COMMENT ON COLUMN trait_schemas.judged_to IS 'what is stored under keys up to this one was judged again';
        COMMENT ON COLUMN trait_schemas.judge_again_at IS 'when nobody can still judge by the version before';
        CREATE TABLE trait_schema_versions (
            name text NOT NULL,
            version int NOT NULL,
            definition jsonb,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            PRIMARY KEY (name, version)
        );
        COMMENT ON COLUMN trait_schema_versions.definition IS 'NULL: it was declared no more';
        CREATE TABLE refused_traits (
            customer_id uuid NOT NULL,
            name text NOT NULL,
            event_id uuid NOT NULL,
            was_held boolean NOT NULL,
            value jsonb NOT NULL,
            reason text NOT NULL,
            source text NOT NULL,
            event_time timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            PRIMARY KEY (customer_id, name, event_id, was_held)
        );
        COMMENT ON COLUMN refused_traits.was_held IS 'the value of the trait until the type changed: always kept';
        CREATE UNIQUE INDEX refused_traits_latest ON refused_traits (customer_id, name) WHERE NOT was_held;
        CREATE INDEX refused_traits_name ON refused_traits (name, customer_id);
        """
    )
