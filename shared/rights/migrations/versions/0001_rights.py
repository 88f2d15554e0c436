"""Who was erased and must not come back, and what is still to be cleaned of them."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Marks are keyed hashes: they tell nobody whose they are. A task holds names until it is done, then it is gone."""
    op.execute(
        """
        CREATE TABLE suppressed (
            mark bytea PRIMARY KEY CHECK (octet_length(mark) = 32),
            case_id uuid NOT NULL,
            since timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX suppressed_case ON suppressed (case_id);
        -- Each statement of a volatile function has a snapshot of its own: what is read is true after the wait.
        CREATE FUNCTION suppressed_among(wanted bytea[]) RETURNS SETOF bytea LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(7263, hashtext(current_schema() || '.suppressed'));
            RETURN QUERY SELECT mark FROM suppressed WHERE mark = ANY(wanted);
        END $$;
        CREATE TABLE rights_tasks (
            case_id uuid NOT NULL,
            slice int NOT NULL,
            root uuid NOT NULL,
            keys uuid[] NOT NULL,
            texts text[] NOT NULL,
            ends jsonb,
            since timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (case_id, slice)
        );
        COMMENT ON COLUMN rights_tasks.ends IS 'on a log that cannot be rewritten: where each partition ended';
        """
    )
