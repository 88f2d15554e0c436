"""A survey as it is asked: one version of it. Once published it never changes, to the letter of each label."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

from services.surveys.definitions.domain.condition import Condition
from shared.events.catalogue.surveys import Purpose, QuestionKind

State = Literal["draft", "active", "closed"]

# A text in each language of the survey, by locale.
Text = Mapping[str, str]

# Where a rule leads to that ends the survey.
END = "end"

# What is answered by a number on a scale.
SCORED: frozenset[QuestionKind] = frozenset({"nps", "csat", "ces", "star"})
# What is answered by choosing.
CHOICES: frozenset[QuestionKind] = frozenset({"single", "multiple"})


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose. `is_other` asks for a text, `is_alone` goes with no other ("none of these").

    `is_earned`, of a question why somebody came: somebody else brought them. `is_callback`: whoever chooses it wants to
    be spoken to.
    """

    id: str
    label: Text
    is_other: bool = False
    is_alone: bool = False
    is_earned: bool = False
    is_callback: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a matrix."""

    id: str
    label: Text


@dataclass(frozen=True, slots=True)
class Jump:
    """After the question, if `when` holds (None: always), on to the question `to`, or to the end."""

    to: str
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `lowest` to `highest` is its scale; `labels` name points of it.

    A matrix asks for a score on its scale, or for one of its options, in each of its `rows`. Of a multiple choice
    `least` to `most` may be chosen. `show_if` None: always asked. `bank` is the question of the bank it was taken from,
    with its version.
    """

    id: str
    kind: QuestionKind
    text: Text
    help: Text = field(default_factory=dict)
    lowest: int | None = None
    highest: int | None = None
    labels: Mapping[int, Text] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    rows: tuple[Row, ...] = ()
    is_shuffled: bool = False
    least: int = 1
    most: int = 1
    max_length: int = 2_000
    is_required: bool = False
    show_if: Condition | None = None
    next: tuple[Jump, ...] = ()
    bank: tuple[UUID, int] | None = None

    @property
    def earned(self) -> tuple[str, ...]:
        """The options that say that somebody else brought them."""
        return tuple(option.id for option in self.options if option.is_earned)

    @property
    def callback(self) -> tuple[str, ...]:
        """The options that ask to be spoken to."""
        return tuple(option.id for option in self.options if option.is_callback)

    def option(self, key: str) -> Option | None:
        """The option with this id."""
        return next((option for option in self.options if option.id == key), None)

    def row(self, key: str) -> Row | None:
        """The row with this id."""
        return next((row for row in self.rows if row.id == key), None)

    def shown_options(self, seed: str) -> tuple[Option, ...]:
        """The options in the order for one person: always the same for the same `seed`.

        "Other" and what goes with no other stay at the end.
        """
        if not self.is_shuffled:
            return self.options

        def rank(option: Option) -> tuple[bool, bytes]:
            is_last = option.is_other or option.is_alone
            return is_last, b"" if is_last else sha256(f"{seed}\x1f{self.id}\x1f{option.id}".encode()).digest()

        return tuple(sorted(self.options, key=rank))


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a survey.

    `metric` is the question that the survey is for; `quota` how many complete answers it takes (None: any number);
    `edit_window_seconds` how long an answer can be changed. `touchpoint` and `stage` are the experience it asks about.
    """

    survey_id: UUID
    version: int
    name: str
    purpose: Purpose
    default_locale: str
    locales: tuple[str, ...]
    questions: tuple[Question, ...]
    title: Text
    thanks: Text
    intro: Text = field(default_factory=dict)
    metric: str | None = None
    touchpoint: str | None = None
    stage: str | None = None
    is_anonymous: bool = False
    edit_window_seconds: int = 0
    closes_at: datetime | None = None
    quota: int | None = None

    def question(self, key: str) -> Question | None:
        """The question with this id."""
        return next((question for question in self.questions if question.id == key), None)

    @property
    def metric_question(self) -> Question | None:
        """The question that the survey is for."""
        return None if self.metric is None else self.question(self.metric)

    def locale_for(self, *asked: str | None) -> str:
        """The locale to speak: the first of those asked for that the survey has, itself or its language; else its own.

        `vi-VN` is answered in `vi-VN`, else in `vi`; a survey that has neither speaks its default.
        """
        known = {locale.lower(): locale for locale in self.locales}
        for each in asked:
            tag = (each or "").replace("_", "-").lower()
            while tag:
                if tag in known:
                    return known[tag]
                tag = tag.rpartition("-")[0]
        return self.default_locale

    def say(self, text: Text, locale: str | None) -> str:
        """A text in a language, or in the one that is next to it; empty if there is none."""
        return text.get(self.locale_for(locale)) or text.get(self.default_locale, "")
