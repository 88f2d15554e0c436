"""Sums that retention is read from; what was counted by looking at everybody, kept; and members by segment."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables. What is in `kept_scans` depends on when it was counted, so it is no part of the projection."""
    op.execute(
        """
        CREATE TABLE life_sums (
            kind text COLLATE "C" NOT NULL,
            part int NOT NULL,
            place int NOT NULL,
            customers bigint NOT NULL,
            PRIMARY KEY (kind, part, place)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE rfm_crowds (
            currency text COLLATE "C" NOT NULL,
            last_day int NOT NULL,
            orders int NOT NULL,
            customers bigint NOT NULL,
            net_minor numeric NOT NULL,
            PRIMARY KEY (currency, last_day, orders)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE rfm_worths (
            currency text COLLATE "C" NOT NULL,
            ceiling_minor bigint NOT NULL,
            customers bigint NOT NULL,
            PRIMARY KEY (currency, ceiling_minor)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE kept_scans (
            subject text COLLATE "C" NOT NULL,
            day int NOT NULL,
            counted_at timestamptz NOT NULL,
            took_seconds double precision NOT NULL,
            asked_at timestamptz NOT NULL,
            mark text NOT NULL,
            document jsonb NOT NULL,
            PRIMARY KEY (subject, day)
        );
        COMMENT ON COLUMN kept_scans.mark IS 'how far the log had been read: the same, and the figures are still live';
        CREATE INDEX segment_members_segment ON segment_members (segment_id, customer);
        """
    )
