"""Whether a text tells of a person: by whole words, so that user 1 is not found in user 10."""

import json
import re
from collections.abc import Collection, Iterator
from urllib.parse import quote

# What would join a text to a longer word. A full stop joins only where the word goes on.
_BEFORE = r"(?<![\w.@+-])"
_AFTER = r"(?![\w@+-]|\.\w)"
# Shorter ones stand in every other text: they count as the value of an id alone.
MIN_FREE = 5
_PHONE = re.compile(r"\+?[0-9]{8,17}", re.ASCII)
_NATIONAL_DIGITS = 8
_PUNCTUATION = r"[\s.()\-/]*"


class Mentions:
    """Finds any of `texts`, whatever their case, in JSON and elsewhere."""

    def __init__(self, texts: Collection[str]) -> None:
        patterns = sorted({pattern for text in texts for pattern in _patterns(text)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)

    def __call__(self, text: str | bytes) -> bool:
        """Whether one of the texts stands there."""
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        return self._pattern.search(text) is not None


def needles(texts: Collection[str]) -> list[bytes]:
    """Bytes of which at least one stands wherever `texts` do as they are written here."""
    return sorted({form.encode() for text in texts if len(text) >= MIN_FREE for form in _forms(text)})


def _patterns(text: str) -> Iterator[str]:
    if len(text) < MIN_FREE:
        if text:
            yield rf'id"?\s*[:=]\s*"?{re.escape(text)}(?![\w.@+-])'
        return
    for form in _forms(text):
        yield f"{_BEFORE}{re.escape(form)}{_AFTER}"
    if _PHONE.fullmatch(text):
        # However it was written: +84 912 345 678, 0912.345.678.
        yield _PUNCTUATION.join(text[-_NATIONAL_DIGITS:]) + "(?![0-9])"


def _forms(text: str) -> set[str]:
    escaped = json.dumps(text)[1:-1]
    return {text, escaped, json.dumps(text, ensure_ascii=False)[1:-1], quote(text, safe="")}
