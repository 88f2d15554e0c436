"""What of the answers to a wave may be told, so that nobody stands out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.surveys.mirror.domain.wave import OTHER_ROLES
from shared.events.catalogue.surveys import AnsweredScore

# Of fewer, somebody who knows the house may guess who said what.
MIN_ANSWERS = 5


@dataclass(frozen=True, slots=True)
class MirrorAnswer:
    """An answer; the id is random, and all there is besides what was said."""

    id: UUID
    role: str
    scores: tuple[AnsweredScore, ...]
    predicted_nps: int | None
    is_shared: bool


def tellable(answers: Sequence[MirrorAnswer]) -> list[MirrorAnswer]:
    """Those of the answers that may be told, in the order of their random ids.

    Roles with too few answers are told together, as one, if together they have enough; else their answers are left
    out of everything: in a total they could be had by taking the roles that are shown from it.
    """
    sizes = Counter(answer.role for answer in answers)
    few = {role for role, number in sizes.items() if number < MIN_ANSWERS}
    has_enough = sum(sizes[role] for role in few) >= MIN_ANSWERS
    told = [
        replace(answer, role=OTHER_ROLES) if answer.role in few else answer
        for answer in answers
        if answer.role not in few or has_enough
    ]
    return sorted(told, key=lambda answer: answer.id)
