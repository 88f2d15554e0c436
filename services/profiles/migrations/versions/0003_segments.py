"""What customers did, segments, and who is in which."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Facts hang on raw person keys, memberships on the roots of the moment: those follow each merge and unmerge."""
    op.execute(
        """
        CREATE TABLE event_days (
            customer_id uuid NOT NULL,
            name text COLLATE "C" NOT NULL,
            day date NOT NULL,
            count bigint NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            PRIMARY KEY (customer_id, name, day)
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN event_days.day IS 'local day of the firm';
        CREATE TABLE orders (
            order_id text COLLATE "C" PRIMARY KEY,
            customer_id uuid,
            placed_at timestamptz,
            placed_id uuid,
            placed_by_change boolean,
            total_at timestamptz,
            total_id uuid,
            total_minor bigint,
            currency text COLLATE "C",
            refunds jsonb,
            refunded_minor bigint NOT NULL,
            is_cancelled boolean NOT NULL,
            CHECK ((customer_id IS NULL) = (total_minor IS NULL))
        ) WITH (fillfactor = 90);
        CREATE INDEX orders_customer ON orders (customer_id);
        """
    )
    op.execute(
        """
        CREATE TABLE segments (
            id uuid PRIMARY KEY,
            kind text NOT NULL CHECK (kind IN ('rule', 'static')),
            name text NOT NULL,
            description text NOT NULL,
            rule jsonb,
            version int NOT NULL,
            is_built boolean NOT NULL,
            built_to uuid,
            is_deleted boolean NOT NULL DEFAULT false,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            updated_by text NOT NULL,
            CHECK ((kind = 'rule') = (rule IS NOT NULL))
        );
        COMMENT ON COLUMN segments.built_to IS 'customers up to this key were asked since the rule changed';
        CREATE UNIQUE INDEX segments_name ON segments (lower(name)) WHERE NOT is_deleted;
        CREATE TABLE segment_versions (
            segment_id uuid NOT NULL,
            version int NOT NULL,
            name text NOT NULL,
            description text NOT NULL,
            rule jsonb,
            changed_at timestamptz NOT NULL,
            changed_by text NOT NULL,
            PRIMARY KEY (segment_id, version)
        );
        CREATE TABLE list_members (
            customer_id uuid NOT NULL,
            segment_id uuid NOT NULL,
            added_at timestamptz NOT NULL,
            added_by text NOT NULL,
            PRIMARY KEY (customer_id, segment_id)
        );
        CREATE INDEX list_members_segment ON list_members (segment_id);
        CREATE TABLE memberships (
            segment_id uuid NOT NULL,
            customer_id uuid NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (segment_id, customer_id)
        );
        CREATE INDEX memberships_customer ON memberships (customer_id) INCLUDE (segment_id);
        CREATE TABLE standings (
            customer_id uuid PRIMARY KEY,
            due_at timestamptz
        ) WITH (fillfactor = 80);
        COMMENT ON COLUMN standings.due_at IS 'when the passing of time alone may next change a membership';
        CREATE INDEX standings_due ON standings (due_at) WHERE due_at IS NOT NULL;
        """
    )
    # PostgreSQL 15 cannot ask whether a text is a time before it casts it.
    op.execute(
        r"""
        CREATE FUNCTION as_moment(value text, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
        BEGIN
            IF value ~ '^\d{4}-\d\d-\d\d$' THEN
                RETURN CAST(value AS date)::timestamp AT TIME ZONE zone;
            ELSIF value ~
                '^\d{4}-\d\d-\d\d[Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?([Zz]|[+-](0\d|1[0-4]):[0-5]\d)$'
            THEN
                RETURN CAST(value AS timestamptz);
            END IF;
            RETURN NULL;
        EXCEPTION WHEN data_exception THEN
            RETURN NULL;
        END $$;
        """
    )
