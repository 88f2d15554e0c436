"""How a campaign's codes are written: groups of random symbols behind a prefix, or a pattern of the firm's own.

####-####       each # is a random symbol of the charset; everything else stands as it is: prefix, suffix, between
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from services.loyalty.vouchers.domain import codes
from services.loyalty.vouchers.domain.codes import ALPHABET, MAX_TEXT, MIN_TEXT, SPACE_PER_CODE, Shape, canonical

RANDOM = "#"
SEPARATOR = "-"
# Codes that hold money take as many guesses as 16 symbols of the common alphabet: 80 bits.
VALUE_SPACE = len(ALPHABET) ** codes.VALUE_LENGTH
MIN_CHARSET = 2
_LETTERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Form(NamedTuple):
    """What codes look like: `length` random symbols behind `prefix`, or a `pattern` with symbols of `charset`.

    Of a pattern `has_check` adds a check symbol at its end; codes without a pattern always have one.
    """

    prefix: str = ""
    length: int = codes.LENGTH
    pattern: str | None = None
    charset: str = ALPHABET
    has_check: bool = True

    @property
    def symbols(self) -> int:
        """How many random symbols a code has."""
        return self.length if self.pattern is None else self.pattern.count(RANDOM)

    @property
    def possible(self) -> int:
        """How many codes of this form there can be."""
        size = len(ALPHABET) if self.pattern is None else len(self.charset)
        possible: int = size**self.symbols
        return possible

    @property
    def shape(self) -> Shape:
        """What canonical codes of this form look like."""
        if self.pattern is None:
            return codes.shape(self.prefix, self.length)
        start = canonical(self.pattern.partition(RANDOM)[0])
        return Shape(start, len(canonical(self.pattern)) + self.has_check, is_checked=self.has_check)

    def has_room(self, count: int) -> bool:
        """Whether so many codes are few enough among all possible ones."""
        return self.possible >= SPACE_PER_CODE * max(1, count)

    def symbols_for(self, count: int) -> int:
        """How many random symbols are enough for so many codes."""
        size = len(ALPHABET) if self.pattern is None else len(self.charset)
        return math.ceil(math.log(SPACE_PER_CODE * max(1, count)) / math.log(size) - 1e-9)

    def make(self, count: int, random: Callable[[int], bytes]) -> list[str]:
        """So many codes as people read them; `random` gives so many random bytes. None of them is offensive."""
        if self.pattern is None:
            return [codes.written(code, self.prefix) for code in codes.make(count, self.length, random)]
        made: list[str] = []
        while len(made) < count:
            drawn = self._drawn(count - len(made), random)
            made += [self._checked(text) for text in drawn if not codes.is_offensive(canonical(text))]
        return made

    def _drawn(self, count: int, random: Callable[[int], bytes]) -> Iterator[str]:
        stream = _symbols(self.charset, count * self.symbols, random)
        columns = [stream[place :: self.symbols] for place in range(self.symbols)]
        parts = (self.pattern or "").split(RANDOM)
        for drawn in zip(*columns, strict=True):
            yield parts[0] + "".join(symbol + part for symbol, part in zip(drawn, parts[1:], strict=True))

    def _checked(self, text: str) -> str:
        if not self.has_check:
            return text
        return f"{text}{SEPARATOR}{codes.check_symbol(canonical(text)[len(self.shape.prefix) :])}"


def trouble(pattern: str, charset: str, *, has_check: bool) -> str | None:
    """Why codes cannot be written so: a stable word; None if they can."""
    letters = [each for each in pattern if each not in (RANDOM, SEPARATOR)]
    text = canonical(pattern)
    after = text[len(canonical(pattern.partition(RANDOM)[0])) :].replace(RANDOM, "")
    folded = {canonical(each) for each in charset}
    checks = {
        "no_random_symbol": RANDOM not in pattern,
        "bad_symbol": not _LETTERS.issuperset(letters) or not _LETTERS.issuperset(charset),
        "charset_too_small": len(set(charset)) < MIN_CHARSET,
        # Codes are read with I and L as 1 and O as 0: such symbols would be one.
        "ambiguous_charset": len(folded) < len(charset),
        "bad_length": not MIN_TEXT <= len(text) + has_check <= MAX_TEXT,
        "no_check_possible": has_check and not (folded | set(after)) <= set(ALPHABET),
        "offensive": codes.is_offensive(text.replace(RANDOM, " ")),
    }
    return next((reason for reason, is_so in checks.items() if is_so), None)


def _symbols(charset: str, count: int, random: Callable[[int], bytes]) -> str:
    """Random symbols, each equally likely: bytes that would favour some are thrown away."""
    size = len(charset)
    fair = 256 - 256 % size
    table, unfair = bytes(value % size for value in range(256)), bytes(range(fair, 256))
    drawn = b""
    while len(drawn) < count:
        drawn += random(count - len(drawn) + 16).translate(table, unfair)
    return "".join(map(charset.__getitem__, drawn[:count]))
