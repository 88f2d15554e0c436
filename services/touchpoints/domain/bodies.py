"""Bodies: bounded inflation, and JSON as careless clients write it. Content-Type is never looked at, only the bytes."""

import json
import re
import zlib
from typing import Any

import orjson

from services.touchpoints.errors import BadGzip, NotJson, TooManyValues
from shared.errors import TooLarge

MAX_RAW_BYTES = 4 * 1024 * 1024
MAX_INFLATED_BYTES = 16 * 1024 * 1024
# A real batch of thousands of near-equal events stays under 50; a bomb of one byte repeated is at 1,029.
MAX_RATIO = 200
_SMALL_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# Python's parser is slow and holds the loop: it gets a second look at bodies of an ordinary size only.
_MAX_REPAIR_BYTES = 1024 * 1024
# Values are separated by commas: 16 MB of `{},` would become 400 MB of objects.
_MAX_VALUES = 1_000_000

# One JSON escape at a time, so that `\\ud800` (a backslash, then text) is never taken for a surrogate.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def is_gzip(body: bytes) -> bool:
    """Whether the body is compressed: no JSON begins so, and proxies inflate without changing the header."""
    return body.startswith(_GZIP)


def inflate(body: bytes) -> bytes:
    """The content of one gzip member, never more than the limit in memory.

    Raises:
        TooLarge: `body_too_large`, over the limit or a bomb.
        BadGzip: broken, cut short, or followed by something else.
    """
    limit = min(MAX_INFLATED_BYTES, max(_SMALL_BYTES, len(body) * MAX_RATIO))
    stream = zlib.decompressobj(31)
    try:
        plain = stream.decompress(body, limit + 1)
    except zlib.error:
        raise BadGzip from None
    if len(plain) > limit:
        raise too_large(limit, "after decompression")
    if not stream.eof or stream.unused_data:
        raise BadGzip
    return plain


def too_large(limit: int, when: str = "as sent") -> TooLarge:
    """The refusal of a body over its limit."""
    error = TooLarge(f"The body is larger than {limit} bytes {when}.", limit_bytes=limit)
    error.__dict__["code"] = "body_too_large"
    return error


def parse(body: bytes) -> Any:
    """The JSON of a body.

    What browsers and Python really send is mended, for it would cost a whole batch: half of an emoji cut in two
    becomes U+FFFD, and NaN and infinities become null where they are stored, and no amount where money is read.

    Raises:
        NotJson: it is not JSON in UTF-8, or nested too deep.
        TooManyValues: it would fill the memory.
    """
    if is_large(body) and body.count(b",") > _MAX_VALUES:
        raise TooManyValues(_MAX_VALUES)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _mended(body)


def is_large(body: bytes) -> bool:
    """Whether the events of a body must be measured before anything else is done with them."""
    return len(body) > _SMALL_BYTES


def _mended(body: bytes) -> Any:
    if len(body) > _MAX_REPAIR_BYTES:
        raise NotJson
    body = _ESCAPE.sub(_whole, body.removeprefix(_BOM))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        raise NotJson from None


def _whole(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]
