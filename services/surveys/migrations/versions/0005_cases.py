"""The closed loop: cases, owners, clocks, steps, notes."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
