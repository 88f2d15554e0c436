"""What texts say, as the rules of the moment find it."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.surveys.answers.domain.said import Said, words


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads what was written."""

    async def said(self, texts: Sequence[str]) -> Said:
        """What the texts of a response say."""
        return Said(words=words(" ".join(texts)))
