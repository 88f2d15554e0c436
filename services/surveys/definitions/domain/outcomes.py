"""What can come of asking a question: which of the things that rules ask about it are true together.

Every score, every option and every set of options that can be answered is looked at, none is sampled; those that no
rule tells apart count as one.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations

from services.surveys.definitions.domain.answer import Answer
from services.surveys.definitions.domain.condition import Answered, Atom, Chosen, is_true
from services.surveys.definitions.domain.definition import Question

# Subsets of options double with each option that rules ask about.
MAX_OPTIONS_ASKED = 12
MAX_OUTCOMES = 16_384

Truths = frozenset[Atom]


class TooComplex(Exception):
    """There is more than can be looked at."""


def outcomes(question: Question, atoms: Collection[Atom]) -> set[Truths]:
    """The sets of `atoms` (all of this question) that are true together after some answer, or after none.

    Raises:
        TooComplex: there are too many.
    """
    if not atoms:
        return {frozenset()}
    if question.kind == "matrix":
        return _of_rows(question, atoms)
    return {_truths(atoms, answer) for answer in _answers(question, atoms)}


def _truths(atoms: Iterable[Atom], answer: Answer | None) -> Truths:
    return frozenset(atom for atom in atoms if is_true(atom, answer))


def _answers(question: Question, atoms: Collection[Atom]) -> Iterator[Answer | None]:
    if not question.is_required:
        yield None
    if question.kind == "text":
        yield Answer(text="…")
    elif question.kind == "multiple":
        yield from _sets(question, atoms)
    else:
        yield from _cells(question)


def _cells(question: Question) -> Iterator[Answer]:
    """The answers of one choice, or of one score."""
    if question.options:
        yield from (Answer(chosen=(option.id,)) for option in question.options)
    else:
        yield from (Answer(score=score) for score in range(question.lowest or 0, (question.highest or 0) + 1))


def _sets(question: Question, atoms: Collection[Atom]) -> Iterator[Answer]:
    """Of those options that no rule asks about it only matters how many may go along."""
    for option in question.options:
        if option.is_alone:
            yield Answer(chosen=(option.id,))
    asked = {key for atom in atoms if isinstance(atom, Chosen) for key in atom.options}
    together = [option.id for option in question.options if not option.is_alone]
    named = [key for key in together if key in asked]
    if len(named) > MAX_OPTIONS_ASKED:
        raise TooComplex
    others = [key for key in together if key not in asked]
    for size in range(min(len(named), question.most) + 1):
        more = max(question.least - size, 0 if size else 1)
        if more <= min(len(others), question.most - size):
            for chosen in combinations(named, size):
                yield Answer(chosen=(*chosen, *others[:more]))


def _of_rows(question: Question, atoms: Collection[Atom]) -> set[Truths]:
    """Rows are answered each for itself; a matrix is answered if one of them is, and whole if it must be."""
    asked = sorted({atom.row for atom in atoms if not isinstance(atom, Answered) and atom.row is not None})
    cells: Sequence[Answer | None] = [*_cells(question), *(() if question.is_required else (None,))]
    found: set[tuple[Truths, bool]] = {(frozenset(), len(asked) < len(question.rows) and question.is_required)}
    for row in asked:
        of_row = [atom for atom in atoms if not isinstance(atom, Answered) and atom.row == row]
        here = {
            (_truths(of_row, None if cell is None else Answer(rows={row: cell})), cell is not None) for cell in cells
        }
        found = {(one | other, was or now) for one, was in found for other, now in here}
        if len(found) > MAX_OUTCOMES:
            raise TooComplex
    if len(asked) < len(question.rows):
        # Some other row may be answered as well.
        found |= {(truths, True) for truths, _ in found}
    whole = frozenset(atom for atom in atoms if isinstance(atom, Answered))
    return {truths | whole if is_answered else truths for truths, is_answered in found}
