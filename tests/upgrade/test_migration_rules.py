"""Migrations after the first release lock nobody out for long and break nothing of the release before."""

import pytest
from migration_rules import findings, script_of
from releases import name_of, released_scripts, releases, scripts

OUT = frozenset(release.version for release in releases() if release.is_out)


def test_migrations_since_the_last_release_are_fit_for_tables_with_rows():
    # Before the first release is out nobody has rows.
    later = [path for _, path in scripts() if OUT and name_of(path) not in released_scripts()]

    wrong = {name_of(path): findings(path.read_text(encoding="utf-8"), out=OUT) for path in later}
    assert {name: found for name, found in wrong.items() if found} == {}


def script(*statements: str, online: tuple[str, ...] = (), more: str = "") -> str:
    own = "\n".join(f"    op.execute({each!r})" for each in statements) or "    pass"
    return f"from alembic import op\n{more}\nonline = {online!r}\ndef upgrade():\n{own}\n"


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("CREATE INDEX orders_day ON orders (day)", "CONCURRENTLY"),
        ("CREATE UNIQUE INDEX IF NOT EXISTS o ON orders (day)", "CONCURRENTLY"),
        ("ALTER TABLE orders ADD COLUMN channel text NOT NULL", "DEFAULT"),
        ("ALTER TABLE orders ADD channel text, ADD shop text NOT NULL", "DEFAULT"),
        ("ALTER TABLE orders ADD COLUMN key uuid DEFAULT gen_random_uuid()", "anew"),
        ("ALTER TABLE orders ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY", "anew"),
        ("ALTER TABLE orders ADD COLUMN n int GENERATED ALWAYS AS (a + b) STORED", "anew"),
        ("ALTER TABLE orders ADD COLUMN n int REFERENCES shops", "under a lock"),
        ("ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0)", "NOT VALID"),
        ("ALTER TABLE orders ADD FOREIGN KEY (shop) REFERENCES shops", "NOT VALID"),
        ("ALTER TABLE orders ADD CONSTRAINT one UNIQUE (day, shop)", "USING INDEX"),
        ("ALTER TABLE orders ALTER COLUMN total TYPE numeric", "another column"),
        ("ALTER TABLE orders ALTER total SET NOT NULL", "VALIDATE"),
        ("ALTER TABLE orders DROP COLUMN total", "unused_since"),
        ("ALTER TABLE orders RENAME COLUMN total TO gross", "old name"),
        ("DROP TABLE orders", "unused_since"),
        ("UPDATE orders SET channel = 'web'", "online"),
        ("DELETE FROM orders WHERE day < 0", "online"),
        ("TRUNCATE orders", "out of the table"),
        ("DROP INDEX orders_day", "CONCURRENTLY"),
    ],
)
def test_what_locks_long_or_breaks_the_release_before_is_refused(statement: str, word: str):
    found = findings(script("-- why\nCREATE TABLE other (a int); " + statement))

    assert len(found) == 1, found
    assert word in found[0]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE notes (a int NOT NULL, b text); CREATE INDEX notes_a ON notes (a); UPDATE notes SET a = 1",
        "ALTER TABLE orders ADD COLUMN channel text",
        "ALTER TABLE orders ADD COLUMN channel text NOT NULL DEFAULT 'web', ADD seen timestamptz DEFAULT now()",
        "ALTER TABLE orders ADD CONSTRAINT positive CHECK (total >= 0) NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT positive; ALTER TABLE orders ALTER total SET NOT NULL",
        "ALTER TABLE orders ADD CONSTRAINT one UNIQUE USING INDEX orders_one",
        "ALTER TABLE orders ALTER COLUMN total SET DEFAULT 0",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; DELETE FROM orders $$",
        "COMMENT ON TABLE orders IS 'a; UPDATE orders'",
    ],
)
def test_what_adds_is_taken(statement: str):
    assert findings(script(statement)) == []


@pytest.mark.parametrize(
    ("statement", "is_fit"),
    [
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_day ON orders (day)", True),
        ("CREATE INDEX CONCURRENTLY orders_day ON orders (day)", False),
        ("UPDATE o SET c = 1 WHERE id = ANY(ARRAY(SELECT id FROM o WHERE c IS NULL LIMIT 1000))", True),
        ("UPDATE o SET c = 1 WHERE c IS NULL", False),
        ("ALTER TABLE o ADD c int", False),
    ],
)
def test_what_runs_online_can_be_done_again(statement: str, is_fit: bool):
    assert (findings(script(online=(statement,))) == []) is is_fit


def test_a_drop_needs_a_release_that_did_without():
    dropped = script("ALTER TABLE orders DROP COLUMN total", more="unused_since = '0.2.0'")

    assert findings(dropped, out=frozenset({"0.1.0"})) != []
    assert findings(dropped, out=frozenset({"0.1.0", "0.2.0"})) == []


def test_every_migration_there_is_can_be_read():
    read = {name_of(path): script_of(path.read_text(encoding="utf-8")) for _, path in scripts()}

    assert len(read) > 30
    assert [name for name, each in read.items() if not each.own] == []
