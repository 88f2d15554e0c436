"""Codes: Crockford's base32, a check symbol over GF(32), and one canonical form however a code was typed.

    TET26-7K3M-Q9XA-2VBC-4      prefix, 12 random symbols (60 bits; 16, 80 bits, where value is stored), check symbol

The check symbol finds every single wrong symbol and every swap of two neighbours, so a mistyped code costs no look-up.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12
VALUE_LENGTH = 16  # symbols of codes that hold money
MIN_LENGTH, MAX_LENGTH = 8, 24
MAX_PREFIX = 16
MIN_TEXT, MAX_TEXT = 3, 64
# So many possible codes must stand behind each that there is: who guesses finds one in a million tries at best.
SPACE_PER_CODE = 1_000_000

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
# x⁵ + x² + 1, primitive over GF(2): multiplication by x as a table.
_TIMES_X = bytes((value << 1 ^ (0x25 if value & 0x10 else 0)) & 0x1F for value in range(32)) + bytes(224)
_FIVE_BITS = bytes(value & 0x1F for value in range(256))
_SYMBOLS = ALPHABET.encode() * 8
_MEANT = str.maketrans("ILO", "110", "-–— \t_.")
_GENERATED = re.compile(f"[{ALPHABET}]+")
_PREFIX = re.compile(r"[A-Z0-9]*")

# What no customer should read in a code, in English and Vietnamese, as it looks in this alphabet (no I, L, O, U).
_OFFENSIVE = (
    "FCK", "FVCK", "FKC", "CVNT", "CNT", "D1CK", "C0CK", "T1T", "P1SS", "SH1T", "SHT", "ASS", "ARSE", "SEX", "P0RN",
    "RAPE", "N1G", "NGR", "FAG", "GAY", "NAZ1", "H1T1ER", "KKK", "WH0RE", "S1VT", "B1TCH", "BTCH", "DAMN", "JEW",
    "C4C", "CAC", "D1T", "DJT", "DE0", "DCM", "DKM", "DMM", "CMM", "VC1", "VK1", "VCC", "10N", "BV01", "CAVE", "PH0",
    "NGV", "CH0", "D0N", "HEN",
)  # fmt: skip
_IS_OFFENSIVE = re.compile("|".join(_OFFENSIVE))


class Shape(NamedTuple):
    """What codes of one kind look like: a canonical prefix, the length of all of it, and whether it ends in a check."""

    prefix: str
    length: int
    is_checked: bool

    def fits(self, text: str) -> bool:
        """Whether a canonical text may be such a code."""
        if len(text) != self.length or not text.startswith(self.prefix):
            return False
        return not self.is_checked or is_checked(text[len(self.prefix) :])


def canonical(text: str) -> str:
    """The one form of a code: upper case, no separators, I and L read as 1 and O as 0."""
    return unicodedata.normalize("NFKC", text).upper().translate(_MEANT)


def check_symbol(symbols: str) -> str:
    """The symbol that goes behind these.

    Raises:
        KeyError: one of them is not of the alphabet.
    """
    value = 0
    for symbol in symbols:
        value = _TIMES_X[value ^ _VALUES[symbol]]
    return ALPHABET[value]


def is_checked(text: str) -> bool:
    """Whether the last symbol is the check symbol of those before it."""
    if not _GENERATED.fullmatch(text):
        return False
    return check_symbol(text[:-1]) == text[-1]


def is_prefix(text: str) -> bool:
    """Whether codes may begin so: letters A to Z and digits."""
    return len(text) <= MAX_PREFIX and _PREFIX.fullmatch(text) is not None


def shape(prefix: str, length: int) -> Shape:
    """The shape of generated codes with a prefix and so many random symbols."""
    start = canonical(prefix)
    return Shape(start, len(start) + length + 1, is_checked=True)


def has_room(length: int, codes: int) -> bool:
    """Whether so many codes of a length are few enough among all possible ones."""
    possible: int = len(ALPHABET) ** length
    return possible >= SPACE_PER_CODE * max(1, codes)


def is_offensive(text: str) -> bool:
    """Whether a canonical text holds a word that no customer should read."""
    return _IS_OFFENSIVE.search(text) is not None


def make(count: int, length: int, random: Callable[[int], bytes]) -> list[str]:
    """So many codes without prefix: random symbols and their check symbol, none of them offensive.

    `random` gives so many random bytes (`os.urandom`). Every symbol is equally likely, for 256 is 8 times 32.
    """
    made: list[str] = []
    while len(made) < count:
        made += [code for code in _drawn(count - len(made), length, random) if not is_offensive(code)]
    return made


def _drawn(count: int, length: int, random: Callable[[int], bytes]) -> Iterator[str]:
    # Column by column, all codes at once: XOR of long integers and byte tables run at the speed of C.
    raw = random(count * length).translate(_FIVE_BITS)
    columns = [raw[place::length] for place in range(length)]
    check = bytes(count)
    for column in columns:
        mixed = int.from_bytes(check, "big") ^ int.from_bytes(column, "big")
        check = mixed.to_bytes(count, "big").translate(_TIMES_X)
    columns.append(check)
    return map("".join, zip(*(column.translate(_SYMBOLS).decode("ascii") for column in columns), strict=True))


def written(code: str, prefix: str = "") -> str:
    """A generated code as people read it: in groups of four, the check symbol apart."""
    symbols, check = code[:-1], code[-1]
    groups = [symbols[start : start + 4] for start in range(0, len(symbols), 4)]
    return "-".join([*([prefix] if prefix else []), *groups, check])


def last_shown(text: str) -> str:
    """What may be shown of a canonical code: its last four symbols, fewer of one that they would give away."""
    return text[-4:] if len(text) >= LENGTH else text[-2:] if len(text) >= MIN_LENGTH else ""


def trouble(text: str) -> str | None:
    """Why a canonical text cannot be a code that somebody thought up; None if it can."""
    if not MIN_TEXT <= len(text) <= MAX_TEXT:
        return f"a code has {MIN_TEXT} to {MAX_TEXT} characters besides separators"
    return None if text.isprintable() and " " not in text else "it has characters that nobody can type"


def matching(text: str, shapes: Sequence[Shape]) -> bool:
    """Whether a canonical text may be a code of one of these shapes: if not, nobody need look for it."""
    return any(each.fits(text) for each in shapes)
