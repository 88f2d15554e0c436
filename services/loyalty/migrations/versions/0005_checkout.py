"""Reservations, redemptions, roll-backs.

Everything stands under the raw person key it came from. `voucher_uses` counts per campaign and key; who writes it
holds the lock of the person. Counters are changed only in the transaction of the rows they count.
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables of checkout."""
    op.execute(
        """
        CREATE TABLE voucher_uses (
            campaign_id    uuid   NOT NULL,
            person         uuid   NOT NULL,
            redeemed       bigint NOT NULL DEFAULT 0 CHECK (redeemed >= 0),
            reserved       bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
            spent_minor    bigint NOT NULL DEFAULT 0 CHECK (spent_minor >= 0),
            reserved_minor bigint NOT NULL DEFAULT 0 CHECK (reserved_minor >= 0),
            PRIMARY KEY (campaign_id, person)
        ) WITH (fillfactor = 80)
        """
    )
    op.execute("CREATE INDEX voucher_uses_person ON voucher_uses (person)")
    _reservations()
    _redemptions()
    _rollbacks()
    op.execute(
        """
        CREATE TABLE checkout_orders (
            order_id         text PRIMARY KEY,
            customer         uuid,
            placed_at        timestamptz,
            placed_id        uuid,
            placed_by_change boolean,
            total_at         timestamptz,
            total_id         uuid,
            total_minor      bigint,
            currency         text,
            refunds          jsonb,
            is_cancelled     boolean NOT NULL
        )
        """
    )


def _reservations() -> None:
    op.execute(
        """
        CREATE TABLE reservations (
            id             uuid PRIMARY KEY,
            person         uuid        NOT NULL,
            owner          text        NOT NULL,
            order_id       text,
            state          text        NOT NULL DEFAULT 'held'
                                       CHECK (state IN ('held', 'committed', 'voided', 'expired')),
            currency       text        NOT NULL,
            basket         jsonb       NOT NULL,
            total_minor    bigint      NOT NULL CHECK (total_minor >= 0),
            discount_minor bigint      NOT NULL CHECK (discount_minor >= 0),
            wallet         text,
            points         bigint      NOT NULL CHECK (points >= 0),
            points_minor   bigint      NOT NULL CHECK (points_minor >= 0),
            extensions     smallint    NOT NULL DEFAULT 0 CHECK (extensions BETWEEN 0 AND 3),
            created_at     timestamptz NOT NULL,
            expires_at     timestamptz NOT NULL CHECK (expires_at > created_at),
            ended_at       timestamptz,
            CHECK ((state = 'held') = (ended_at IS NULL)),
            CHECK ((points > 0) = (wallet IS NOT NULL)),
            CHECK (discount_minor + points_minor <= total_minor)
        )
        """
    )
    op.execute("CREATE INDEX reservations_due ON reservations (expires_at) WHERE state = 'held'")
    op.execute("CREATE UNIQUE INDEX reservations_live ON reservations (order_id) WHERE state = 'held'")
    op.execute("CREATE INDEX reservations_person ON reservations (person, id)")
    op.execute("CREATE INDEX reservations_order ON reservations (order_id, id) WHERE order_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE reservation_vouchers (
            reservation_id uuid     NOT NULL REFERENCES reservations,
            position       smallint NOT NULL CHECK (position > 0),
            campaign_id    uuid     NOT NULL,
            voucher_id     uuid     NOT NULL,
            discount_minor bigint   NOT NULL CHECK (discount_minor >= 0),
            lines          jsonb    NOT NULL,
            PRIMARY KEY (reservation_id, position),
            UNIQUE (reservation_id, voucher_id)
        )
        """
    )


def _redemptions() -> None:
    op.execute(
        """
        CREATE TABLE redemptions (
            id             uuid PRIMARY KEY,
            person         uuid        NOT NULL,
            owner          text        NOT NULL,
            order_id       text,
            reservation_id uuid UNIQUE REFERENCES reservations,
            currency       text        NOT NULL,
            total_minor    bigint      NOT NULL CHECK (total_minor >= 0),
            discount_minor bigint      NOT NULL CHECK (discount_minor >= 0),
            wallet         text,
            points         bigint      NOT NULL CHECK (points >= 0),
            points_minor   bigint      NOT NULL CHECK (points_minor >= 0),
            points_back    bigint      NOT NULL DEFAULT 0 CHECK (points_back BETWEEN 0 AND points),
            points_back_minor bigint   NOT NULL DEFAULT 0 CHECK (points_back_minor BETWEEN 0 AND points_minor),
            created_at     timestamptz NOT NULL,
            CHECK ((points > 0) = (wallet IS NOT NULL)),
            CHECK (discount_minor + points_minor <= total_minor)
        ) WITH (fillfactor = 90)
        """
    )
    op.execute("CREATE INDEX redemptions_latest ON redemptions (created_at)")
    op.execute("CREATE INDEX redemptions_person ON redemptions (person, id)")
    op.execute("CREATE INDEX redemptions_order ON redemptions (order_id, id) WHERE order_id IS NOT NULL")
    op.execute(
        """
        CREATE TABLE redemption_vouchers (
            redemption_id     uuid     NOT NULL REFERENCES redemptions,
            position          smallint NOT NULL CHECK (position > 0),
            campaign_id       uuid     NOT NULL,
            voucher_id        uuid     NOT NULL,
            order_id          text,
            discount_minor    bigint   NOT NULL CHECK (discount_minor >= 0),
            rolled_back_minor bigint   NOT NULL DEFAULT 0 CHECK (rolled_back_minor BETWEEN 0 AND discount_minor),
            budget_back_minor bigint   NOT NULL DEFAULT 0 CHECK (budget_back_minor BETWEEN 0 AND rolled_back_minor),
            is_rolled_back    boolean  NOT NULL DEFAULT false,
            use_returned      boolean  NOT NULL DEFAULT false,
            lines             jsonb    NOT NULL,
            PRIMARY KEY (redemption_id, position),
            CHECK (rolled_back_minor < discount_minor OR discount_minor = 0 OR is_rolled_back),
            CHECK (is_rolled_back OR NOT use_returned)
        ) WITH (fillfactor = 90)
        """
    )
    # A voucher stands once for an order, however often the shop asks, with or without a key.
    op.execute(
        "CREATE UNIQUE INDEX redemption_vouchers_once ON redemption_vouchers (order_id, voucher_id) "
        "WHERE order_id IS NOT NULL AND NOT is_rolled_back"
    )
    op.execute("CREATE INDEX redemption_vouchers_campaign ON redemption_vouchers (campaign_id, redemption_id)")


def _rollbacks() -> None:
    op.execute(
        """
        CREATE TABLE rollbacks (
            id             uuid PRIMARY KEY,
            redemption_id  uuid        NOT NULL REFERENCES redemptions,
            refund_id      text,
            reason         text        NOT NULL,
            recorded_by    text        NOT NULL,
            discount_minor bigint      NOT NULL CHECK (discount_minor >= 0),
            points         bigint      NOT NULL CHECK (points >= 0),
            points_minor   bigint      NOT NULL CHECK (points_minor >= 0),
            is_whole       boolean     NOT NULL,
            parts          jsonb       NOT NULL,
            created_at     timestamptz NOT NULL,
            UNIQUE (redemption_id, refund_id)
        )
        """
    )
    # Whole is the end: nothing can be rolled back after it.
    op.execute("CREATE UNIQUE INDEX rollbacks_whole ON rollbacks (redemption_id) WHERE is_whole")
