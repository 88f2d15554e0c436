"""The forest of merged person keys."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """A row for each person key that ever was merged into another; all others are their own root."""
    op.execute(
        """
        CREATE TABLE identity (
            raw_id uuid PRIMARY KEY,
            parent_id uuid,
            version bigint NOT NULL,
            root_id uuid NOT NULL
        );
        CREATE INDEX identity_parent ON identity (parent_id);
        CREATE INDEX identity_root ON identity (root_id);
        """
    )
