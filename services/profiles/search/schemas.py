"""Wire models of the search."""

from typing import Any, Self

from pydantic import Field

from services.profiles.people.domain import CustomerRow
from services.profiles.schemas import CustomerSummaryOut


class FoundOut(CustomerSummaryOut):
    """A customer that was found."""

    matched: str = Field(description="The type of the identifier, or the name of the trait, that it was found by.")
    name: str | None = Field(description="The trait `name`, if it is a text.")

    @classmethod
    def found(cls, row: CustomerRow, matched: str, name: Any) -> Self:
        """The wire form."""
        return cls.model_validate(
            {**row._asdict(), "matched": matched, "name": name if isinstance(name, str) else None}
        )
