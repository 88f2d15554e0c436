"""Questions as HTML: labelled, grouped, operable by keyboard, errors beside what is wrong. All texts are escaped."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from services.surveys.definitions.domain.answer import Answers
from services.surveys.definitions.domain.definition import SCORED, Definition, Option, Question
from services.surveys.definitions.domain.piping import piped
from services.surveys.definitions.domain.reading import MAX_OTHER

# Up to so many points are named one by one, in a list; a longer scale is a row of numbers with its ends named.
_MOST_NAMED = 7


@dataclass(frozen=True, slots=True)
class Asked:
    """A survey in a language, as one person is asked: `seed` orders what is shuffled, `order` is what it is about."""

    definition: Definition
    locale: str
    words: Mapping[str, str]
    seed: str
    answers: Answers
    order: str | None

    def say(self, text: Mapping[str, str]) -> str:
        """A text of the survey with what it repeats, as HTML."""
        return escape(piped(self.definition, text, self.locale, self.answers, order=self.order))


def question_html(asked: Asked, question: Question, said: Mapping[str, Any] | None, error: str | None) -> str:
    """A question with what was answered, and what is wrong with that."""
    parts = [(f"e-{question.id}", "bad", escape(error or "")), (f"h-{question.id}", "soft", _help(asked, question))]
    hints = "".join(f'<p id="{key}" class="{look}">{text}</p>' for key, look, text in parts if text)
    described = [key for key, _, text in parts if text]
    said = said or {}
    if question.kind == "text":
        return _text(asked, question, said, hints, described, is_wrong=error is not None)
    if question.kind == "matrix":
        rows = "".join(_row(asked, question, row.id, said) for row in question.rows)
        return _group(asked, question, hints + rows, described, role="group")
    if question.kind in SCORED:
        ends = _ends(asked, question)
        described += [f"s-{question.id}"] if ends else []
        body = hints + _scale(asked, question, f"a:{question.id}", said.get("score"), question.id) + ends
        return _group(asked, question, body, described, role="radiogroup")
    role = "radiogroup" if question.kind == "single" else "group"
    return _group(asked, question, hints + _options(asked, question, said), described, role=role)


def _title(asked: Asked, question: Question) -> str:
    needed = f' <span class="soft">({asked.words["required"]})</span>' if question.is_required else ""
    return asked.say(question.text) + needed


def _group(asked: Asked, question: Question, body: str, described: list[str], *, role: str) -> str:
    about = f' aria-describedby="{" ".join(described)}"' if described else ""
    needed = ' aria-required="true"' if question.is_required and role == "radiogroup" else ""
    return (
        f'<fieldset id="q-{question.id}" role="{role}"{about}{needed}>'
        f"<legend>{_title(asked, question)}</legend>{body}</fieldset>"
    )


def _help(asked: Asked, question: Question) -> str:
    found = [asked.say(question.help)]
    if question.kind == "multiple" and question.least > 1:
        found.append(asked.words["between"].format(least=question.least, most=question.most))
    elif question.kind == "multiple" and question.most < len(question.options):
        found.append(asked.words["most"].format(most=question.most))
    return " ".join(part for part in found if part)


def _text(
    asked: Asked, question: Question, said: Mapping[str, Any], hints: str, described: list[str], *, is_wrong: bool
) -> str:
    about = f' aria-describedby="{" ".join(described)}"' if described else ""
    needed = ' aria-required="true"' if question.is_required else ""
    wrong = ' aria-invalid="true"' if is_wrong else ""
    # A line break after the tag is eaten: without one, the first of a text would be.
    return (
        f'<div class="q" id="q-{question.id}"><label for="t-{question.id}">{_title(asked, question)}</label>{hints}'
        f'<textarea id="t-{question.id}" name="t:{question.id}" rows="4" maxlength="{question.max_length}"'
        f"{about}{needed}{wrong}>\n{escape(str(said.get('text') or ''))}</textarea></div>"
    )


def _row(asked: Asked, question: Question, key: str, said: Mapping[str, Any]) -> str:
    row = question.row(key)
    cell = said.get("rows", {}).get(key) or {}
    name, prefix = f"m:{question.id}:{key}", f"{question.id}-{key}"
    if question.options:
        chosen = cell.get("chosen") or []
        body = "".join(
            _choice(asked.say(option.label), name, option.id, f"i-{prefix}-{option.id}", is_on=option.id in chosen)
            for option in question.options
        )
        body = f'<div class="list">{body}</div>'
    else:
        body = _scale(asked, question, name, cell.get("score"), prefix) + _ends(asked, question, prefix)
    label = "" if row is None else asked.say(row.label)
    return f'<fieldset role="radiogroup"><legend>{label}</legend>{body}</fieldset>'


def _scale(asked: Asked, question: Question, name: str, score: object, prefix: str) -> str:
    points = range(question.lowest or 0, (question.highest or 0) + 1)
    star = ' <span aria-hidden="true">★</span>' if question.kind == "star" else ""
    is_named = _is_named(question)
    labels = {
        point: f"{point}{star}" + (f" – {asked.say(question.labels[point])}" if is_named else "") for point in points
    }
    body = "".join(
        _choice(label, name, str(point), f"i-{prefix}-{point}", is_on=score == point) for point, label in labels.items()
    )
    look = "list" if is_named else "row long" if len(points) > _MOST_NAMED else "row"
    return f'<div class="{look}">{body}</div>'


def _is_named(question: Question) -> bool:
    points = range(question.lowest or 0, (question.highest or 0) + 1)
    return len(points) <= _MOST_NAMED and all(point in question.labels for point in points)


def _ends(asked: Asked, question: Question, prefix: str | None = None) -> str:
    """The named points of a scale that is a row of numbers."""
    named = sorted(point for point in question.labels if (question.lowest or 0) <= point <= (question.highest or 0))
    if not named or _is_named(question):
        return ""
    spans = "".join(f"<span>{point} – {asked.say(question.labels[point])}</span>" for point in named)
    return f'<p class="ends" id="s-{prefix or question.id}">{spans}</p>'


def _options(asked: Asked, question: Question, said: Mapping[str, Any]) -> str:
    chosen = said.get("chosen") or []
    kind = "radio" if question.kind == "single" else "checkbox"
    parts = []
    for option in question.shown_options(asked.seed):
        key = f"i-{question.id}-{option.id}"
        parts.append(
            _choice(asked.say(option.label), f"a:{question.id}", option.id, key, is_on=option.id in chosen, kind=kind)
        )
        if option.is_other:
            parts.append(_other(asked, question, option, str(said.get("text") or "")))
    return f'<div class="list">{"".join(parts)}</div>'


def _other(asked: Asked, question: Question, option: Option, text: str) -> str:
    return (
        f'<div class="other"><input type="text" name="o:{question.id}" maxlength="{MAX_OTHER}" autocomplete="off" '
        f'aria-label="{asked.words["other"]}: {asked.say(option.label)}" value="{escape(text)}"></div>'
    )


def _choice(label: str, name: str, value: str, key: str, *, is_on: bool, kind: str = "radio") -> str:
    on = " checked" if is_on else ""
    return (
        f'<label class="o" for="{key}"><input type="{kind}" id="{key}" name="{name}" value="{value}"{on}>'
        f"<span>{label}</span></label>"
    )
