"""Who may knock where: the authorisation matrix, generated from the OpenAPI document.

`python tests/security/authorisation.py` writes `authorisation.csv` anew, after a route was added or its scope changed;
what changed in it is then read by whoever reviews the change. `test_authorisation.py` holds the file to the document,
and each of its cells to the running platform.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from shared.http.auth import BEARER
from shared.http.openapi import operations

FILE = Path(__file__).with_name("authorisation.csv")
OPENAPI = Path(__file__).parents[2] / "shared" / "contracts" / "openapi.json"
IN = "in"
NOBODYS = "01890000-0000-7000-8000-000000000000"
# Who knocks, one column each. `link` is a customer's signed link to a survey, presented as a key.
CALLERS = ("nobody", "made_up", "revoked", "expired", "link", "write_key", "other_scopes", "its_scope")
STRANGERS = ("nobody", "made_up", "revoked", "expired", "link")
INGEST = "touchpoints:write"
# Codes are tried from browsers too, which are told one and the same thing of all that do not apply.
WRITE_KEYS_TOO = frozenset({("POST", "/v1/loyalty/validations/anonymous")})
# These take the key out of the address, and do not tell a bad one from one that is not there.
KEY_IN_PATH = "{write_key}"


class Row(NamedTuple):
    """A route, what opens it (a scope, `write key`, `nothing`), and what each caller is answered."""

    method: str
    path: str
    door: str
    cells: tuple[str, ...]

    @property
    def by_caller(self) -> Mapping[str, str]:
        """The status each caller gets; `in`: neither refused nor a failure."""
        return dict(zip(CALLERS, self.cells, strict=True))


@cache
def document() -> Mapping[str, Any]:
    """The committed OpenAPI document, which other tests hold to the code."""
    found: Mapping[str, Any] = json.loads(OPENAPI.read_bytes())
    return found


def rows(openapi: Mapping[str, Any]) -> list[Row]:
    """The matrix of a document."""
    return sorted(_row(path, method.upper(), operation) for path, method, operation in operations(openapi))


def _row(path: str, method: str, operation: Mapping[str, Any]) -> Row:
    scopes = {scope for way in operation.get("security", ()) for scope in way.get(BEARER, ())}
    if not scopes:
        return Row(method, path, "nothing", (IN,) * len(CALLERS))
    (scope,) = scopes
    if scope != INGEST or {} not in operation["security"]:
        write_key = IN if (method, path) in WRITE_KEYS_TOO else "403"
        return Row(method, path, scope, ("401",) * len(STRANGERS) + (write_key, "403", IN))
    if KEY_IN_PATH in path:
        # The key in the address is the caller; whatever stands in the header is nobody's.
        return Row(method, path, "key in the address", ("404",) * len(CALLERS))
    return Row(method, path, "write key", ("401",) * len(STRANGERS) + (IN, "403", IN))


def written(matrix: list[Row]) -> str:
    """The file."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("method", "path", "door", *CALLERS))
    writer.writerows((row.method, row.path, row.door, *row.cells) for row in matrix)
    return stream.getvalue()


def committed() -> Iterator[Row]:
    """The rows of the file."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        next(reader)
        for method, path, door, *cells in reader:
            yield Row(method, path, door, tuple(cells))


def addressed(path: str, *, customer: str, rest: str = NOBODYS) -> str:
    """An address of the route: about this customer, and otherwise about nothing there is."""
    named = re.sub(r"\{(customer|member|profile)\}", customer, path)
    return re.sub(r"\{\w+\}", rest, named)


if __name__ == "__main__":
    FILE.write_text(written(rows(document())), encoding="utf-8")
