"""Earning rules and what each source has earned."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
