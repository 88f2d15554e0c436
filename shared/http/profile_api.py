"""The manners of Segment's Profile API, for the routes that speak it: its cursor, its `error` beside our problem.

A refusal is our problem document with Segment's member `error` in it, so that clients of either read it.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Path
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import AppError
from shared.http.problems import from_validation, request_id_of

PREFIX = "/v1/spaces/{space}/collections/users/profiles/{profile}"

Space = Annotated[
    str, Path(max_length=100, description="The id of the space: there is one, and any id names it.", examples=["shop"])
]

_CODES = {401: "authentication_error", 403: "authentication_error", 404: "not_found", 429: "rate_limit_error"}


class SpaceCursor(BaseModel):
    """Where a page ends."""

    url: str = Field(description="The address of the list.")
    has_more: bool
    next: str = Field(description="Pass as `next` for the next page; empty: this is the last.")
    limit: int

    @classmethod
    def of(cls, space: str, profile: object, what: str, *, more: str | None, limit: int) -> "SpaceCursor":
        """The wire form; `profile` is a customer id, for no address of ours holds an identifier."""
        url = PREFIX.format(space=space, profile=profile)
        return cls(url=f"{url}/{what}", has_more=more is not None, next=more or "", limit=limit)


class ProfileApiRoute(APIRoute):
    """A route whose refusals carry `error`, and whose answers the header `Request-Id`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler in Segment's manners."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except RequestValidationError as invalid:
                raise _spoken(from_validation(invalid)) from None
            except AppError as refusal:
                raise _spoken(refusal) from None
            response.headers["Request-Id"] = request_id_of(request) or ""
            return response

        return answer


def _spoken(refusal: AppError) -> AppError:
    is_ours = refusal.status >= 500
    code = "internal_error" if is_ours else _CODES.get(refusal.status, "validation_error")
    refusal.data["error"] = {"code": code, "message": refusal.detail}
    return refusal
