"""A journal and sums, without any key that would hide a repeat, and orders that cannot be counted."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.execute(
        """
        CREATE TABLE journal (
            position bigint GENERATED ALWAYS AS IDENTITY,
            subject uuid NOT NULL,
            happened timestamptz NOT NULL,
            order_id text NOT NULL
        );
        CREATE TABLE totals (subject uuid PRIMARY KEY, facts bigint NOT NULL);
        CREATE TABLE banned (order_id text PRIMARY KEY);
        """
    )
