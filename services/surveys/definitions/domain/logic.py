"""What is wrong with the rules of a survey: they loop, they strand, or they ask for what cannot be."""

from collections.abc import Iterator

from services.surveys.definitions.domain.condition import Answered, Atom, Chosen, Condition, Scored, atoms
from services.surveys.definitions.domain.definition import END, SCORED, Definition, Question
from services.surveys.definitions.domain.outcomes import TooComplex
from services.surveys.definitions.domain.reach import reach
from services.surveys.definitions.errors import Problem


def logic_problems(definition: Definition) -> list[Problem]:
    """What is wrong with the rules. Whether all is reached is only asked of rules that make sense."""
    problems = [
        problem
        for number, question in enumerate(definition.questions)
        for problem in _rules(definition, question, number)
    ]
    return problems or list(_stranded(definition))


def _rules(definition: Definition, question: Question, number: int) -> Iterator[Problem]:
    path = f"/questions/{number}"
    if question.show_if is not None:
        yield from _asks(definition, question.show_if, number, f"{path}/show_if")
    for each, jump in enumerate(question.next):
        place = f"{path}/next/{each}"
        if jump.when is not None:
            # After the question, its own answer is known.
            yield from _asks(definition, jump.when, number + 1, f"{place}/when")
        target = _place(definition, jump.to)
        if target is None and jump.to != END:
            yield Problem(f"{place}/to", "unknown_question", f"There is no question {jump.to!r}.")
        elif target is not None and target <= number:
            yield Problem(f"{place}/to", "loops", f"{jump.to!r} was asked before: the survey would never end.")


def _asks(definition: Definition, condition: Condition, before: int, path: str) -> Iterator[Problem]:
    for atom in atoms(condition):
        place = _place(definition, atom.question)
        if place is None:
            yield Problem(path, "unknown_question", f"There is no question {atom.question!r}.")
        elif place >= before:
            yield Problem(path, "asks_later", f"{atom.question!r} is not answered yet when this is decided.")
        elif (wrong := _misfit(atom, definition.questions[place])) is not None:
            yield Problem(path, *wrong)


def _misfit(atom: Atom, question: Question) -> tuple[str, str] | None:
    if isinstance(atom, Answered):
        return None
    if (question.kind == "matrix") != (atom.row is not None):
        return "row_or_not", f"A rule about {question.id!r} names a row if, and only if, it is a matrix."
    if atom.row is not None and question.row(atom.row) is None:
        return "unknown_row", f"{question.id!r} has no row {atom.row!r}."
    if isinstance(atom, Scored):
        return _out_of_scale(atom, question)
    return _not_on_offer(atom, question)


def _out_of_scale(atom: Scored, question: Question) -> tuple[str, str] | None:
    if question.lowest is None or question.highest is None:
        return "not_scored", f"{question.id!r} is not answered by a score."
    if max(atom.least, question.lowest) > min(atom.most, question.highest):
        return "empty_range", f"No score of {question.id!r} is in this range: it goes from {question.lowest} to " + str(
            question.highest
        )
    return None


def _not_on_offer(atom: Chosen, question: Question) -> tuple[str, str] | None:
    if question.kind == "text" or question.kind in SCORED or not question.options:
        return "not_chosen", f"{question.id!r} is not answered by choosing."
    if unknown := sorted(key for key in atom.options if question.option(key) is None):
        return "unknown_option", f"{question.id!r} has no option {unknown[0]!r}."
    return None


def _stranded(definition: Definition) -> Iterator[Problem]:
    try:
        found = reach(definition)
    except TooComplex:
        yield Problem("/questions", "too_complex", "Its rules tell more answers apart than can be checked.")
        return
    for number, question in enumerate(definition.questions):
        if question.id not in found.questions:
            yield Problem(f"/questions/{number}", "unreachable", f"Nobody is ever asked {question.id!r}.")
            continue
        for each in range(len(question.next)):
            if (question.id, each) not in found.jumps:
                yield Problem(f"/questions/{number}/next/{each}", "dead_rule", "This rule never leads anybody on.")


def _place(definition: Definition, key: str) -> int | None:
    return next((number for number, each in enumerate(definition.questions) if each.id == key), None)
