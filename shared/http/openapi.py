"""The OpenAPI document: FastAPI's, with what it cannot know: problems, ways to authenticate, scopes, raw routes."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from shared.http.auth import BASIC, BEARER, require
from shared.http.problems import Problem

_ABOUT_BODIES = ("413", "415")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")


class Documented(Protocol):
    """A manifest, as far as documentation goes."""

    @property
    def raw_openapi(self) -> Mapping[str, Any]: ...


def operation_id(route: APIRoute) -> str:
    """`metrics_summary` for the function `summary` in a router tagged `metrics`."""
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def document(app: FastAPI, manifests: Iterable[Documented]) -> dict[str, Any]:
    """The whole document.

    Raises:
        ValueError: two operations have one id, or a raw route hides a documented one.
    """
    openapi = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components: dict[str, Any] = openapi.setdefault("components", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.setdefault("schemas", {}).update({**problem.pop("$defs", {}), "Problem": problem})
    components.setdefault("securitySchemes", {})[BASIC] = {
        "type": "http",
        "scheme": "basic",
        "description": "The key as user name, the password empty.",
    }
    _complete(app, openapi)
    for manifest in manifests:
        for path, operations in manifest.raw_openapi.items():
            if openapi["paths"].setdefault(path, {}).keys() & operations.keys():
                raise ValueError(f"{path} is documented twice")
            openapi["paths"][path].update(operations)
    _check_ids(openapi)
    return openapi


def _complete(app: FastAPI, openapi: dict[str, Any]) -> None:
    """Offer Basic beside Bearer, say which scope a route needs, and drop what a route without a body never answers."""
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute) or not context.original_route.include_in_schema:
            continue
        scopes = sorted({each.scope for each in doors(context.dependant)})
        for method in context.methods or ():
            operation = openapi["paths"][context.path_format][method.lower()]
            if scopes:
                operation["security"] = [{BEARER: scopes}, {BASIC: scopes}]
            if method == "GET":
                for status in _ABOUT_BODIES:
                    operation["responses"].pop(status, None)


def doors(dependant: Dependant) -> Iterator[require]:
    """The scopes that stand before a route, however deep."""
    if isinstance(dependant.call, require):
        yield dependant.call
    for each in dependant.dependencies:
        yield from doors(each)


def operations(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every operation: path, method, operation object."""
    for path, item in openapi["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _check_ids(openapi: Mapping[str, Any]) -> None:
    seen: dict[str, str] = {}
    for path, method, operation in operations(openapi):
        name, place = operation.get("operationId"), f"{method.upper()} {path}"
        if name is None:
            raise ValueError(f"{place} has no operationId")
        if name in seen:
            raise ValueError(f"{place} and {seen[name]} have the same operationId {name!r}")
        seen[name] = place


def reference(openapi: Mapping[str, Any]) -> str:
    """A page that lists the operations. It loads nothing: FastAPI's pages need scripts from a CDN."""
    rows = "\n".join(
        f"<tr><td><code>{method.upper()}</code><td><code>{escape(path)}</code>"
        f"<td>{escape(str(operation.get('summary', '')))}"
        for path, method, operation in operations(openapi)
    )
    title = escape(openapi["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title} API</title>"
        "<style>body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "td{padding:.15rem .8rem .15rem 0;vertical-align:top}</style>"
        f"<h1>{title} API</h1><p>The whole contract, for any OpenAPI viewer: "
        f'<a href="/openapi.json">/openapi.json</a>.<table>\n{rows}\n</table></html>'
    )
