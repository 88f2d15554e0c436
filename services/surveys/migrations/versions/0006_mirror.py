"""Waves in which staff answers as they think that customers would."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
