"""What is asked of somebody who gave these answers, and whether that was all."""

from itertools import islice

from services.surveys.definitions.domain.answer import Answer, Answers
from services.surveys.definitions.domain.condition import holds
from services.surveys.definitions.domain.definition import END, Definition, Question
from services.surveys.definitions.domain.reading import MAX_PROBLEMS, read_answer, refuse
from services.surveys.definitions.errors import BadAnswers, Problem

__all__ = ["Answer", "Answers", "is_complete", "kept", "path", "read_answers"]


def path(definition: Definition, answers: Answers) -> tuple[Question, ...]:
    """The questions that are asked, in their order; of those that are not, no answer counts."""
    return tuple(_walk(definition, answers)[0])


def kept(definition: Definition, answers: Answers) -> Answers:
    """The answers that count: those to questions that are asked."""
    return _walk(definition, answers)[1]


def is_complete(definition: Definition, answers: Answers) -> bool:
    """Whether nothing that must be answered is left."""
    asked, counted = _walk(definition, answers)
    return all(_is_whole(question, counted.get(question.id)) for question in asked if question.is_required)


def read_answers(definition: Definition, raw: object) -> Answers:
    """The answers in a decoded JSON document, `{"nps": {"score": 9}, …}`, as far as they count.

    The forms are `{"score": 9}`, `{"chosen": ["a"], "text": "what other"}`, `{"text": "…"}` and
    `{"rows": {"speed": {"score": 4}}}`; null, an empty object and a blank text are no answer. Answers to questions
    that are not asked after the others are left out.

    Raises:
        BadAnswers: something is wrong with them, with the place and the reason of each.
    """
    if not isinstance(raw, dict):
        raise BadAnswers([Problem("", "not_an_object", "Answers are an object: the id of a question, its answer.")])
    problems: list[Problem] = []
    answers: dict[str, Answer] = {}
    # What does not fit by far is not looked at to the end.
    for key, said in islice(raw.items(), len(definition.questions) + MAX_PROBLEMS):
        question = definition.question(key)
        if question is None:
            refuse(problems, f"/{str(key)[:64]}", "unknown_question", "The survey has no such question.")
        elif said is not None and (answer := read_answer(question, said, f"/{key}", problems)) is not None:
            answers[key] = answer
    if problems:
        raise BadAnswers(problems)
    return kept(definition, answers)


def _is_whole(question: Question, answer: Answer | None) -> bool:
    return answer is not None and len(answer.rows) == len(question.rows)


def _walk(definition: Definition, answers: Answers) -> tuple[list[Question], dict[str, Answer]]:
    """The questions that are asked, and their answers: conditions see no others."""
    asked: list[Question] = []
    counted: dict[str, Answer] = {}
    skip_to: str | None = None
    for question in definition.questions:
        if skip_to is not None and question.id != skip_to:
            continue
        skip_to = None
        if question.show_if is not None and not holds(question.show_if, counted):
            continue
        asked.append(question)
        if question.id in answers:
            counted[question.id] = answers[question.id]
        skip_to = next((jump.to for jump in question.next if jump.when is None or holds(jump.when, counted)), None)
        if skip_to == END:
            break
    return asked, counted
