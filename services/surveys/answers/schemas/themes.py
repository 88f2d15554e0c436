"""Wire models of the rules of themes."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.surveys.answers.repository.themes import Rules
from shared.http.schemas import Strict

_RULES = Field(
    max_length=200,
    description="By the key of a theme, its rule: a phrase (`giao*` is a word that begins so), "
    '`{"near": [word, …], "within": n}`, `{"any": […]}`, `{"all": […]}` or `{"not": …}`. '
    "A word with diacritics is also found where none were written.",
    examples=[{"late": {"any": ["giao chậm", "giao trễ", {"near": ["late", "deliver*"], "within": 5}]}}],
)


class ThemesIn(Strict):
    """Rules that are to hold from now on, for what was answered before as well."""

    version: int = Field(ge=0, lt=2**31 - 1, description="The one that holds now, which they replace; 0: none does.")
    rules: dict[str, Any] = _RULES


class TryIn(Strict):
    """Rules to be tried on a text. Nothing is stored."""

    rules: dict[str, Any] = _RULES
    text: str = Field(max_length=5_000)


class ThemesFound(BaseModel):
    """What a text is about."""

    themes: list[str]
    language: str | None


class ThemesOut(BaseModel):
    """A version of the rules, and how far it was applied to what had been answered before."""

    version: int
    rules: dict[str, Any]
    created_at: datetime | None
    created_by: str | None
    responses: int = Field(description="With text, when the rules came.")
    read: int = Field(description="Of those, and of those since, how many were read again so far.")
    finished_at: datetime | None = Field(description="When all of them had been.")

    @classmethod
    def of(cls, rules: Rules) -> "ThemesOut":
        """The wire form."""
        return cls(
            version=rules.version,
            rules=dict(rules.rules),
            created_at=rules.created_at,
            created_by=rules.created_by,
            responses=rules.to_read,
            read=rules.read_again,
            finished_at=rules.finished_at,
        )


NO_RULES = ThemesOut(version=0, rules={}, created_at=None, created_by=None, responses=0, read=0, finished_at=None)
