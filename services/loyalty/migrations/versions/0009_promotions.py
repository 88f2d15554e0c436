"""How vouchers stand together, and the counters of budgets."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """A counter stands under the period and whoever it counts for; what each use counted in stands beside the use."""
    op.execute(
        """
        CREATE TABLE stacking_rules (
            version integer PRIMARY KEY CHECK (version >= 1),
            rules jsonb NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL
        );
        COMMENT ON TABLE stacking_rules IS 'of the firm; the latest version holds';
        CREATE TABLE budget_counters (
            campaign_id uuid NOT NULL,
            budget text COLLATE "C" NOT NULL,
            period text COLLATE "C" NOT NULL,
            who text COLLATE "C" NOT NULL,
            redeemed bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
            reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
            spent_minor bigint NOT NULL DEFAULT 0 CHECK (spent_minor >= 0),
            reserved_minor bigint NOT NULL DEFAULT 0 CHECK (reserved_minor >= 0),
            PRIMARY KEY (campaign_id, budget, period, who)
        ) WITH (fillfactor = 50);
        COMMENT ON COLUMN budget_counters.period IS 'its first local day, or nothing where a budget has no periods';
        COMMENT ON COLUMN budget_counters.who IS
            'c: a raw person key, s: a store, i: the digest of an identifier; nothing where a budget is for all';
        CREATE INDEX budget_counters_who ON budget_counters (who) WHERE who LIKE 'c:%';
        ALTER TABLE reservation_vouchers ADD COLUMN budgets jsonb NOT NULL DEFAULT '[]';
        ALTER TABLE redemption_vouchers ADD COLUMN budgets jsonb NOT NULL DEFAULT '[]';
        ALTER TABLE reservation_vouchers ADD COLUMN short_minor bigint NOT NULL DEFAULT 0 CHECK (short_minor >= 0);
        ALTER TABLE redemption_vouchers ADD COLUMN short_minor bigint NOT NULL DEFAULT 0 CHECK (short_minor >= 0);
        COMMENT ON COLUMN redemption_vouchers.short_minor IS 'how much more it would have been, with enough budget';
        COMMENT ON COLUMN redemption_vouchers.budgets IS 'the counters it counts in: [budget, period, who] each';
        """
    )
