"""What a firm declares of a trait."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Type = Literal["string", "number", "integer", "boolean", "date", "datetime", "email", "phone", "enum", "array"]
MergePolicy = Literal["latest", "earliest", "max", "min", "union", "prefer_identified", "source_priority"]

NUMERIC: frozenset[Type] = frozenset({"number", "integer"})
ORDERED: frozenset[Type] = NUMERIC | {"date", "datetime", "enum"}
SIZED: frozenset[Type] = frozenset({"string", "array"})


class Declared(NamedTuple):
    """A declared trait. `description` is by language; `coerce`: also take what says the same in another JSON type."""

    name: str
    type: Type
    unit: str | None = None
    description: Mapping[str, str] = {}
    min: float | None = None
    max: float | None = None
    max_length: int | None = None
    values: tuple[str, ...] = ()
    coerce: bool = False
    merge_policy: MergePolicy = "latest"
    sources: tuple[str, ...] = ()
    sensitive: bool = False

    @classmethod
    def stored(cls, name: str, definition: Mapping[str, Any]) -> "Declared":
        """The declaration that `definition` was made of."""
        lists = {each: tuple(definition.get(each, ())) for each in ("values", "sources")}
        return cls(**{**definition, **lists, "name": name})

    def definition(self) -> dict[str, Any]:
        """All of it but the name, as JSON values."""
        return {field: value for field, value in self._asdict().items() if field != "name"}
