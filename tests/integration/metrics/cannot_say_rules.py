"""What an answer must keep to: no number that is none, no gap without a reason, no refusal without a word."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import orjson

Document = Mapping[str, Any]
# What may come from every route; other codes stand in its own description.
EVERYWHERE = frozenset(("invalid", "bad_cursor"))
# What says beside a gap why it is there.
_REASONS = ("cannot_say", "reasons", "missing")
# Where nothing stands in these the figure is no quotient, no share, no money: its description says of what they are.
_PARTS_OF_A_FIGURE = ("numerator", "denominator", "interval", "currency")
_NO_NUMBER = re.compile(r"\b(NaN|nan|Infinity|inf|undefined)\b")
_MEASURED = {"number", "integer", "object"}


def complaints(answer: httpx.Response, operation: Document, schemas: Document) -> list[str]:
    """What is wrong with an answer."""
    if answer.status_code != 200:
        return list(_unsaid(answer, operation))
    if _NO_NUMBER.search(answer.text):
        return [f"no number: {found.group()}" for found in _NO_NUMBER.finditer(answer.text)]
    if not answer.headers["content-type"].startswith("application/json"):
        return []
    # No NaN and no Infinity: orjson knows neither.
    document = orjson.loads(answer.content)
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return list(_gaps(document, schema, schemas, place="", is_told=False))


def _unsaid(answer: httpx.Response, operation: Document) -> Iterator[str]:
    problem, status = answer.json(), str(answer.status_code)
    described = operation["responses"].get(status, {}).get("description", "")
    if problem["code"] not in EVERYWHERE and f"`{problem['code']}`" not in described:
        yield f"{status} {problem['code']} is not documented"
    if not _is_sentence(problem["detail"]):
        yield f"no sentence: {problem['detail']}"


def _is_sentence(text: str) -> bool:
    return len(text.split()) > 2 and text.endswith(".")


def _whys(node: Document) -> list[Document]:
    found = [node[name] for name in _REASONS if isinstance(node.get(name), list | dict) and node[name]]
    return [why for each in found for why in (each if isinstance(each, list) else [each])]


def _gaps(node: Any, schema: Document, schemas: Document, *, place: str, is_told: bool) -> Iterator[str]:
    kinds = list(_kinds(schema, schemas))
    if isinstance(node, list):
        items: Document = next((kind["items"] for kind in kinds if "items" in kind), {})
        for each in node:
            yield from _gaps(each, items, schemas, place=f"{place}[]", is_told=is_told)
    if not isinstance(node, dict):
        return
    whys = _whys(node)
    yield from (f"{place}: no reason: {why}" for why in whys if not _is_reason(why))
    is_told = is_told or bool(whys)
    for name, value in node.items():
        within = f"{place}.{name}"
        own = _member(name, kinds)
        if value is not None:
            yield from _gaps(value, own, schemas, place=within, is_told=is_told)
        elif not is_told and _is_gap(name, node, own, schemas):
            yield f"{within}: null, and nothing says why"


def _is_reason(why: Document) -> bool:
    """A code for programs and a sentence for people; of alarms they are called otherwise."""
    if "watch_id" in why:
        why = why["missing"]
    code, text = why.get("code", why.get("reason")), why.get("detail", why.get("text", ""))
    return bool(re.fullmatch(r"[a-z_]+", code or "")) and _is_sentence(text)


def _is_gap(name: str, node: Document, schema: Document, schemas: Document) -> bool:
    """Whether a number is missing here; where it may be, the schema says what that means, but never of a figure."""
    if "definition" in node and name == "value":
        return True
    if "definition" in node and name in _PARTS_OF_A_FIGURE:
        return False
    kinds = list(_kinds(schema, schemas))
    is_measured = any(kind.get("type") in _MEASURED for kind in kinds)
    return is_measured and "null" not in str(schema.get("description", "")).lower()


def _member(name: str, kinds: list[Document]) -> Document:
    for kind in kinds:
        if name in kind.get("properties", {}):
            return dict(kind["properties"][name])
    return next((dict(kind["additionalProperties"]) for kind in kinds if _is_map(kind)), {})


def _is_map(kind: Document) -> bool:
    return isinstance(kind.get("additionalProperties"), dict)


def _kinds(schema: Document, schemas: Document) -> Iterator[Document]:
    """A schema and all it may be, references followed."""
    if "$ref" in schema:
        yield from _kinds(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    yield schema
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _kinds(each, schemas)
