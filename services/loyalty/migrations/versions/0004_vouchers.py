"""Voucher campaigns, codes, who holds them, failed tries."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
