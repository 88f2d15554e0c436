"""A CSV of orders becomes events; a wrong row says why, and never takes another with it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.cli.cdnow import read_cdnow
from services.cli.door import Item
from services.cli.purchases import BadRow, Rules, read_csv
from shared.errors import UserError

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
RULES = Rules(VIETNAM, None, datetime(2026, 11, 21, tzinfo=UTC))
HEADER = "order_id,customer_id,ordered_at,total,currency\n"


def read(tmp_path: Path, content: str | bytes, rules: Rules = RULES) -> list[Item | BadRow]:
    path = tmp_path / "orders.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_csv(path, rules))


def events(parsed: list[Item | BadRow]) -> list[dict[str, Any]]:
    assert [each for each in parsed if isinstance(each, BadRow)] == []
    return [each.event for each in parsed if isinstance(each, Item)]


def test_a_row_is_an_order_at_its_local_time(tmp_path: Path):
    (event,) = events(read(tmp_path, HEADER + "o-1,u-1,2026-11-20 14:05,19.99,USD\n"))

    assert event["event"] == "Order Completed"
    assert (event["userId"], event["timestamp"]) == ("u-1", "2026-11-20T14:05:00+07:00")
    assert event["properties"] == {"order_id": "o-1", "total": "19.99", "currency": "USD"}
    assert len(event["messageId"]) <= 100


def test_all_that_can_follow_an_order_becomes_events_of_their_own(tmp_path: Path):
    row = (
        "order_id,anonymous_id,ordered_at,total,currency,updated_at,refunded_total,refunded_at,cancelled_at,coupon\n"
        "o-1,a-1,2026-01-01,100000,vnd,2026-01-02,40000,2026-01-03T10:00:00Z,2026-01-04,TẾT\n"
    )

    placed, updated, refunded, cancelled = events(read(tmp_path, row))

    assert placed["properties"] == {"order_id": "o-1", "total": "100000", "currency": "VND", "coupon": "TẾT"}
    assert (updated["event"], updated["timestamp"]) == ("Order Updated", "2026-01-02T00:00:00+07:00")
    assert (refunded["event"], refunded["timestamp"]) == ("Order Refunded", "2026-01-03T10:00:00+00:00")
    assert refunded["properties"]["refund_amount"] == "40000"
    assert (cancelled["event"], cancelled["timestamp"]) == ("Order Cancelled", "2026-01-04T00:00:00+07:00")
    assert {event["anonymousId"] for event in (placed, updated, refunded, cancelled)} == {"a-1"}


def test_the_same_row_is_the_same_event_and_a_changed_row_another(tmp_path: Path):
    first = events(read(tmp_path, HEADER + "o-1,u-1,2026-01-01,10,USD\n"))
    again = events(read(tmp_path, HEADER + "o-0,u-0,2026-01-01,9,USD\no-1,u-1,2026-01-01,10.00,USD\n"))
    changed = events(read(tmp_path, HEADER + "o-1,u-1,2026-01-01,11,USD\n"))

    assert first[0]["messageId"] == again[1]["messageId"] != changed[0]["messageId"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",u-1,2026-01-01,1,USD", "order_id is empty"),
        ("o-1,,2026-01-01,1,USD", "anonymous_id is empty"),
        (f"{'o' * 256},u-1,2026-01-01,1,USD", "order_id is longer than 255 characters"),
        ("o-1,u-1,,1,USD", "ordered_at is empty"),
        ("o-1,u-1,01/02/2026,1,USD", "ordered_at '01/02/2026' is no date or time"),
        ("o-1,u-1,2026-02-30,1,USD", "ordered_at '2026-02-30' is no date or time"),
        ("o-1,u-1,2027-01-01,1,USD", "ordered_at '2027-01-01' is in the future"),
        ("o-1,u-1,0001-01-01,1,USD", "ordered_at '0001-01-01' is no date of a purchase"),
        ("o-1,u-1,2026-01-01,,USD", "total is empty"),
        ("o-1,u-1,2026-01-01,abc,USD", "total 'abc': The amount is not a number"),
        ("o-1,u-1,2026-01-01,-1,USD", "total '-1': The amount is negative or too large"),
        ("o-1,u-1,2026-01-01,NaN,USD", "total 'NaN': The amount is not a number"),
        ("o-1,u-1,2026-01-01,1e999,USD", "total '1e999': The amount is negative or too large"),
        ("o-1,u-1,2026-01-01,19.9999,USD", "total '19.9999': The amount 19.9999 has more than 2 decimals"),
        ("o-1,u-1,2026-01-01,1.250,USD", "total '1.250' may mean thousands; write it without separators"),
        ("o-1,u-1,2026-01-01,250.000,VND", "total '250.000' may mean thousands; write it without separators"),
        ("o-1,u-1,2026-01-01,1,EURO", "'EURO' is not an ISO 4217 currency code"),
        ("o-1,u-1,2026-01-01,1,", "currency is empty, and TAM_CURRENCY is not set"),
        ("o-1,u-1,2026-01-01,1", "it has 4 fields, the header 5"),
        ("o-1,u-1,2026-01-01,1,USD,more", "it has 6 fields, the header 5"),
        ('o-1,u-1,2026-01-01,1,"USD"x', "it cannot be read as CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_row_says_why_and_the_rest_goes_on(tmp_path: Path, row: str, reason: str):
    parsed = read(tmp_path, HEADER + f"o-0,u-1,2026-01-01,1,USD\n{row}\no-2,u-1,2026-01-01,1,USD\n")

    bad = [each for each in parsed if isinstance(each, BadRow)]
    assert len(bad) == 1
    assert bad[0].line == 3
    assert bad[0].reason == reason
    assert [each.event["properties"]["order_id"] for each in parsed if isinstance(each, Item)] == ["o-0", "o-2"]


def test_a_second_row_of_an_order_is_reported(tmp_path: Path):
    """One row per line of an order would make the last line the order's total."""
    parsed = read(tmp_path, HEADER + "o-1,u-1,2026-01-01,10,USD\no-1,u-1,2026-01-01,20,USD\n")

    assert parsed[1] == BadRow(3, "order_id 'o-1' stands on an earlier line already")


