"""A failure is logged with its traceback, and without the values that were at hand."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.observability.logging import configure, logger


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def fail_with_a_body() -> None:
    email = "lan" + "@" + "shop.example"
    raise RuntimeError("it broke" if email else "")


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_names_the_line_and_no_local_values(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="INFO", style=style)

    try:
        fail_with_a_body()
    except RuntimeError as error:
        logger("test").error("request_failed", exc_info=error)

    line = capsys.readouterr().err
    assert "fail_with_a_body" in line
    assert "it broke" in line
    assert "lan@shop.example" not in line


def test_json_is_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure(level="INFO", style="json")

    logger("test").warning("something", count=2)

    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "something"
    assert json.loads(line)["count"] == 2
