"""The score card as one page of HTML to read and print.

It loads nothing and runs nothing: the policy allows the page's own style and no more. Everything written by somebody
is escaped. A state is never told by colour alone.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from html import escape
from zoneinfo import ZoneInfo

from services.metrics.alarms.repository.raised import RaisedAlarm
from services.metrics.domain.calendar import to_date
from services.metrics.domain.figure import Figure
from services.metrics.scorecard.domain.card import Card, Explained, Group, Line
from services.metrics.scorecard.domain.drafts import decimal
from services.metrics.scorecard.schemas.numbers import day_text, number_text, value_text
from services.metrics.scorecard.schemas.style import STYLE
from services.metrics.scorecard.schemas.words import FIGURES, PARTS, REASONS, WORDS, Language

_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SIGNS = {"met": "✓", "missed": "✕", "cannot_say": "?", "no_target": "–"}
_ARROWS = {"better": "▲", "worse": "▼", "unclear": "≈", "same": "="}
_MOST_PARTS = 8

__all__ = ["POLICY", "Language", "page"]


def page(card: Card, alarms: Sequence[RaisedAlarm], language: Language) -> str:
    """The page for a reader of a language."""
    words = WORDS[language]
    groups = "".join(_group(each, language) for each in card.groups)
    cut = f"<p>{words['cut']}</p>" if card.is_cut else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{words['title']} – {day_text(card.as_of, language)}</title><style>{STYLE}</style></head><body><main>"
        f"<header><h1>{words['title']}</h1><p>{_periods(card, language)}</p></header>"
        f"{_table(words['everybody'], card.lines, language)}"
        f"{_changed(card.explained, language)}{_alarms(alarms, language)}{groups}{cut}"
        f"{_foot(card, language)}</main></body></html>"
    )


def _periods(card: Card, language: Language) -> str:
    ends = {
        "first": card.period.first,
        "last": card.period.last,
        "before_first": card.before.first,
        "before_last": card.before.last,
    }
    days = {name: _day(to_date(day).isoformat(), day_text(to_date(day), language)) for name, day in ends.items()}
    return WORDS[language]["period"].format(**days)


def _day(iso: str, text: str) -> str:
    return f'<time datetime="{iso}">{text}</time>'


def _group(group: Group, language: Language) -> str:
    words = WORDS[language]
    if group.personas:
        title = f"{words['persona']}: {escape(', '.join(group.personas))}"
    else:
        title = f"{words['segment']} {str(group.segment)[-12:]}"
    return _table(title, group.lines, language)


def _table(title: str, lines: Sequence[Line], language: Language) -> str:
    words = WORDS[language]
    names = ("figure", "value", "trend", "target", "state")
    heads = "".join(f'<th scope="col">{words[name]}</th>' for name in names)
    rows = "".join(_row(each, language) for each in lines)
    head = f"<caption>{title}</caption><thead><tr>{heads}</tr></thead>"
    return f"<section><table>{head}<tbody>{rows}</tbody></table></section>"


def _row(line: Line, language: Language) -> str:
    words = WORDS[language]
    state = f'<span aria-hidden="true">{_SIGNS[line.light]}</span> {words[line.light]}'
    cells = (
        (words["value"], "", _value(line, language)),
        (words["trend"], "", _trend(line, language)),
        (words["target"], "", _target(line, language)),
        (words["state"], f' class="{line.light}"', state),
    )
    told = "".join(f'<td{attribute} data-label="{label}">{text}</td>' for label, attribute, text in cells)
    return f'<tr><th scope="row">{FIGURES[language][line.key]}</th>{told}</tr>'


def _value(line: Line, language: Language) -> str:
    figure = line.figure
    if figure.value is None:
        why = REASONS[language].get(line.reason or "", "")
        return f'<span class="small">{WORDS[language]["cannot_say"]}: {why}</span>'
    found = f'<strong class="number">{value_text(figure, language)}</strong>'
    return found + "".join(f'<span class="small">{each}</span>' for each in _notes(figure, language))


def _notes(figure: Figure, language: Language) -> list[str]:
    words, notes = WORDS[language], []
    if figure.interval is not None:
        form = "bounds" if figure.interval.method == "known_bounds" else "between"
        low, high = (value_text(figure, language, end) for end in (figure.interval.low, figure.interval.high))
        notes.append(words[form].format(low=low, high=high))
    numbers = {"numerator": figure.numerator, "denominator": figure.denominator}
    if figure.unit in ("ratio", "percent") and all(isinstance(each, int) for each in numbers.values()):
        notes.append(
            words["of"].format(**{name: number_text(int(each or 0), language) for name, each in numbers.items()})
        )
    return notes


def _trend(line: Line, language: Language) -> str:
    trend = line.trend
    if trend is None:
        return '<span class="none">–</span>'
    verdict = trend.verdict or "same"
    change = value_text(line.figure, language, trend.difference, is_change=True)
    return (
        f'<span class="number">{change}</span> <span class="{verdict}">'
        f'<span aria-hidden="true">{_ARROWS[verdict]}</span> {WORDS[language][verdict]}</span>'
    )


def _target(line: Line, language: Language) -> str:
    target, words = line.target, WORDS[language]
    if target is None or target.value is None:
        return '<span class="none">–</span>'
    due = "" if target.due is None else words["by"].format(day=day_text(target.due, language))
    return (
        f'<span class="number">{value_text(line.figure, language, target.value)}</span> {due}'
        f'<span class="small">{words["owner"]}: {escape(target.owner or "")}</span>'
    )


def _changed(explained: Sequence[Explained], language: Language) -> str:
    words = WORDS[language]
    told = "".join(_explained(each, language) for each in explained if each.change)
    return f"<section><h2>{words['changed']}</h2>{told or '<p>' + words['none'] + '</p>'}</section>"


def _explained(found: Explained, language: Language) -> str:
    words = WORDS[language]
    before, after = (_amount(found, each, language) for each in (found.before, found.after))
    shown = sorted(found.parts, key=lambda each: (-abs(each.amount), each.name, each.effect or ""))[:_MOST_PARTS]
    rows = "".join(
        f'<tr><th scope="row">{_part(each.name, language)}'
        f"{'' if each.effect is None else ' · ' + words[each.effect]}</th>"
        f'<td class="number">{_amount(found, each.amount, language, is_change=True)}</td></tr>'
        for each in shown
    )
    change = _amount(found, found.change, language, is_change=True)
    return (
        f'<table class="why"><caption>{FIGURES[language][found.key]} {change}, '
        f"{words['from_to'].format(before=before, after=after)}</caption>"
        f'<thead><tr><th scope="col">{words["part"]}</th><th scope="col">{words["adds"]}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _part(name: str, language: Language) -> str:
    return escape(PARTS[language].get(name, name)) or WORDS[language]["nobody"]


def _amount(found: Explained, amount: Fraction | None, language: Language, *, is_change: bool = False) -> str:
    if amount is None:
        return "–"
    value: Decimal | float = float(amount)
    if found.currency is not None:
        value = Decimal(decimal(amount, found.currency))
    return value_text(_like(found), language, value, is_change=is_change)


def _like(found: Explained) -> Mapping[str, str | None]:
    return {"unit": found.unit, "currency": found.currency}


def _alarms(alarms: Sequence[RaisedAlarm], language: Language) -> str:
    words = WORDS[language]
    items = "".join(
        f"<li><strong>{escape(each.name)}</strong> – {words['since'].format(day=day_text(each.change_day, language))}"
        f"{'' if each.owner is None else ', ' + words['owner'] + ': ' + escape(each.owner)}</li>"
        for each in alarms
    )
    told = f"<ul>{items}</ul>" if items else f"<p>{words['none']}</p>"
    return f"<section><h2>{words['alarms']}</h2>{told}</section>"


def _foot(card: Card, language: Language) -> str:
    words, age = WORDS[language], card.staleness_seconds
    fresh = words["unknown_age"] if age is None else words["fresh"] if age < 1 else words["stale"]
    seconds = "" if age is None else number_text(round(age), language)
    moment = card.now.astimezone(ZoneInfo(card.time_zone))
    made = words["made"].format(moment=f"{day_text(moment.date(), language)} {moment:%H:%M}", zone=card.time_zone)
    return f"<footer><p>{words['legend']} {words['sums']}</p><p>{fresh.format(seconds=seconds)} {made}</p></footer>"
