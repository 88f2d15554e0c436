"""Orders as facts, purchases per person key, and the sums that every total is read from."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of the ledger.

    Days are numbers of days since 1970-01-01. Sums are numeric: no amount of money overflows them. In `cells` and
    `day_money` only sums change, and no index has them, so that hot rows are updated in place. The cells that nothing
    follows yet (2147483647) lie together: they are all that figures as of today need, a row for each day.
    """
    op.execute(
        """
        CREATE TABLE orders (
            order_id text COLLATE "C" PRIMARY KEY,
            customer uuid,
            placed_at timestamptz,
            placed_id uuid,
            placed_by_change boolean,
            total_at timestamptz,
            total_id uuid,
            total_minor bigint,
            currency text,
            refunds jsonb,
            is_cancelled boolean NOT NULL,
            CHECK ((customer IS NULL) = (total_minor IS NULL))
        ) WITH (fillfactor = 90);
        CREATE INDEX orders_customer ON orders (customer);
        CREATE TABLE activity (
            customer uuid PRIMARY KEY,
            days int[] NOT NULL,
            currencies text[] COLLATE "C" NOT NULL,
            counts int[] NOT NULL,
            nets bigint[] NOT NULL,
            CHECK (cardinality(days) = cardinality(currencies)),
            CHECK (cardinality(days) = cardinality(counts)),
            CHECK (cardinality(days) = cardinality(nets))
        ) WITH (fillfactor = 80);
        CREATE TABLE cells (
            kind text COLLATE "C" NOT NULL,
            day int NOT NULL,
            next_day int NOT NULL,
            customers bigint NOT NULL,
            PRIMARY KEY (kind, next_day, day)
        ) PARTITION BY RANGE (next_day);
        CREATE TABLE cells_open PARTITION OF cells FOR VALUES FROM (2147483647) TO (MAXVALUE)
            WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE cells_closed PARTITION OF cells FOR VALUES FROM (MINVALUE) TO (2147483647)
            WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX cells_by_day ON cells (kind, day, next_day);
        CREATE TABLE histories (
            currency text COLLATE "C" NOT NULL,
            repeats int NOT NULL,
            first_day int NOT NULL,
            last_day int NOT NULL,
            customers bigint NOT NULL,
            repeat_minor numeric NOT NULL,
            PRIMARY KEY (currency, repeats, first_day, last_day)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE spends (
            currency text COLLATE "C" NOT NULL,
            repeats int NOT NULL,
            repeat_minor bigint NOT NULL,
            customers bigint NOT NULL,
            PRIMARY KEY (currency, repeats, repeat_minor)
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE day_money (
            day int NOT NULL,
            currency text COLLATE "C" NOT NULL,
            orders bigint NOT NULL,
            gross_minor numeric NOT NULL,
            refunds_minor numeric NOT NULL,
            unmatched bigint NOT NULL,
            PRIMARY KEY (day, currency)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE calendar (
            only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
            zone text NOT NULL
        );
        """
    )
