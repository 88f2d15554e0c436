"""Flash sales and claims."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
    op.execute("SELECT 1")
