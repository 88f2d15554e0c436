"""Flash sales, their items and claims, and the one statement that decides a batch of claims."""

from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = """
    CREATE TABLE flash_sales (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        zone text NOT NULL,
        starts_local timestamp NOT NULL,
        ends_local timestamp NOT NULL,
        starts_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL CHECK (ends_at > starts_at),
        is_paused boolean NOT NULL DEFAULT false,
        ended_early_at timestamptz,
        claim_seconds integer CHECK (claim_seconds > 0),
        max_per_person integer CHECK (max_per_person > 0),
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        updated_at timestamptz NOT NULL,
        updated_by text NOT NULL,
        schedule jsonb,
        spans tstzmultirange,
        is_lottery boolean NOT NULL DEFAULT false,
        CHECK ((schedule IS NULL) = (spans IS NULL))
    );
    COMMENT ON COLUMN flash_sales.is_lottery IS 'only those whom flash_draws drew may claim';
    COMMENT ON COLUMN flash_sales.spans IS 'when the schedule is open between starts_at and ends_at; NULL: always';
    COMMENT ON COLUMN flash_sales.claim_seconds IS 'a claim falls when it is not paid in time; NULL: it stands at once';
    COMMENT ON COLUMN flash_sales.max_per_person IS 'units of all items together';
    CREATE INDEX flash_sales_listed ON flash_sales (starts_at DESC, id DESC);
    CREATE TABLE flash_items (
        id uuid PRIMARY KEY,
        sale_id uuid NOT NULL REFERENCES flash_sales,
        item text NOT NULL,
        units bigint NOT NULL CHECK (units > 0),
        taken bigint NOT NULL DEFAULT 0,
        max_per_person integer CHECK (max_per_person > 0),
        last_number bigint NOT NULL DEFAULT 0,
        UNIQUE (sale_id, item),
        CHECK (taken BETWEEN 0 AND units)
    ) WITH (fillfactor = 50);
    COMMENT ON COLUMN flash_items.taken IS 'units of claims that are held or confirmed';
    CREATE TABLE flash_announced (
        item_id uuid PRIMARY KEY REFERENCES flash_items,
        upto bigint NOT NULL
    );
    COMMENT ON COLUMN flash_announced.upto IS 'claims up to this number were told of; apart from the hot row';
    CREATE TABLE flash_claims (
        id uuid PRIMARY KEY,
        item_id uuid NOT NULL,
        sale_id uuid NOT NULL,
        person_id uuid NOT NULL,
        key text NOT NULL,
        units integer NOT NULL CHECK (units > 0),
        number bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('held', 'confirmed', 'released', 'expired')),
        claimed_at timestamptz NOT NULL,
        expires_at timestamptz,
        settled_at timestamptz,
        order_id text,
        CHECK (state NOT IN ('held', 'expired') OR expires_at IS NOT NULL)
    ) WITH (fillfactor = 80);
    COMMENT ON COLUMN flash_claims.number IS 'counts the claims of an item in the order they were granted';
    CREATE INDEX flash_claims_person ON flash_claims (person_id, sale_id);
    CREATE UNIQUE INDEX flash_claims_number ON flash_claims (item_id, number);
    CREATE INDEX flash_claims_held ON flash_claims (item_id, expires_at) WHERE state = 'held';
"""

# The one clock of all processes: none of them opens a sale before another, whatever its own clock says.
_CLOCK = """
    CREATE FUNCTION flash_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';
"""

_EXPIRE = """
    CREATE FUNCTION flash_expire(_item uuid, _at timestamptz, _most integer) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE freed bigint;
    BEGIN
        -- The caller holds the item. Who settles a claim holds the claim and waits for the item: so never wait here.
        WITH lapsed AS (
            SELECT id FROM flash_claims WHERE item_id = _item AND state = 'held' AND expires_at <= _at
            ORDER BY expires_at LIMIT _most FOR UPDATE SKIP LOCKED
        ), gone AS (
            UPDATE flash_claims AS c SET state = 'expired', settled_at = _at FROM lapsed
            WHERE c.id = lapsed.id RETURNING c.units
        )
        SELECT coalesce(sum(units), 0) INTO freed FROM gone;
        IF freed > 0 THEN
            UPDATE flash_items SET taken = taken - freed WHERE id = _item;
        END IF;
        RETURN freed;
    END $$;
"""
_SWEEP = """
    CREATE FUNCTION flash_sweep(_item uuid, _most integer) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM flash_items WHERE id = _item FOR UPDATE;
        RETURN flash_expire(_item, flash_now(), _most);
    END $$;
"""

