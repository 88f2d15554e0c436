"""A persona as somebody wrote it, and the text that a reader of one language sees."""

from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Language = Literal["vi", "en"]
Status = Literal["draft", "active", "retired"]
Metric = Literal["nps", "csat", "ces"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class Text(_Value):
    """The words in one language; what is empty is taken from the persona's own language."""

    name: str = ""
    summary: str = ""
    who: str = ""
    needs: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    expectations: tuple[str, ...] = ()


class Quote(_Value):
    """What a customer really said, in the language they said it in, and where the answer is kept."""

    text: str
    language: Language
    source: str
    said_on: date


class Content(_Value):
    """Everything that a version holds. `texts` has at least an entry for `default_language`."""

    status: Status
    segment_id: UUID
    owner: str
    picture: str | None
    default_language: Language
    texts: dict[Language, Text]
    quotes: tuple[Quote, ...]

    def document(self) -> dict[str, Any]:
        """As JSON values: what is stored, compared and searched for personal data."""
        return self.model_dump(mode="json")


class Persona(NamedTuple):
    """A persona in one version; `latest` is the version that holds now."""

    key: str
    version: int
    latest: int
    content: Content
    note: str
    changed_at: datetime
    changed_by: str
    created_at: datetime


class Group(NamedTuple):
    """The segment that a persona describes, as it is now; while it is not built, not everybody was asked."""

    segment_id: UUID
    name: str
    is_built: bool
    members: int


class Feeling(NamedTuple):
    """How content the people of a segment are, as metrics told last; in hundredths of the figure's unit.

    Over the `days` local days up to and with `as_of`; with an interval of 95 %, from `n` answers.
    """

    segment_id: UUID
    metric: Metric
    definition: str
    value_hundredths: int
    low_hundredths: int
    high_hundredths: int
    n: int
    days: int
    as_of: date
    told_at: datetime


class Outlook(NamedTuple):
    """Who of a segment's customers has lapsed, and what the others will bring, as metrics told last.

    The fields are those of the fact: shares in hundredths of a per cent, money in minor units.
    """

    segment_id: UUID
    customers: int
    lapsed_hundredths: int
    lapsed_low_hundredths: int
    lapsed_high_hundredths: int
    lapse_days: int
    valued: int
    currency: str | None
    churn_risk_hundredths: int
    clv_minor: int
    clv_low_minor: int
    clv_high_minor: int
    horizon_days: int
    as_of: date
    told_at: datetime


class Sight(NamedTuple):
    """Everything that is live beside personas, at one moment: `as_of` is the firm's day."""

    groups: dict[UUID, Group]
    people: int
    as_of: date
    time_zone: str
    now: datetime
    feelings: dict[tuple[UUID, Metric], Feeling]
    outlooks: dict[UUID, Outlook]


class Shown(NamedTuple):
    """What a reader of `language` sees; `borrowed` are the fields that are in the persona's own language instead."""

    text: Text
    language: Language
    borrowed: tuple[str, ...]
    fallback: Language

    def language_of(self, field: str) -> Language:
        """The language that a field is in."""
        return self.fallback if field in self.borrowed else self.language


def shown(content: Content, wanted: Language | None = None) -> Shown:
    """The text for a reader of a language, field by field: a gap is filled from the persona's own language."""
    own = content.default_language
    language = wanted or own
    text, fallback = content.texts.get(language, Text()), content.texts[own]
    borrowed = tuple(name for name in Text.model_fields if not getattr(text, name) and getattr(fallback, name))
    filled = text.model_copy(update={name: getattr(fallback, name) for name in borrowed})
    return Shown(filled, language, borrowed, own)
