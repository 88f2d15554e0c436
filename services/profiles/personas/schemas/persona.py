"""Wire models of personas."""

import re
import unicodedata
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from services.profiles.personas.domain.changes import Change
from services.profiles.personas.domain.persona import Content, Language, Persona, Sight, Status, shown
from services.profiles.personas.schemas.figures import PersonaFiguresOut
from shared.http.schemas import Strict

KEY_PATTERN = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
MAX_KEY = 60
MAX_VERSION = 2**31 - 1
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_REFERENCE = re.compile(r"[a-z0-9][a-z0-9_-]*([./][a-z0-9][a-z0-9_-]*)*", re.ASCII)
# Joiner, emoji style, keycap, and the tags that flags of regions are spelt with.
_JOINERS = {"\u200d", "\ufe0f", "\u20e3", *map(chr, range(0xE0020, 0xE0080))}


def _tidy(value: str) -> str:
    return " ".join(value.split())


def _iso_day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    # fromisoformat alone would take the days of ISO weeks as well.
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    raise PydanticCustomError("day", "Input should be a day such as 2026-01-31")


def _picture(value: str) -> str:
    is_emoji = len(value) <= 16 and any(unicodedata.category(each) == "So" for each in value)
    if is_emoji and all(each in _JOINERS or unicodedata.category(each) in ("So", "Sk") for each in value):
        return value
    if not _REFERENCE.fullmatch(value):
        raise PydanticCustomError("picture", "Input should be one emoji, or a short reference such as personas/lan.png")
    return value


_Name = Annotated[str, Field(max_length=60), AfterValidator(_tidy)]
_Summary = Annotated[str, Field(max_length=200), AfterValidator(_tidy)]
_Prose = Annotated[str, Field(max_length=1_000), AfterValidator(str.strip)]
_Item = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S"), AfterValidator(_tidy)]
_Items = Annotated[list[_Item], Field(max_length=7)]
_Owner = Annotated[str, Field(min_length=1, max_length=100, pattern=r"\S"), AfterValidator(_tidy)]
_Note = Annotated[str, Field(max_length=500, description="Why this version."), AfterValidator(_tidy)]
_Day = Annotated[
    date, BeforeValidator(_iso_day), WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]})
]


class PersonaTextIn(Strict):
    """The words in one language; a gap is filled from the persona's own language."""

    name: _Name = ""
    summary: _Summary = Field("", description="Who they are, in one sentence that people remember.")
    who: _Prose = Field("", description="Who they are, in a paragraph or two.")
    needs: _Items = Field([], description="What they need.")
    problems: _Items = Field([], description="What gets in their way.")
    expectations: _Items = Field([], description="What they expect of the firm.")


class PersonaQuoteIn(Strict):
    """What a customer really said."""

    text: str = Field(min_length=1, max_length=400, pattern=r"\S")
    language: Language = "vi"
    source: str = Field(
        pattern=r"^[a-z][a-z0-9_-]*:[A-Za-z0-9][A-Za-z0-9._/-]*$",
        max_length=120,
        description="Where the answer is kept, as `<type>:<reference>`; never a customer's id.",
        examples=["survey:nps-2026-10/answer-118"],
    )
    said_on: _Day


class PersonaChangeIn(Strict):
    """A persona as it shall be."""

    status: Status
    segment: UUID = Field(description="The segment whose members it describes.")
    owner: _Owner = Field(description="Who in the firm answers for it: a role, or a name.", examples=["Head of CX"])
    picture: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_picture)] | None = Field(
        None, description="One emoji, or a short reference; no data.", examples=["👩‍🌾"]
    )
    default_language: Language = Field("vi", description="The persona's own language: it has a name and a summary.")
    texts: dict[Language, PersonaTextIn] = Field(min_length=1)
    quotes: list[PersonaQuoteIn] = Field([], max_length=10)
    note: _Note = ""

    @model_validator(mode="after")
    def _has_words(self) -> Self:
        own = self.texts.get(self.default_language)
        if own is None or not own.name or not own.summary:
            raise PydanticCustomError(
                "persona_text_missing", "The texts in the default language need a name and a summary"
            )
        return self

    def content(self) -> Content:
        """What is kept of it."""
        said = self.model_dump(include=set(Content.model_fields))
        return Content.model_validate({**said, "segment_id": self.segment})


class PersonaIn(PersonaChangeIn):
    """A new persona."""

    status: Status = "draft"
    key: str = Field(pattern=KEY_PATTERN, max_length=MAX_KEY, examples=["busy-mother-lan"])


class RetireIn(Strict):
    """Why a persona is taken out of use."""

    note: _Note = ""


class PersonaTextOut(BaseModel):
    """The words in one language."""

    name: str
    summary: str
    who: str
    needs: list[str]
    problems: list[str]
    expectations: list[str]


