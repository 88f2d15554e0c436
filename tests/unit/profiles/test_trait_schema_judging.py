"""Declared types: what fits, in which form it is kept, what is refused and why, and judging again."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.profiles.domain.facts import Facts
from services.profiles.domain.traits import TraitWrite
from services.profiles.trait_schema.domain.declaration import Declared
from services.profiles.trait_schema.domain.judging import Refused, Schema, Stored, judged_again, mend
from services.profiles.trait_schema.schemas import DeclarationIn

NOW = datetime(2026, 11, 21, tzinfo=UTC)
KEY = UUID(int=7)


def word(value: Any, minute: int = 0) -> TraitWrite:
    text = None if value is None else orjson.dumps(value).decode()
    return TraitWrite(NOW + timedelta(minutes=minute), UUID(int=minute + 1), text, "web", NOW)


def judged(type_: str, value: Any, **more: Any) -> Any:
    """The value as it is kept, or the reason why not."""
    verdict = Schema({"t": Declared("t", type_, **more)}, country="VN").judge("t", word(value))  # type: ignore[arg-type]
    if isinstance(verdict, Refused):
        assert mend(verdict.reason, Declared("t", type_, **more))  # type: ignore[arg-type]
        return verdict.reason
    return orjson.loads(verdict.value or "null")


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("string", "Huế", "Huế"),
        ("number", 4.5, 4.5),
        ("number", 42, 42),
        ("integer", 42, 42),
        ("integer", 42.0, 42),
        ("boolean", False, False),
        ("date", "2024-02-29", "2024-02-29"),
        ("datetime", "2026-01-31T09:30:00+07:00", "2026-01-31T02:30:00Z"),
        ("datetime", "2026-01-31t09:30:00.5z", "2026-01-31T09:30:00.500000Z"),
        ("email", " Huong@Example.VN ", "huong@example.vn"),
        ("phone", "0901 234 567", "+84901234567"),
        ("phone", "+1 415 555 2671", "+14155552671"),
        ("array", ["a", "b"], ["a", "b"]),
        ("array", [], []),
    ],
)
def test_what_fits_is_kept_in_the_form_of_its_type(type_: str, value: Any, kept: Any):
    found = judged(type_, value)

    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("string", 42, "wrong_type"),
        ("string", ["a"], "wrong_type"),
        ("number", "42", "wrong_type"),
        ("number", True, "wrong_type"),
        ("integer", 4.5, "wrong_type"),
        ("boolean", 1, "wrong_type"),
        ("boolean", "true", "wrong_type"),
        ("date", "31/01/2026", "not_iso_8601"),
        ("date", "2026-02-30", "not_iso_8601"),
        ("date", "2026-01-31T00:00:00Z", "not_iso_8601"),
        ("date", 20260131, "wrong_type"),
        ("datetime", "2026-01-31T09:30:00", "not_iso_8601"),
        ("datetime", "2026-01-31T25:30:00Z", "not_iso_8601"),
        ("datetime", "0001-01-01T00:00:00+14:00", "not_iso_8601"),
        ("email", "huong@", "not_an_email"),
        ("phone", "12345", "not_e164"),
        ("phone", "call me", "not_e164"),
        ("phone", {"n": 1}, "not_e164"),
        ("array", "a", "wrong_type"),
        ("array", ["a", 1], "wrong_type"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(type_: str, value: Any, reason: str):
    assert judged(type_, value) == reason


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("number", "42", 42),
        ("number", " -4.5 ", -4.5),
        ("number", "4,5", "wrong_type"),
        ("number", "1e5", "wrong_type"),
        ("integer", "42", 42),
        ("integer", "99999999999999999999", "out_of_range"),
        ("string", 42, "42"),
        ("string", True, "wrong_type"),
        ("boolean", "TRUE", True),
        ("boolean", "yes", "wrong_type"),
        ("array", "a", ["a"]),
    ],
)
def test_only_what_surely_says_the_same_is_coerced(type_: str, value: Any, kept: Any):
    assert judged(type_, value, coerce=True) == kept


def test_limits_and_lists():
    assert judged("integer", 151, min=0, max=150) == "out_of_range"
    assert judged("number", -0.5, min=0) == "out_of_range"
    assert judged("integer", 150, min=0, max=150) == 150
    assert judged("string", "abcd", max_length=3) == "too_long"
    assert judged("array", ["a", "b"], max_length=1) == "too_long"
    assert judged("enum", "gold", values=("silver", "gold")) == "gold"
    assert judged("enum", "Gold", values=("silver", "gold")) == "not_listed"
    assert judged("enum", " GOLD", values=("silver", "gold"), coerce=True) == "gold"
    assert mend("out_of_range", Declared("t", "integer", min=0, max=150)).count("from 0 to 150") == 1


def test_what_was_said_is_kept_where_it_was_written_otherwise():
    schema = Schema({"t": Declared("t", "email")})
    verdict = schema.judge("t", word("A@B.VN"))

    assert isinstance(verdict, TraitWrite)
    assert (verdict.value, verdict.said) == ('"a@b.vn"', '"A@B.VN"')
    same = schema.judge("t", word("a@b.vn"))
    assert isinstance(same, TraitWrite)
    assert same.said is None


def test_undeclared_traits_go_on_unless_the_schema_is_strict_and_removals_always_fit():
    assert Schema().judge("x", word(1)) == word(1)
    assert isinstance(Schema(is_strict=True).judge("x", word(1)), Refused)
    assert Schema(is_strict=True).judge("x", word(None)) == word(None)
    assert not Schema()


def test_a_word_that_does_not_fit_never_hides_an_earlier_one_of_its_batch():
    for order in permutations((word(42, 1), word("abc", 2), word("xyz", 3))):
        facts = Facts(Schema({"t": Declared("t", "number")}))
        for each in order:
            facts.say(KEY, "t", each)

        assert facts.traits[KEY, "t"].value == "42"
        assert facts.misfits[KEY, "t"].write.value == '"xyz"'


VALUES = st.one_of(
    st.none(), st.integers(-5, 5), st.booleans(), st.sampled_from(("3", "abc", "a@b.vn", "2026-01-31")), st.floats(0, 1)
)
TYPES = st.sampled_from((None, "string", "number", "integer", "boolean", "date", "email", "array"))


@given(st.lists(TYPES, min_size=1, max_size=6), st.lists(VALUES, min_size=1, max_size=4), st.booleans())
def test_changing_types_back_gives_back_what_was_there(types: list[Any], values: list[Any], coerce: bool):
    """Through whatever types: judged by the first again, the words stand as they did."""

    def schema(type_: Any) -> Schema:
        return Schema({} if type_ is None else {"t": Declared("t", type_, coerce=coerce)})

    def raw(words: list[Stored]) -> list[Stored]:
        # As they are read from the tables: what was said.
        said = [each.write._replace(value=each.write.said or each.write.value, said=None) for each in words]
        return [each._replace(write=write) for each, write in zip(words, said, strict=True)]

    first = schema(types[0])
    words = [Stored(KEY, word(value, minute), None, False) for minute, value in enumerate(values)]
    start = judged_again("t", words, first)
    now = start
    for type_ in types[1:]:
        now = judged_again("t", raw(now), schema(type_))
        # Nothing is lost but a removal that is not the latest word.
        assert {each.write.event_id for each in words if each.write.value} <= {each.write.event_id for each in now}
    back = judged_again("t", raw(now), first)

    def value(found: list[Stored]) -> list[Any]:
        return [each.write for each in found if each.verdict is None and each.write.value is not None]

    if not any(each is None for each in values):
        assert value(back) == value(start)
        assert {(each.write, each.verdict) for each in back} == {(each.write, each.verdict) for each in start}


@pytest.mark.parametrize(
    "body",
    [
        {"type": "string", "min": 1},
        {"type": "number", "min": 2, "max": 1},
        {"type": "number", "max_length": 3},
        {"type": "enum"},
        {"type": "enum", "values": ["a", "a"]},
        {"type": "string", "values": ["a"]},
        {"type": "string", "merge_policy": "max"},
        {"type": "string", "merge_policy": "union"},
        {"type": "string", "merge_policy": "source_priority"},
        {"type": "string", "sources": ["web"]},
        {"type": "money"},
        {"type": "string", "merge_policy": "newest"},
        {"type": "string", "description": {"fr": "nom"}},
    ],
)
def test_declarations_that_make_no_sense_are_refused(body: dict[str, Any]):
    with pytest.raises(ValidationError):
        DeclarationIn.model_validate(body)


def test_a_declaration_survives_being_stored():
    body = DeclarationIn(type="enum", values=["silver", "gold"], merge_policy="max", unit="hạng", sensitive=True)
    declared = body.declared("tier")

    assert Declared.stored("tier", orjson.loads(orjson.dumps(declared.definition()))) == declared
