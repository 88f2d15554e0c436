"""Wire models of declared traits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError

from services.profiles.trait_schema.domain.declaration import NUMERIC, ORDERED, SIZED, Declared, MergePolicy, Type
from services.profiles.trait_schema.domain.judging import Reason, Schema, mend
from services.profiles.trait_schema.repository import Declaration, DeclarationVersion, RefusedRow
from shared.http.schemas import Strict

_Word = Annotated[str, Field(min_length=1, max_length=200)]
_Bound = Annotated[float, Field(ge=-1e15, le=1e15)]


class Description(Strict):
    """What the trait means, for people."""

    vi: str | None = Field(None, max_length=500)
    en: str | None = Field(None, max_length=500)


class DeclarationIn(Strict):
    """What a trait is."""

    type: Type = Field(
        description="`email`, `phone` (E.164) and `datetime` (RFC 3339, kept in UTC) have one written form; `date` is "
        "2026-01-31; `array` is one of strings."
    )
    unit: str | None = Field(None, min_length=1, max_length=40, examples=["kg"])
    description: Description = Description()
    min: _Bound | None = Field(None, description="Of numbers and integers.")
    max: _Bound | None = Field(None, description="Of numbers and integers.")
    max_length: int | None = Field(None, ge=1, le=65_536, description="Characters of a string, items of an array.")
    values: list[_Word] = Field(
        [], max_length=200, description="Of an enum, the least first: `max` and `min` go by this order."
    )
    coerce: bool = Field(
        False,
        description='Also take what says the same in another JSON type: "42" as 42, 42 as "42", "true" as true, an '
        "enum value in whatever case, one text as an array of it. What was said is kept as `said`.",
    )
    merge_policy: MergePolicy = Field(
        "latest",
        description="Which value a person shows of whom several keys say something. Of one key it is always the latest "
        "word. `max`, `min`: of numbers, integers, dates, datetimes and enums. `union`: of arrays, the first said "
        "first. `prefer_identified`: a user's own key before visitors'. `source_priority`: the first of `sources` that "
        "said something; others come last. Where values are equal in rank, the latest word.",
    )
    sources: list[_Word] = Field([], max_length=50, description="For `source_priority`; `api` is all requests.")
    sensitive: bool = Field(
        False,
        description="Not told to who lacks the scope `profiles:sensitive`, who finds and counts nobody by it either.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        wrong = self._nonsense()
        if wrong is not None:
            raise PydanticCustomError("bad_declaration", wrong)
        return self

    def _nonsense(
        self,
    ) -> (
        Literal[
            "min and max are of numbers and integers, and min is not above max",
            "max_length is of strings and arrays",
            "values are of an enum, which has at least one, and each once",
            "max and min need an ordered type: number, integer, date, datetime or enum",
            "union needs the type array",
            "sources are of source_priority, which has at least one, and each once",
        ]
        | None
    ):
        bounds = [each for each in (self.min, self.max) if each is not None]
        if bounds and (self.type not in NUMERIC or bounds != sorted(bounds)):
            return "min and max are of numbers and integers, and min is not above max"
        if self.max_length is not None and self.type not in SIZED:
            return "max_length is of strings and arrays"
        if bool(self.values) != (self.type == "enum") or len(set(self.values)) < len(self.values):
            return "values are of an enum, which has at least one, and each once"
        if self.merge_policy in ("max", "min") and self.type not in ORDERED:
            return "max and min need an ordered type: number, integer, date, datetime or enum"
        if self.merge_policy == "union" and self.type != "array":
            return "union needs the type array"
        if bool(self.sources) != (self.merge_policy == "source_priority") or len(set(self.sources)) < len(self.sources):
            return "sources are of source_priority, which has at least one, and each once"
        return None

    def declared(self, name: str) -> Declared:
        """The declaration of the trait of this name."""
        return Declared.stored(name, {**self.model_dump(), "description": self.description.model_dump()})


class DeclaredOut(BaseModel):
    """What a trait is declared as."""

    type: Type
    unit: str | None
    description: dict[str, str | None]
    min: float | None
    max: float | None
    max_length: int | None
    values: list[str]
    coerce: bool
    merge_policy: MergePolicy
    sources: list[str]
    sensitive: bool

    @classmethod
    def of(cls, declared: Declared) -> Self:
        """The wire form."""
        return cls.model_validate(declared.definition())


class DeclarationOut(DeclaredOut):
    """A declared trait."""

    name: str
    version: int = Field(description="Also its ETag.")
    is_judged: bool = Field(description="Whether all that is stored was judged by it yet; it takes seconds to minutes.")
    created_at: datetime
    updated_at: datetime
    updated_by: str

    @classmethod
    def stored(cls, found: Declaration) -> Self:
        """The wire form."""
        fields = {field: getattr(found, field) for field in ("version", "created_at", "updated_at", "updated_by")}
        return cls(
            **DeclaredOut.of(found.declared).model_dump(),
            name=found.declared.name,
            is_judged=found.is_judged,
            **fields,
        )


class DeclarationCountOut(DeclarationOut):
    """A declared trait, and what does not fit it."""

    refused: int = Field(
        description="Words that are kept as refused, at most one for each customer key since it is so."
    )

    @classmethod
    def counted(cls, found: Declaration, refused: int) -> Self:
        """The wire form."""
        return cls(**DeclarationOut.stored(found).model_dump(), refused=refused)


class DeclarationVersionOut(BaseModel):
    """What a trait was declared as from a time on."""

    version: int
    declared: DeclaredOut | None = Field(description="Null: from then on it was not declared.")
    changed_at: datetime
    changed_by: str

    @classmethod
    def of(cls, version: DeclarationVersion) -> Self:
        """The wire form."""
        declared = None if version.declared is None else DeclaredOut.of(version.declared)
        return cls(
            version=version.version, declared=declared, changed_at=version.changed_at, changed_by=version.changed_by
        )


class RefusedTraitOut(BaseModel):
    """A word on a trait that does not fit."""

    name: str
    value: Any
    reason: Reason
    type: Type | None = Field(description="What the trait is declared as now; null: as nothing.")
    mend: str = Field(description="What to send instead.")
    source: str
    time: datetime
    recorded_at: datetime
    event_id: UUID
    customer: UUID = Field(description="Of which of the person's keys it was said.")

    @classmethod
    def of(cls, row: RefusedRow, schema: Schema) -> Self:
        """The wire form of a row."""
        declared = schema.declared.get(row.name)
        return cls.model_validate(
            {
                "name": row.name,
                "value": row.value,
                "reason": row.reason,
                "type": None if declared is None else declared.type,
                "mend": mend(row.reason, declared),
                "source": row.source,
                "time": row.event_time,
                "recorded_at": row.recorded_at,
                "event_id": row.event_id,
                "customer": row.customer_id,
            }
        )


class RefusedTraitsOut(BaseModel):
    """What was said of a customer's traits and does not fit their types; no value of it is shown elsewhere."""

    customer: UUID
    refused: list[RefusedTraitOut] = Field(
        description="The latest first, at most 500: of each key and trait the latest since its type is as it is, and "
        "what was its value before."
    )

    @classmethod
    def of(cls, customer: UUID, rows: Sequence[RefusedRow], schema: Schema) -> Self:
        """The wire form."""
        return cls(customer=customer, refused=[RefusedTraitOut.of(row, schema) for row in rows])
