"""Flash sales that draw lots, and the rooms where people wait for one."""

from alembic import op

revision = "0012"
down_revision = "0010"

_DRAWS = """
    CREATE TABLE flash_draws (
        sale_id uuid PRIMARY KEY REFERENCES flash_sales,
        enters_local timestamp NOT NULL,
        enters_until_local timestamp NOT NULL,
        enters_at timestamptz NOT NULL,
        enters_until timestamptz NOT NULL CHECK (enters_until > enters_at),
        right_seconds integer NOT NULL CHECK (right_seconds > 0),
        seed_hash bytea NOT NULL,
        kid text NOT NULL,
        sealed_seed bytea NOT NULL,
        seed bytea,
        drawn_at timestamptz,
        CHECK ((seed IS NULL) = (drawn_at IS NULL))
    );
    COMMENT ON COLUMN flash_draws.seed_hash IS 'SHA-256 of the seed: told before anybody enters';
    COMMENT ON COLUMN flash_draws.sealed_seed IS 'the seed under a key outside the database, until it is drawn with';
    CREATE TABLE flash_item_draws (
        item_id uuid PRIMARY KEY REFERENCES flash_items,
        sale_id uuid NOT NULL,
        entries bigint NOT NULL,
        digest bytea NOT NULL,
        promised bigint NOT NULL DEFAULT 0 CHECK (promised >= 0)
    ) WITH (fillfactor = 50);
    COMMENT ON COLUMN flash_item_draws.promised IS 'units of those who may claim: whether any are free costs no sum';
    COMMENT ON COLUMN flash_item_draws.digest IS 'SHA-256 of the tickets that counted, 16 bytes each, in their order';
    CREATE TABLE flash_entries (
        id uuid PRIMARY KEY,
        sale_id uuid NOT NULL,
        item_id uuid NOT NULL REFERENCES flash_items,
        person_id uuid NOT NULL,
        units integer NOT NULL CHECK (units > 0),
        state text NOT NULL CHECK (state IN ('waiting', 'won', 'claimed', 'lapsed', 'withdrawn', 'duplicate')),
        place bigint,
        entered_at timestamptz NOT NULL,
        won_at timestamptz,
        right_until timestamptz,
        claim_id uuid UNIQUE,
        CHECK ((state = 'claimed') = (claim_id IS NOT NULL)),
        CHECK (state NOT IN ('won', 'claimed', 'lapsed') OR (place IS NOT NULL AND right_until IS NOT NULL)),
        CONSTRAINT flash_entries_one UNIQUE (person_id, item_id)
    ) WITH (fillfactor = 80);
    COMMENT ON COLUMN flash_entries.id IS 'the ticket: random, so that a list of tickets tells of nobody';
    COMMENT ON COLUMN flash_entries.place IS 'in the order that was drawn, from one; NULL: it did not count';
    CREATE UNIQUE INDEX flash_entries_place ON flash_entries (item_id, place) WHERE place IS NOT NULL;
    CREATE INDEX flash_entries_waiting ON flash_entries (item_id, place) WHERE state = 'waiting';
    CREATE INDEX flash_entries_wanting ON flash_entries (item_id, units) WHERE state = 'waiting';
    CREATE INDEX flash_entries_won ON flash_entries (item_id, right_until) WHERE state = 'won';
"""

# Whoever changes who may claim holds the item, so nobody else counts meanwhile.
_PROMISED = """
    CREATE FUNCTION flash_count_promised() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE flash_item_draws AS d SET promised = d.promised + change.units
        FROM (
            SELECT item_id, sum(units) AS units FROM (
                SELECT item_id, units FROM new_entries WHERE state = 'won'
                UNION ALL SELECT item_id, -units FROM old_entries WHERE state = 'won'
            ) AS each GROUP BY item_id HAVING sum(units) <> 0
        ) AS change WHERE d.item_id = change.item_id;
        RETURN NULL;
    END $$;
    CREATE TRIGGER flash_entries_promised AFTER UPDATE ON flash_entries
        REFERENCING OLD TABLE AS old_entries NEW TABLE AS new_entries
        FOR EACH STATEMENT EXECUTE FUNCTION flash_count_promised();
"""

