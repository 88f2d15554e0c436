"""Wire models of types of identifiers."""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Self

from pydantic import BaseModel, Field

from services.profiles.domain.identifiers import MAX_ID_LENGTH
from services.profiles.identifier_types.domain import (
    BUILT_IN,
    DEFAULT_PRIORITY,
    MAX_PATTERN,
    Form,
    IdentifierType,
    Sharing,
    default,
)
from services.profiles.identifier_types.repository import Declaration
from shared.http.schemas import Strict

_Value = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
_FORM = (
    "How a value is written before it is compared: as it is, in small or capital letters, its digits alone, as an "
    "e-mail address, or as a phone number (E.164 where that is certain). Those of email and phone are fixed; where "
    "values are stored, the form stays."
)
_PATTERN = (
    "What a value in its form looks like as a whole: characters, classes such as [A-Z] and \\d, and how often each may "
    "come; no groups or alternatives. What looks otherwise names nobody."
)
_PRIORITY = (
    "The smaller comes first: it is shown first, is kept where a key has more identifiers than TAM_PROFILES_MAX_"
    "IDENTIFIERS, and its evidence wins where two pieces say that one key is two people. Of equal ones the earlier."
)
_SHARING = (
    "What becomes of a value that a second customer comes with. `keep`: both go by it. `first`: it names the one seen "
    "with it first, and is refused of others. `join`: the two are one person, as far as nobody took them apart."
)
_MOST = "Of `join`: how many keys one value joins, those seen with it first; a value that more go by is nobody's own."


class TypeDescription(Strict):
    """What the identifier is, for people."""

    vi: str | None = Field(None, max_length=500)
    en: str | None = Field(None, max_length=500)


class IdentifierTypeIn(Strict):
    """What a type of identifiers is."""

    form: Form | None = Field(None, description=_FORM)
    pattern: str | None = Field(
        None, min_length=1, max_length=MAX_PATTERN, description=_PATTERN, examples=["KH-\\d{6}"]
    )
    priority: int = Field(DEFAULT_PRIORITY, ge=1, le=1_000, description=_PRIORITY)
    limit: int | None = Field(
        None, ge=1, le=10_000, description="How many a key goes by; null: TAM_PROFILES_IDENTIFIER_LIMITS."
    )
    blocked: list[_Value] = Field([], max_length=200, description="Values that name nobody; case does not matter.")
    when_shared: Sharing = Field("keep", description=_SHARING)
    joins_at_most: int = Field(10, ge=2, le=50, description=_MOST)
    description: TypeDescription = TypeDescription()

    def declared(self, name: str) -> IdentifierType:
        """The type of this name."""
        form = self.form or default(name).form
        return IdentifierType.stored(
            name, {**self.model_dump(), "form": form, "description": self.description.model_dump()}
        )


class IdentifierTypeFields(BaseModel):
    """What a type of identifiers is declared as."""

    form: Form = Field(description=_FORM)
    pattern: str | None = Field(description=_PATTERN)
    priority: int = Field(description=_PRIORITY)
    limit: int | None
    blocked: list[str]
    when_shared: Sharing = Field(description=_SHARING)
    joins_at_most: int = Field(description=_MOST)
    description: dict[str, str | None]

    @classmethod
    def of(cls, type_: IdentifierType) -> Self:
        """The wire form."""
        return cls.model_validate(type_.definition())


class IdentifierTypeOut(IdentifierTypeFields):
    """A type of identifiers, declared or built in."""

    name: str
    version: int = Field(description="Also its ETag; 0: nobody declared it yet, this is what holds by default.")
    built_in: bool
    updated_at: datetime | None
    updated_by: str | None

    @classmethod
    def stored(cls, name: str, found: Declaration | None) -> Self:
        """The wire form of a declaration, or of what holds without one."""
        type_ = default(name) if found is None or found.declared is None else found.declared
        return cls(
            **IdentifierTypeFields.of(type_).model_dump(),
            name=name,
            version=0 if found is None else found.version,
            built_in=name in BUILT_IN,
            updated_at=None if found is None else found.updated_at,
            updated_by=None if found is None else found.updated_by,
        )

    def identity(self) -> bytes:
        """What its ETag is of."""
        return f"{self.name}\n{self.version}".encode()

    def tag(self) -> str:
        """The opaque part of its ETag."""
        return sha256(self.identity()).hexdigest()[:32]


class IdentifierTypesOut(BaseModel):
    """All types, by priority and name; others are taken as any text, shared by whoever goes by it."""

    types: list[IdentifierTypeOut]


class IdentifierTypeVersionOut(BaseModel):
    """What a type was declared as from a time on."""

    version: int
    declared: IdentifierTypeFields | None = Field(description="Null: from then on what holds by default.")
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, found: Declaration) -> Self:
        """The wire form."""
        declared = None if found.declared is None else IdentifierTypeFields.of(found.declared)
        return cls(version=found.version, declared=declared, changed_at=found.updated_at, changed_by=found.updated_by)
