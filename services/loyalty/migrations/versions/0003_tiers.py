"""Tiers, and who is in which."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
