"""Surveys, their versions, the question bank."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing yet."""
