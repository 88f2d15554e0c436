"""Set-based writes: every kind of column, conflicts, and what comes back."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from shared.db.bulk import insert_rows
from shared.db.engine import Database

KINDS = {
    "id": "uuid",
    "n": "bigint",
    "small": "int",
    "name": "text",
    "at": "timestamptz",
    "day": "date",
    "raw": "bytea",
    "flag": "boolean",
    "ratio": "double precision",
    "amount": "numeric",
    "doc": "jsonb",
    "tags": "text[]",
    "ids": "uuid[]",
}


async def make_table(db: Database) -> None:
    async with db.write() as tx:
        await tx.execute(f"CREATE TABLE things ({', '.join(' '.join(each) for each in KINDS.items())})")


async def test_every_kind_of_column_is_read_back_as_it_was_written(db: Database):
    await make_table(db)
    first, second = uuid4(), uuid4()
    at = datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
    rows = [
        (
            first, 2**62, -7, "Nguyễn Thị “Tâm” 🛒 {a,b} \\ '", at, date(2026, 1, 31), b"\x00\xff", True, 0.1,
            Decimal("12345678901234567890.12"), '{"a": [1, null, "x"], "b": {"c": "đ"}}', '{"a","b,c",NULL}',
            f"{{{first},{second}}}",
        ),
        (second, *[None] * 12),
    ]  # fmt: skip
    async with db.write() as tx:
        await insert_rows(tx, "things", KINDS, rows)

    async with db.read() as tx:
        stored = (await tx.execute("SELECT * FROM things ORDER BY n NULLS LAST")).all()

    assert stored[0] == (
        first, 2**62, -7, "Nguyễn Thị “Tâm” 🛒 {a,b} \\ '", at, date(2026, 1, 31), b"\x00\xff", True, 0.1,
        Decimal("12345678901234567890.12"), {"a": [1, None, "x"], "b": {"c": "đ"}}, ["a", "b,c", None],
        [first, second],
    )  # fmt: skip
    assert stored[1] == (second, *[None] * 12)


@pytest.mark.parametrize("rows", [63, 64, 200])
async def test_columns_that_say_the_same_in_all_rows_are_read_back_as_any_other(db: Database, rows: int):
    await make_table(db)
    same, at = uuid4(), datetime(2026, 1, 31, 23, 59, 59, 123456, tzinfo=UTC)
    document, tags, ids = '{"a": 1}', '{"a",NULL}', f"{{{same}}}"
    constant = (same, 7, 7, "đ", at, date(2026, 1, 31), b"\x00", True, 0.5, Decimal("1.50"), document, tags, ids)
    kinds = {**KINDS, "number": "int", "twin": "int", "nearly": "int", "nothing": "uuid"}
    given = [(*constant, number, number, number + (number == rows // 2), None) for number in range(rows)]
    async with db.write() as tx:
        for name in ("number", "twin", "nearly"):
            await tx.execute(f"ALTER TABLE things ADD COLUMN {name} int")
        await tx.execute("ALTER TABLE things ADD COLUMN nothing uuid")
        await insert_rows(tx, "things", kinds, given)

    async with db.read() as tx:
        stored = (await tx.execute("SELECT * FROM things ORDER BY number")).all()

    kept = (*constant[:10], {"a": 1}, ["a", None], [same])
    assert stored == [(*kept, *row[13:]) for row in given]


async def test_rows_that_are_all_the_same_are_all_written(db: Database):
    async with db.write() as tx:
        await insert_rows(tx, "effects", {"what": "text"}, [("x",)] * 100)
        await tx.execute("CREATE TABLE pairs (a int, b int)")
        await insert_rows(tx, "pairs", {"a": "int", "b": "int"}, [(1, 1)] * 100)
        stored = [(await tx.execute(f"SELECT count(*) FROM {table}")).scalar_one() for table in ("effects", "pairs")]

    assert stored == [100, 100]


@pytest.mark.parametrize("zero", [0.0, -0.0])
async def test_values_that_are_equal_but_not_alike_are_kept_apart(db: Database, zero: float):
    async with db.write() as tx:
        await tx.execute("CREATE TABLE zeros (n int, a double precision, b numeric)")
        rows = [
            (number, zero if number % 2 else -zero, Decimal("1.0" if number % 2 else "1.00")) for number in range(80)
        ]
        await insert_rows(tx, "zeros", {"n": "int", "a": "double precision", "b": "numeric"}, rows)
        stored = (await tx.execute("SELECT a, b FROM zeros ORDER BY n")).all()

    assert [(str(a), str(b)) for a, b in stored] == [(str(a), str(b)) for _, a, b in rows]


async def test_ids_and_bytes_of_many_rows_are_read_back_also_where_the_driver_read_them(db: Database):
    kinds = {"n": "int", "id": "uuid", "raw": "bytea"}
    drawn = [(number, uuid4(), bytes((number, 0, 255 - number, 34, 92))) for number in range(100)]
    given = [*drawn, (100, None, b""), (101, uuid4(), None)]
    async with db.write() as tx:
        await tx.execute("CREATE TABLE keys (n int, id uuid, raw bytea)")
        await insert_rows(tx, "keys", kinds, given)
        read = (await tx.execute("SELECT n, id, raw FROM keys ORDER BY n")).all()
        await insert_rows(tx, "keys", kinds, [(number + 200, key, raw) for number, key, raw in read])
        again = (await tx.execute("SELECT n - 200, id, raw FROM keys WHERE n >= 200 ORDER BY n")).all()

    assert read == given
    assert again == given


async def test_no_rows_is_no_statement(db: Database):
    async with db.write() as tx:
        assert await insert_rows(tx, "no_such_table", {"id": "uuid"}, []) == ()


async def test_rows_that_are_there_already_do_not_come_back(db: Database):
    known, new = uuid4(), uuid4()
    columns, tail = {"consumer": "text", "event_id": "uuid"}, "ON CONFLICT DO NOTHING RETURNING event_id"
    async with db.write() as tx:
        await insert_rows(tx, "inbox", columns, [("c", known)])

    async with db.write() as tx:
        returned = await insert_rows(tx, "inbox", columns, [("c", known), ("c", new)], tail)

    assert [row.event_id for row in returned] == [new]


async def test_a_conflict_may_update_and_return(db: Database):
    async with db.write() as tx:
        await tx.execute("CREATE TABLE totals (name text PRIMARY KEY, total bigint NOT NULL)")
        tail = "ON CONFLICT (name) DO UPDATE SET total = totals.total + EXCLUDED.total RETURNING name, total"
        columns = {"name": "text", "total": "bigint"}
        await insert_rows(tx, "totals", columns, [("a", 1), ("b", 2)])
        returned = await insert_rows(tx, "totals", columns, [("a", 10), ("c", 3)], tail)

    assert {row.name: row.total for row in returned} == {"a": 11, "c": 3}


async def test_a_tail_may_name_any_column_however_it_travels(db: Database):
    columns = {"name": "text", "total": "bigint", "kind": "text", "same": "bigint"}
    # All are of one kind, and the last column says what the second does.
    rows = [(str(number), number, "one", number) for number in range(100)]
    tail = "WHERE t.kind = 'one' AND t.same = t.total AND t.total >= 90 ORDER BY t.same RETURNING name"
    async with db.write() as tx:
        await tx.execute("CREATE TABLE tails (name text, total bigint, kind text, same bigint)")
        stored = await insert_rows(tx, "tails", columns, rows, tail)

    assert sorted(row.name for row in stored) == [str(number) for number in range(90, 100)]


async def test_rows_keep_their_order(db: Database):
    async with db.write() as tx:
        await insert_rows(tx, "effects", {"what": "text"}, [(str(number),) for number in range(5_000)])
        stored = (await tx.execute("SELECT what FROM effects ORDER BY number")).scalars().all()

    assert stored == [str(number) for number in range(5_000)]


async def test_rows_of_unequal_length_are_a_mistake(db: Database):
    async with db.write() as tx:
        with pytest.raises(ValueError, match="zip"):
            await insert_rows(tx, "inbox", {"consumer": "text", "event_id": "uuid"}, [("c", uuid4()), ("c",)])


async def test_one_bad_row_stores_none(db: Database):
    rows = [("good",), (None,), ("good",)]

    with pytest.raises(DBAPIError, match="null value"):
        async with db.write() as tx:
            await insert_rows(tx, "effects", {"what": "text"}, rows)

    async with db.read() as tx:
        assert (await tx.execute("SELECT count(*) FROM effects")).scalar_one() == 0


rows_of_anything = st.lists(
    st.tuples(
        st.none() | st.uuids(),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=("Cs",))),
        # The first moment of all is how the driver says minus infinity.
        st.none() | st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)),  # noqa: DTZ001
        st.none() | st.binary(),
        st.none() | st.floats(allow_nan=False),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of_anything)
async def test_any_rows_are_read_back(db: Database, rows: list[tuple[UUID, int, str, datetime, bytes, float]]):
    columns = {
        "a": "uuid", "b": "bigint", "c": "text", "d": "timestamptz", "e": "bytea", "f": "double precision",
    }  # fmt: skip
    async with db.write() as tx:
        await tx.execute(
            "CREATE TEMPORARY TABLE anything (n bigint GENERATED ALWAYS AS IDENTITY, a uuid, b bigint, "
            "c text, d timestamptz, e bytea, f double precision) ON COMMIT DROP"
        )
        await insert_rows(tx, "anything", columns, rows)
        stored = (await tx.execute("SELECT a, b, c, d, e, f FROM anything ORDER BY n")).all()

    assert [tuple(row) for row in stored] == rows
