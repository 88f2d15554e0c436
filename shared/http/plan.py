"""What a route needs of a request, worked out once: FastAPI asks itself the same for every request.

A plan answers what is right with it. Whatever is not (a body that is no JSON, a parameter that does not fit) goes to
FastAPI's own handler with the body as it came, and gets its answer; routes with anything unusual have no plan.
Values are checked by FastAPI's functions, so a request that is right means the same both ways.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.routing import APIRoute, RouteContext, serialize_response
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JSON = "application/json"
_BODYLESS = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class _Need:
    """What a function of a route needs: parameters of the request, and what other functions give."""

    call: Callable[..., Awaitable[Any]]
    others: tuple[tuple[str | None, "_Need"], ...]
    path: list[Any]
    query: list[Any]
    header: list[Any]
    request: str | None


class _Amiss(Exception):
    """Something is wrong with the request: let FastAPI say what."""


def planned(context: RouteContext) -> ASGIApp | None:
    """The route's plan; None: FastAPI handles all of its requests."""
    if type(context.original_route) is not APIRoute:
        # Its own handler may do more.
        return None
    dependant: Dependant = context.dependant
    whole = list(_all(dependant))
    calls = [id(each.call) for each in whole]
    is_plain = (
        len(set(calls)) == len(calls)
        and not any(map(_is_unusual, whole))
        and not any(each.body_params for each in whole[1:])
        and isinstance(context.response_class, DefaultPlaceholder)
        and context.stream_item_field is None
        and context.status_code not in _BODYLESS
        and not (context.body_field and isinstance(context.body_field.field_info, params.Form))
    )
    return _Plan(context, _need(dependant)) if is_plain else None


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _all(each)


def _is_unusual(dependant: Dependant) -> bool:
    call = dependant.call
    function = call if inspect.isroutine(call) else type(call).__call__
    return bool(
        not inspect.iscoroutinefunction(function)
        or dependant.cookie_params
        or dependant.websocket_param_name
        or dependant.http_connection_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or dependant.security_scopes_param_name
        or dependant.concurrency
    )


def _need(dependant: Dependant) -> _Need:
    assert dependant.call is not None
    return _Need(
        dependant.call,
        tuple((each.name, _need(each)) for each in dependant.dependencies),
        dependant.path_params,
        dependant.query_params,
        dependant.header_params,
        dependant.request_param_name,
    )


class _Plan:
    """Answers requests to one route."""

    def __init__(self, context: RouteContext, need: _Need) -> None:
        self._context = context
        self._need = need
        self._body: list[Any] = context.dependant.body_params
        self._fastapi: ASGIApp = context.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                response = await self._answer(request)
            except _Amiss:
                await self._hand_over(request, send)
                return
            await response(scope, receive, send)

        await wrap_app_handling_exceptions(answer, request)(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        # First of all, as FastAPI does.
        body = await _json_of(request) if self._body else None
        values = await _values(self._need, request)
        if self._body:
            found, errors = await request_body_to_args(self._body, body, self._context._embed_body_fields)  # noqa: SLF001
            if errors:
                raise _Amiss
            values.update(found)
        said = await self._need.call(**values)
        return said if isinstance(said, Response) else await self._written(said)

    async def _written(self, said: Any) -> Response:
        of = self._context
        content: Any = await serialize_response(
            field=of.response_field,
            response_content=said,
            include=of.response_model_include,
            exclude=of.response_model_exclude,
            by_alias=of.response_model_by_alias,
            exclude_unset=of.response_model_exclude_unset,
            exclude_defaults=of.response_model_exclude_defaults,
            exclude_none=of.response_model_exclude_none,
            dump_json=of.response_field is not None,
        )
        status = of.status_code or 200
        if of.response_field is None:
            return JSONResponse(content, status_code=status)
        return Response(content, status_code=status, media_type=_JSON)

    async def _hand_over(self, request: Request, send: Send) -> None:
        """Let FastAPI answer; it gets the body that was read."""
        read: bytes | None = getattr(request, "_body", None)
        again = [] if read is None else [{"type": "http.request", "body": read, "more_body": False}]

        async def receive() -> Message:
            return again.pop() if again else await request.receive()

        # FastAPI closes the files of forms with it.
        async with AsyncExitStack() as request.scope["fastapi_middleware_astack"]:
            await self._fastapi(request.scope, receive, send)


async def _json_of(request: Request) -> Any:
    body = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not body or kind != _JSON:
        raise _Amiss
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise _Amiss from None


async def _values(need: _Need, request: Request) -> dict[str, Any]:
    """What a function is called with.

    Raises:
        _Amiss: a parameter does not fit.
    """
    values: dict[str, Any] = {}
    for name, other in need.others:
        given = await other.call(**await _values(other, request))
        if name is not None:
            values[name] = given
    if need.path:
        _take(values, request_params_to_args(need.path, request.path_params))
    if need.query:
        _take(values, request_params_to_args(need.query, request.query_params))
    if need.header:
        _take(values, request_params_to_args(need.header, request.headers))
    if need.request is not None:
        values[need.request] = request
    return values


def _take(values: dict[str, Any], found: tuple[dict[str, Any], list[Any]]) -> None:
    if found[1]:
        raise _Amiss
    values.update(found[0])
