"""What customers say they want, and what they were seen to look for."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Both hang on raw person keys. Words on preferences are only ever added; interests are counts, never points."""
    op.execute(
        """
        CREATE TABLE preference_words (
            id uuid PRIMARY KEY,
            customer_id uuid NOT NULL,
            name text COLLATE "C" NOT NULL,
            value jsonb,
            event_time timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            source text NOT NULL,
            recorded_by text NOT NULL
        );
        COMMENT ON COLUMN preference_words.value IS 'NULL: taken back, as of event_time';
        COMMENT ON COLUMN preference_words.source IS 'where it was said; recorded_by: who told us';
        CREATE INDEX preference_words_latest ON preference_words (customer_id, name, event_time DESC, id DESC);
        CREATE INDEX preference_words_history ON preference_words (customer_id, event_time DESC, id DESC);
        CREATE TABLE interest_days (
            customer_id uuid NOT NULL,
            kind text COLLATE "C" NOT NULL CHECK (kind IN ('category', 'brand', 'product')),
            interest text COLLATE "C" NOT NULL,
            event text COLLATE "C" NOT NULL,
            order_id text COLLATE "C" NOT NULL,
            day date NOT NULL,
            count bigint NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (customer_id, kind, interest, event, day, order_id)
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN interest_days.day IS 'local day of the firm';
        COMMENT ON COLUMN interest_days.order_id IS 'of touchpoints about an order; else empty';
        COMMENT ON COLUMN interest_days.count IS 'touchpoints of that name that told of the interest on that day';
        """
    )
