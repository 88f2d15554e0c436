"""Texts that say again what was answered before, or which order it is about.

`{{order}}` is the number of the order, `{{answer:why}}` what was answered to the question `why`; after `|` stands what
is said where there is nothing: `{{order|của bạn}}`. What comes out is plain text: who shows it on a page escapes it.
What was put in is never read again, so an answer `{{order}}` stays what it is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from services.surveys.definitions.domain.answer import Answer, Answers
from services.surveys.definitions.domain.definition import Definition, Question, Text

MAX_PIPED = 200
ORDER = "order"
_PLACE = re.compile(r"( ?)\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")
_ANSWER = "answer:"
# Marks of direction: left open, they would turn round what stands after them.
_TURNS = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


class Pipe(NamedTuple):
    """A place in a text: the order, or the answer to a question. `is_known`: it is one of these."""

    name: str

    @property
    def question(self) -> str | None:
        """The question whose answer it is."""
        return self.name.removeprefix(_ANSWER) if self.name.startswith(_ANSWER) else None

    @property
    def is_known(self) -> bool:
        """Whether it is the order or an answer."""
        return self.name == ORDER or self.question is not None


def pipes(text: str) -> Iterator[Pipe]:
    """The places of a text."""
    for found in _PLACE.finditer(text):
        yield Pipe(found[2].strip())


def leftover(text: str) -> bool:
    """Whether braces are left that are no place."""
    rest = _PLACE.sub("", text)
    return "{{" in rest or "}}" in rest


def piped(definition: Definition, text: Text, locale: str, answers: Answers, *, order: str | None = None) -> str:
    """A text in a language, with its places filled in."""

    def fill(found: re.Match[str]) -> str:
        pipe = Pipe(found[2].strip())
        said = order if pipe.name == ORDER else _said(definition, pipe.question, locale, answers)
        words = _one_line(said or "") or (found[3] or "").strip()
        # Where nothing is said, the space before it would be one too many.
        return found[1] + words if words else ""

    return _PLACE.sub(fill, definition.say(text, locale))


def _said(definition: Definition, question_id: str | None, locale: str, answers: Answers) -> str:
    question = None if question_id is None else definition.question(question_id)
    answer = None if question is None else answers.get(question.id)
    return "" if question is None or answer is None else _in_words(definition, question, locale, answer)


def _in_words(definition: Definition, question: Question, locale: str, answer: Answer) -> str:
    if answer.score is not None:
        label = question.labels.get(answer.score)
        return str(answer.score) if label is None else definition.say(label, locale)
    words = []
    for key in answer.chosen:
        option = question.option(key)
        if option is not None:
            is_told = option.is_other and answer.text is not None
            words.append(answer.text or "" if is_told else definition.say(option.label, locale))
    return ", ".join(words) if words else answer.text or ""


def _one_line(text: str) -> str:
    """On one line, without marks that turn the direction of what follows, and not too long."""
    spaced = " ".join(text.translate(_TURNS).split())
    return spaced if len(spaced) <= MAX_PIPED else spaced[: MAX_PIPED - 1].rstrip() + "…"
