"""Which language a reader wants."""

import re

from services.profiles.personas.domain.persona import LANGUAGES, Language

_MOST = 20
_ENTRY = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII)


def preferred(header: str | None) -> Language | None:
    """The language of ours that an `Accept-Language` likes best; None if it likes none, or all the same."""
    best: Language | None = None
    weight = 0.0
    for part in (header or "").split(",")[:_MOST]:
        if (entry := _ENTRY.fullmatch(part)) is None:
            continue
        quality = float(entry[2] or 1)
        for language in LANGUAGES:
            if entry[1].lower() == language and quality > weight:
                best, weight = language, quality
    return best
