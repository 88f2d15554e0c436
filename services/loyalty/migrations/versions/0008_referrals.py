"""Referral codes, referrals, reviews."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
