"""The `Idempotency-Key` header: what a route takes from the request and gives to its use case.

async def credit(body: CreditIn, loyalty: Loyalty, idem: IdempotencyKey) -> Response:
    return answer(await loyalty.credit(body, idem))
"""

import hashlib
import re
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from shared.delivery.idempotency import Answer, Idempotent
from shared.errors import BadRequest
from shared.http.auth import caller_of

_FORM = re.compile(r"[\x21-\x7e]{1,255}")


class BadIdempotencyKey(BadRequest):
    """The header is not one printable word."""

    code, title = "bad_idempotency_key", "Bad idempotency key"

    def __init__(self) -> None:
        super().__init__("Idempotency-Key is 1 to 255 printable ASCII characters without spaces.")


_Key = Annotated[
    str | None,
    Header(
        description="Sent again with the same key, the request has no second effect and gets the first answer "
        "(kept for 48 hours). 1 to 255 printable characters; a UUID is a good one.",
        # Said, not checked, by the schema: what does not fit has a code of its own.
        json_schema_extra={"pattern": r"^[!-~]{1,255}$"},
    ),
]


async def _idempotent(request: Request, idempotency_key: _Key = None) -> Idempotent | None:
    return None if idempotency_key is None else await _of(request, idempotency_key, await request.body())


async def _of_file(request: Request, idempotency_key: _Key = None) -> Idempotent | None:
    """The key of a request whose body is too large to be read here: whoever reads it compares it."""
    return None if idempotency_key is None else await _of(request, idempotency_key, b"")


async def _of(request: Request, key: str, body: bytes) -> Idempotent:
    if not _FORM.fullmatch(key):
        raise BadIdempotencyKey
    caller = await caller_of(request)
    digest = hashlib.sha256()
    for part in (request.method.encode(), request.url.path.encode(), request.url.query.encode(), body):
        # Lengths keep two requests apart whose parts only join to the same bytes.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    # Keys of one caller mean nothing to another.
    return Idempotent(f"{caller.key_id}:{key}", digest.digest())


IdempotencyKey = Annotated[Idempotent | None, Depends(_idempotent)]
FileKey = Annotated[Idempotent | None, Depends(_of_file)]


def answer(stored: Answer) -> Response:
    """The HTTP form of an answer; a replay says so in `Idempotent-Replayed`."""
    headers = {"Idempotent-Replayed": "true"} if stored.is_replay else None
    return Response(stored.body, status_code=stored.status, headers=headers, media_type="application/json")
