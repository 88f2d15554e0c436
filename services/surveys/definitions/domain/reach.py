"""Which questions can be asked at all, and which rules ever lead anywhere: exactly, for all answers at once.

Walks the survey from its first question with every combination of what its rules can tell apart. What no later rule
asks about is forgotten on the way, so that what is carried stays small; where it does not, that is said.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.surveys.definitions.domain.condition import Atom, atoms, decide
from services.surveys.definitions.domain.definition import END, Definition, Question
from services.surveys.definitions.domain.outcomes import TooComplex, Truths, outcomes

MAX_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Reach:
    """The questions that somebody is asked, and the rules (question, number) that lead somebody on."""

    questions: set[str] = field(default_factory=set)
    jumps: set[tuple[str, int]] = field(default_factory=set)


def reach(definition: Definition) -> Reach:
    """What can be reached. Each rule must ask about earlier questions, and lead to later ones.

    Raises:
        TooComplex: there are more combinations than can be looked at.
    """
    questions = definition.questions
    place = {question.id: number for number, question in enumerate(questions)} | {END: len(questions)}
    needed = _needed(questions)
    every = frozenset().union(*(_asks(question) for question in questions))
    found, steps = Reach(), 0
    waiting: dict[int, set[Truths]] = defaultdict(set, {0: {frozenset()}})
    for number, question in enumerate(questions):
        mine = outcomes(question, [atom for atom in every if atom.question == question.id])
        for state in waiting.pop(number, ()):
            steps += len(mine)
            if steps > MAX_STEPS:
                raise TooComplex
            for target, after in _after(question, number, state, mine, found, place):
                waiting[target].add(after & needed[target])
    return found


def _after(
    question: Question, number: int, state: Truths, mine: set[Truths], found: Reach, place: dict[str, int]
) -> list[tuple[int, Truths]]:
    """Where the walk goes on, and with which truths."""
    if question.show_if is not None and not decide(question.show_if, state.__contains__):
        return [(number + 1, state)]
    found.questions.add(question.id)
    led = []
    for outcome in mine:
        after = state | outcome
        taken = next(
            (n for n, jump in enumerate(question.next) if jump.when is None or decide(jump.when, after.__contains__)),
            None,
        )
        if taken is not None:
            found.jumps.add((question.id, taken))
        led.append((number + 1 if taken is None else place[question.next[taken].to], after))
    return led


def _asks(question: Question) -> frozenset[Atom]:
    """What the rules of a question ask about."""
    return frozenset([*atoms(question.show_if), *(atom for jump in question.next for atom in atoms(jump.when))])


def _needed(questions: Sequence[Question]) -> list[Truths]:
    """What rules ask about from each place on."""
    needed: list[Truths] = [frozenset()]
    for question in reversed(questions):
        needed.append(needed[-1] | _asks(question))
    return needed[::-1]
