"""What somebody answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question: a score, the ids of what was chosen, what was written, or the rows of a matrix.

    `text` beside `chosen` is what was written for the option "other".
    """

    score: int | None = None
    chosen: tuple[str, ...] = ()
    text: str | None = None
    rows: Mapping[str, "Answer"] = field(default_factory=dict)


# By the id of the question; what was not answered is not there.
Answers = Mapping[str, Answer]
