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
    op.execute(
        """
        ALTER TABLE event_days ADD COLUMN instants timestamptz[] NOT NULL DEFAULT '{}';
        COMMENT ON COLUMN event_days.instants IS 'the latest of the day, at most 20: what sequences are looked for in';
        CREATE TABLE told_facts (
            customer_id uuid NOT NULL,
            fact text COLLATE "C" NOT NULL,
            part text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            number bigint NOT NULL,
            word text COLLATE "C",
            until timestamptz,
            told_at timestamptz NOT NULL,
            PRIMARY KEY (customer_id, fact, part)
        ) WITH (fillfactor = 80);
        COMMENT ON TABLE told_facts IS 'what other services told of a raw person key: the highest version of each part';
        COMMENT ON COLUMN told_facts.part IS 'of which: the wallet of points, the track of a tier';
        CREATE TABLE rfm_scales (
            version int PRIMARY KEY,
            basis text NOT NULL CHECK (basis IN ('fixed', 'quintiles')),
            recency_days int[] NOT NULL,
            orders int[] NOT NULL,
            currency text,
            net_minor bigint[] NOT NULL,
            people bigint,
            since timestamptz NOT NULL,
            set_by text NOT NULL
        );
        COMMENT ON COLUMN rfm_scales.people IS 'how many the quintiles are of';
        CREATE TABLE definitions_epoch (number bigint NOT NULL);
        COMMENT ON TABLE definitions_epoch IS 'counts up with whatever else than facts, mapping and time decides rules';
        INSERT INTO definitions_epoch VALUES (1);
        """
    )
