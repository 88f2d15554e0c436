"""Reservations, redemptions, roll-backs."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
