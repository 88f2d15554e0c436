"""What was counted by looking at everybody, kept so that few have to; and members by segment."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables. What is in `kept_scans` depends on when it was counted, so it is no part of the projection."""
    op.execute(
        """
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
