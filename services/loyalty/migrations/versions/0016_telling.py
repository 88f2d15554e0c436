"""How often rows were changed that are told whole; and what of flash sales is still to be told."""

from alembic import op

revision = "0016"
down_revision = "0015"

_VERSIONS = """
    ALTER TABLE referrals ADD COLUMN version integer NOT NULL DEFAULT 1;
    ALTER TABLE referral_milestones ADD COLUMN version integer NOT NULL DEFAULT 1;
    ALTER TABLE flash_entries ADD COLUMN version integer NOT NULL DEFAULT 1;
"""

# What people wait for writes down what it changed, and a job tells of it: claims are decided by one statement.
_UNTOLD = """
    CREATE TABLE flash_untold_claims (
        id uuid PRIMARY KEY,
        item_id uuid NOT NULL
    );
    COMMENT ON TABLE flash_untold_claims IS 'their units are back, and what was told of them is that they are held';
    CREATE TABLE flash_untold_entries (
        id uuid PRIMARY KEY,
        item_id uuid NOT NULL,
        units integer NOT NULL,
        state text NOT NULL,
        place bigint,
        entered_at timestamptz NOT NULL,
        won_at timestamptz,
        right_until timestamptz,
        claim_id uuid,
        version integer NOT NULL
    );
    COMMENT ON TABLE flash_untold_entries IS 'as they were told last; they are otherwise by now';

    CREATE FUNCTION flash_note_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.version <> OLD.version OR NEW IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
        NEW.version := OLD.version + 1;
        -- The row is locked also where it is there: whoever tells of the entry passes over it until we are done.
        INSERT INTO flash_untold_entries
        VALUES (OLD.id, OLD.item_id, OLD.units, OLD.state, OLD.place, OLD.entered_at, OLD.won_at, OLD.right_until,
                OLD.claim_id, OLD.version)
        ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id;
        RETURN NEW;
    END $$;
    CREATE TRIGGER flash_entries_noted BEFORE UPDATE ON flash_entries
        FOR EACH ROW EXECUTE FUNCTION flash_note_entry();
"""

_EXPIRE = """
    CREATE OR REPLACE FUNCTION flash_expire(_item uuid, _at timestamptz, _most integer) RETURNS bigint
    LANGUAGE plpgsql AS $$
    DECLARE freed bigint;
    BEGIN
        -- The caller holds the item. Who settles a claim holds the claim and waits for the item: so never wait here.
        WITH lapsed AS (
            SELECT id FROM flash_claims WHERE item_id = _item AND state = 'held' AND expires_at <= _at
            ORDER BY expires_at LIMIT _most FOR UPDATE SKIP LOCKED
        ), gone AS (
            UPDATE flash_claims AS c SET state = 'expired', settled_at = _at FROM lapsed
            WHERE c.id = lapsed.id RETURNING c.id, c.units
        ), noted AS (
            INSERT INTO flash_untold_claims (id, item_id) SELECT id, _item FROM gone
        )
        SELECT coalesce(sum(units), 0) INTO freed FROM gone;
        IF freed > 0 THEN
            UPDATE flash_items SET taken = taken - freed WHERE id = _item;
        END IF;
        RETURN freed;
    END $$;
"""
_RELEASE = """
    CREATE OR REPLACE FUNCTION flash_release(_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE claim flash_claims;
    BEGIN
        UPDATE flash_claims SET state = 'released', settled_at = flash_now()
        WHERE id = _id AND state = 'held' AND expires_at > flash_now() RETURNING * INTO claim;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        INSERT INTO flash_untold_claims (id, item_id) VALUES (_id, claim.item_id);
        UPDATE flash_items SET taken = taken - claim.units WHERE id = claim.item_id;
        RETURN true;
    END $$;
"""


def upgrade() -> None:
    """Nothing waits for what is told; each change stands with it in one transaction."""
    for part in (_VERSIONS, _UNTOLD, _EXPIRE, _RELEASE):
        op.execute(part)
