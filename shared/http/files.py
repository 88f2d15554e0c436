"""Bodies that are files: read part by part, never held whole, plain or gzip. `shared/records.py` takes them apart.

A route that takes one is made by a router with `route_class=FileRoute`: the edge then bounds the pause between two
parts and the bytes of the whole, instead of the time and the size of a JSON body.
"""

import zlib
from collections.abc import AsyncIterator

from fastapi import Request
from fastapi.routing import APIRoute

from shared.errors import Unsupported
from shared.records import BadFile, Kind

_PART = 65_536
_GZIP = 31

_KINDS: dict[str, Kind] = {"text/csv": "csv", "application/x-ndjson": "ndjson", "application/jsonl": "ndjson"}
_ENCODINGS = ("identity", "gzip")


class FileRoute(APIRoute):
    """A route whose body is a file that its function reads from `request.stream()`."""


class NotAFile(Unsupported):
    """The body is of a kind that is not read here."""

    code, title = "not_a_file", "Not a file that is read here"

    def __init__(self) -> None:
        super().__init__(
            "Send a file: Content-Type text/csv or application/x-ndjson, Content-Encoding gzip or none.",
            types=sorted(_KINDS),
            encodings=list(_ENCODINGS),
        )


def kind_of(request: Request) -> tuple[Kind, bool]:
    """What the body is, and whether it is in gzip.

    Raises:
        NotAFile: it is nothing that is read here.
    """
    kind = _KINDS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if kind is None or encoding not in _ENCODINGS:
        raise NotAFile
    return kind, encoding == "gzip"


async def parts_of(request: Request, *, is_gzip: bool, most: int) -> AsyncIterator[bytes]:
    """The body in parts of no more than 64 KiB, unpacked; `most` bytes of it in all.

    Raises:
        BadFile: it is no gzip, ends too soon, or is too large when unpacked.
        ClientDisconnect: whoever sent it went away.
    """
    total = 0
    async for part in _unpacked(request) if is_gzip else request.stream():
        total += len(part)
        if total > most:
            raise BadFile("too_large", f"The file is larger than {most} bytes when unpacked.")
        yield part


async def _unpacked(request: Request) -> AsyncIterator[bytes]:
    inflate, has_begun = zlib.decompressobj(_GZIP), False
    async for packed in request.stream():
        rest = packed
        while rest:
            if inflate.eof:
                # Files of several members are one file.
                inflate = zlib.decompressobj(_GZIP)
            has_begun = True
            try:
                plain = inflate.decompress(rest, _PART)
            except zlib.error:
                raise BadFile("bad_gzip", "The body is not in gzip, or it was damaged.") from None
            rest = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
            if plain:
                yield plain
    if has_begun and not inflate.eof:
        raise BadFile("truncated", "The gzip ends too soon: a part of the file is missing.")
