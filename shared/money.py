"""Money is a whole number of minor units and an ISO 4217 code; never a float.

VND and JPY have no decimals, most have two, KWD and its like three. `parse` is the only way in from the wire.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

# Above this an amount is a mistake, and BIGINT sums of a billion orders still fit.
MAX_MINOR = 10**15

# ISO 4217 active codes (list one, 2026) by number of decimals; funds and metals (XAU, XXX, …) are no money here.
_DECIMALS: dict[int, str] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE "
        "CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
        "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR "
        "MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK "
        "SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD "
        "XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
EXPONENTS: dict[str, int] = {code: digits for digits, codes in _DECIMALS.items() for code in codes.split()}


# Decimal takes more than money is written in: other digits, underscores, NaN.
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
# As nearly every shop writes it.
_SIMPLE = re.compile(r"(\d{1,12})(?:\.(\d{1,4}))?", re.ASCII)
# Wide enough that nothing is rounded before it is meant to be.
_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)


class MoneyError(ValueError):
    """An amount or a currency that cannot be money; `code` says which."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Money(NamedTuple):
    """`minor` units of `currency`: Money(1999, "USD") is 19.99 US dollars."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return f"{to_decimal_string(self.minor, self.currency)} {self.currency}"


def currency_code(value: object) -> str:
    """The ISO 4217 code, upper case.

    Raises:
        MoneyError: `unknown_currency`.
    """
    if isinstance(value, str) and value.strip().upper() in EXPONENTS:
        return value.strip().upper()
    raise MoneyError("unknown_currency", f"{str(value)[:12]!r} is not an ISO 4217 currency code.")


def parse(amount: object, currency: str, *, exact: bool = False) -> int:
    """Minor units of an amount as it comes over the wire: an int, a float or a decimal string, in major units.

    Digits beyond the currency's are rounded half to even (browsers send 0.30000000000000004), unless `exact`.

    Raises:
        MoneyError: `unknown_currency`, or `impossible_amount` (not a finite number, negative, too large, too fine).
    """
    exponent = EXPONENTS.get(currency)
    if exponent is None:
        raise MoneyError("unknown_currency", f"{currency[:12]!r} is not an ISO 4217 currency code.")
    if type(amount) is float and 0 <= amount < 10**11:
        # A decimal of at most 15 digits is the shortest form of its float: equal means that nothing is rounded.
        scale = 10**exponent
        whole: int = round(amount * scale)
        if whole / scale == amount:
            return whole
    # `type`, not isinstance: true is no amount.
    minor: int = amount * 10**exponent if type(amount) is int else _scaled(amount, exponent, exact=exact)
    if not 0 <= minor <= MAX_MINOR:
        raise MoneyError("impossible_amount", "The amount is negative or too large.")
    return minor


def _scaled(amount: object, exponent: int, *, exact: bool) -> int:
    if type(amount) is str and (simple := _SIMPLE.fullmatch(amount)) is not None:
        units, decimals = simple.groups("")
        if len(decimals) <= exponent:
            return int(units + decimals.ljust(exponent, "0"))
    text = str(amount).strip() if isinstance(amount, float | str | Decimal) else ""
    if len(text) > 40 or not _PLAIN.fullmatch(text):
        raise MoneyError("impossible_amount", "The amount is not a number.")
    number = Decimal(text)
    if number.adjusted() > 20:
        raise MoneyError("impossible_amount", "The amount is negative or too large.")
    scaled = number.scaleb(exponent, _EXACT)
    whole = scaled.to_integral_value(ROUND_HALF_EVEN, _EXACT)
    if exact and whole != scaled:
        raise MoneyError("impossible_amount", f"The amount {text} has more than {exponent} decimals.")
    return int(whole)


def to_decimal_string(minor: int, currency: str) -> str:
    """`"19.99"` for 1999 US cents, `"250000"` for 250000 dong."""
    exponent = EXPONENTS[currency]
    return str(Decimal(minor).scaleb(-exponent)) if exponent else str(minor)