_ROOMS = """
    CREATE TABLE flash_rooms (
        sale_id uuid PRIMARY KEY REFERENCES flash_sales,
        per_second double precision NOT NULL CHECK (per_second > 0),
        pass_seconds integer NOT NULL CHECK (pass_seconds > 0),
        admitted double precision NOT NULL DEFAULT 0,
        since timestamptz,
        last_number bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50);
    COMMENT ON COLUMN flash_rooms.admitted IS 'numbers up to this one were let in at since; from then per_second more';
    COMMENT ON COLUMN flash_rooms.since IS 'NULL: nobody is let in, the sale is paused';
    CREATE TABLE flash_visitors (
        sale_id uuid NOT NULL,
        person_id uuid NOT NULL,
        number bigint NOT NULL,
        joined_at timestamptz NOT NULL,
        PRIMARY KEY (person_id, sale_id),
        UNIQUE (sale_id, number)
    );
"""

# Who was drawn claims under any of their keys; who has a claim that stands has no other right.
_RIGHTS = """
    CREATE FUNCTION flash_family(_person uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
        WITH root AS (
            SELECT coalesce((SELECT i.root_id FROM identity AS i WHERE i.raw_id = _person), _person) AS id
        )
        SELECT id FROM root UNION SELECT i.raw_id FROM identity AS i, root WHERE i.root_id = root.id
    $$;
    CREATE FUNCTION flash_right_of(_item uuid, _person uuid, _at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
        SELECT e.id FROM flash_entries AS e
        WHERE e.item_id = _item AND e.person_id IN (SELECT flash_family(_person))
          AND e.state = 'won' AND e.right_until > _at
          AND NOT EXISTS (
              SELECT FROM flash_entries AS o JOIN flash_claims AS c ON c.id = o.claim_id
              WHERE o.item_id = _item AND o.person_id IN (SELECT flash_family(_person))
                AND c.state IN ('held', 'confirmed')
          )
        ORDER BY e.person_id <> _person, e.place LIMIT 1
    $$;
    CREATE FUNCTION flash_rights(_item uuid, _persons uuid[], _at timestamptz) RETURNS integer[]
    LANGUAGE sql STABLE AS $$
        SELECT array_agg(coalesce((
            SELECT e.units FROM flash_entries AS e WHERE e.id = flash_right_of(_item, w.person, _at)
        ), 0) ORDER BY w.o)
        FROM unnest(_persons) WITH ORDINALITY AS w (person, o)
    $$;
"""

# Who enters holds the sale's draw off, and never the others who enter; the draw waits for all who came in time.
_ENTER = """
    CREATE FUNCTION flash_draw_key(_sale uuid) RETURNS bigint LANGUAGE sql STABLE AS
        $$ SELECT hashtextextended(current_schema() || '.flash_entries ' || _sale, 0) $$;
    CREATE FUNCTION flash_enter(
        _sale uuid, _item uuid, _id uuid, _person uuid, _units integer,
        OUT status text, OUT entry uuid, OUT is_new boolean
    ) LANGUAGE plpgsql AS $$
    DECLARE
        draw flash_draws;
        sale flash_sales;
        item flash_items;
        moment timestamptz;
    BEGIN
        SELECT * INTO item FROM flash_items WHERE id = _item;
        IF NOT FOUND THEN
            status := 'unknown';
            RETURN;
        END IF;
        SELECT * INTO draw FROM flash_draws WHERE sale_id = _sale;
        IF NOT FOUND THEN
            status := 'no_lottery';
            RETURN;
        END IF;
        PERFORM pg_advisory_xact_lock_shared(flash_draw_key(_sale));
        is_new := false;
        status := 'open';
        SELECT e.id INTO entry FROM flash_entries AS e
        WHERE e.item_id = _item AND e.person_id IN (SELECT flash_family(_person)) AND e.state <> 'withdrawn'
        ORDER BY e.entered_at, e.id LIMIT 1;
        IF FOUND THEN
            RETURN;
        END IF;
        SELECT * INTO sale FROM flash_sales WHERE id = _sale;
        moment := flash_now();
        status := CASE
            WHEN sale.ended_early_at IS NOT NULL THEN 'ended'
            WHEN moment < draw.enters_at THEN 'early'
            WHEN moment >= draw.enters_until THEN 'late'
            WHEN _units > coalesce(item.max_per_person, 1) OR _units > sale.max_per_person THEN 'too_many'
            ELSE 'open' END;
        IF status <> 'open' THEN
            RETURN;
        END IF;
        INSERT INTO flash_entries AS e (id, sale_id, item_id, person_id, units, state, entered_at)
        VALUES (_id, _sale, _item, _person, _units, 'waiting', moment)
        ON CONFLICT ON CONSTRAINT flash_entries_one DO UPDATE
        SET state = 'waiting', units = EXCLUDED.units, entered_at = EXCLUDED.entered_at WHERE e.state = 'withdrawn'
        RETURNING e.id INTO entry;
        is_new := FOUND;
        IF NOT FOUND THEN
            SELECT e.id INTO entry FROM flash_entries AS e WHERE e.item_id = _item AND e.person_id = _person;
        END IF;
    END $$;
    CREATE FUNCTION flash_withdraw(_id uuid) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE known flash_entries;
    BEGIN
        SELECT * INTO known FROM flash_entries WHERE id = _id;
        PERFORM pg_advisory_xact_lock_shared(flash_draw_key(known.sale_id));
        PERFORM FROM flash_items WHERE id = known.item_id FOR UPDATE;
        UPDATE flash_entries SET state = 'withdrawn' WHERE id = _id AND state IN ('waiting', 'won');
        RETURN FOUND;
    END $$;
"""

