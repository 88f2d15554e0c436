"""Sums that retention is read from; what was counted by looking at everybody, kept; and members by segment."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables. What is in `kept_scans` and of past days depends on when it was counted: no projection."""
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
        CREATE TABLE past_days (
            subject text COLLATE "C" NOT NULL,
            day int NOT NULL,
            document bytea NOT NULL,
            PRIMARY KEY (subject, day)
        );
        COMMENT ON TABLE past_days IS 'how it was at the end of every past day, by the last walk: compressed JSON';
        ALTER TABLE past_days ALTER document SET STORAGE EXTERNAL;
        CREATE TABLE past_walk (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
            counted_at timestamptz NOT NULL,
            took_seconds double precision NOT NULL,
            mark text NOT NULL,
            zone text NOT NULL,
            first_day int NOT NULL,
            last_day int NOT NULL,
            asked_at timestamptz NOT NULL
        );
        CREATE INDEX segment_members_segment ON segment_members (segment_id, customer);
        """
    )
