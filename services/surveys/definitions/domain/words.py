"""What is wrong with the texts of a survey: one that a language lacks, or one that asks for what is not there."""

from collections.abc import Iterator
from typing import NamedTuple

from services.surveys.definitions.domain.definition import Definition, Question, Text
from services.surveys.definitions.domain.piping import leftover, pipes
from services.surveys.definitions.errors import Problem


class Place(NamedTuple):
    """A text where it stands. `known` are the questions that are answered by then, as far as they are asked."""

    path: str
    text: Text
    known: frozenset[str] = frozenset()
    is_needed: bool = True


def word_problems(definition: Definition) -> list[Problem]:
    """What is wrong with the texts."""
    found: list[Problem] = []
    for place in _places(definition):
        found += _missing(definition, place)
        for locale, words in place.text.items():
            found += _pipes(definition, place, locale, words)
    return found


def _places(definition: Definition) -> Iterator[Place]:
    everything = frozenset(question.id for question in definition.questions)
    yield Place("/title", definition.title)
    yield Place("/intro", definition.intro, is_needed=False)
    known: frozenset[str] = frozenset()
    for number, question in enumerate(definition.questions):
        yield from _of_question(question, f"/questions/{number}", known)
        known |= {question.id}
    yield Place("/thanks", definition.thanks, everything)


def _of_question(question: Question, path: str, known: frozenset[str]) -> Iterator[Place]:
    yield Place(f"{path}/text", question.text, known)
    yield Place(f"{path}/help", question.help, known, is_needed=False)
    for point, label in question.labels.items():
        yield Place(f"{path}/labels/{point}", label, known)
    for number, option in enumerate(question.options):
        yield Place(f"{path}/options/{number}/label", option.label, known)
    for number, row in enumerate(question.rows):
        yield Place(f"{path}/rows/{number}/label", row.label, known)


def _missing(definition: Definition, place: Place) -> Iterator[Problem]:
    # What may be left out is left out in every language, or in none.
    if not place.is_needed and not any(words.strip() for words in place.text.values()):
        return
    for locale in definition.locales:
        if not place.text.get(locale, "").strip():
            yield Problem(f"{place.path}/{locale}", "text_missing", f"There is no text in {locale!r}.")


def _pipes(definition: Definition, place: Place, locale: str, words: str) -> Iterator[Problem]:
    path = f"{place.path}/{locale}"
    if leftover(words):
        yield Problem(path, "bad_pipe", "A place to fill in is {{order}}, {{answer:question}} or {{…|words}}.")
    for pipe in pipes(words):
        question = None if pipe.question is None else definition.question(pipe.question)
        if not pipe.is_known or (pipe.question is not None and question is None):
            yield Problem(path, "unknown_pipe", f"There is no {pipe.name!r} to fill in.")
        elif question is not None and question.id not in place.known:
            yield Problem(path, "asks_later", f"{question.id!r} is not answered yet when this is shown.")
        elif question is not None and question.kind == "matrix":
            yield Problem(path, "unknown_pipe", "What was answered to a matrix fits in no text.")
