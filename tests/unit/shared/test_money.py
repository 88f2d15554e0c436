"""Money: whole minor units in, whole minor units out, whatever a shop sends."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.money import EXPONENTS, MAX_MINOR, Money, MoneyError, currency_code, parse, to_decimal_string

amounts = st.integers(min_value=0, max_value=MAX_MINOR)
currencies = st.sampled_from(sorted(EXPONENTS))


@given(minor=amounts, currency=currencies)
def test_what_is_written_is_read_back(minor: int, currency: str):
    assert parse(to_decimal_string(minor, currency), currency, exact=True) == minor


@given(minor=st.integers(min_value=0, max_value=10**13), currency=currencies)
def test_a_float_of_a_shop_loses_nothing(minor: int, currency: str):
    """JSON numbers are doubles: fifteen digits survive."""
    assert parse(float(to_decimal_string(minor, currency)), currency) == minor


@given(minor=st.integers(min_value=-(10**24), max_value=10**24), currency=currencies)
def test_sums_are_written_without_exponent_or_rounding(minor: int, currency: str):
    text = to_decimal_string(minor, currency)

    assert "E" not in text
    assert Decimal(text) * 10 ** EXPONENTS[currency] == minor


@given(cents=st.lists(st.integers(min_value=0, max_value=10**7), max_size=30))
def test_a_total_is_the_sum_of_its_lines(cents: list[int]):
    """What floats get wrong: 0.1 + 0.2."""
    lines = [to_decimal_string(each, "USD") for each in cents]

    assert sum(parse(line, "USD") for line in lines) == sum(cents)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (250_000, "VND", 250_000),
        (250_000.0, "VND", 250_000),
        ("250000", "VND", 250_000),
        ("250000.00", "VND", 250_000),
        (19.99, "USD", 1_999),
        ("19.99", "USD", 1_999),
        (" 19.99 ", "USD", 1_999),
        ("+19.99", "USD", 1_999),
        (0.1 + 0.2, "USD", 30),
        (1.005, "USD", 100),
        (2.675, "USD", 268),
        ("0.125", "USD", 12),
        ("0.135", "USD", 14),
        (1e3, "USD", 100_000),
        ("1e3", "USD", 100_000),
        (".5", "EUR", 50),
        ("5.", "EUR", 500),
        ("1.234", "KWD", 1_234),
        (1.2345, "KWD", 1_234),
        ("1.2346", "KWD", 1_235),
        ("0.0001", "CLF", 1),
        (0, "USD", 0),
        (Decimal("12.34"), "USD", 1_234),
        (10**13, "USD", MAX_MINOR),
        ("1e-400", "USD", 0),
    ],
)
def test_amounts_as_shops_send_them(amount: object, currency: str, minor: int):
    assert parse(amount, currency) == minor


@pytest.mark.parametrize(
    "amount",
    [
        float("nan"), float("inf"), float("-inf"), "NaN", "sNaN", "Infinity", "-Infinity", True, False, None, "", " ",
        [], {}, "12,50", "1 000", "1_000", "$5", "5 USD", "0x10", "١٢", "１２", "1e", "--1", "1.2.3", b"5",
        -1, -0.01, "-5", 10**13 + 1, 10**400, 1e300, "1e999", "1e999998", "1e-9999", "9" * 41,
        Decimal("1e999998"), Decimal("NaN"), 1 + 2j,
    ],
)  # fmt: skip
def test_an_impossible_amount_is_refused_with_a_code(amount: object):
    with pytest.raises(MoneyError) as refused:
        parse(amount, "USD")

    assert refused.value.code == "impossible_amount"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_too_long_to_print_is_refused(sign: int):
    with pytest.raises(MoneyError, match="negative or too large"):
        parse(sign * 10**5000, "USD")


@given(amount=st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none(), st.binary()))
def test_anything_is_an_amount_or_is_refused(amount: object):
    with contextlib.suppress(MoneyError):
        assert 0 <= parse(amount, "EUR") <= MAX_MINOR


@pytest.mark.parametrize(("amount", "currency"), [("19.999", "USD"), ("0.5", "VND"), (1.0005, "KWD")])
def test_exact_refuses_digits_that_the_currency_does_not_have(amount: object, currency: str):
    with pytest.raises(MoneyError, match="decimals"):
        parse(amount, currency, exact=True)


def test_exact_is_not_fooled_by_many_digits():
    with pytest.raises(MoneyError, match="decimals"):
        parse("1.0000000000000000000000000000000001", "USD", exact=True)


@pytest.mark.parametrize(("given", "code"), [("USD", "USD"), ("vnd", "VND"), (" eur ", "EUR")])
def test_currency_codes_are_read_in_any_case(given: str, code: str):
    assert currency_code(given) == code


@pytest.mark.parametrize("given", ["", "US", "USDT", "BTC", "XXX", "XAU", "₫", "DEM", None, 840, True, ["USD"]])
def test_an_unknown_currency_is_refused_with_a_code(given: object):
    with pytest.raises(MoneyError) as refused:
        currency_code(given)

    assert refused.value.code == "unknown_currency"


def test_an_unknown_currency_of_an_amount_is_refused():
    with pytest.raises(MoneyError) as refused:
        parse(5, "XXX")

    assert refused.value.code == "unknown_currency"


def test_money_reads_as_people_write_it():
    assert str(Money(1_999, "USD")) == "19.99 USD"
    assert str(Money(250_000, "VND")) == "250000 VND"
    assert str(Money(-5, "USD")) == "-0.05 USD"