_CLAIM = """
    CREATE FUNCTION flash_claim(
        _item uuid, _ids uuid[], _keys text[], _persons uuid[], _units integer[],
        OUT status text, OUT verdicts smallint[], OUT numbers bigint[], OUT remaining bigint, OUT last_number bigint,
        OUT claimed_at timestamptz, OUT expires_at timestamptz, OUT starts_at timestamptz
    ) LANGUAGE plpgsql
    -- Plans are made while the tables are empty and kept while they grow: they must not settle on reading them whole.
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    DECLARE
        item flash_items;
        sale flash_sales;
        known boolean[];
        who integer[];
        item_used bigint[];
        rights integer[];
        who_right integer[];
        sale_used bigint[];
        of_item bigint[] := array_fill(0::bigint, ARRAY[cardinality(_ids)]);
        of_sale bigint[] := array_fill(0::bigint, ARRAY[cardinality(_ids)]);
        granted bigint := 0;
        wanted integer;
        w integer;
    BEGIN
        SELECT * INTO item FROM flash_items WHERE id = _item FOR UPDATE;
        IF NOT FOUND THEN
            status := 'unknown';
            RETURN;
        END IF;
        -- Statements of their own: each sees what was committed while we waited for the item.
        SELECT * INTO sale FROM flash_sales WHERE id = item.sale_id;
        IF sale.max_per_person IS NOT NULL THEN
            SELECT * INTO sale FROM flash_sales WHERE id = item.sale_id FOR UPDATE;
        END IF;
        claimed_at := flash_now();
        starts_at := sale.starts_at;
        expires_at := claimed_at + make_interval(secs => sale.claim_seconds);
        status := CASE
            WHEN sale.ended_early_at IS NOT NULL OR claimed_at >= sale.ends_at THEN 'ended'
            WHEN claimed_at < sale.starts_at THEN 'scheduled'
            WHEN sale.is_paused THEN 'paused'
            WHEN NOT sale.spans @> claimed_at THEN 'scheduled'
            ELSE 'open' END;
        IF status = 'scheduled' AND sale.spans IS NOT NULL THEN
            starts_at := (SELECT min(lower(s)) FROM unnest(sale.spans) AS s WHERE lower(s) > flash_claim.claimed_at);
        END IF;
        IF sale.claim_seconds IS NOT NULL THEN
            item.taken := item.taken - flash_expire(_item, claimed_at, 1000);
        END IF;
        remaining := item.units - item.taken;

        -- Row by row along indexes, whoever they are: what it costs grows with the batch, and with nothing else.
        SELECT array_agg(coalesce((SELECT true FROM flash_claims AS c WHERE c.id = t.id), false) ORDER BY t.o),
               array_agg(t.who ORDER BY t.o),
               array_agg(coalesce(used.of_item, 0) ORDER BY t.o),
               array_agg(coalesce(used.of_sale, 0) ORDER BY t.o)
        INTO known, who, item_used, sale_used
        FROM (
            SELECT r.o, r.id, r.root, dense_rank() OVER (ORDER BY r.root) AS who
            FROM (
                SELECT w.o, w.id,
                       coalesce((SELECT i.root_id FROM identity AS i WHERE i.raw_id = w.person), w.person) AS root
                FROM unnest(_ids, _persons) WITH ORDINALITY AS w (id, person, o)
            ) AS r
        ) AS t
        CROSS JOIN LATERAL (
            SELECT sum(own.of_sale) AS of_sale, sum(own.of_item) AS of_item
            FROM (
                SELECT t.root AS id
                UNION ALL
                SELECT i.raw_id FROM identity AS i WHERE i.root_id = t.root AND i.raw_id <> t.root
            ) AS person_key
            CROSS JOIN LATERAL (
                SELECT sum(c.units) AS of_sale, sum(c.units) FILTER (WHERE c.item_id = _item) AS of_item
                FROM flash_claims AS c
                WHERE (item.max_per_person IS NOT NULL OR sale.max_per_person IS NOT NULL)
                  AND c.person_id = person_key.id AND c.sale_id = item.sale_id
                  AND (c.state = 'confirmed' OR (c.state = 'held' AND c.expires_at > flash_claim.claimed_at))
            ) AS own
        ) AS used;

        IF sale.is_lottery THEN
            rights := flash_rights(_item, _persons, claimed_at);
            who_right := array_fill(0, ARRAY[cardinality(_ids)]);
            FOR n IN 1 .. cardinality(_ids) LOOP
                who_right[who[n]] := rights[n];
            END LOOP;
        END IF;

        verdicts := array_fill(0::smallint, ARRAY[cardinality(_ids)]);
        numbers := array_fill(0::bigint, ARRAY[cardinality(_ids)]);
        FOR n IN 1 .. cardinality(_ids) LOOP
            wanted := _units[n];
            w := who[n];
            IF known[n] THEN
                verdicts[n] := 1;
            ELSIF status <> 'open' THEN
                verdicts[n] := 2;
            ELSIF sale.is_lottery AND wanted > who_right[w] THEN
                verdicts[n] := 6;
            ELSIF item_used[n] + of_item[w] + wanted > item.max_per_person THEN
                verdicts[n] := 3;
            ELSIF sale_used[n] + of_sale[w] + wanted > sale.max_per_person THEN
                verdicts[n] := 4;
            ELSIF wanted > remaining THEN
                verdicts[n] := 5;
            ELSE
                remaining := remaining - wanted;
                of_item[w] := of_item[w] + wanted;
                of_sale[w] := of_sale[w] + wanted;
                IF sale.is_lottery THEN
                    who_right[w] := 0;
                END IF;
                granted := granted + 1;
                numbers[n] := item.last_number + granted;
            END IF;
        END LOOP;
        last_number := item.last_number + granted;
        IF granted > 0 THEN
            UPDATE flash_items AS i
            SET taken = item.units - flash_claim.remaining, last_number = flash_claim.last_number WHERE i.id = _item;
            INSERT INTO flash_claims (
                id, item_id, sale_id, person_id, key, units, number, state, claimed_at, expires_at
            )
            SELECT t.id, _item, sale.id, t.person, t.key, t.units, t.number,
                   CASE WHEN sale.claim_seconds IS NULL THEN 'confirmed' ELSE 'held' END,
                   flash_claim.claimed_at, flash_claim.expires_at
            FROM unnest(_ids, _persons, _keys, _units, numbers) AS t (id, person, key, units, number)
            WHERE t.number > 0;
            IF sale.is_lottery THEN
                UPDATE flash_entries AS e SET state = 'claimed', claim_id = t.id
                FROM unnest(_ids, _persons, numbers) AS t (id, person, number)
                WHERE t.number > 0 AND e.id = flash_right_of(_item, t.person, flash_claim.claimed_at);
            END IF;
        END IF;
    END $$;
"""

_RELEASE = """
    CREATE FUNCTION flash_release(_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE claim flash_claims;
    BEGIN
        UPDATE flash_claims SET state = 'released', settled_at = flash_now()
        WHERE id = _id AND state = 'held' AND expires_at > flash_now() RETURNING * INTO claim;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        UPDATE flash_items SET taken = taken - claim.units WHERE id = claim.item_id;
        RETURN true;
    END $$;
"""


def upgrade() -> None:
    """A claim is decided by one statement under the lock of its item, so that no lock waits for a client."""
    for part in (_TABLES, _CLOCK, _EXPIRE, _SWEEP, _CLAIM, _RELEASE):
        op.execute(part)
