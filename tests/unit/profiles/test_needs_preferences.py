"""What a preference may be, and which word holds."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from services.profiles.needs.domain.preferences import Type, Word, holding, written
from services.profiles.needs.errors import BadPreference
from services.profiles.needs.settings import NeedsSettings
from shared.config import ConfigError, load
from shared.ids import user_key, uuid7

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("text", "  Gia\u0300y ", "Giày"),
        ("texts", ["a", " a ", "b"], ["a", "b"]),
        ("number", 38.5, 38.5),
        ("number", 0, 0),
        ("flag", False, False),
        ("channel", "zalo", "zalo"),
        ("language", "vi", "vi"),
        ("language", "en-GB", "en-GB"),
    ],
)
def test_a_value_of_its_type_is_kept(type_: Type, value: object, kept: object):
    assert written(type_, value, channels={"zalo"}) == kept


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", 7), ("text", "   "), ("text", "x" * 201), ("text", "a\nb"), ("text", None),
        ("texts", []), ("texts", ["a"] * 21), ("texts", ["a", None]), ("texts", "a"),
        ("number", True), ("number", "7"), ("number", float("nan")), ("number", 2**53 + 1),
        ("flag", 1), ("flag", "true"), ("channel", "pigeon"), ("channel", ["zalo"]),
        ("language", "VIETNAMESE"), ("language", "vi_VN"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_without_its_echo(type_: Type, value: object):
    with pytest.raises(BadPreference) as refused:
        written(type_, value, channels={"zalo"})

    assert refused.value.data == {"type": type_}


def test_the_latest_word_holds_in_whatever_order_they_come():
    first, second = sorted(uuid7() for _ in range(2))
    words = [
        Word(first, user_key("a"), "size", "M", NOW, NOW, "web", "api:1"),
        Word(second, user_key("b"), "size", "L", NOW, NOW, "web", "api:1"),
        Word(uuid7(), user_key("a"), "size", "S", NOW - timedelta(days=1), NOW, "web", "api:1"),
    ]

    for shuffled in permutations(words):
        assert holding(shuffled)["size"].value == "L"


def test_preferences_are_declared_in_settings():
    declared = load(NeedsSettings, environ={"TAM_PREFERENCES": "size=text, pets = texts"})

    assert declared.preferences == (("size", "text"), ("pets", "texts"))


@pytest.mark.parametrize("wrong", ["size", "size=colour", "Size=text", "size=text,size=number"])
def test_a_wrong_declaration_stops_the_start(wrong: str):
    with pytest.raises(ConfigError):
        load(NeedsSettings, environ={"TAM_PREFERENCES": wrong})