class PersonaQuoteOut(BaseModel):
    """What a customer really said."""

    text: str
    language: Language
    source: str
    said_on: date


class PersonaSegmentOut(BaseModel):
    """The segment whose members a persona describes."""

    id: UUID
    name: str | None = Field(description="null: the segment was deleted; nobody belongs to the persona.")


class PersonaSummaryOut(BaseModel):
    """A persona in short, in one language."""

    key: str
    version: int
    status: Status
    owner: str
    picture: str | None
    language: Language
    name: str
    summary: str
    segment: PersonaSegmentOut
    figures: PersonaFiguresOut

    @classmethod
    def of(cls, persona: Persona, sight: Sight, language: Language | None = None) -> Self:
        """The wire form for a reader of a language; none: the persona's own."""
        return cls.model_validate(_members(persona, sight, language))


class PersonaOut(PersonaSummaryOut):
    """A persona; what is as PUT takes it is in `texts`, what a reader sees in `text`."""

    latest_version: int = Field(description="The version that holds now.")
    text: PersonaTextOut = Field(description="In `language`; gaps are filled from `default_language`.")
    filled: list[str] = Field(description="The fields of `text` that are in `default_language` instead.")
    default_language: Language
    texts: dict[Language, PersonaTextOut]
    quotes: list[PersonaQuoteOut]
    note: str
    changed_at: datetime
    changed_by: str = Field(description="The key that made this version.")
    created_at: datetime

    @classmethod
    def of(cls, persona: Persona, sight: Sight, language: Language | None = None) -> Self:
        """The wire form for a reader of a language; none: the persona's own."""
        seen, content = shown(persona.content, language), persona.content.document()
        return cls.model_validate(
            {
                **_members(persona, sight, language),
                "latest_version": persona.latest,
                "text": seen.text.model_dump(),
                "filled": seen.borrowed,
                **{name: content[name] for name in ("default_language", "texts", "quotes")},
                **{name: getattr(persona, name) for name in ("note", "changed_at", "changed_by", "created_at")},
            }
        )


def _members(persona: Persona, sight: Sight, language: Language | None) -> dict[str, Any]:
    content, seen = persona.content, shown(persona.content, language)
    group = sight.groups.get(content.segment_id)
    return {
        "key": persona.key,
        "version": persona.version,
        "status": content.status,
        "owner": content.owner,
        "picture": content.picture,
        "language": seen.language,
        "name": seen.text.name,
        "summary": seen.text.summary,
        "segment": {"id": content.segment_id, "name": group and group.name},
        "figures": PersonaFiguresOut.of(group, sight),
    }


class PersonaVersionOut(BaseModel):
    """What a persona was, from `changed_at` to the next version."""

    version: int
    status: Status
    name: str = Field(description="In the persona's own language.")
    note: str
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, persona: Persona) -> Self:
        """The wire form of a version."""
        return cls(
            version=persona.version,
            status=persona.content.status,
            name=shown(persona.content).text.name,
            note=persona.note,
            changed_at=persona.changed_at,
            changed_by=persona.changed_by,
        )


class PersonaChangeOut(BaseModel):
    """One difference between two versions."""

    kind: Literal["added", "removed", "changed"]
    pointer: str = Field(description="JSON Pointer into the later version for what was added, else into the earlier.")
    before: Any = Field(description="null: it was not there.")
    after: Any = Field(description="null: it is not there.")


class PersonaDiffOut(BaseModel):
    """What changed between two versions; an entry of a list is added or removed as a whole."""

    key: str
    from_version: int
    to_version: int
    changes: list[PersonaChangeOut]

    @classmethod
    def of(cls, before: Persona, after: Persona, found: list[Change]) -> Self:
        """The wire form of the differences."""
        return cls(
            key=after.key,
            from_version=before.version,
            to_version=after.version,
            changes=[PersonaChangeOut.model_validate(each._asdict()) for each in found],
        )


class PersonaBelongingOut(BaseModel):
    """A persona that a customer belongs to."""

    key: str
    version: int
    name: str
    summary: str
    language: Language
    picture: str | None
    owner: str
    segment: UUID
    since: datetime = Field(description="When the customer entered the segment.")

    @classmethod
    def of(cls, persona: Persona, since: datetime, language: Language | None) -> Self:
        """The wire form for a reader of a language; none: the persona's own."""
        content, seen = persona.content, shown(persona.content, language)
        return cls(
            key=persona.key,
            version=persona.version,
            name=seen.text.name,
            summary=seen.text.summary,
            language=seen.language,
            picture=content.picture,
            owner=content.owner,
            segment=content.segment_id,
            since=since,
        )


class CustomerPersonasOut(BaseModel):
    """The active personas that a customer belongs to now, by key."""

    customer: UUID
    personas: list[PersonaBelongingOut]
