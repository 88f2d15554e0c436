"""A crowd of customers, written in bulk as profiles would have written them: what reads are measured on."""

import asyncpg

from shared.ids import anonymous_key, user_key

PIECE = 100_000

_NEW = "CREATE TEMPORARY TABLE new (number int, id uuid, visitor uuid)"
# Every fourth came first as a visitor, and was merged. Times differ, as they do in life.
_FILL = """
    INSERT INTO profiles.customers (id, identified, source, first_seen, last_seen, created_at, updated_at)
    SELECT id, true, 'web', seen, seen + INTERVAL '9 days', seen, seen + INTERVAL '9 days'
    FROM (SELECT id, TIMESTAMPTZ '2025-01-01' + number * INTERVAL '20 s' AS seen FROM new) AS t;

    INSERT INTO profiles.customers (id, identified, source, first_seen, last_seen, created_at, updated_at)
    SELECT visitor, false, 'web', seen, seen, seen, seen
    FROM (SELECT *, TIMESTAMPTZ '2024-12-31' + number * INTERVAL '20 s' AS seen FROM new) AS t WHERE number % 4 = 0;

    INSERT INTO profiles.identity (raw_id, parent_id, root_id, version)
    SELECT visitor, id, id, 1 FROM new WHERE number % 4 = 0;

    INSERT INTO profiles.links (from_id, into_id, kind, event_time, event_id, source, status)
    SELECT visitor, id, 'identify', '2025-01-01', gen_random_uuid(), 'web', 'accepted' FROM new WHERE number % 4 = 0;

    INSERT INTO profiles.identifiers (type, value, customer_id, first_seen, source)
    SELECT kind, value, id, '2025-01-01', 'web' FROM new CROSS JOIN LATERAL (VALUES
        ('user_id', 'u' || number), ('email', 'u' || number || '@shop.test'), ('crm', 'C-' || number),
        ('phone', '+8490' || lpad(number::text, 7, '0'))
    ) AS t (kind, value);

    INSERT INTO profiles.traits
        (customer_id, name, value, source, event_id, event_time, recorded_at, is_change)
    SELECT id, name, to_jsonb(value), 'web', gen_random_uuid(), '2025-01-01', '2025-01-01', true
    FROM new CROSS JOIN LATERAL (VALUES
        ('email', 'u' || number || '@shop.test'), ('phone', '+8490' || lpad(number::text, 7, '0')),
        ('name', 'Nguyễn Thị ' || number), ('city', (ARRAY['Huế', 'Đà Nẵng', 'Cần Thơ'])[1 + number % 3]),
        ('birthday', '1990-05-' || lpad((1 + number % 28)::text, 2, '0')), ('size', (ARRAY['S', 'M'])[1 + number % 2])
    ) AS t (name, value);

    TRUNCATE new;
"""
# What somebody has who is a customer for a year: orders, events, points and a tier, segments, consent, a wish.
_LIFE = """
    INSERT INTO profiles.orders (order_id, customer_id, placed_at, placed_id, placed_by_change, total_at, total_id,
        total_minor, currency, refunded_minor, is_cancelled)
    SELECT 'o' || number, id, at, gen_random_uuid(), false, at, gen_random_uuid(), 250000, 'VND', 0, false
    FROM (SELECT *, TIMESTAMPTZ '2025-02-01' + number % 200 * INTERVAL '1 day' AS at FROM new) AS t;

    INSERT INTO profiles.event_days (customer_id, name, day, count, first_at, last_at, instants)
    SELECT id, name, '2025-03-13', 1, '2025-03-13 10:00', '2025-03-13 10:00', ARRAY[TIMESTAMPTZ '2025-03-13 10:00']
    FROM new CROSS JOIN unnest(ARRAY['Order Completed', 'Product Viewed']) AS name;

    INSERT INTO profiles.told_facts (customer_id, fact, part, version, number, word, told_at)
    SELECT id, fact, part, 1, 120, word, '2025-05-01' FROM new CROSS JOIN (
        VALUES ('points', 'points', NULL), ('tier', 'main', 'silver')
    ) AS t (fact, part, word);

    INSERT INTO profiles.memberships (segment_id, customer_id, since)
    SELECT segments.id, new.id, '2025-05-01' FROM new JOIN profiles.segments ON name = 'Crowd ' || 1 + number % 3;

    INSERT INTO profiles.consent_words (id, customer_id, purpose, channel, granted, event_time, recorded_at, source,
        recorded_by)
    SELECT gen_random_uuid(), id, 'marketing', 'email', true, '2025-03-01', '2025-03-01', 'form', 'crm' FROM new;

    INSERT INTO profiles.preference_words (id, customer_id, name, value, event_time, recorded_at, source, recorded_by)
    SELECT gen_random_uuid(), id, 'size', '"M"', '2025-03-01', '2025-03-01', 'form', 'crm' FROM new;
"""
_SEGMENTS = """
    INSERT INTO profiles.segments (id, kind, name, description, version, is_built, created_at, updated_at, updated_by)
    SELECT gen_random_uuid(), 'static', 'Crowd ' || n, '', 1, true, now(), now(), 'bench'
    FROM generate_series(1, 3) AS n
"""


# All but those of keys: to make them at the end takes a fifth of the time of keeping them up to date.
_INDEXES = """
    SELECT format('DROP INDEX %s', indexrelid::regclass) AS drop, pg_get_indexdef(indexrelid) AS make FROM pg_index
    WHERE NOT indisunique AND indrelid = ANY (ARRAY(
        SELECT format('profiles.%I', name)::regclass FROM unnest(ARRAY[
            'customers', 'identifiers', 'traits', 'orders', 'memberships', 'consent_words', 'preference_words'
        ]) AS name
    ))
"""


async def fill(url: str, people: int) -> None:
    """Write so many customers: `u<number>`, `u<number>@shop.test`, `crm:C-<number>`, six traits and an order each."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; {_NEW}")
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(index["drop"])
    await connection.execute(_SEGMENTS)
    for start in range(0, people, PIECE):
        numbers = range(start, min(start + PIECE, people))
        rows = [(each, user_key(f"u{each}"), anonymous_key(f"v{each}")) for each in numbers]
        await connection.copy_records_to_table("new", records=rows)
        await connection.execute(_LIFE + _FILL)
    for index in indexes:
        await connection.execute(index["make"])
    await connection.execute("ANALYZE")
    await connection.close()
