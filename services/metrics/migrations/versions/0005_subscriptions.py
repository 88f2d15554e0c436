"""Subscriptions as facts, and the sums that contractual churn is read from."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
