"""The catalogue of rewards, and what was bought of it."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
