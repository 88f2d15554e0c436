"""Members, the programme, the ledger: transactions, postings, wallets, lots, holds."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
