"""A CSV of customers becomes identify events; a wrong row says how to mend it; an export reads back as what it was."""

import csv
import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.door import Item
from services.cli.people import Columns, read_customers
from services.cli.purchases import BadRow, Rules
from shared.errors import UserError
from shared.sheets import escaped, unescaped

RULES = Rules(ZoneInfo("Asia/Ho_Chi_Minh"), None, datetime(2026, 11, 21, tzinfo=UTC))


def read(tmp_path: Path, content: str | bytes) -> list[Item | BadRow]:
    path = tmp_path / "khách hàng.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return list(read_customers(path, RULES))


def events(parsed: list[Item | BadRow]) -> list[dict[str, Any]]:
    assert [each for each in parsed if isinstance(each, BadRow)] == []
    return [each.event for each in parsed if isinstance(each, Item)]


def test_a_row_is_what_is_known_of_a_customer(tmp_path: Path) -> None:
    content = (
        "\ufeffUser_ID;email;phone;name;id.crm;city;trait.size:json;updated_at;first_seen\r\n"
        "u-1;a@b.vn;0912 345 678;Nguyễn Hương;K-1;;37;2026-01-02 10:00;2020-01-01\r\n"
    )
    (event,) = events(read(tmp_path, content))

    assert (event["type"], event["userId"], event["timestamp"]) == ("identify", "u-1", "2026-01-02T10:00:00+07:00")
    assert event["traits"] == {"email": "a@b.vn", "phone": "0912 345 678", "name": "Nguyễn Hương", "size": 37}
    assert event["context"]["externalIds"] == [{"type": "crm", "id": "K-1", "collection": "users", "encoding": "none"}]


def test_the_same_file_is_the_same_events_as_of_its_own_time(tmp_path: Path) -> None:
    content = "user_id,anonymous_id,name\nu,v,Lan\n,w,Mai\n"
    first, again = events(read(tmp_path, content)), events(read(tmp_path, content))

    assert first == again
    assert first[0]["timestamp"] == "2023-11-15T05:13:20+07:00"
    assert (first[0]["anonymousId"], "userId" in first[1]) == ("v", False)
    assert first[0]["messageId"] != events(read(tmp_path, content.replace("Lan", "Lân")))[0]["messageId"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b",x@y.vn,,", "user_id and anonymous_id are both empty"),
        (b"u,not an address,,", "email is no e-mail address; write it as name@example.com"),
        (b"u,,twelve,", "phone is no phone number; write it with its country code as +84912345678"),
        (b"u,,,{", "trait.more:json is no JSON; write texts in quotes"),
        (b"u,,", "it has 3 fields, the header 4"),
        (b"u,\xe9@b.vn,,", "email is not UTF-8: save it as CSV UTF-8"),
        (b"u" * 300 + b",,,", "user_id is longer than 255 characters"),
        (b"u,a\x00@b.vn,,", "email holds a NUL character"),
    ],
)
def test_a_bad_row_says_how_to_mend_it_and_stops_nothing(tmp_path: Path, row: bytes, says: str) -> None:
    header = b"user_id,email,phone,trait.more:json\n"
    before, bad, after = read(tmp_path, header + b"a,,,\n" + row + b"\nb,,,\n")

    assert isinstance(bad, BadRow)
    assert (bad.line, says in bad.reason) == (3, True), bad.reason
    assert [each.event["userId"] for each in (before, after) if isinstance(each, Item)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("user_id,name\nu,x\n".encode("utf-16"), "is UTF-16: save it as CSV UTF-8"),
        ("user_id,tên\nu,x\n".encode("latin-1", "replace").replace(b"?", b"\xea"), "The header of"),
        (b"name,city\n", "has no column user_id or anonymous_id"),
        (b"user_id,name,trait.name\n", "has the column name twice"),
        (b"user_id,id.C R M\n", "is no column; a system has a name of small letters"),
        (b"", "has no column user_id"),
    ],
)
def test_a_file_that_cannot_be_read_says_how_to_mend_it(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(UserError, match=says):
        read(tmp_path, content)


@given(st.text(alphabet="=+-@'\t\ra1 ", max_size=6))
def test_no_cell_is_a_formula_and_each_comes_back(cell: str) -> None:
    assert not escaped(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unescaped(escaped(cell)) == cell


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
values = st.one_of(texts, st.integers(-(2**53), 2**53), st.booleans(), st.lists(texts, max_size=2))
names = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8).filter(
    lambda name: name.lower() not in ("email", "phone")
)


@given(people=st.lists(st.dictionaries(names, values, max_size=4), min_size=1, max_size=4))
def test_an_export_reads_back_as_the_traits_it_was_made_of(
    tmp_path_factory: pytest.TempPathFactory, people: list[dict[str, Any]]
) -> None:
    customers = [
        {
            "id": f"id-{number}",
            "identified": True,
            "source": "web",
            "first_seen": None,
            "last_seen": None,
            "identifiers": [{"type": "user_id", "value": f"=u{number}", "refused_because": None}],
            "traits": {name: {"value": value, "time": "2026-01-01T00:00:00Z"} for name, value in traits.items()},
        }
        for number, traits in enumerate(people)
    ]
    columns = Columns(set(), {})
    for customer in customers:
        columns.meet(customer)
    out = StringIO(newline="")
    csv.writer(out).writerows([columns.header(), *(columns.row(customer) for customer in customers)])

    found = events(read(tmp_path_factory.mktemp("export"), out.getvalue()))

    assert [(event["userId"], event["traits"]) for event in found] == [
        (f"=u{number}", traits) for number, traits in enumerate(people)
    ]
