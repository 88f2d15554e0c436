"""The page that a browser opens first: what there is to read."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from shared.http.openapi import operations


def front_page(openapi: Mapping[str, Any]) -> str:
    """Where somebody finds what there is to read, for a browser; it loads nothing."""
    title = escape(openapi["info"]["title"])
    pages = "".join(f'<li><a href="{escape(address)}">{escape(name)}</a>' for name, address in _pages(openapi))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>body{{font:16px/1.6 system-ui;margin:3rem auto;max-width:40rem;padding:0 1rem}}"
        f"</style><h1>{title}</h1><p>To read with a secret key: the browser asks for a name, which is the key; the "
        f"password stays empty.<ul>{pages}</ul><p>For developers:<ul>"
        '<li><a href="/docs">Every address</a><li><a href="/openapi.json">The contract, OpenAPI</a>'
        '<li><a href="/readyz">Whether all is well</a></ul></html>'
    )


def _pages(openapi: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pages that need nothing but their address, in each of their languages."""
    for path, method, operation in operations(openapi):
        is_page = "text/html" in operation.get("responses", {}).get("200", {}).get("content", {})
        if method != "get" or "{" in path or not is_page:
            continue
        languages = _values(operation, "language")
        if not languages:
            yield operation["summary"], path
        for language in languages:
            yield f"{operation['summary']} ({language})", f"{path}?language={language}"


def _values(operation: Mapping[str, Any], name: str) -> list[str]:
    schemas = [each["schema"] for each in operation.get("parameters", ()) if each["name"] == name]
    return [value for schema in schemas for value in schema.get("enum", ())]
