"""Who asked to be left alone, and what was forgotten."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Facts of whoever was erased stay in their rooms, under pseudonyms."""
    op.execute(
        """
        CREATE TABLE restrictions (
            person uuid PRIMARY KEY,
            since timestamptz NOT NULL
        );
        COMMENT ON TABLE restrictions IS 'keys of people whose data are kept and not used: they are asked nothing';
        """
    )
