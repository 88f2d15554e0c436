"""Identifiers: time-ordered for new things, the same for the same thing."""

import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ids import anonymous_key, customer_key, derived_id, user_key, uuid7

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1)


def test_a_new_id_is_a_uuid7_of_now():
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= after


def test_ids_sort_by_time_and_never_meet():
    first = uuid7()
    time.sleep(0.002)
    second = uuid7()

    assert first < second
    assert len({uuid7() for _ in range(10_000)}) == 10_000


def test_person_keys_are_fixed_for_ever():
    """Every stored fact hangs on these: a change here orphans them all."""
    assert user_key("u-1") == UUID("5d206c8f-9164-5e9d-9f82-4f9f80510b18")
    assert anonymous_key("u-1") == UUID("b7d42af2-d307-506f-b550-de86111eb699")


@given(value=texts)
def test_a_reference_in_a_url_names_the_same_person(value: str):
    assert customer_key(f"user_id:{value}") == user_key(value)
    assert customer_key(f"anonymous_id:{value}") == anonymous_key(value)
    assert user_key(value) != anonymous_key(value)


def test_a_customer_id_names_itself():
    made = uuid7()

    assert customer_key(str(made)) == made


@pytest.mark.parametrize("reference", ["", "user_id:", "anonymous_id:", "email:a@b.c", "42", "user_id", ":x"])
def test_what_names_nobody_is_refused(reference: str):
    with pytest.raises(ValueError, match="badly formed"):
        customer_key(reference)


@given(parts=st.lists(texts, min_size=1, max_size=3), other=st.lists(texts, min_size=1, max_size=3))
def test_one_thing_has_one_id(parts: list[str], other: list[str]):
    assert derived_id(*parts) == derived_id(*parts)
    if parts != other:
        assert derived_id(*parts) != derived_id(*other)
