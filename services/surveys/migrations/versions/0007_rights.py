"""Who asked to be left alone, and what was forgotten."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
