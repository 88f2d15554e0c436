"""The key of this installation."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """`secret` NULL: it is in the environment, and `fingerprint` tells whether it is still the same."""
    op.execute(
        """
        CREATE TABLE installation (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
            secret bytea,
            fingerprint bytea NOT NULL
        );
        """
    )
