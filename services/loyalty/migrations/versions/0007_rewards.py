"""The catalogue of rewards, and what was bought of it."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """What is bought hangs on the raw person key that bought it; the price that was paid is kept with it."""
    op.execute(
        """
        CREATE TABLE rewards (
            id uuid PRIMARY KEY,
            name text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('material', 'digital', 'voucher', 'gift_credit', 'points', 'event')),
            state text NOT NULL CHECK (state IN ('active', 'paused', 'archived')),
            terms jsonb NOT NULL,
            starts_at timestamptz,
            ends_at timestamptz CHECK (ends_at > starts_at),
            stock bigint CHECK (stock >= 0),
            taken bigint NOT NULL DEFAULT 0 CHECK (taken >= 0),
            version integer NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL,
            CHECK (taken <= stock)
        ) WITH (fillfactor = 50);
        COMMENT ON COLUMN rewards.stock IS 'units there ever were; NULL: as many as are wanted';
        COMMENT ON COLUMN rewards.taken IS 'units bought and not cancelled';
        CREATE TABLE reward_purchases (
            id uuid PRIMARY KEY,
            reward_id uuid NOT NULL REFERENCES rewards,
            person_id uuid NOT NULL,
            quantity integer NOT NULL CHECK (quantity > 0),
            wallet text NOT NULL,
            points bigint NOT NULL CHECK (points >= 0),
            state text NOT NULL CHECK (state IN ('ordered', 'fulfilled', 'cancelled')),
            vouchers uuid[] NOT NULL,
            reference text,
            ordered_at timestamptz NOT NULL,
            ordered_by text NOT NULL,
            settled_at timestamptz,
            settled_by text,
            note text,
            pool uuid,
            CHECK ((state = 'ordered') = (settled_at IS NULL))
        ) WITH (fillfactor = 80);
        CREATE INDEX reward_purchases_person ON reward_purchases (person_id, reward_id);
        CREATE INDEX reward_purchases_reward ON reward_purchases (reward_id, id);
        CREATE INDEX reward_purchases_ordered ON reward_purchases (id) WHERE state = 'ordered';
        """
    )
