"""Limits on what one customer goes by, and what the search finds people by."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """What is over a limit stays as refused evidence; partial indexes keep its cost off those who are not."""
    op.execute(
        """
        ALTER TABLE identifiers ADD COLUMN refused_because text CHECK (refused_because IN ('over_limit'));
        CREATE INDEX identifiers_held ON identifiers (customer_id, type, first_seen, value)
            WHERE refused_because IS NULL;
        ALTER TABLE links DROP CONSTRAINT links_status_check;
        ALTER TABLE links ADD CONSTRAINT links_status_check CHECK (status IN
            ('accepted', 'shared_device', 'already_linked', 'cycle', 'separated', 'overruled', 'over_limit'));
        CREATE INDEX links_held ON links (into_id, event_time, event_id) WHERE status <> 'over_limit';
        -- In C order a prefix is a range; the other indexes of these columns follow the database's own order.
        CREATE INDEX identifiers_prefix ON identifiers (type, value COLLATE "C", customer_id)
            WHERE refused_because IS NULL;
        CREATE TABLE words (
            customer_id uuid NOT NULL,
            trait text NOT NULL,
            word text COLLATE "C" NOT NULL,
            PRIMARY KEY (customer_id, trait, word)
        );
        COMMENT ON TABLE words IS 'the words of names, without diacritics and case, for the search';
        CREATE INDEX words_prefix ON words (word, customer_id);
        CREATE INDEX traits_value ON traits (name, md5(value::text), customer_id) WHERE value IS NOT NULL;
        """
    )
