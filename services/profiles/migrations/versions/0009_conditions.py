"""Declared types of identifiers."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """What was declared when evidence came stands beside it: a later declaration merges and splits nobody."""
    op.execute(
        """
        CREATE TABLE identifier_types (
            name text COLLATE "C" PRIMARY KEY,
            version int NOT NULL,
            definition jsonb,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL
        );
        COMMENT ON COLUMN identifier_types.definition IS 'NULL: declared no more, what holds by default holds again';
        CREATE TABLE identifier_type_versions (
            name text COLLATE "C" NOT NULL,
            version int NOT NULL,
            definition jsonb,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            PRIMARY KEY (name, version)
        );
        ALTER TABLE identifiers DROP CONSTRAINT identifiers_refused_because_check;
        ALTER TABLE identifiers ADD CONSTRAINT identifiers_refused_because_check CHECK (refused_because IN
            ('over_limit', 'taken'));
        CREATE INDEX identifiers_first ON identifiers (type, value, first_seen, customer_id)
            WHERE refused_because IS NULL;
        ALTER TABLE links DROP CONSTRAINT links_kind_check;
        ALTER TABLE links ADD CONSTRAINT links_kind_check CHECK (kind IN ('identify', 'alias', 'identifier'));
        ALTER TABLE links ADD COLUMN priority int NOT NULL DEFAULT 100;
        COMMENT ON COLUMN links.priority IS 'of the type of identifier it rests on, as declared then: the smaller wins';
        CREATE INDEX links_by_identifier ON links (from_id) WHERE kind = 'identifier';
        """
    )
