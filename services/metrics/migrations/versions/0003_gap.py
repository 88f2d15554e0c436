"""Delivery gap and earned growth."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of mirror waves, of promises, and of why people became customers.

    Promises that fall due in a period are read from one index alone. Orders are found by when they were placed through
    a few pages of summaries, which cost who takes orders in next to nothing; those with money back by their last; the
    first of a customer from the index of customers alone.
    """
    op.execute(
        """
        CREATE TABLE mirror_waves (
            wave_id uuid PRIMARY KEY,
            survey_id uuid NOT NULL,
            version int NOT NULL,
            touchpoint text COLLATE "C",
            stage text COLLATE "C",
            period_from date NOT NULL,
            period_to date NOT NULL,
            opened_at timestamptz NOT NULL,
            closed_at timestamptz NOT NULL,
            results_visible_from timestamptz NOT NULL,
            bias text[] NOT NULL,
            questions jsonb NOT NULL,
            answered int NOT NULL,
            withheld int NOT NULL,
            shared int NOT NULL
        );
        CREATE TABLE mirror_answers (
            answer_id uuid PRIMARY KEY,
            wave_id uuid NOT NULL,
            role text COLLATE "C" NOT NULL,
            scores jsonb NOT NULL,
            predicted_nps smallint
        );
        CREATE INDEX mirror_answers_wave ON mirror_answers (wave_id);
        CREATE TABLE promises (
            kind text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            said_at timestamptz,
            said_id uuid,
            due_at timestamptz,
            done_at timestamptz,
            ended_at timestamptz,
            PRIMARY KEY (kind, key),
            CHECK ((said_at IS NULL) = (said_id IS NULL) AND (said_at IS NULL) = (due_at IS NULL))
        ) WITH (fillfactor = 85);
        CREATE INDEX promises_due ON promises (kind, due_at) INCLUDE (done_at, ended_at) WHERE due_at IS NOT NULL;
        CREATE TABLE joining_versions (
            survey_id uuid NOT NULL,
            version int NOT NULL,
            earned jsonb,
            PRIMARY KEY (survey_id, version)
        );
        CREATE TABLE joining_answers (
            response_id uuid PRIMARY KEY,
            revision int NOT NULL,
            customer uuid NOT NULL,
            survey_id uuid NOT NULL,
            version int NOT NULL,
            at timestamptz NOT NULL,
            chosen jsonb NOT NULL,
            reason text COLLATE "C"
        ) WITH (fillfactor = 90);
        CREATE INDEX joining_answers_customer ON joining_answers (customer);
        CREATE INDEX joining_answers_version ON joining_answers (survey_id, version);
        CREATE TABLE completed_referrals (
            referral_id uuid NOT NULL,
            customer uuid NOT NULL,
            PRIMARY KEY (customer, referral_id)
        );
        DROP INDEX orders_customer;
        CREATE INDEX orders_customer ON orders (customer, placed_at) INCLUDE (is_cancelled);
        CREATE INDEX orders_placed ON orders USING brin (placed_at) WITH (pages_per_range = 16, autosummarize = on);
        CREATE FUNCTION last_refund(refunds jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
            $$ SELECT max((each.value ->> 0) COLLATE "C") FROM jsonb_each(refunds) AS each $$;
        CREATE INDEX orders_refunded ON orders (last_refund(refunds)) WHERE refunds IS NOT NULL;
        """
    )
