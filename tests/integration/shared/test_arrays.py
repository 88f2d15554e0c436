"""Columns that travel as texts are read by PostgreSQL as exactly what they were."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.db.arrays import literal
from shared.db.engine import Database
from shared.ids import uuid7

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.sampled_from(
    ["", "null", "NULL", "{}", "{a,b}", '"', "\\", '\\"', "\\n", 'a"b\\c', " ", "a\tb\n", "\x7f", "đ 🛒"]
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "text": TEXTS,
    "timestamptz": MOMENTS,
    "uuid": st.uuids(),
    "bytea": st.binary(max_size=40),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_text_says_what_the_values_are(db: Database, kind: str):
    said: list[list[Any]] = []

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(KINDS[kind] | st.none(), max_size=20))
    def collect(values: list[Any]) -> None:
        said.append(values)

    collect()
    travelled = 0
    async with db.read() as tx:
        for values in said:
            if (text := literal(kind, values)) is None:
                continue
            travelled += 1
            found = await tx.execute(f"SELECT CAST(CAST(:text AS text) AS {kind}[]) AS read", {"text": text})
            assert found.scalar_one() == values
    assert travelled > len(said) // 4


@pytest.mark.parametrize(
    ("kind", "dtype"), [("boolean", "bool"), ("smallint", "int16"), ("int", "int64"), ("bigint", "int64")], ids=str
)
async def test_an_array_of_numpy_is_read_as_what_it_holds(db: Database, kind: str, dtype: str):
    # The greatest and the least that the column takes, and every second of a longer array.
    ends = {"smallint": 2**15 - 1, "int": 2**31 - 1, "bigint": 2**63 - 1}.get(kind, 1)
    values = np.array([0, ends, -ends, 1] if kind != "boolean" else [True, False, False, True], dtype)
    async with db.read() as tx:
        for given in (values, values[:0], np.ascontiguousarray(values[::2])):
            found = await tx.execute(
                f"SELECT CAST(CAST(:text AS text) AS {kind}[]) AS read", {"text": literal(kind, given)}
            )
            assert found.scalar_one() == given.tolist()


ELSEWHERE = timezone(timedelta(hours=7, seconds=40))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", [1, True]),
        ("bigint", [2**64]),
        ("boolean", [True, 1]),
        ("text", ["a\nb"]),
        ("text", ["\ud800"]),
        ("text", [1]),
        ("timestamptz", [datetime(2026, 1, 1, tzinfo=ELSEWHERE)]),
        ("timestamptz", [datetime(2026, 1, 1)]),  # noqa: DTZ001
        ("double precision", [float("nan")]),
        ("numeric", [1]),
        ("uuid", [uuid7()]),
    ],
    ids=[
        "a boolean as a number", "beyond 64 bits", "a number as a boolean", "a line break", "half a pair",
        "a number as a text", "an offset of seconds", "no offset", "a float", "a numeric", "an id of the driver",
    ],
)  # fmt: skip
def test_what_a_text_might_not_say_exactly_travels_otherwise(kind: str, values: list[Any]):
    assert literal(kind, values) is None
