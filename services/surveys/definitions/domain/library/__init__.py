"""Surveys that are ready to use, one for each moment that matters: documents in Vietnamese and English."""

from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson

# In the order in which they are offered.
KEYS = (
    "after_delivery",
    "after_support",
    "after_return",
    "relationship_nps",
    "why_did_you_join",
    "staff_mirror",
)


@lru_cache(maxsize=len(KEYS))
def ready(key: str) -> dict[str, Any]:
    """A ready survey: `about` (in each language) and its `survey`, the document that would be written.

    Raises:
        KeyError: there is none.
    """
    if key not in KEYS:
        raise KeyError(key)
    document: dict[str, Any] = orjson.loads((files(__name__) / f"{key}.json").read_bytes())
    return document
