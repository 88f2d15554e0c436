"""Whether a text tells of a person: every way they are written, and nobody else."""

import json

import pytest

from services.profiles.rights.domain.naming import SLICE, slices, telling
from services.touchpoints.rights.domain import leaves
from shared.rights.mentions import Mentions, needles

AN = Mentions(("kh-an-17", "an@shop.vn", "+84912345678", "Nguyễn Văn Ánh", "42"))


@pytest.mark.parametrize(
    "text",
    [
        '{"userId":"kh-an-17"}',
        "mail to An@Shop.VN, please",
        "an@shop.vn.",
        "https://shop.vn/?email=an%40shop.vn&x=1",
        '{"phone":"0912 345 678"}',
        "+84 (912) 345-678",
        "84.912.345.678",
        "Nguyễn Văn Ánh",
        json.dumps({"name": "nguyễn văn Ánh"}),
        '{"user_id": 42}',
        '{"userId":"42"}',
        b'{"userId":"kh-an-17"}',
        b"\xff\xfe kh-an-17",
    ],
)
def test_a_person_is_found_however_they_are_written(text: str | bytes):
    assert AN(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"userId":"kh-an-171"}',
        '{"userId":"kh-an-17-2"}',
        '{"userId":"xkh-an-17"}',
        "tran.an@shop.vn",
        "an@shop.vn.example",
        "0912 345 679",
        "Nguyễn Văn Ánhh",
        '{"quantity":42}',
        '{"userId":"421"}',
        "order 42",
        "",
    ],
)
def test_nobody_else_is(text: str):
    assert not AN(text)


def test_nothing_is_found_by_nothing():
    assert not Mentions(())("anything")
    assert needles(()) == []


def test_whatever_mentions_find_in_free_text_has_a_needle():
    found = needles(("an@shop.vn", "Nguyễn Văn Ánh", "42"))

    assert "Nguyễn Văn Ánh".encode() in found
    assert json.dumps("Nguyễn Văn Ánh")[1:-1].encode() in found
    assert b"an%40shop.vn" in found
    assert b"42" not in found


def test_what_names_somebody_is_told_from_what_many_are():
    traits = [
        ("name", "Nguyễn Văn Ánh"),
        ("first_name", "Ánh"),
        ("city", "Hà Nội"),
        ("email", "An@Shop.vn"),
        ("address", {"street": "12 Hàng Bạc", "city": "Hà Nội"}),
        ("tier", "gold"),
        ("points", 7),
    ]

    assert sorted(telling(traits)) == ["12 Hàng Bạc", "An@Shop.vn", "Nguyễn Văn Ánh"]


def test_a_long_request_is_cut():
    texts = [f"id-{number}" for number in range(SLICE + 1)]

    assert [(len(left), len(right)) for left, right in slices(texts, [b"x"])] == [(SLICE, 1), (1, 0)]
    assert slices([], []) == [([], [])]


def test_the_leaves_of_a_refused_event():
    assert sorted(leaves('{"userId":"a","n":[1,{"b":true,"c":null}]}')) == ["1", "a"]
    assert list(leaves('{"cut')) == []
