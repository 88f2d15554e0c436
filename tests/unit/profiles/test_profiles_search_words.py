"""Names and prefixes, as the search sees them."""

import pytest

from services.profiles.search.domain import folded, is_meant, meanings, phrases, prefixes


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Nguyễn Thị Hương", "nguyen thi huong"),
        ("ĐẶNG  Đình-Đức", "dang dinh duc"),
        ("Nguyê\u0303n", "nguyen"),
        ("O'Brien, José", "o brien jose"),
        ("Straße 7", "strasse 7"),
        ("李小龍", "李小龍"),
        ("…", ""),
    ],
)
def test_diacritics_case_and_punctuation_are_nothing(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_a_name_is_found_from_each_of_its_words_on() -> None:
    assert list(phrases("Nguyễn Thị Hương")) == ["nguyen thi huong", "thi huong", "huong"]
    assert len(list(phrases("a " * 50))) == 8


def test_a_local_phone_number_is_meant_in_e164() -> None:
    assert prefixes("0912 345", country="VN") == ["+84912345", "0912 345"]
    assert prefixes("0912", country="none") == ["0912"]
    assert prefixes("Huong@", country="VN") == ["Huong@", "huong@"]


def test_a_value_means_a_text_or_what_it_is_written_for() -> None:
    assert is_meant(True, meanings("true"))
    assert is_meant("true", meanings("true"))
    assert not is_meant(1, meanings("true"))
    assert is_meant(37, meanings("37"))
    assert is_meant("Huế", meanings("Huế"))
    assert not is_meant({"a": 1}, meanings('{"a": 1}'))
