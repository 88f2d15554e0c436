"""Touchpoints and the quarantine."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """A row per touchpoint under its raw person key, and a row per refused event."""
    op.execute(
        """
        CREATE TABLE touchpoints (
            id uuid PRIMARY KEY,
            customer_id uuid NOT NULL,
            source text NOT NULL,
            message_id text NOT NULL,
            call text NOT NULL,
            name text NOT NULL,
            time timestamptz NOT NULL,
            received_at timestamptz NOT NULL,
            properties jsonb NOT NULL,
            context jsonb NOT NULL
        );
        CREATE INDEX touchpoints_journey ON touchpoints (customer_id, time DESC, id DESC);
        CREATE INDEX touchpoints_received_at ON touchpoints USING brin (received_at);
        CREATE TABLE quarantine (
            id uuid PRIMARY KEY,
            source text NOT NULL,
            message_id text,
            code text NOT NULL,
            message text NOT NULL,
            raw text NOT NULL,
            received_at timestamptz NOT NULL
        );
        CREATE INDEX quarantine_newest ON quarantine (received_at DESC, id DESC);
        CREATE INDEX quarantine_code ON quarantine (code, received_at DESC, id DESC);
        """
    )
