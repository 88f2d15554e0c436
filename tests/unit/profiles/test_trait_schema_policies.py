"""Merge policies: one value for one set of words, whatever their order and however they came together."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.people.domain import TraitRow
from services.profiles.trait_schema.domain.declaration import Declared, MergePolicy
from services.profiles.trait_schema.domain.policy import Word, held

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def word(key: int, value: Any, minute: int, *, source: str = "web", user: bool = False) -> Word:
    time = NOW + timedelta(minutes=minute)
    return Word(TraitRow("t", value, source, UUID(int=key), time, NOW, UUID(int=key)), user)


def shown(policy: MergePolicy, *words: Word, type_: Any = "number", **more: Any) -> Any:
    found = held(words, Declared("t", type_, merge_policy=policy, **more))
    return None if found is None else found.value


AT_WORK = (word(1, 5, 3), word(2, 9, 1), word(3, 2, 2))


def test_by_time_and_by_value():
    assert shown("latest", *AT_WORK) == 5
    assert shown("earliest", *AT_WORK) == 9
    assert shown("max", *AT_WORK) == 9
    assert shown("min", *AT_WORK) == 2
    assert held(AT_WORK, None) == AT_WORK[0].row


def test_of_equal_values_the_latest_word_holds():
    found = held((word(1, 5, 1), word(2, 5.0, 2), word(3, 4, 3)), Declared("t", "number", merge_policy="max"))

    assert found is not None
    assert found.customer_id == UUID(int=2)
    assert found.policy == "max"


@pytest.mark.parametrize(
    ("type_", "values", "least", "greatest", "more"),
    [
        ("date", ("2026-01-31", "1999-12-31", "2025-06-01"), "1999-12-31", "2026-01-31", {}),
        (
            "datetime",
            ("2026-01-31T00:00:00Z", "2026-01-31T00:00:00.5Z", "2025-01-01T00:00:00Z"),
            "2025-01-01T00:00:00Z",
            "2026-01-31T00:00:00.5Z",
            {},
        ),
        ("enum", ("gold", "silver", "diamond"), "silver", "diamond", {"values": ("silver", "gold", "diamond")}),
    ],
)
def test_dates_and_listed_values_have_an_order(type_: str, values: Any, least: str, greatest: str, more: Any):
    words = [word(key, value, key) for key, value in enumerate(values)]

    assert (shown("min", *words, type_=type_, **more), shown("max", *words, type_=type_, **more)) == (least, greatest)


def test_what_a_new_type_was_not_asked_of_yet_breaks_nothing():
    assert shown("max", word(1, "old", 9), word(2, 3, 1)) == 3
    assert shown("max", word(1, "old", 9), word(2, True, 1)) == "old"
    assert shown("max", word(1, [], 9), word(2, "x", 1), type_="date") == []
    assert shown("union", word(1, "old", 9), word(2, [{}, "a"], 1), type_="array") == ["a"]


def test_a_union_has_everything_the_first_said_first():
    words = word(1, ["b", "c"], 2), word(2, ["a", "b"], 1), word(3, ["c"], 3)
    found = held(words, Declared("t", "array", merge_policy="union"))

    assert found is not None
    assert found.value == ["a", "b", "c"]
    assert found.customer_id == UUID(int=1), "the latest word that adds to it"


def test_a_users_own_word_comes_before_a_visitors_later_one():
    assert shown("prefer_identified", word(1, 1, 1, user=True), word(2, 2, 9)) == 1
    assert shown("prefer_identified", word(1, 1, 1, user=True), word(2, 2, 9, user=True)) == 2


def test_sources_have_an_order_and_requests_are_one():
    words = word(1, 1, 9, source="web"), word(2, 2, 1, source="api:k1"), word(3, 3, 5, source="app")

    assert shown("source_priority", *words, sources=("api", "app")) == 2
    assert shown("source_priority", *words, sources=("erp", "app")) == 3
    assert shown("source_priority", *words, sources=("erp",)) == 1


def test_a_removal_takes_the_value_from_its_key_alone_but_where_the_latest_word_decides():
    words = word(1, None, 9), word(2, 4, 1)

    assert shown("latest", *words) is None
    assert shown("max", *words) == 4
    assert shown("max", word(1, None, 9)) is None


POLICIES: st.SearchStrategy[MergePolicy] = st.sampled_from(
    ("latest", "earliest", "max", "min", "union", "prefer_identified", "source_priority")
)
WORDS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3), st.lists(st.sampled_from("abc"), max_size=3)),
        st.integers(0, 3),
        st.sampled_from(("web", "api:1", "app")),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@given(POLICIES, WORDS, st.randoms())
def test_neither_order_nor_the_way_keys_came_together_matter_and_an_unmerge_restores(
    policy: MergePolicy, raw: list[Any], random: Random
):
    words = [
        word(key, value, minute, source=source, user=user) for key, (value, minute, source, user) in enumerate(raw)
    ]
    declared = Declared("t", "number", merge_policy=policy, sources=("api", "web"))
    alone = [held([each], declared) for each in words]
    whole = held(words, declared)

    people = [[each] for each in words]
    while len(people) > 1:
        gone = people.pop(random.randrange(len(people)))
        random.choice(people).extend(gone)
        random.shuffle(people)
    assert held(people[0], declared) == whole
    assert [held([each], declared) for each in words] == alone
