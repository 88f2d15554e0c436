"""When a question is asked: a small language over earlier answers. It always ends, and it has an answer for everything.

    {"question": "nps", "score": {"gte": 0, "lte": 6}}            the score is in the range, ends included
    {"question": "care", "row": "speed", "score": {"lte": 2}}     the same for a row of a matrix
    {"question": "why", "chosen": ["price", "late"]}              at least one of them was chosen
    {"question": "why", "chosen_all": ["price", "late"]}          all of them were
    {"question": "comment", "answered": true}                     something was answered, or (false) nothing was
    {"and": [condition, …]}, {"or": [condition, …]}, {"not": condition}

Of a question that was not asked, or not answered, each range and each choice is false.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.surveys.definitions.domain.answer import Answer, Answers


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of a question, or of a row of a matrix, lies from `least` to `most`."""

    question: str
    least: int
    most: int
    row: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One of the options was chosen, or all of them."""

    question: str
    options: frozenset[str]
    row: str | None = None
    is_all: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """The question was answered."""

    question: str


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not that."""

    part: "Condition"


Atom = Scored | Chosen | Answered
Condition = Atom | And | Or | Not


def holds(condition: Condition, answers: Answers) -> bool:
    """Whether it is so, by these answers."""
    match condition:
        case And(parts):
            return all(holds(part, answers) for part in parts)
        case Or(parts):
            return any(holds(part, answers) for part in parts)
        case Not(part):
            return not holds(part, answers)
        case _:
            return is_true(condition, answers.get(condition.question))


def is_true(atom: Atom, answer: Answer | None) -> bool:
    """Whether an answer is such; None: there is none."""
    if answer is None:
        return False
    if isinstance(atom, Answered):
        return True
    said = answer if atom.row is None else answer.rows.get(atom.row)
    if said is None:
        return False
    if isinstance(atom, Scored):
        return said.score is not None and atom.least <= said.score <= atom.most
    chosen = atom.options.intersection(said.chosen)
    return chosen == atom.options if atom.is_all else bool(chosen)


def atoms(condition: Condition | None) -> Iterator[Atom]:
    """What a condition is made of; None is no condition."""
    match condition:
        case None:
            return
        case And(parts) | Or(parts):
            for part in parts:
                yield from atoms(part)
        case Not(part):
            yield from atoms(part)
        case _:
            yield condition
