"""Members: a row for each person key that is ever locked."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The rows, and the one statement that makes and locks them."""
    op.execute(
        """
        CREATE TABLE members (key uuid PRIMARY KEY);
        COMMENT ON TABLE members IS 'a row for each person key that ever had anything, to be locked';

        CREATE FUNCTION lock_members(ids uuid[], lock_class integer, lock_id integer)
            RETURNS TABLE (key uuid, root uuid, keys uuid[]) LANGUAGE plpgsql AS $$
        DECLARE
            all_keys uuid[];
        BEGIN
            -- Who is whom stays as it is; what comes after sees what was so when the lock was taken.
            PERFORM pg_advisory_xact_lock_shared(lock_class, lock_id);
            SELECT array_agg(found.k ORDER BY found.k) INTO all_keys FROM (
                SELECT unnest(ids) AS k
                UNION SELECT raw_id FROM identity WHERE root_id = ANY(ids)
                UNION SELECT root_id FROM identity WHERE raw_id = ANY(ids)
                UNION SELECT kin.raw_id FROM identity AS own JOIN identity AS kin USING (root_id)
                    WHERE own.raw_id = ANY(ids)
            ) AS found;
            -- First all are made, then all are locked, both in ascending order: who makes holds no lock that anybody
            -- may wait for out of order, and nobody who locks waits for a row that is still being made.
            INSERT INTO members (key)
                SELECT k FROM unnest(all_keys) AS k
                WHERE NOT EXISTS (SELECT FROM members WHERE members.key = k) ORDER BY k
                ON CONFLICT DO NOTHING;
            PERFORM FROM members WHERE members.key = ANY(all_keys) ORDER BY members.key FOR NO KEY UPDATE;
            RETURN QUERY
                SELECT asked.id, coalesce(own.root_id, asked.id),
                    ARRAY(
                        SELECT coalesce(own.root_id, asked.id) UNION
                        SELECT kin.raw_id FROM identity AS kin WHERE kin.root_id = coalesce(own.root_id, asked.id)
                        ORDER BY 1
                    )
                FROM unnest(ids) AS asked(id) LEFT JOIN identity AS own ON own.raw_id = asked.id;
        END $$;
        """
    )
