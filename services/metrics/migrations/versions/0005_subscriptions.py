"""Subscriptions as facts, and the sums that contractual churn is read from."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables.

    Days are numbers of days since 1970-01-01; 2147483647 has not come to pass. Money is in whole minor units a month;
    where `currency` is empty, people are counted, whatever they pay in. `subscription_policies` and `fx_rates` are
    what the firm enters itself: no replay empties them. A rate holds from its day on. Figures are of the newest policy
    that all history is counted by; of a newer one the sums grow in tables of their own, of all persons up to `reached`.
    """
    op.execute(
        """
        CREATE TABLE subscriptions (
            subscription_id text COLLATE "C" PRIMARY KEY,
            customer uuid NOT NULL,
            facts jsonb NOT NULL
        ) WITH (fillfactor = 80);
        CREATE INDEX subscriptions_customer ON subscriptions (customer);
        CREATE TABLE subscription_moves (
            day int NOT NULL,
            kind text COLLATE "C" NOT NULL,
            cause text COLLATE "C" NOT NULL,
            currency text COLLATE "C" NOT NULL,
            people bigint NOT NULL,
            minor numeric NOT NULL,
            PRIMARY KEY (day, kind, cause, currency)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE subscription_spells (
            started int NOT NULL,
            ended int NOT NULL,
            back int NOT NULL,
            cause text COLLATE "C" NOT NULL,
            people bigint NOT NULL,
            PRIMARY KEY (ended, started, back, cause)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE subscription_cohorts (
            month int NOT NULL,
            day int NOT NULL,
            currency text COLLATE "C" NOT NULL,
            people bigint NOT NULL,
            minor numeric NOT NULL,
            PRIMARY KEY (month, day, currency)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE subscription_terms (
            period text COLLATE "C" NOT NULL,
            currency text COLLATE "C" NOT NULL,
            started int NOT NULL,
            lost_at int NOT NULL,
            people bigint NOT NULL,
            minor numeric NOT NULL,
            PRIMARY KEY (currency, period, started, lost_at)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE subscription_policies (
            version int PRIMARY KEY,
            recognition text NOT NULL CHECK (recognition IN ('at_request', 'at_period_end', 'after_grace')),
            grace_days int NOT NULL CHECK (grace_days >= 0),
            dunning_days int CHECK (dunning_days >= 0),
            pause_is_churn boolean NOT NULL,
            free_is_churn boolean NOT NULL,
            set_at timestamptz,
            is_counted boolean NOT NULL
        );
        INSERT INTO subscription_policies VALUES (1, 'at_period_end', 0, 30, true, true, NULL, true);
        CREATE TABLE subscription_recounts (
            version int PRIMARY KEY REFERENCES subscription_policies,
            reached uuid,
            persons bigint NOT NULL
        );
        CREATE TABLE subscription_moves_next (LIKE subscription_moves INCLUDING ALL);
        CREATE TABLE subscription_spells_next (LIKE subscription_spells INCLUDING ALL);
        CREATE TABLE subscription_cohorts_next (LIKE subscription_cohorts INCLUDING ALL);
        CREATE TABLE subscription_terms_next (LIKE subscription_terms INCLUDING ALL);
        CREATE TABLE fx_rates (
            currency text COLLATE "C" NOT NULL,
            into_currency text COLLATE "C" NOT NULL,
            day int NOT NULL,
            rate numeric NOT NULL CHECK (rate > 0),
            PRIMARY KEY (into_currency, currency, day)
        );
        """
    )
