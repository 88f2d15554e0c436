"""Answers that say how old they are, and are not sent again for that alone."""

import re
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel

from shared.http.etag import with_etag

# What OpenAPI is told of such an answer.
UNMODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Not modified: no figure has changed; how old they are may have."}
}
_AGES = re.compile(rb'"staleness_seconds":[^,}]*')


def aged(request: Request, out: BaseModel) -> Response:
    """The answer with an ETag that does not depend on its age, or who polls would never be spared one."""
    body = out.model_dump_json().encode()
    return with_etag(request, body, same=_AGES.sub(b"", body))