def test_lines_are_counted_as_an_editor_does(tmp_path: Path):
    content = HEADER + '\n"o\n1",u-1,2026-01-01,1,USD\n\no-2,u-1,oops,1,USD\n'

    parsed = read(tmp_path, content)

    assert [each.line for each in parsed] == [3, 6]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + HEADER + "o-1,Nguyễn Thị Ánh,2026-01-01,250000,VND\n",
        HEADER.replace("\n", "\r\n") + "o-1,Nguyễn Thị Ánh,2026-01-01,250000,VND\r\n",
        HEADER.replace(",", ";") + "o-1;Nguyễn Thị Ánh;2026-01-01;250000;VND",
        HEADER.replace(",", "\t") + "o-1\tNguyễn Thị Ánh\t2026-01-01\t250000.00\tVND\n",
        "Note, ORDER_ID ,customer_id,ordered_at,total,currency\nx,o-1,Nguyễn Thị Ánh,2026-01-01, 250000 ,vnd\n",
        'order_id,customer_id,ordered_at,total,currency\n"o-1","Nguyễn Thị Ánh","2026-01-01","250000","VND"\n',
    ],
    ids=["BOM", "CRLF", "semicolons", "tabs", "other columns", "quotes"],
)
def test_files_as_spreadsheets_write_them(tmp_path: Path, content: str):
    (event,) = events(read(tmp_path, content))

    assert event["userId"] == "Nguyễn Thị Ánh"
    assert event["properties"] == {"order_id": "o-1", "total": "250000", "currency": "VND"}


def test_bytes_that_are_no_utf8_spoil_their_row_only(tmp_path: Path):
    latin = "o-1,Ren\u00e9,2026-01-01,1,USD\n".encode("latin-1")

    parsed = read(tmp_path, HEADER.encode() + latin + b"o-2,u\x00,2026-01-01,1,USD\no-3,u-3,2026-01-01,1,USD\n")

    assert parsed[:2] == [BadRow(2, "customer_id is not UTF-8"), BadRow(3, "customer_id holds a NUL character")]
    assert isinstance(parsed[2], Item)


def test_the_firms_currency_stands_where_the_row_names_none(tmp_path: Path):
    rules = Rules(VIETNAM, "VND", RULES.now)

    (event,) = events(read(tmp_path, "order_id,customer_id,ordered_at,total\no-1,u-1,2026-01-01,9000\n", rules))

    assert event["properties"]["currency"] == "VND"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "has no column order_id, ordered_at, total, customer_id"),
        ("a,b\n1,2\n", "has no column order_id, ordered_at, total, customer_id"),
        ("order_id,ordered_at,total\n", "has no column customer_id"),
        ("order_id,order_id,customer_id,ordered_at,total\n", "has the column order_id twice"),
    ],
)
def test_a_wrong_header_ends_it(tmp_path: Path, content: str, sentence: str):
    with pytest.raises(UserError, match=sentence):
        read(tmp_path, content)


def test_cdnow_lines_are_orders_at_local_midnight(tmp_path: Path):
    path = tmp_path / "CDNOW_master.txt"
    path.write_bytes(
        b" customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n"
        b" 00002 1997-1-1 1 1\r\n 00003 19970102 2 20.761\r\n 00003 19970103 2 20.76\r\n"
    )

    parsed = list(read_cdnow(path, zone=VIETNAM))

    assert [each.line for each in parsed if isinstance(each, BadRow)] == [3, 4]
    first, last = (each.event for each in parsed if isinstance(each, Item))
    assert (first["userId"], first["timestamp"]) == ("cdnow-00001", "1997-01-01T00:00:00+07:00")
    assert first["properties"] == {"order_id": "cdnow-2", "total": "11.77", "currency": "USD", "quantity": 1}
    assert last["properties"]["order_id"] == "cdnow-5"
