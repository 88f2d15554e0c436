"""Wire models of the library."""

from typing import Self

from pydantic import BaseModel, Field

from services.surveys.definitions.domain.library import KEYS, ready
from services.surveys.definitions.errors import LibraryNotFound
from services.surveys.definitions.schemas.survey import SurveyIn


class ReadyOut(BaseModel):
    """A ready survey."""

    key: str
    about: dict[str, str] = Field(description="What it is for, by locale.")
    survey: SurveyIn

    @classmethod
    def of(cls, key: str) -> Self:
        """The wire form.

        Raises:
            LibraryNotFound: there is none of this key.
        """
        if key not in KEYS:
            raise LibraryNotFound(key)
        return cls.model_validate({"key": key, **ready(key)})


class LibraryOut(BaseModel):
    """All ready surveys."""

    items: list[ReadyOut]

    @classmethod
    def whole(cls) -> Self:
        """The wire form."""
        return cls(items=[ReadyOut.of(key) for key in KEYS])
