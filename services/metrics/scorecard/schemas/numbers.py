"""Numbers and days as people of a language write them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from services.metrics.domain.figure import Figure
from services.metrics.scorecard.schemas.words import Language
from shared.money import EXPONENTS

# Of a unit: times what, how many decimals, what stands behind it.
_FORMS: Mapping[str, tuple[int, int, str]] = {
    "ratio": (100, 1, " %"),
    "percent": (1, 1, " %"),
    "points": (1, 1, ""),
    "score": (1, 2, ""),
}


def value_text(
    figure: Figure | Mapping[str, str | None],
    language: Language,
    value: float | str | Decimal | None = None,
    *,
    is_change: bool = False,
) -> str:
    """A value of a figure's kind, by default its own; a change has its sign, and no percent of a percent."""
    if isinstance(figure, Figure):
        unit, currency = figure.unit, figure.currency
        value = figure.value if value is None else value
    else:
        unit, currency = figure["unit"] or "", figure["currency"]
    if value is None:
        return "–"
    number = Decimal(str(value))
    if unit == "money":
        digits = EXPONENTS.get(currency or "", 0)
        return f"{_signed(number, digits, language, is_change=is_change)} {currency or ''}".rstrip()
    factor, digits, behind = _FORMS.get(unit, (1, 0, ""))
    if is_change and unit in ("ratio", "percent"):
        behind = " điểm %" if language == "vi" else " pp"
    return _signed(number * factor, digits, language, is_change=is_change) + behind


def number_text(number: int, language: Language) -> str:
    """A whole number."""
    return _signed(Decimal(number), 0, language)


def _signed(number: Decimal, digits: int, language: Language, *, is_change: bool = False) -> str:
    text = f"{number:{'+' if is_change else ''},.{digits}f}".replace("-", "−")
    if is_change and not text.strip("+−0.,"):
        text = text.lstrip("+−")
    return text.translate(str.maketrans(",.", ".,")) if language == "vi" else text


def day_text(day: date, language: Language) -> str:
    """A day."""
    return f"{day:%d/%m/%Y}" if language == "vi" else f"{day:%d %B %Y}".lstrip("0")
