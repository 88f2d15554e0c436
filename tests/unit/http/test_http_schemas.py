"""What request bodies take for true and false."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.registry import SERVICES
from shared.http.schemas import Strict


class Inner(Strict):
    is_wanted: bool


class Body(Strict):
    is_final: bool = True
    is_known: bool | None = None
    inner: Inner | None = None


@pytest.mark.parametrize("value", [0, 1, 0.0, "true", "off", "n", ""])
@pytest.mark.parametrize("field", ["is_final", "is_known"])
def test_only_true_and_false_are_taken_for_a_switch(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Body.model_validate({field: value})
    (error,) = refused.value.errors()
    assert (error["type"], error["loc"]) == ("bool_type", (field,))


def test_switches_of_a_part_are_strict_too() -> None:
    assert Body.model_validate({"inner": {"is_wanted": True}, "is_known": None}).inner == Inner(is_wanted=True)
    with pytest.raises(ValidationError, match=r"inner\.is_wanted"):
        Body.model_validate({"inner": {"is_wanted": 1}})


def _all(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for each in model.__subclasses__():
        yield from _all(each)


def test_every_switch_of_every_body_is_strict() -> None:
    assert SERVICES
    switches = [
        (model, name)
        for model in dict.fromkeys(_all(Strict))
        for name, field in model.model_fields.items()
        if field.annotation in (bool, bool | None)
    ]
    assert len(switches) > 30
    assert [each for each in switches if _takes(*each, 1)] == []


def _takes(model: type[BaseModel], name: str, value: Any) -> bool:
    try:
        model.__pydantic_validator__.validate_assignment(model.model_construct(), name, value)
    except ValidationError:
        return False
    return True
