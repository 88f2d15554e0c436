"""Wire models of a preview: what somebody would see."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from services.surveys.definitions.domain.answer import Answers
from services.surveys.definitions.domain.definition import Definition, Question
from services.surveys.definitions.domain.path import is_complete, path, read_answers
from services.surveys.definitions.domain.piping import piped
from shared.events.catalogue.surveys import QuestionKind
from shared.http.schemas import Strict


class PreviewIn(Strict):
    """Whose eyes to look through."""

    answers: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description='What they answered so far: `{"nps": {"score": 3}, "why": {"chosen": ["late"]}}`.',
    )
    locale: Annotated[str | None, Field(max_length=35)] = Field(None, description="The language they speak.")
    order_id: Annotated[str | None, Field(max_length=200)] = Field(None, description="What the survey is about.")
    seed: Annotated[str, Field(max_length=200)] = Field("", description="Each has an order of shuffled options.")
    version: int | None = Field(None, ge=0, lt=2**31, description="0: the draft; none: the draft, or what is asked.")


class SeenOption(BaseModel):
    """Something to choose."""

    id: str
    label: str
    is_other: bool
    is_alone: bool


class SeenQuestion(BaseModel):
    """A question as somebody sees it."""

    id: str
    kind: QuestionKind
    text: str
    help: str
    is_required: bool
    lowest: int | None
    highest: int | None
    labels: dict[int, str]
    options: list[SeenOption]
    rows: dict[str, str]

    @classmethod
    def of(cls, question: Question, definition: Definition, body: PreviewIn, locale: str, answers: Answers) -> Self:
        """The wire form."""

        def said(text: Any) -> str:
            return piped(definition, text, locale, answers, order=body.order_id)

        return cls(
            id=question.id,
            kind=question.kind,
            text=said(question.text),
            help=said(question.help),
            is_required=question.is_required,
            lowest=question.lowest,
            highest=question.highest,
            labels={point: said(label) for point, label in question.labels.items()},
            options=[
                SeenOption(id=each.id, label=said(each.label), is_other=each.is_other, is_alone=each.is_alone)
                for each in question.shown_options(body.seed)
            ],
            rows={row.id: said(row.label) for row in question.rows},
        )


class PreviewOut(BaseModel):
    """What somebody sees who gave these answers."""

    version: int = Field(description="0: the draft.")
    locale: str = Field(description="The language it is said in.")
    title: str
    intro: str
    thanks: str
    questions: list[SeenQuestion] = Field(description="What is asked, in this order.")
    answered: list[str] = Field(description="The questions whose answers count.")
    is_complete: bool

    @classmethod
    def of(cls, definition: Definition, body: PreviewIn) -> Self:
        """What is seen.

        Raises:
            BadAnswers: something is wrong with the answers.
        """
        answers = read_answers(definition, body.answers)
        locale = definition.locale_for(body.locale)

        def said(text: Any) -> str:
            return piped(definition, text, locale, answers, order=body.order_id)

        return cls(
            version=definition.version,
            locale=locale,
            title=said(definition.title),
            intro=said(definition.intro),
            thanks=said(definition.thanks),
            questions=[SeenQuestion.of(each, definition, body, locale, answers) for each in path(definition, answers)],
            answered=list(answers),
            is_complete=is_complete(definition, answers),
        )
