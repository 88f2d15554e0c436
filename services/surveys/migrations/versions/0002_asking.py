"""Whom to ask, when: candidates, decisions, the contact budget, invitations."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing yet."""
