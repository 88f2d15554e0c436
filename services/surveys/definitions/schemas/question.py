"""Wire models of a question: what it says and what answers it takes; and where it stands in a survey."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.surveys.definitions.domain.definition import Jump, Option, Question, Row
from services.surveys.definitions.domain.scale import scale_of
from services.surveys.definitions.domain.syntax import read_condition
from services.surveys.definitions.errors import Problem
from shared.events.catalogue.surveys import QuestionKind
from shared.http.schemas import Strict

MAX_OPTIONS = 50
MAX_ROWS = 20

Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$", examples=["vi", "en"])]
Words = Annotated[
    dict[Locale, Annotated[str, Field(max_length=4_000)]],
    Field(max_length=20, description="A text by locale.", examples=[{"vi": "Cảm ơn bạn!", "en": "Thank you!"}]),
]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", description="Stable: answers and figures go by it.")]
Rule = Annotated[
    dict[str, Any],
    Field(
        description='A condition over earlier answers: `{"question", "score": {"gte", "lte"}}`, `{"question", '
        '"chosen": […]}` (one of them), `{"question", "chosen_all": […]}`, `{"question", "answered": true}`, with '
        '`"row"` for a matrix; `{"and": […]}`, `{"or": […]}`, `{"not": …}`.',
        examples=[{"question": "nps", "score": {"lte": 6}}],
    ),
]


class OptionIn(Strict):
    """Something to choose."""

    id: Key
    label: Words
    is_other: bool = Field(False, description="Comes with a text field.")
    is_alone: bool = Field(False, description="Goes with no other, such as none of these.")
    is_earned: bool = Field(False, description="Somebody else brought them; for surveys of why somebody came.")
    is_callback: bool = Field(False, description="Whoever chooses it wants to be spoken to.")


class RowIn(Strict):
    """A row of a matrix."""

    id: Key
    label: Words


class JumpIn(Strict):
    """Where to go after the question."""

    to: Annotated[str, Field(max_length=40, description="A later question, or `end`.")]
    when: Rule | None = Field(None, description="None: always.")


class ContentIn(Strict):
    """What a question says, and what answers it takes."""

    kind: QuestionKind
    text: Words
    help: Words = Field(default_factory=dict)
    points: int | None = Field(
        None,
        ge=2,
        le=11,
        description="How many points the scale has, from 1: csat 5 or 7, ces 7, star 3 to 10, a matrix without options "
        "2 to 11. Left out: the usual. NPS is always 0 to 10.",
    )
    labels: dict[int, Words] = Field(default_factory=dict, max_length=11, description="Names of points of the scale.")
    options: list[OptionIn] = Field(default_factory=list, max_length=MAX_OPTIONS)
    rows: list[RowIn] = Field(default_factory=list, max_length=MAX_ROWS, description="Of a matrix.")
    is_shuffled: bool = Field(False, description="Options come in an order of each person's own.")
    least: int = Field(1, ge=1, le=MAX_OPTIONS, description="Of a multiple choice: how many at least.")
    most: int | None = Field(None, ge=1, le=MAX_OPTIONS, description="How many at most; none: all.")
    max_length: int = Field(2_000, ge=1, le=10_000, description="Of a text, in characters.")


class BankRef(Strict):
    """A question of the bank, in one of its versions."""

    id: UUID
    version: int = Field(ge=1, lt=2**31)


class PlaceIn(Strict):
    """Where a question stands in a survey, and when it is asked."""

    id: Key
    is_required: bool = False
    show_if: Rule | None = Field(None, description="None: always asked.")
    next: list[JumpIn] = Field(
        default_factory=list, max_length=20, description="The first that holds leads on; none: the next question."
    )


class QuestionIn(PlaceIn, ContentIn):
    """A question where it stands in a survey."""

    bank: BankRef | None = Field(
        None, description="The question of the bank that it was taken from, and of which it says the same."
    )

    def question(self, path: str, problems: list[Problem]) -> Question:
        """The question; what is wrong with its conditions is noted in `problems`."""
        lowest, highest = scale_of(self.kind, self.points, has_options=bool(self.options))
        jumps = [
            Jump(each.to, None if each.when is None else read_condition(each.when, f"{path}/next/{n}/when", problems))
            for n, each in enumerate(self.next)
        ]
        options = tuple(Option(**dict(each)) for each in self.options)
        return Question(
            id=self.id,
            kind=self.kind,
            text=self.text,
            help=self.help,
            lowest=lowest,
            highest=highest,
            labels=self.labels,
            options=options,
            rows=tuple(Row(each.id, each.label) for each in self.rows),
            is_shuffled=self.is_shuffled,
            least=self.least,
            most=len(options) if self.most is None else self.most,
            max_length=self.max_length,
            is_required=self.is_required,
            show_if=None if self.show_if is None else read_condition(self.show_if, f"{path}/show_if", problems),
            next=tuple(jumps),
            bank=None if self.bank is None else (self.bank.id, self.bank.version),
        )
