"""Codes: what a typing mistake does, how they are read, and what nobody should read in one."""

import os
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.codes import ALPHABET, Shape

SYMBOLS = st.text(ALPHABET, min_size=8, max_size=24)


@pytest.mark.parametrize("length", [8, 12, 16])
def test_a_single_wrong_symbol_is_always_found(length: int):
    checked = 0
    for code in codes.make(40, length, os.urandom):
        for place in range(len(code)):
            for other in ALPHABET.replace(code[place], ""):
                checked += 1
                assert not codes.is_checked(code[:place] + other + code[place + 1 :])
    assert checked == 40 * (length + 1) * 31


def test_two_swapped_neighbours_are_always_found():
    checked = 0
    for code in codes.make(2_000, 12, os.urandom):
        for place in range(len(code) - 1):
            if code[place] != code[place + 1]:
                swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
                checked += 1
                assert not codes.is_checked(swapped)
    assert checked > 20_000


def test_a_mod_37_or_luhn_check_would_miss_what_ours_finds():
    """Luhn over 32 symbols, the obvious other choice, does not see 0 and Z change places."""

    def luhn(symbols: str) -> int:
        total = 0
        for number, symbol in enumerate(reversed(symbols)):
            value = ALPHABET.index(symbol) * (2 if number % 2 == 0 else 1)
            total += value // 32 + value % 32
        return -total % 32

    assert luhn("7K0Z") == luhn("7KZ0")
    assert codes.check_symbol("7K0Z") != codes.check_symbol("7KZ0")


@given(SYMBOLS)
def test_bulk_and_single_arithmetic_agree(symbols: str):
    assert codes.is_checked(symbols + codes.check_symbol(symbols))


def test_codes_are_random_symbols_with_their_check():
    made = codes.make(20_000, 12, os.urandom)

    assert len(set(made)) == 20_000
    assert all(len(code) == 13 and codes.is_checked(code) for code in made)
    for place in range(12):
        seen = Counter(code[place] for code in made)
        # 625 expected of each; six sigma is 150.
        assert set(seen) == set(ALPHABET)
        assert max(seen.values()) < 775
        assert min(seen.values()) > 475


def test_an_offensive_code_is_drawn_again():
    draws = iter([_bytes_of("DCM7DCM7DCM7"), _bytes_of("7K3MQ9XA2VBC")])

    made = codes.make(1, 12, lambda _: next(draws))

    assert [code[:12] for code in made] == ["7K3MQ9XA2VBC"]


@pytest.mark.parametrize("word", ["fuck".replace("u", "v"), "SH1T", "đcm".replace("đ", "d"), "vcl", "cAc", "lon"])
def test_words_are_found_however_they_look(word: str):
    assert codes.is_offensive(codes.canonical("7K" + word + "9X"))


def _bytes_of(symbols: str) -> bytes:
    return bytes(ALPHABET.index(symbol) for symbol in symbols)


@pytest.mark.parametrize(
    "typed",
    ["TET26-7K3M-Q9XA-2VBC-4", "tet26 7k3m q9xa 2vbc 4", "TET267K3MQ9XA2VBC4", " tet26–7k3m—q9xa_2vbc.4 "],
)
def test_a_code_is_read_however_it_was_typed(typed: str):
    assert codes.canonical(typed) == "TET267K3MQ9XA2VBC4"


def test_i_l_and_o_are_read_as_what_they_look_like():
    assert codes.canonical("oil") == "011"


@given(SYMBOLS, st.sampled_from(["", "TET26", "SALE", "O1"]))
def test_a_written_code_is_read_as_the_same(symbols: str, prefix: str):
    code = symbols + codes.check_symbol(symbols)

    assert codes.canonical(codes.written(code, prefix)) == codes.canonical(prefix) + code
    assert codes.shape(prefix, len(symbols)).fits(codes.canonical(codes.written(code, prefix)))


def test_what_looks_like_no_code_is_never_looked_for():
    (code,) = codes.make(1, 12, os.urandom)
    shapes = [codes.shape("TET26", 12), Shape("", 8, is_checked=False)]
    wrong = code[:-1] + ALPHABET[ALPHABET.index(code[-1]) - 1]

    assert codes.matching("TET26" + code, shapes)
    assert not codes.matching("TET26" + wrong, shapes)
    assert not codes.matching("SALE1" + code, shapes)
    assert not codes.matching(code, shapes)
    assert codes.matching("SUMMER20", shapes)


@pytest.mark.parametrize(
    ("length", "count", "fits"),
    [(12, 10_000_000, True), (8, 1_000_000, True), (8, 2_000_000, False), (8, 1, True)],
)
def test_codes_are_few_among_those_there_could_be(length: int, count: int, fits: bool):
    assert codes.has_room(length, count) is fits


@pytest.mark.parametrize(
    ("text", "shown"), [("TET267K3MQ9XA2VBC4", "VBC4"), ("ABCDEFGH", "GH"), ("VIP7", ""), ("ABCDEFGHJKMN", "JKMN"[0:4])]
)
def test_what_is_shown_of_a_code_does_not_give_it_away(text: str, shown: str):
    assert codes.last_shown(text) == shown


@pytest.mark.parametrize("text", ["AB", "X" * 65, "A\u0007BC", "A\u200bBC"])
def test_what_nobody_can_type_is_no_code(text: str):
    assert codes.trouble(codes.canonical(text)) is not None


def test_random_text_seldom_passes_the_check():
    chance = random.Random(1)
    passed = sum(codes.is_checked("".join(chance.choices(ALPHABET, k=13))) for _ in range(32_000))

    assert 850 < passed < 1_150