# One statement of SQL says what the draw is: who has the seed and the tickets can draw again.
_DRAW = """
    CREATE FUNCTION flash_draw(_sale uuid, _seed bytea) RETURNS boolean LANGUAGE plpgsql AS $$
    DECLARE draw flash_draws;
    BEGIN
        PERFORM pg_advisory_xact_lock(flash_draw_key(_sale));
        PERFORM FROM flash_items WHERE sale_id = _sale ORDER BY id FOR UPDATE;
        SELECT * INTO draw FROM flash_draws WHERE sale_id = _sale FOR UPDATE;
        IF NOT FOUND OR draw.drawn_at IS NOT NULL OR flash_now() < draw.enters_until THEN
            RETURN false;
        END IF;
        IF sha256(_seed) <> draw.seed_hash THEN
            RAISE EXCEPTION 'this is not the seed that was promised';
        END IF;
        -- Of a person who entered under several keys the first entry counts.
        UPDATE flash_entries AS e SET state = 'duplicate'
        FROM (
            SELECT o.id, row_number() OVER (
                PARTITION BY o.item_id, coalesce(i.root_id, o.person_id) ORDER BY o.entered_at, o.id
            ) AS nth
            FROM flash_entries AS o LEFT JOIN identity AS i ON i.raw_id = o.person_id
            WHERE o.sale_id = _sale AND o.item_id IN (SELECT id FROM flash_items WHERE sale_id = _sale)
              AND o.state = 'waiting'
        ) AS found
        WHERE found.id = e.id AND found.nth > 1;
        INSERT INTO flash_item_draws (item_id, sale_id, entries, digest)
        SELECT i.id, _sale, count(e.id), sha256(coalesce(string_agg(uuid_send(e.id), ''::bytea ORDER BY e.id), ''))
        FROM flash_items AS i LEFT JOIN flash_entries AS e ON e.item_id = i.id AND e.state = 'waiting'
        WHERE i.sale_id = _sale GROUP BY i.id;
        UPDATE flash_entries AS e SET place = found.place
        FROM (
            SELECT o.id, row_number() OVER (
                PARTITION BY o.item_id ORDER BY sha256(_seed || d.digest || uuid_send(o.id)), o.id
            ) AS place
            FROM flash_entries AS o JOIN flash_item_draws AS d ON d.item_id = o.item_id
            WHERE d.sale_id = _sale AND o.state = 'waiting'
        ) AS found
        WHERE found.id = e.id;
        UPDATE flash_draws SET drawn_at = flash_now(), seed = _seed WHERE sale_id = _sale;
        RETURN true;
    END $$;
"""

