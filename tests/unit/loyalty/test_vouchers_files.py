"""Rows of files of codes: what other programs call things, and what cannot be read."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.loyalty.vouchers.domain.files import CsvReader, JsonReader, NoSuchColumn, Reading, Row
from shared.records import MAX_RECORD, Kind, Record, records

READING = Reading("VND", ZoneInfo("Asia/Ho_Chi_Minh"), 3)


def csv_row(heading: str, row: str, **rest: Any) -> Any:
    return CsvReader(heading.encode(), READING._replace(**rest)).row(row.encode())


@pytest.mark.parametrize(
    ("heading", "row", "says"),
    [
        ("code", "TET-1", Row("TET-1", None, None, None)),
        ("\ufeffCode;Gift Balance;Value", "A1;50000;90000", Row("A1", 50_000, None, None)),
        ("Mã giảm giá,Ngày hết hạn", "A1,2026-12-31", Row("A1", None, None, date(2026, 12, 31))),
        # Of a moment the local day: 20:00 in London is the day after in Hanoi.
        ("coupon_code,Expiration Date", "A1,2026-12-30T20:00:00+00:00", Row("A1", None, None, date(2026, 12, 31))),
        ("Code,Redemption Limit,Redeemed Quantity", "A1,10,4", Row("A1", None, 6, None)),
        # Nothing is said of the limit: what is left of the campaign's.
        ("Code,Times Used", "A1,1", Row("A1", None, 2, None)),
        ("Code,Times Used", "A1,0", Row("A1", None, None, None)),
        ("Code,Redemption Limit,Redeemed Quantity", "A1,4,4", "used_up"),
        ("code,active", "A1,FALSE", "inactive"),
        ("code,active", "A1,maybe", "unreadable"),
        ("code,note", '"A1","says ""hello"", and more"', Row("A1", None, None, None)),
        ("code,note", "A1", "wrong_width"),
        ("code,note", ",x", "no_code"),
        ("code,value", "A1,-5", "bad_value"),
        ("code,value", "A1,nan", "bad_value"),
        ("code,max_uses", "A1,1.5", "bad_number"),
        ("code,expires_on", "A1,31/12/2026", "bad_date"),
        ("code,note", 'A1,"open', "unreadable"),
    ],
)
def test_a_row_says_what_its_columns_mean(heading: str, row: str, says: object):
    assert csv_row(heading, row) == says


def test_bytes_that_are_no_text_spoil_their_row_alone():
    reader = CsvReader(b"code", READING)
    assert (reader.row(b"\xff\xfe"), reader.row("Mã".encode())) == ("unreadable", Row("Mã", None, None, None))


def test_a_column_that_is_named_counts_before_what_columns_are_called():
    assert csv_row("id,value,code", "7,ABC,batch 9", named={"code": "Value"}) == Row("ABC", None, None, None)


@pytest.mark.parametrize(
    ("heading", "named", "missing"),
    [("id,name", {}, "code"), ("code", {"code": "Ma"}, "Ma"), ("code", {"colour": "code"}, "colour")],
)
def test_a_column_that_is_missing_is_named(heading: str, named: dict[str, str], missing: str):
    with pytest.raises(NoSuchColumn) as refused:
        CsvReader(heading.encode(), READING._replace(named=named))
    assert refused.value.name == missing


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"code": "A1", "Gift Balance": 50000, "active": true}', Row("A1", 50_000, None, None)),
        (b'{"code": "A1", "value_minor": 7, "expires_on": null}', Row("A1", 7, None, None)),
        (b'{"code": ["A1"]}', Row("['A1']", None, None, None)),
        (b"[1]", "unreadable"),
        (b"{", "unreadable"),
        (b"{}", "no_code"),
    ],
)
def test_a_line_of_json_is_read_as_a_row_is(line: bytes, says: object):
    assert JsonReader(READING).row(line) == says


async def cut(text: bytes, kind: Kind, size: int) -> list[Record]:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    return [record async for several in records(parts(), kind) for record in several]


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_records_are_the_same_however_the_file_comes(size: int):
    text = b'code,note\r\nA1,"two\nlines"\r\n\r\nB2,x\nC3,"never closed\nD4,y'

    assert await cut(text, "csv", size) == [
        Record(1, b"code,note"),
        Record(2, b'A1,"two\nlines"'),
        Record(5, b"B2,x"),
        Record(6, None),
    ]


async def test_a_record_that_is_too_long_is_passed_over_and_the_next_is_read():
    found = await cut(b"code\n" + b"x" * (3 * MAX_RECORD) + b"\nB2\n", "csv", 10_000)
    assert found == [Record(1, b"code"), Record(2, None), Record(3, b"B2")]
