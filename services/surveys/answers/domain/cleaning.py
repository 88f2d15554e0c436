"""What is taken out of texts before anybody reads them: nothing that can be seen."""

import re
from collections.abc import Mapping
from typing import Any

# Control characters but tab and line breaks, and what turns the direction of a text around, its neighbours' too.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
# No survey has that many questions or rows; what is more is refused by its own reader.
_DEEPEST = 4


def cleaned(answers: Mapping[str, Any]) -> dict[str, Any]:
    """The same answers, their texts without what cannot be seen."""
    return {key: _clean(value, _DEEPEST) for key, value in answers.items()}


def _clean(value: Any, deeper: int) -> Any:
    if isinstance(value, str):
        return _UNSEEN.sub("", value)
    if isinstance(value, dict) and deeper:
        return {key: _clean(each, deeper - 1) for key, each in value.items()}
    return value