# Rights that nobody used fall, and nothing else: claims that were not paid fall by themselves, and then their units
# are free. What is free is promised to the next who were drawn. Never more than there is.
_ADVANCE = """
    CREATE FUNCTION flash_advance(_item uuid, _most integer)
    RETURNS TABLE (id uuid, person_id uuid, units integer, state text, at timestamptz, right_until timestamptz)
    LANGUAGE plpgsql AS $$
    #variable_conflict use_column
    DECLARE
        item flash_items;
        sale flash_sales;
        draw flash_draws;
        entry flash_entries;
        moment timestamptz;
        until timestamptz;
        free bigint;
        given integer := 0;
    BEGIN
        SELECT * INTO item FROM flash_items AS i WHERE i.id = _item FOR UPDATE;
        SELECT * INTO sale FROM flash_sales AS s WHERE s.id = item.sale_id;
        SELECT * INTO draw FROM flash_draws AS d WHERE d.sale_id = item.sale_id;
        moment := flash_now();
        IF draw.drawn_at IS NULL OR sale.is_paused OR sale.ended_early_at IS NOT NULL OR moment >= sale.ends_at THEN
            RETURN;
        END IF;
        RETURN QUERY UPDATE flash_entries AS e SET state = 'lapsed'
            WHERE e.item_id = _item AND e.state = 'won' AND e.right_until <= moment
            RETURNING e.id, e.person_id, e.units, e.state, e.right_until, e.right_until;
        SELECT item.units - item.taken - coalesce(sum(e.units), 0) INTO free
        FROM flash_entries AS e WHERE e.item_id = _item AND e.state = 'won';
        until := least(greatest(moment, sale.starts_at) + make_interval(secs => draw.right_seconds), sale.ends_at);
        FOR entry IN
            SELECT e.* FROM flash_entries AS e
            WHERE e.item_id = _item AND e.state = 'waiting' AND e.units <= free ORDER BY e.place
        LOOP
            EXIT WHEN free <= 0 OR given >= _most;
            -- Who wants more than is left keeps their place.
            CONTINUE WHEN entry.units > free;
            IF EXISTS (
                SELECT FROM flash_entries AS o LEFT JOIN flash_claims AS c ON c.id = o.claim_id
                WHERE o.item_id = _item AND o.id <> entry.id AND o.person_id IN (SELECT flash_family(entry.person_id))
                  AND (o.state = 'won' OR c.state IN ('held', 'confirmed'))
            ) THEN
                UPDATE flash_entries AS e SET state = 'duplicate' WHERE e.id = entry.id;
                CONTINUE;
            END IF;
            UPDATE flash_entries AS e SET state = 'won', won_at = moment, right_until = until WHERE e.id = entry.id;
            free := free - entry.units;
            given := given + 1;
            RETURN QUERY SELECT entry.id, entry.person_id, entry.units, 'won'::text, moment, until;
        END LOOP;
    END $$;
"""

_JOIN = """
    CREATE FUNCTION flash_join(
        _sale uuid, _persons uuid[], OUT numbers bigint[], OUT status text
    ) LANGUAGE plpgsql AS $$
    DECLARE
        room flash_rooms;
        sale flash_sales;
        known flash_visitors;
        moment timestamptz;
        level double precision;
        pass_seconds double precision;
        n bigint;
    BEGIN
        SELECT * INTO room FROM flash_rooms WHERE sale_id = _sale FOR UPDATE;
        IF NOT FOUND THEN
            status := 'unknown';
            RETURN;
        END IF;
        SELECT * INTO sale FROM flash_sales WHERE id = _sale;
        moment := flash_now();
        IF sale.ended_early_at IS NOT NULL OR moment >= sale.ends_at THEN
            status := 'ended';
            RETURN;
        END IF;
        status := 'open';
        level := room.admitted + coalesce(
            room.per_second * greatest(0, extract(epoch FROM moment - room.since)::double precision), 0);
        FOR p IN 1 .. cardinality(_persons) LOOP
            SELECT * INTO known FROM flash_visitors AS v WHERE v.person_id = _persons[p] AND v.sale_id = _sale;
            pass_seconds := greatest(0, known.number - room.admitted) / room.per_second + room.pass_seconds;
            IF FOUND AND (known.number > level OR room.since IS NULL
                OR moment < room.since + make_interval(secs => pass_seconds))
            THEN
                numbers := numbers || known.number;
                CONTINUE;
            END IF;
            -- Places that nobody came for are passed over, but for those of the last second: nobody saves any up.
            n := greatest(room.last_number + 1, floor(level - greatest(1, room.per_second))::bigint + 1);
            room.last_number := n;
            INSERT INTO flash_visitors (sale_id, person_id, number, joined_at) VALUES (_sale, _persons[p], n, moment)
            ON CONFLICT (person_id, sale_id) DO UPDATE SET number = EXCLUDED.number, joined_at = EXCLUDED.joined_at;
            numbers := numbers || n;
        END LOOP;
        UPDATE flash_rooms SET last_number = room.last_number WHERE sale_id = _sale;
    END $$;
"""


def upgrade() -> None:
    """What is drawn is said by SQL alone, under the locks of the items: nobody draws twice, or promises too much."""
    for part in (_DRAWS, _PROMISED, _ROOMS, _RIGHTS, _ENTER, _DRAW, _ADVANCE, _JOIN):
        op.execute(part)
