"""Codes in a form of the firm's own: every symbol equally likely, no two that are read alike, enough of them."""

import math
import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.vouchers.domain.codes import ALPHABET, SPACE_PER_CODE, canonical
from services.loyalty.vouchers.domain.forms import Form, trouble

CHARSETS = st.sets(st.sampled_from(ALPHABET), min_size=2).map(lambda found: "".join(sorted(found)))
PATTERNS = st.text("#A7-", min_size=3, max_size=20).filter(lambda text: text.count("#") >= 2)


@given(pattern=PATTERNS, charset=CHARSETS, has_check=st.booleans())
def test_codes_are_as_the_pattern_says_and_known_by_their_shape(*, pattern: str, charset: str, has_check: bool):
    form = Form(pattern=pattern, charset=charset, has_check=has_check)
    if trouble(pattern, charset, has_check=has_check) is not None:
        return
    for code in form.make(5, os.urandom):
        body = code[:-2] if has_check else code
        assert len(body) == len(pattern)
        assert all(told == said or (said == "#" and told in charset) for told, said in zip(body, pattern, strict=True))
        assert form.shape.fits(canonical(code))
        assert form.shape.fits(canonical(code.lower()))


def test_every_symbol_of_any_charset_is_equally_likely():
    """Thirty symbols do not divide 256: who takes the remainder favours sixteen of them by an eighth."""
    charset = ALPHABET[:30]
    drawn = "".join(Form(pattern="#" * 20, charset=charset, has_check=False).make(6_000, os.urandom))
    counts, expected = Counter(drawn), len(drawn) / 30

    assert sum((counts[each] - expected) ** 2 / expected for each in charset) < 70
    naive = Counter(charset[byte % 30] for byte in os.urandom(120_000))
    assert sum((naive[each] - 4_000) ** 2 / 4_000 for each in charset) > 200, "the bias that is to be avoided"


@pytest.mark.parametrize(
    ("pattern", "charset", "has_check", "reason"),
    [
        ("####-####", ALPHABET, True, None),
        ("TET26-####-####-VN", ALPHABET, False, None),
        ("TET26-########", ALPHABET, True, None),
        ("SALE", ALPHABET, False, "no_random_symbol"),
        ("####ế", ALPHABET, False, "bad_symbol"),
        ("####", "A", False, "charset_too_small"),
        ("########", "AABB", False, "ambiguous_charset"),
        ("########", "01IO", False, "ambiguous_charset"),
        ("#", ALPHABET, False, "bad_length"),
        ("####-U", ALPHABET, True, "no_check_possible"),
        ("####-U", ALPHABET, False, None),
        ("SEX-####", ALPHABET, False, "offensive"),
    ],
)
def test_what_cannot_be_a_form_is_refused_for_a_reason(
    pattern: str, charset: str, reason: str | None, *, has_check: bool
):
    assert trouble(pattern, charset, has_check=has_check) == reason


@given(st.integers(1, 10**8), st.integers(2, 32))
def test_what_is_said_to_be_enough_is_enough_and_no_more(count: int, size: int):
    enough = Form(pattern="#", charset=ALPHABET[:size]).symbols_for(count)

    assert size**enough >= SPACE_PER_CODE * count
    assert enough == 1 or size ** (enough - 1) < SPACE_PER_CODE * count


def test_one_wrong_symbol_in_a_code_with_a_check_is_seen():
    form = Form(pattern="VN-####-####", charset=ALPHABET)
    (code,) = form.make(1, os.urandom)
    typed = canonical(code)

    wrong = [
        typed[:place] + other + typed[place + 1 :]
        for place in range(2, len(typed))
        for other in ALPHABET
        if other != typed[place]
    ]

    assert not any(form.shape.fits(each) for each in wrong)
    assert math.isclose(math.log2(form.possible), 40)
