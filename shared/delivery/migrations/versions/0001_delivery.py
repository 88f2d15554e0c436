"""Outbox, inbox, offsets, leases, dead letters, idempotency keys."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what every service needs to send and to receive."""
    op.execute(
        """
        CREATE TABLE outbox (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            records int NOT NULL CHECK (records > 0),
            topics text[] NOT NULL,
            keys bytea[] NOT NULL,
            "values" bytea[] NOT NULL,
            headers json, -- of each record; jsonb takes no zero byte
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        ) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500);
        -- Deleted again at once: not worth compressing.
        ALTER TABLE outbox ALTER COLUMN topics SET STORAGE EXTERNAL, ALTER COLUMN keys SET STORAGE EXTERNAL,
            ALTER COLUMN "values" SET STORAGE EXTERNAL;
        CREATE VIEW outbox_records AS -- for people who look
            SELECT id, place, topic, key, value, headers -> (place - 1)::int AS headers, created_at
            FROM outbox, unnest(topics, keys, "values") WITH ORDINALITY AS record (topic, key, value, place);
        CREATE TABLE inbox (
            consumer text NOT NULL,
            event_id uuid NOT NULL,
            received_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, event_id)
        );
        CREATE INDEX inbox_received_at ON inbox USING brin (received_at);
        CREATE TABLE offsets (
            consumer text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            next_offset bigint NOT NULL,
            recorded_at timestamptz, -- when the newest event before it was learnt
            changed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, topic, partition)
        ) WITH (fillfactor = 50);
        CREATE TABLE leases (
            name text PRIMARY KEY,
            owner uuid NOT NULL,
            until timestamptz NOT NULL
        ) WITH (fillfactor = 50);
        CREATE TABLE dead_letters (
            id uuid PRIMARY KEY,
            consumer text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            "offset" bigint NOT NULL,
            key bytea NOT NULL,
            value bytea NOT NULL,
            headers json NOT NULL DEFAULT '[]', -- jsonb takes no zero byte
            error_class text NOT NULL,
            error text NOT NULL,
            traceback text NOT NULL,
            attempts int NOT NULL,
            failed_at timestamptz NOT NULL DEFAULT now(),
            status text NOT NULL DEFAULT 'dead' CHECK (status IN ('dead', 'retry', 'resolved', 'dropped')),
            UNIQUE (consumer, topic, partition, "offset")
        );
        CREATE INDEX dead_letters_open ON dead_letters (consumer, id) WHERE status IN ('dead', 'retry');
        CREATE TABLE idempotency_keys (
            key text PRIMARY KEY,
            fingerprint bytea NOT NULL,
            status int NOT NULL,
            body bytea NOT NULL,
            headers jsonb NOT NULL DEFAULT '[]',
            created_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);
        """
    )
