"""Which of our languages somebody reads, by the header `Accept-Language`."""

from services.profiles.needs.domain.actions import LANGUAGES, Language

DEFAULT: Language = "en"


def accepted(header: str | None) -> Language:
    """The language that is accepted most, of those we write; English where none is."""
    best: tuple[float, Language] = (0.0, DEFAULT)
    for part in (header or "")[:1_000].split(","):
        tag, _, parameter = part.partition(";")
        quality = _quality(parameter)
        for language in LANGUAGES:
            if tag.strip().lower().partition("-")[0] == language and quality > best[0]:
                best = quality, language
    return best[1]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip().lower() == "q" else 1.0
    except ValueError:
        return 0.0
