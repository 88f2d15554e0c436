"""Rules: what is one, and what is said of a document that is none."""

import re
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.segments.domain.parse import MAX_CONDITIONS, MAX_DEPTH, MAX_PROBLEMS, parse
from services.profiles.segments.domain.rule import (
    And,
    DaysSince,
    EventCount,
    Identified,
    InList,
    Moment,
    Not,
    OrderTotal,
    TraitCompares,
    TraitExists,
    TraitIs,
    inputs,
)
from services.profiles.segments.errors import BadRule
from services.profiles.segments.repository.compiler import Asked, compiled

LIST = "01a20154-8623-7b30-a4b7-234122d95cd7"
GOOD: list[tuple[dict[str, Any], Any]] = [
    ({"trait": "city", "eq": "Huế"}, TraitIs("city", ("Huế",))),
    # As traits are kept: composed, whatever the keyboard made of it.
    ({"trait": "tên", "eq": "Huế"}, TraitIs("tên", ("Huế",))),
    ({"trait": "city", "exists": False}, Not(TraitExists("city"))),
    ({"trait": "age", "gte": 18, "lt": 30}, And((TraitCompares("age", "gte", 18), TraitCompares("age", "lt", 30)))),
    ({"trait": "since", "lt": "2026-01-31"}, TraitCompares("since", "lt", Moment("2026-01-31"))),
    ({"identified": False}, Not(Identified())),
    ({"event": "Product Viewed"}, EventCount("Product Viewed", None, "gte", 1)),
    ({"event": "X", "count": {"eq": 0}, "within_days": 7}, EventCount("X", 7, "eq", 0)),
    ({"event": "X", "days_since_last": {"gte": 60}}, DaysSince("X", "gte", 60)),
    ({"computed": "days_since_last_order", "lt": 90}, DaysSince(None, "lt", 90)),
    ({"computed": "net_minor", "currency": "VND", "gte": 5}, OrderTotal("net_minor", "VND", "gte", 5)),
    ({"list": LIST}, InList(UUID(LIST))),
]
BAD: list[tuple[Any, str, str]] = [
    ("city", "", "not_an_object"),
    ({}, "", "no_condition"),
    ({"trait": "a", "event": "b"}, "", "no_condition"),
    ({"and": []}, "/and", "not_a_list"),
    ({"and": [{"trait": "a", "eq": 1}, 7]}, "/and/1", "not_an_object"),
    ({"not": {"or": [{"trait": "a"}]}}, "/not/or/0", "no_comparison"),
    ({"trait": "a", "like": "b"}, "", "unknown_comparison"),
    ({"trait": "", "eq": 1}, "/trait", "not_a_name"),
    ({"trait": 7, "eq": 1}, "/trait", "not_a_name"),
    ({"trait": "a", "eq": None}, "/eq", "not_a_value"),
    ({"trait": "a", "eq": ["b"]}, "/eq", "not_a_value"),
    ({"trait": "a", "eq": 2**70}, "/eq", "not_a_value"),
    ({"trait": "a", "in": "b"}, "/in", "not_a_list"),
    ({"trait": "a", "in": [1, {}]}, "/in/1", "not_a_value"),
    ({"trait": "a", "exists": 1}, "/exists", "not_a_truth"),
    ({"trait": "a", "starts_with": 1}, "/starts_with", "not_a_text"),
    ({"trait": "a", "gt": "yesterday"}, "/gt", "not_a_time"),
    ({"trait": "a", "gt": "2026-02-30"}, "/gt", "not_a_time"),
    ({"trait": "a", "gt": "2026-02-03T10:00:00"}, "/gt", "not_a_time"),
    ({"trait": "a", "gt": True}, "/gt", "not_a_time"),
    ({"event": "X", "within_days": 0}, "/within_days", "not_days"),
    ({"event": "X", "count": 3}, "/count", "no_comparison"),
    ({"event": "X", "count": {"gte": 1.5}}, "/count/gte", "not_a_whole_number"),
    ({"event": "X", "days_since_last": {"eq": 5}}, "/days_since_last", "unknown_comparison"),
    ({"event": "X", "days_since_last": {"gt": 5}, "within_days": 3}, "", "unknown_field"),
    ({"computed": "fame", "gte": 1}, "/computed", "unknown_computed"),
    ({"computed": ["orders"], "gte": 1}, "/computed", "unknown_computed"),
    ({"computed": "net_minor", "gte": 1}, "/currency", "not_a_currency"),
    ({"computed": "orders", "gte": 1, "currency": "VND"}, "", "unknown_comparison"),
    ({"computed": "last_order_at", "gte": 5}, "/gte", "not_a_time"),
    ({"identified": "yes"}, "/identified", "not_a_truth"),
    ({"list": "VIP"}, "/list", "not_an_id"),
    ({"list": 5}, "/list", "not_an_id"),
    ({"list": LIST, "eq": 1}, "", "unknown_field"),
]


