"""The rules of themes: written, tried, and applied to what was answered before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.surveys.answers.domain.language import language_of
from services.surveys.answers.domain.plain import texts
from services.surveys.answers.domain.said import Said
from services.surveys.answers.domain.themes import BadRule, Themes, read_themes
from services.surveys.answers.errors import BadThemes, ThemesMoved, ThemesUnknown
from services.surveys.answers.repository import responses as response_rows
from services.surveys.answers.repository import themes as rows
from services.surveys.answers.schemas.themes import NO_RULES, ThemesFound, ThemesIn, ThemesOut, TryIn
from services.surveys.answers.service.reading import Reading
from shared.clock import Clock
from shared.db.engine import Database
from shared.delivery.idempotency import Answer, Idempotent, remember, replayed

# Responses that are read again in one transaction.
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class ThemeRules:
    """Rules of themes, as staff writes them."""

    db: Database
    clock: Clock
    reading: Reading

    async def put(self, body: ThemesIn, *, by: str, idem: Idempotent | None) -> Answer:
        """Let rules hold from now on, in place of those that do.

        Raises:
            BadThemes: a rule would find nothing.
            ThemesMoved: others hold by now.
        """
        _read(body.version + 1, body.rules)
        async with self.db.write() as tx:
            if (stored := await replayed(tx, idem)) is not None:
                return stored
            version = await rows.current_version(tx)
            added = version == body.version and await rows.add(tx, version + 1, body.rules, at=self.clock.now(), by=by)
            if not added:
                raise ThemesMoved(version)
            found = await rows.get(tx, version + 1)
            answer = Answer(200, (NO_RULES if found is None else ThemesOut.of(found)).model_dump_json().encode())
            await remember(tx, idem, answer)
            return answer

    async def current(self) -> ThemesOut:
        """The rules that hold, and how far they were applied."""
        async with self.db.read() as tx:
            found = await rows.get(tx, await rows.current_version(tx))
            return NO_RULES if found is None else ThemesOut.of(found)

    async def version(self, version: int) -> ThemesOut:
        """Rules that hold, or held.

        Raises:
            ThemesUnknown: there are none.
        """
        async with self.db.read() as tx:
            found = await rows.get(tx, version)
        if found is None:
            raise ThemesUnknown
        return ThemesOut.of(found)

    def tried(self, body: TryIn) -> ThemesFound:
        """What rules find in a text.

        Raises:
            BadThemes: a rule would find nothing.
        """
        return ThemesFound(themes=list(_read(0, body.rules).of(body.text)), language=language_of(body.text))

    async def apply(self) -> int:
        """Read some of the responses again that were read under older rules; how many.

        A kill between two batches loses nothing: what is left is what still bears an older version.
        """
        async with self.db.write() as tx:
            themes = await self.reading.refresh(tx)
            found = await rows.unread(tx, themes.version, most=BATCH)
            if not found:
                await rows.finish(tx, themes.version, self.clock.now())
                return 0
            said = [
                (key, Said(themes=themes.of("\n".join(texts(answers))), themes_version=themes.version))
                for key, answers in found
            ]
            await response_rows.put_said(tx, said)
            await rows.progress(tx, themes.version, len(found))
            return len(found)


def _read(version: int, rules: Mapping[str, Any]) -> Themes:
    try:
        return read_themes(version, rules)
    except BadRule as bad:
        raise BadThemes(bad.path, str(bad)) from None
