"""Limits on what one customer goes by, and what the search finds people by."""

from alembic import op

revision = "0004"
down_revision = "0003"

# The names that are there already, folded as `search/domain.py` folds new ones.
_NAMES_KNOWN = r"""
    INSERT INTO phrases (customer_id, trait, phrase)
    SELECT customer_id, name, left(array_to_string(words[place:], ' '), 100) FROM (
        SELECT customer_id, name, regexp_split_to_array(trim(regexp_replace(lower(translate(
            regexp_replace(normalize(value #>> '{}', NFD), U&'[\0300-\036F]', '', 'g'), 'Đđ', 'dd'
        )), '\W+', ' ', 'g')), ' ') AS words
        FROM traits
        WHERE jsonb_typeof(value) = 'string' AND name IN ('name', 'first_name', 'last_name', 'middle_name', 'full_name',
            'display_name', 'firstName', 'lastName', 'middleName', 'fullName', 'displayName')
    ) AS known CROSS JOIN LATERAL generate_series(1, least(cardinality(words), 8)) AS place
    WHERE words <> '{""}'
    ON CONFLICT DO NOTHING
"""


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
        CREATE INDEX identifiers_prefix ON identifiers (value COLLATE "C", customer_id)
            WHERE refused_because IS NULL AND type <> 'previous_id';
        CREATE TABLE phrases (
            customer_id uuid NOT NULL,
            trait text NOT NULL,
            phrase text COLLATE "C" NOT NULL,
            PRIMARY KEY (customer_id, trait, phrase),
            FOREIGN KEY (customer_id, trait) REFERENCES traits (customer_id, name) ON DELETE CASCADE
        );
        COMMENT ON TABLE phrases IS 'names from each of their words on, without diacritics and case, for the search';
        CREATE INDEX phrases_prefix ON phrases (phrase, customer_id);
        CREATE INDEX traits_value ON traits (name, md5(value::text), customer_id) WHERE value IS NOT NULL;
        """
    )
    op.execute(_NAMES_KNOWN)
