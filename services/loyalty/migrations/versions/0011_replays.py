"""What the last comparison of the live tables with those rebuilt from the log found."""

from alembic import op

revision = "0011"
down_revision = "0012"


def upgrade() -> None:
    """A row for each table that was compared."""
    op.execute("""
        CREATE TABLE replay_findings (
            name text PRIMARY KEY,
            live_rows bigint NOT NULL,
            rebuilt_rows bigint NOT NULL,
            differing bigint NOT NULL CHECK (differing >= 0),
            checked_at timestamptz NOT NULL
        );
        COMMENT ON COLUMN replay_findings.differing IS 'rows, at least, that only one of the two has';
    """)
