"""Links, intents of one-click scores, what scanners did, mail to send."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing yet."""