@pytest.mark.parametrize(("document", "rule"), GOOD)
def test_a_document_says_a_rule(document: dict[str, Any], rule: Any):
    assert parse(document) == rule


@pytest.mark.parametrize(("document", "pointer", "code"), BAD)
def test_what_is_no_rule_is_refused_with_the_place_and_the_reason(document: Any, pointer: str, code: str):
    with pytest.raises(BadRule) as refusal:
        parse(document)

    assert (pointer, code) in [(each["pointer"], each["code"]) for each in refusal.value.data["problems"]]
    assert all(each["message"].endswith(".") for each in refusal.value.data["problems"])


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(BadRule) as refusal:
        parse({"and": [{"trait": "a", "like": 1}, {"event": ""}, {"list": 1}]})

    assert [each["pointer"] for each in refusal.value.data["problems"]] == ["/and/0", "/and/1/event", "/and/2/list"]


def test_rules_are_bounded_in_depth_and_number():
    deep: dict[str, Any] = {"identified": True}
    for _ in range(MAX_DEPTH):
        deep = {"not": deep}
    wide = {"or": [{"and": [{"identified": True}] * MAX_CONDITIONS}] * 2}

    for document, code in ((deep, "too_deep"), (wide, "too_many_conditions")):
        with pytest.raises(BadRule) as refusal:
            parse(document)
        assert [each["code"] for each in refusal.value.data["problems"]] == [code]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["and", "or", "not", "trait", "event", "computed", "list", "eq", "in", "gt", "count"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_document_is_a_rule_or_is_refused(document: Any):
    problems: list[Any] = ["none"]
    try:
        inputs(parse(document))
    except BadRule as refusal:
        problems = refusal.data["problems"]

    assert 1 <= len(problems) <= MAX_PROBLEMS


@pytest.mark.parametrize("text", ["x'; DROP TABLE customers; --", ":now", "100%", "{0}", "$1", '"', "\\"])
def test_no_value_becomes_part_of_the_statement(text: str):
    """INVARIANT: every value of a rule is a bound parameter."""
    conditions = [f'{{"trait": "n", "{op}": %s}}' for op in ("eq", "ne", "contains", "starts_with")] + [
        '{"trait": %s, "exists": true}',
        '{"event": %s, "within_days": 3}',
        '{"trait": "n", "in": [%s, 1]}',
    ]
    quoted = orjson.dumps(f"needle{text}").decode()
    for place, condition in enumerate(conditions):
        plan = compiled((Asked(UUID(int=place), condition % quoted),))
        statement = plan.tables("SELECT 1") + plan.due + "".join(answer.rule for answer in plan.answers)
        assert "needle" not in statement
        assert "needle" in repr(plan.parameters)
        assert set(re.findall(r":(\w+)", statement)) <= {*plan.parameters, "now", "today", "zone"}
