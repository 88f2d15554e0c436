"""What the widget is told, as JSON: plain texts and ids; it makes elements of them, never HTML."""

import gzip
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from services.surveys.definitions.domain.definition import SCORED, Definition, Question
from services.surveys.definitions.domain.piping import piped
from services.surveys.pages.domain.steps import lenient
from services.surveys.pages.schemas.page import FormPage, ThanksPage
from services.surveys.pages.schemas.words import words_for

_WORDS = ("next", "send", "required", "other", "errors", "unavailable", "close")


class Script(NamedTuple):
    """The widget's script; `tag` changes with it."""

    body: bytes
    packed: bytes
    tag: str


@cache
def widget_script() -> Script:
    """The script, read once."""
    body = Path(__file__).with_name("widget.js").read_bytes()
    return Script(body, gzip.compress(body, 9, mtime=0), f'"{sha256(body).hexdigest()[:16]}"')


def step_json(page: FormPage) -> dict[str, Any]:
    """A step to be answered."""
    answers = lenient(page.definition, page.answers)
    words, step = words_for(page.locale), page.step

    def say(text: Mapping[str, str]) -> str:
        return piped(page.definition, text, page.locale, answers, order=page.order)

    last = step.first + len(step.questions) - 1
    progress = words["progress" if last == step.first else "progress_many"]
    return {
        "token": page.token,
        "nonce": page.nonce,
        "lang": page.locale,
        "title": say(page.definition.title),
        "intro": say(page.definition.intro) if step.first == 1 else "",
        "progress": progress.format(first=step.first, last=last, total=step.total),
        "last": step.is_last,
        "questions": [_question(question, page, say) for question in step.questions],
        "answers": dict(page.answers),
        "words": {
            **{name: words[name] for name in _WORDS},
            "unavailable": f"{words['unavailable']}. {words['unavailable_text']}",
        },
    }


def _question(question: Question, page: FormPage, say: Any) -> dict[str, Any]:
    is_scale = question.kind in SCORED or (question.kind == "matrix" and not question.options)
    points = range(question.lowest or 0, (question.highest or 0) + 1) if is_scale else range(0)
    return {
        "id": question.id,
        "kind": question.kind,
        "text": say(question.text),
        "help": say(question.help),
        "required": question.is_required,
        "max": question.max_length,
        "points": [
            {
                "value": point,
                "text": f"{point} ★" if question.kind == "star" else str(point),
                "label": say(question.labels[point]) if point in question.labels else "",
            }
            for point in points
        ],
        "options": [
            {"id": option.id, "label": say(option.label), "other": option.is_other}
            for option in question.shown_options(page.seed)
        ],
        "rows": [{"id": row.id, "label": say(row.label)} for row in question.rows],
    }


def errors_json(errors: Mapping[str, str], locale: str) -> dict[str, Any]:
    """What is wrong, in words, by the id of the question."""
    words = words_for(locale)
    return {"errors": {key: words.get(code, words["wrong"]) for key, code in errors.items()}}


def thanks_json(page: ThanksPage) -> dict[str, Any]:
    """Thanks."""
    definition: Definition = page.definition
    words = words_for(page.locale)
    said = piped(definition, definition.thanks, page.locale, lenient(definition, page.answers), order=page.order)
    return {
        "lang": page.locale,
        "title": words["thanks"],
        "intro": "",
        "thanks": said,
        "words": {name: words[name] for name in _WORDS},
    }


def closed_json(kind: str, locale: str) -> dict[str, Any]:
    """Nothing can be answered any more."""
    words = words_for(locale)
    return {
        "lang": locale,
        "title": words[kind],
        "intro": "",
        "thanks": words[f"{kind}_text"],
        "words": {name: words[name] for name in _WORDS},
    }
