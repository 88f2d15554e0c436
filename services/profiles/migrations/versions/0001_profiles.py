"""Customers, their identifiers and traits; the evidence for who is whom, and what was made of it."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Everything hangs on the raw person key: what a person has is the union over the keys of one root."""
    op.execute(
        """
        CREATE TABLE customers (
            id uuid PRIMARY KEY,
            identified boolean NOT NULL,
            source text NOT NULL,
            first_seen timestamptz NOT NULL,
            last_seen timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL
        ) WITH (fillfactor = 80);
        CREATE INDEX customers_created ON customers (created_at DESC, id DESC);
        CREATE INDEX customers_updated ON customers (updated_at, id);
        CREATE TABLE identifiers (
            type text NOT NULL,
            value text NOT NULL,
            customer_id uuid NOT NULL,
            first_seen timestamptz NOT NULL,
            source text NOT NULL,
            PRIMARY KEY (type, value, customer_id)
        ) WITH (fillfactor = 90);
        CREATE INDEX identifiers_customer ON identifiers (customer_id);
        CREATE TABLE traits (
            customer_id uuid NOT NULL,
            name text NOT NULL,
            value jsonb,
            source text NOT NULL,
            event_id uuid NOT NULL,
            event_time timestamptz NOT NULL,
            recorded_at timestamptz NOT NULL,
            is_change boolean NOT NULL,
            PRIMARY KEY (customer_id, name)
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN traits.value IS 'NULL: removed, as of event_time';
        COMMENT ON COLUMN traits.is_change IS 'whether the last write changed the value';
        CREATE TABLE links (
            from_id uuid NOT NULL,
            into_id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('identify', 'alias')),
            event_time timestamptz NOT NULL,
            event_id uuid NOT NULL,
            source text NOT NULL,
            status text NOT NULL CHECK (status IN
                ('accepted', 'shared_device', 'already_linked', 'cycle', 'separated', 'overruled')),
            PRIMARY KEY (from_id, into_id),
            CHECK (from_id <> into_id)
        );
        CREATE INDEX links_into ON links (into_id);
        CREATE INDEX links_accepted ON links (from_id) WHERE status = 'accepted';
        CREATE TABLE decisions (
            from_id uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('merge', 'apart')),
            into_id uuid NOT NULL,
            id uuid NOT NULL UNIQUE,
            decided_at timestamptz NOT NULL,
            PRIMARY KEY (from_id, kind),
            CHECK (from_id <> into_id)
        );
        CREATE INDEX decisions_into ON decisions (into_id);
        CREATE TABLE merge_log (
            from_id uuid NOT NULL,
            version bigint NOT NULL,
            kind text NOT NULL CHECK (kind IN ('merged', 'unmerged')),
            into_id uuid NOT NULL,
            reason text NOT NULL,
            event_id uuid,
            event_time timestamptz,
            decided_at timestamptz NOT NULL,
            decided_by text,
            note text,
            PRIMARY KEY (from_id, version)
        );
        CREATE INDEX merge_log_into ON merge_log (into_id);
        CREATE INDEX merge_log_decided ON merge_log (decided_at, from_id);
        """
    )
