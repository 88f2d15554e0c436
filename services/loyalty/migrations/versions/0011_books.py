"""What the last comparison with the log found; what a point is worth in the accounts, and the periods closed by it."""

from alembic import op

revision = "0011"
down_revision = "0012"

_REPLAYS = """
    CREATE TABLE replay_findings (
        name text PRIMARY KEY,
        live_rows bigint NOT NULL,
        rebuilt_rows bigint NOT NULL,
        differing bigint NOT NULL CHECK (differing >= 0),
        checked_at timestamptz NOT NULL
    );
    COMMENT ON COLUMN replay_findings.differing IS 'rows, at least, that only one of the two has';
"""

_REVENUE = """
    CREATE TABLE point_estimates (
        wallet text NOT NULL,
        currency text NOT NULL,
        month date NOT NULL CHECK (extract(day FROM month) = 1),
        minor_per_point numeric NOT NULL CHECK (minor_per_point > 0),
        redemption_rate numeric NOT NULL CHECK (redemption_rate BETWEEN 0 AND 1),
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        PRIMARY KEY (wallet, currency, month)
    );
    COMMENT ON TABLE point_estimates IS 'what a point is worth that is spent, and how many are: from a month on';

    CREATE TABLE revenue_closings (
        month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
        closed_at timestamptz NOT NULL,
        closed_by text NOT NULL
    );

    CREATE TABLE revenue_cohorts (
        month date NOT NULL REFERENCES revenue_closings,
        wallet text NOT NULL,
        currency text NOT NULL,
        cohort date NOT NULL,
        deferred_minor bigint NOT NULL CHECK (deferred_minor >= 0),
        recognised_minor bigint NOT NULL CHECK (recognised_minor BETWEEN 0 AND deferred_minor),
        PRIMARY KEY (month, wallet, currency, cohort)
    );
    COMMENT ON TABLE revenue_cohorts IS 'of points earned in a month (cohort), what was deferred and recognised by the '
        'end of another, since the beginning: never changed, so what turns out later falls into the next period';
"""


def upgrade() -> None:
    """Books are kept for ever: a period that was closed stays as it was."""
    op.execute(_REPLAYS)
    op.execute(_REVENUE)
