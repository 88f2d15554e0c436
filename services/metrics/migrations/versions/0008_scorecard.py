"""Targets and owners of the score card, and what it alone counts: members' points, and complaints."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the tables.

    `engagement_sums` has everything that is counted by segment in one form: `what` of a segment ('' is everybody) on a
    day, or in the month that begins on it. What stands at a moment, such as open complaints, is a sum of changes.
    `wallet_versions` knows which changes of a wallet were counted, so that one which comes again is not: in
    pairs, from the first until before the second.
    """
    op.execute(
        """
        CREATE TABLE wallet_versions (
            customer uuid NOT NULL,
            wallet text COLLATE "C" NOT NULL,
            seen bigint[] NOT NULL,
            PRIMARY KEY (customer, wallet)
        ) WITH (fillfactor = 70);
        CREATE TABLE wallet_days (
            customer uuid NOT NULL,
            wallet text COLLATE "C" NOT NULL,
            day int NOT NULL,
            earned bigint NOT NULL,
            spent bigint NOT NULL,
            expired bigint NOT NULL,
            reversed bigint NOT NULL,
            PRIMARY KEY (customer, wallet, day)
        ) WITH (fillfactor = 85);
        CREATE TABLE complaints (
            case_id uuid PRIMARY KEY,
            customer uuid NOT NULL,
            opened_at timestamptz,
            due_at timestamptz,
            steps jsonb NOT NULL
        ) WITH (fillfactor = 80);
        CREATE INDEX complaints_customer ON complaints (customer);
        CREATE TABLE engagement_sums (
            what text COLLATE "C" NOT NULL,
            segment text COLLATE "C" NOT NULL,
            is_month boolean NOT NULL,
            day int NOT NULL,
            number bigint NOT NULL,
            PRIMARY KEY (what, is_month, day, segment)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE card_targets (
            id uuid PRIMARY KEY,
            figure text COLLATE "C" NOT NULL,
            segment text COLLATE "C" NOT NULL,
            version int NOT NULL,
            value numeric,
            currency text COLLATE "C",
            owner text,
            due date,
            note text,
            entered_at timestamptz NOT NULL,
            entered_by text NOT NULL,
            UNIQUE (figure, segment, version)
        );
        COMMENT ON TABLE card_targets IS 'every target that ever was; the highest version holds, without a value none';
        CREATE TABLE card_kept (
            figure text COLLATE "C" NOT NULL,
            segment text COLLATE "C" NOT NULL,
            day int NOT NULL,
            computed_at timestamptz NOT NULL,
            document jsonb NOT NULL,
            PRIMARY KEY (figure, segment, day)
        );
        COMMENT ON TABLE card_kept IS 'figures that cost too much to be read: computed by the clock, one of each day';
        """
    )
