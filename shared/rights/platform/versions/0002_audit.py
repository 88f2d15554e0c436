"""Who read or changed what of whom."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Entries are only ever added, and each holds a hash of the one before: what was taken out is missed."""
    op.execute(
        """
        CREATE TABLE audit (
            id bigint PRIMARY KEY,
            at timestamptz NOT NULL,
            key_id text NOT NULL,
            method text NOT NULL,
            route text NOT NULL,
            status int NOT NULL,
            request_id uuid NOT NULL,
            customers uuid[] NOT NULL,
            digest bytea NOT NULL
        );
        COMMENT ON COLUMN audit.customers IS 'pseudonyms of whom it was about, the roots of that time';
        CREATE INDEX audit_customers ON audit USING gin (customers);
        CREATE INDEX audit_key ON audit (key_id, id);
        CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log is never changed';
        END $$;
        CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
            FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();
        """
    )
