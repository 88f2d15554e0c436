"""Budgets of campaigns: what each gives at most per period, customer, store or identifier."""

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Nothing yet."""
