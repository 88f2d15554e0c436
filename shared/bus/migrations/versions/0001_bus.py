"""The PostgreSQL log: topics, the ends of their partitions, consumer groups; records have a table per topic."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make what the log needs beside its records."""
    # heads, positions and members change many times a second: room on the page keeps the updates HOT.
    op.execute(
        """
        CREATE TABLE topics (
            name text PRIMARY KEY,
            partitions int NOT NULL CHECK (partitions > 0),
            retention_seconds float8,
            made_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE TABLE heads (
            topic text NOT NULL REFERENCES topics ON DELETE CASCADE,
            partition int NOT NULL,
            next_offset bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (topic, partition)
        ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        CREATE TABLE positions (
            grp text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            next_offset bigint NOT NULL,
            PRIMARY KEY (grp, topic, partition)
        ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        CREATE TABLE members (
            grp text NOT NULL,
            member uuid NOT NULL,
            topics text[] NOT NULL,
            heartbeat timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (grp, member)
        ) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
        CREATE TABLE assignments (
            grp text NOT NULL,
            topic text NOT NULL,
            partition int NOT NULL,
            member uuid NOT NULL,
            PRIMARY KEY (grp, topic, partition),
            FOREIGN KEY (grp, member) REFERENCES members ON DELETE CASCADE
        );
        """
    )
