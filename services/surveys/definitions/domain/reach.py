"""Which questions can be asked at all, and which rules ever lead anywhere: exactly, for all answers at once.

Walks the survey from its first question with every combination of what its rules can tell apart. What no later rule
asks about is forgotten on the way, so that what is carried stays small; where it does not, that is said.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from services.surveys.definitions.domain.condition import And, Atom, Condition, Not, Or, atoms
from services.surveys.definitions.domain.definition import END, Definition, Question
from services.surveys.definitions.domain.outcomes import TooComplex, outcomes

# A step is half a microsecond or so: an answer comes within half a second, whatever was written.
MAX_STEPS = 500_000

# What is true so far: a bit for each thing that rules ask about.
_State = int
_Test = Callable[[_State], int | bool]


@dataclass(frozen=True, slots=True)
class Reach:
    """The questions that somebody is asked, and the rules (question, number) that lead somebody on."""

    questions: set[str] = field(default_factory=set)
    jumps: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Stop:
    """A question on the way: whether it is asked, what may come of it, where each rule leads."""

    key: str
    is_shown: _Test
    outcomes: tuple[_State, ...]
    jumps: tuple[tuple[_Test, int], ...]
    asks: _State

    @property
    def weight(self) -> int:
        """How much there is to do for each state that comes here."""
        return len(self.outcomes) * (1 + self.asks.bit_count())


def reach(definition: Definition) -> Reach:
    """What can be reached. Each rule must ask about earlier questions, and lead to later ones.

    Raises:
        TooComplex: there are more combinations than can be looked at.
    """
    stops = _stops(definition)
    needed = _needed(stops)
    found, steps = Reach(), 0
    waiting: dict[int, set[_State]] = defaultdict(set, {0: {0}})
    for number, stop in enumerate(stops):
        here = waiting.pop(number, set())
        steps += len(here) * stop.weight
        if steps > MAX_STEPS:
            raise TooComplex
        for state in here:
            _walk(stop, number, state, found, waiting, needed)
    return found


def _walk(
    stop: _Stop, number: int, state: _State, found: Reach, waiting: dict[int, set[_State]], needed: list[_State]
) -> None:
    """Go on from a question with what is true so far."""
    if not stop.is_shown(state):
        waiting[number + 1].add(state & needed[number + 1])
        return
    found.questions.add(stop.key)
    for outcome in stop.outcomes:
        after, target = state | outcome, number + 1
        for each, (test, to) in enumerate(stop.jumps):
            if test(after):
                found.jumps.add((stop.key, each))
                target = to
                break
        waiting[target].add(after & needed[target])


def _stops(definition: Definition) -> list[_Stop]:
    asked = dict.fromkeys(atom for question in definition.questions for atom in _asks(question))
    bits = {atom: 1 << number for number, atom in enumerate(asked)}
    place = {question.id: number for number, question in enumerate(definition.questions)}
    place[END] = len(definition.questions)
    return [
        _Stop(
            question.id,
            _test(question.show_if, bits),
            tuple(
                sum(bits[atom] for atom in truths)
                for truths in outcomes(question, [atom for atom in bits if atom.question == question.id])
            ),
            tuple((_test(jump.when, bits), place[jump.to]) for jump in question.next),
            sum({bits[atom] for atom in _asks(question)}),
        )
        for question in definition.questions
    ]


def _asks(question: Question) -> list[Atom]:
    """What the rules of a question ask about."""
    return [*atoms(question.show_if), *(atom for jump in question.next for atom in atoms(jump.when))]


def _test(condition: Condition | None, bits: Mapping[Atom, int]) -> _Test:
    """A condition as a test of states; None always holds."""
    match condition:
        case None:
            return lambda _: True
        case And(parts) | Or(parts):
            tests = [_test(part, bits) for part in parts]
            if isinstance(condition, And):
                return lambda state: all(test(state) for test in tests)
            return lambda state: any(test(state) for test in tests)
        case Not(part):
            inner = _test(part, bits)
            return lambda state: not inner(state)
        case _:
            return bits[condition].__and__


def _needed(stops: list[_Stop]) -> list[_State]:
    """What rules ask about from each place on."""
    needed = [0]
    for stop in reversed(stops):
        needed.append(needed[-1] | stop.asks)
    return needed[::-1]
