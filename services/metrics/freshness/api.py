"""Answers that say how old they are, and are not sent again for that alone."""

import re
from collections.abc import Awaitable, Callable, Hashable
from functools import lru_cache
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from shared.http.etag import with_etag
from shared.runtime.answers import Answers

# What OpenAPI is told of such an answer.
UNMODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: no figure has changed; how old they are may have."}
}
STALENESS = ("staleness_seconds",)


def aged(request: Request, out: BaseModel | bytes, ages: tuple[str, ...] = STALENESS) -> Response:
    """The answer with an ETag that does not depend on its age, or who polls would never be spared one.

    `ages` are the fields, wherever they stand, that change by themselves.
    """
    body = out if isinstance(out, bytes) else out.model_dump_json().encode()
    return with_etag(request, body, same=_fields(ages).sub(b"", body))


async def kept(
    request: Request,
    answers: Answers,
    question: Hashable,
    make: Callable[[], Awaitable[BaseModel]],
    ages: tuple[str, ...] = STALENESS,
    *,
    is_slow: bool = False,
) -> Response:
    """The same of an answer that is kept if it takes long to make; `Age` says how long ago it was made."""

    async def write() -> bytes:
        return (await make()).model_dump_json().encode()

    body, seconds = await answers.get(question, write, is_slow=is_slow)
    found = aged(request, body, ages)
    found.headers["Age"] = str(seconds)
    return found


@lru_cache(maxsize=16)
def _fields(names: tuple[str, ...]) -> re.Pattern[bytes]:
    return re.compile(rb'"(%s)":("[^"]*"|[^,}]*)' % "|".join(names).encode())
