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
    _counters()
    _reservations()
    _redemptions()
    _rollbacks()
    _quotes()
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


def _counters() -> None:
    # One round trip, so that the rows that all want are held no longer than it takes to write them. The persons are
    # locked: nobody else makes or changes their uses. Rows that all share come last, and in ascending order.
    op.execute(
        """
        CREATE FUNCTION move_counters(
            use_campaigns uuid[], use_persons uuid[], u_redeemed bigint[], u_reserved bigint[], u_spent bigint[],
            u_held bigint[],
            campaign_ids uuid[], c_redeemed bigint[], c_reserved bigint[], c_spent bigint[], c_held bigint[],
            voucher_ids uuid[], v_redeemed bigint[], v_reserved bigint[], v_spent bigint[], v_held bigint[]
        ) RETURNS TABLE (what text, id uuid) LANGUAGE plpgsql AS $$
        #variable_conflict use_column
        DECLARE
            short uuid;
        BEGIN
            WITH asked AS (
                SELECT * FROM unnest(use_campaigns, use_persons, u_redeemed, u_reserved, u_spent, u_held)
                    AS t (campaign_id, person, redeemed, reserved, spent, held)
            ), changed AS (
                UPDATE voucher_uses AS u SET redeemed = u.redeemed + a.redeemed, reserved = u.reserved + a.reserved,
                    spent_minor = u.spent_minor + a.spent, reserved_minor = u.reserved_minor + a.held
                FROM asked AS a WHERE u.campaign_id = a.campaign_id AND u.person = a.person
                RETURNING u.campaign_id, u.person
            )
            INSERT INTO voucher_uses (campaign_id, person, redeemed, reserved, spent_minor, reserved_minor)
            SELECT a.* FROM asked AS a WHERE NOT EXISTS (
                SELECT FROM changed AS c WHERE c.campaign_id = a.campaign_id AND c.person = a.person);

            IF cardinality(campaign_ids) > 1 THEN
                PERFORM FROM campaigns AS c WHERE c.id = ANY(campaign_ids) ORDER BY c.id FOR NO KEY UPDATE;
            END IF;
            WITH asked AS (
                SELECT * FROM unnest(campaign_ids, c_redeemed, c_reserved, c_spent, c_held)
                    AS t (id, redeemed, reserved, spent, held)
            ), done AS (
                UPDATE campaigns AS c SET redeemed = c.redeemed + a.redeemed, reserved = c.reserved + a.reserved,
                    spent_minor = c.spent_minor + a.spent, reserved_minor = c.reserved_minor + a.held
                FROM asked AS a WHERE c.id = a.id
                    AND (a.redeemed + a.reserved <= 0 OR (c.state = 'active' AND (
                        c.max_uses IS NULL OR c.redeemed + c.reserved + a.redeemed + a.reserved <= c.max_uses)))
                    AND (a.spent + a.held <= 0 OR c.budget_minor IS NULL
                        OR c.spent_minor + c.reserved_minor + a.spent + a.held <= c.budget_minor)
                RETURNING c.id
            )
            SELECT a.id INTO short FROM asked AS a WHERE a.id NOT IN (SELECT d.id FROM done AS d) ORDER BY 1 LIMIT 1;
            IF FOUND THEN
                RETURN QUERY SELECT 'campaign', short;
                RETURN;
            END IF;

            IF cardinality(voucher_ids) > 1 THEN
                PERFORM FROM codes AS v WHERE v.id = ANY(voucher_ids) ORDER BY v.id FOR NO KEY UPDATE;
            END IF;
            WITH asked AS (
                SELECT * FROM unnest(voucher_ids, v_redeemed, v_reserved, v_spent, v_held)
                    AS t (id, redeemed, reserved, spent, held)
            ), done AS (
                UPDATE codes AS v SET redeemed = v.redeemed + a.redeemed, reserved = v.reserved + a.reserved,
                    spent_minor = v.spent_minor + CASE WHEN v.value_minor IS NULL THEN 0 ELSE a.spent END,
                    held_minor = v.held_minor + CASE WHEN v.value_minor IS NULL THEN 0 ELSE a.held END
                FROM asked AS a WHERE v.id = a.id
                    AND (a.redeemed + a.reserved <= 0 OR (v.state = 'active' AND (
                        v.max_uses IS NULL OR v.redeemed + v.reserved + a.redeemed + a.reserved <= v.max_uses)))
                    AND (a.spent + a.held <= 0 OR v.value_minor IS NULL
                        OR v.spent_minor + v.held_minor + a.spent + a.held <= v.value_minor)
                RETURNING v.id
            )
            SELECT a.id INTO short FROM asked AS a WHERE a.id NOT IN (SELECT d.id FROM done AS d) ORDER BY 1 LIMIT 1;
            IF FOUND THEN
                RETURN QUERY SELECT 'voucher', short;
            END IF;
        END $$
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
            pool           uuid CHECK (pool IS NULL OR wallet IS NOT NULL),
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
            pool           uuid CHECK (pool IS NULL OR wallet IS NOT NULL),
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


def _quotes() -> None:
    op.execute(
        """
        CREATE TABLE point_quotes (
            id                 uuid PRIMARY KEY,
            person             uuid        NOT NULL,
            owner              text        NOT NULL,
            wallet             text        NOT NULL,
            currency           text        NOT NULL,
            rate_points        bigint      NOT NULL CHECK (rate_points > 0),
            rate_minor         bigint      NOT NULL CHECK (rate_minor > 0),
            share_basis_points integer     NOT NULL CHECK (share_basis_points BETWEEN 1 AND 10000),
            minimum_points     bigint      NOT NULL CHECK (minimum_points >= 0),
            points             bigint      NOT NULL CHECK (points > 0),
            created_at         timestamptz NOT NULL,
            expires_at         timestamptz NOT NULL CHECK (expires_at > created_at)
        )
        """
    )
    op.execute("CREATE INDEX point_quotes_over ON point_quotes (expires_at)")
    op.execute("CREATE INDEX point_quotes_person ON point_quotes (person)")
