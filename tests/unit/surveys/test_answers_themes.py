"""Rules that find what responses are about."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.surveys.answers.domain.themes import BadRule, Text, read_themes


def about(rule: Any, text: str) -> bool:
    return read_themes(1, {"it": rule}).of(text) == ("it",)


@pytest.mark.parametrize(
    ("rule", "text", "is_found"),
    [
        ("giao hàng chậm", "Giao hàng CHẬM quá!", True),
        ("giao hàng chậm", "giao hang cham", True),
        ("giao hàng chậm", "giao hàng, chậm", True),
        ("giao hàng chậm", "hàng giao chậm", False),
        ("chậm", "chấm điểm 10", False),
        ("cham", "chấm điểm 10", True),
        ("ban", "bạn bè", True),
        ("bán", "bạn bè", False),
        ("đổi", "doi tra", True),
        ("giao*", "người giaonhận", True),
        ("late*", "It came later than said", True),
        ("late", "It came later than said", False),
        ({"near": ["giao", "chậm"], "within": 4}, "giao cho tôi chậm", True),
        ({"near": ["giao", "chậm"], "within": 3}, "giao cho tôi chậm", False),
        ({"near": ["chậm", "giao"], "within": 2}, "ai giao chậm vậy", True),
        ({"all": ["giao", {"not": "không chậm"}]}, "giao không chậm", False),
        ({"all": ["giao", {"not": "không chậm"}]}, "giao nhanh", True),
        ({"any": ["late", "trễ"]}, "tre", True),
        ({"not": "trễ"}, "", False),
    ],
)
def test_a_rule_finds_what_it_says(rule: Any, text: str, is_found: bool) -> None:
    assert about(rule, text) == is_found


def test_themes_come_in_alphabetical_order() -> None:
    assert read_themes(1, {"price": "đắt", "delivery": "giao"}).of("giao nhanh mà đắt") == ("delivery", "price")


_WORDS = st.sampled_from(["giao", "chậm", "cham", "đắt", "dat", "late", "giaonhan", "tre*", "gi*"])
_PHRASES = st.lists(_WORDS, min_size=1, max_size=3).map(" ".join)
_NEARS = st.lists(_WORDS, min_size=1, max_size=3).map(lambda words: {"near": words, "within": 3})
_RULES = st.recursive(
    _PHRASES | _NEARS,
    lambda rule: (
        st.lists(rule, min_size=1, max_size=3).map(lambda parts: {"any": parts})
        | st.lists(rule, min_size=1, max_size=3).map(lambda parts: {"all": parts})
        | rule.map(lambda part: {"not": part})
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from("abcdef"), _RULES, min_size=1),
    st.lists(st.sampled_from(["giao", "CHẬM", "cham", "đắt", "late", "trễ", "giaonhận", "xin"]), max_size=8),
)
def test_no_theme_is_missed_because_it_was_not_looked_at(document: dict[str, Any], words: list[str]) -> None:
    themes, text = read_themes(1, document), " ".join(words)
    said = Text.of(text)
    held = sorted(key for key, rule in themes.rules.items() if rule.holds(said)) if said.words else []
    assert themes.of(text) == tuple(held)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"it": ""}, "/it"),
        ({"it": "***"}, "/it"),
        ({"it": "a.b"}, "/it"),
        ({"it": " ".join("abcdefghijk")}, "/it"),
        ({"it": {"any": []}}, "/it"),
        ({"it": {"any": ["a", 3]}}, "/it/any/1"),
        ({"it": {"all": ["a"], "any": ["b"]}}, "/it"),
        ({"it": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": "a"}}}}}}}}}, "/it" + "/not" * 8),
        ({"it": {"near": ["a", "b c"], "within": 4}}, "/it/near"),
        ({"it": {"near": ["a", "b"], "within": 1}}, "/it/within"),
        ({"it": {"near": ["a", "b"], "within": True}}, "/it/within"),
        ({"It": "a"}, "/It"),
        ({"it": {"any": ["a"] * 5_000}}, "/it/any/4999"),
    ],
)
def test_a_rule_that_finds_nothing_is_refused_with_its_place(document: dict[str, Any], path: str) -> None:
    with pytest.raises(BadRule) as refused:
        read_themes(1, document)
    assert refused.value.path == path


@given(
    st.text(max_size=200),
    st.recursive(
        st.text(max_size=8),
        lambda each: st.dictionaries(st.sampled_from(["any", "all", "not"]), st.lists(each, max_size=3), max_size=2),
    ),
)
def test_whatever_is_written_is_read_or_refused(text: str, rule: Any) -> None:
    try:
        themes = read_themes(1, {"it": rule})
    except BadRule:
        return
    assert themes.of(text) in ((), ("it",))
