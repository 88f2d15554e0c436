"""What texts say: their words for search, their language, their themes."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

# Of one response: what is longer than a word is, or more than a person writes, is not searched for.
MAX_WORD = 60
MAX_WORDS = 1_000
_WORD = re.compile(r"\w+")


class Said(NamedTuple):
    """What the texts of a response say; `words` are folded, in no order."""

    words: tuple[str, ...] = ()
    language: str | None = None
    themes: tuple[str, ...] = ()
    themes_version: int = 0


def folded(text: str) -> str:
    """The text in lower case without diacritics: `Giao hàng CHẬM` and `giao hang cham` are the same."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(each for each in parts if not unicodedata.combining(each))


# People use few words, over and over.
folded_word = lru_cache(maxsize=32_768)(folded)


def words(text: str) -> tuple[str, ...]:
    """The words of a text, folded, each once, in their order."""
    # Composed first: a mark of its own is no part of a word.
    composed = unicodedata.normalize("NFC", text)
    return tuple(dict.fromkeys(folded_word(each)[:MAX_WORD] for each in _WORD.findall(composed)))[:MAX_WORDS]
