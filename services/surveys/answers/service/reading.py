"""What texts say, as the rules of the moment find it."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from services.surveys.answers.domain.language import language_of
from services.surveys.answers.domain.said import Said, words
from services.surveys.answers.domain.themes import NONE, Themes, read_themes
from services.surveys.answers.repository import themes as rows
from shared.db.engine import ReadTx

# How long this process reads by rules that were replaced; what it reads meanwhile is read again.
FRESH_SECONDS = 5.0


@dataclass(slots=True)
class Reading:
    """Reads what was written. One per process: it keeps the rules."""

    _themes: Themes = NONE
    _asked_at: float = -FRESH_SECONDS

    async def said(self, tx: ReadTx, texts: Sequence[str]) -> Said:
        """What the texts of a response say."""
        themes = await self.themes(tx)
        text = "\n".join(texts)
        return Said(words(text), language_of(text), themes.of(text), themes.version)

    async def themes(self, tx: ReadTx) -> Themes:
        """The rules that hold, as they were a moment ago."""
        if monotonic() - self._asked_at >= FRESH_SECONDS:
            await self.refresh(tx)
        return self._themes

    async def refresh(self, tx: ReadTx) -> Themes:
        """The rules that hold now."""
        version = await rows.current_version(tx)
        if version != self._themes.version:
            found = await rows.get(tx, version)
            self._themes = NONE if found is None else read_themes(version, found.rules)
        self._asked_at = monotonic()
        return self._themes
