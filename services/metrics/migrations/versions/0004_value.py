"""Fits of the models of buying and of spending, and what was told of customers by them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables. What is in them depends on when it was made, so they are no part of the projection."""
    op.execute(
        """
        CREATE TABLE fits (
            id uuid PRIMARY KEY,
            currency text COLLATE "C" NOT NULL,
            day int NOT NULL,
            fitted_at timestamptz NOT NULL,
            document jsonb NOT NULL
        );
        CREATE INDEX fits_newest ON fits (currency, day DESC, fitted_at DESC, id DESC);
        CREATE TABLE segment_values (
            segment_id uuid PRIMARY KEY,
            told jsonb,
            look_at timestamptz NOT NULL
        );
        COMMENT ON TABLE segment_values IS 'what was told of segments last (null: nothing), and when to look again';
        CREATE TABLE outlooks (
            person uuid PRIMARY KEY,
            risk text,
            value text,
            version bigint NOT NULL,
            check_day int NOT NULL
        ) WITH (fillfactor = 80);
        COMMENT ON TABLE outlooks IS 'the bands last told of a person (null: none any more), and when to look again';
        CREATE INDEX outlooks_due ON outlooks (check_day, person);
        CREATE TABLE outlook_queue (person uuid PRIMARY KEY);
        CREATE TABLE outlook_refused (person uuid PRIMARY KEY);
        COMMENT ON TABLE outlook_refused IS 'person keys of whom nothing may be foretold: erased, or restricted';
        COMMENT ON TABLE outlook_queue IS 'person keys that changed, or whose person did, since they were looked at';
        """
    )
