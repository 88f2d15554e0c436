"""Fits of the models of buying and of spending."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table of fits. They depend on when they were made, so they are no part of the projection."""
    op.execute(
        """
        CREATE TABLE fits (
            id uuid PRIMARY KEY,
            currency text COLLATE "C" NOT NULL,
            fitted_at timestamptz NOT NULL,
            document jsonb NOT NULL
        );
        CREATE INDEX fits_newest ON fits (currency, fitted_at DESC, id DESC);
        """
    )
