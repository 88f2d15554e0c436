"""`ETag` and `If-None-Match`: who polls gets 304 while nothing has changed."""

import hashlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

# What OpenAPI is told of such an answer.
UNMODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified: the client has this state already."}}


def with_etag(
    request: Request,
    body: bytes,
    *,
    same: bytes | None = None,
    version: int | None = None,
    media_type: str = "application/json",
) -> Response:
    """The answer with its ETag, or 304 without a body if the client has it.

    The tag is a digest of the body, and weak, for a proxy may compress what we send. Where a part of the body changes
    by itself, such as an age, `same` is what must be the same for the answer to be the same. A `version` stands at the
    head of the tag (`W/"3.5f…"`), for an `If-Match` that must not mind what is live beside it.
    """
    head = "" if version is None else f"{version}."
    tag = f'W/"{head}{hashlib.sha256(body if same is None else same).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def _matches(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    # RFC 9110: compared weakly, so W/"x" and "x" are the same.
    sent = {each.strip().removeprefix("W/") for each in header.split(",")}
    return "*" in sent or tag.removeprefix("W/") in sent
