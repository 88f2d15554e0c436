"""What retention, lifecycle and recency are read from."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
