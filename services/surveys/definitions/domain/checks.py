"""What keeps a survey from being published: all of it, with the place and the reason of each."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.surveys.definitions.domain.definition import Definition, Text
from services.surveys.definitions.errors import Problem

MAX_PROBLEMS = 50


def problems_of(definition: Definition, now: datetime) -> list[Problem]:
    """What is wrong with a survey that shall be published now; nothing: it can be."""
    found = [*_texts(definition), *_setting(definition, now)]
    return found[:MAX_PROBLEMS]


def _setting(definition: Definition, now: datetime) -> Iterator[Problem]:
    if definition.default_locale not in definition.locales:
        yield Problem("/default_locale", "unknown_locale", "The default is one of the survey's languages.")
    if definition.closes_at is not None and definition.closes_at <= now:
        yield Problem("/closes_at", "past", "The survey would be over before it began.")


def _texts(definition: Definition) -> Iterator[Problem]:
    texts: Mapping[str, Text] = {"/title": definition.title, "/thanks": definition.thanks}
    for path, text in texts.items():
        for locale in definition.locales:
            if not text.get(locale, "").strip():
                yield Problem(f"{path}/{locale}", "text_missing", f"There is no text in {locale}.")
