"""The client of the ingest API: patient with a busy server, honest about a wrong one."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from services.cli import door as module
from services.cli.door import BATCH, SIDE_BY_SIDE, Door, Item, Rejection
from shared.errors import UserError

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)


def items(count: int) -> Iterator[Item]:
    return (Item(number + 2, {"n": number}) for number in range(count))


async def send(handler: Handler, count: int = 3) -> tuple[module.Sent, list[int], list[Rejection]]:
    moved: list[int] = []
    refused: list[Rejection] = []
    transport = httpx.MockTransport(handler)
    async with httpx.AsyncClient(transport=transport, base_url="http://tam.test") as client:
        sent = await Door(client).send(items(count), moved=moved.append, refused=refused.append)
    return sent, moved, refused


def taken(request: httpx.Request, rejected: tuple[dict[str, Any], ...] = ()) -> httpx.Response:
    count = len(orjson.loads(request.content)["batch"])
    return httpx.Response(200, json={"accepted": count - len(rejected), "rejected": list(rejected)})


async def failure(handler: Handler) -> str:
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group of one
        await send(handler)
    assert isinstance(caught.value, BaseExceptionGroup)
    assert all(isinstance(each, UserError) for each in caught.value.exceptions)
    return str(caught.value.exceptions[0])


async def test_everything_is_sent_once_in_batches():
    sizes: list[int] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sizes.append(len(orjson.loads(request.content)["batch"]))
        return taken(request)

    sent, moved, refused = await send(handler, 2 * BATCH + 1)

    assert sorted(sizes) == [1, BATCH, BATCH]
    assert (sent.accepted, sum(moved), refused) == (2 * BATCH + 1, 2 * BATCH + 1, [])


async def test_a_rejected_event_is_known_by_its_line():
    verdict = {"index": 1, "code": "naive_time", "message": "No offset."}

    sent, _, refused = await send(lambda request: taken(request, (verdict,)))

    assert (sent.accepted, sent.rejected) == (2, 1)
    assert refused == [Rejection(3, "naive_time", "No offset.")]


@pytest.mark.parametrize("trouble", [429, 503, httpx.ConnectError("refused"), httpx.ReadTimeout("slow")])
async def test_a_busy_server_gets_the_same_again(trouble: int | Exception):
    bodies: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        if len(bodies) > 2:
            return taken(request)
        if isinstance(trouble, Exception):
            raise trouble
        return httpx.Response(trouble, headers={"Retry-After": "0"})

    sent, _, _ = await send(handler)

    assert sent.accepted == 3
    assert len(bodies) == 3
    assert len(set(bodies)) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(401, json={"code": "bad_key", "message": "No."}), "refused a batch: 401 bad_key: No."),
        (httpx.Response(413, text="too large"), "refused a batch: HTTP 413"),
        (httpx.Response(301), "refused a batch: HTTP 301"),
        (httpx.Response(200, text="<html>"), "does not answer as Tâm does"),
        (httpx.Response(200, json={"ok": True}), "does not answer as Tâm does"),
        (httpx.Response(503, json={"code": "busy", "message": "Later."}), "took no batch for 0 s: 503 busy: Later."),
    ],
)
async def test_what_cannot_be_sent_is_said(answer: httpx.Response, says: str):
    assert says in await failure(lambda _: answer)


async def test_endless_input_is_not_held():
    """No more than the batches under way are taken from the source."""
    drawn = answered = 0

    def endless() -> Iterator[Item]:
        nonlocal drawn
        for number in range(20 * BATCH):
            drawn += 1
            yield Item(number, {"n": number})

    def handler(request: httpx.Request) -> httpx.Response:
        nonlocal answered
        assert drawn - answered <= SIDE_BY_SIDE * BATCH
        answered += BATCH
        return taken(request)

    async with httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://tam.test") as client:
        sent = await Door(client).send(endless(), moved=lambda _: None, refused=lambda _: None)

    assert sent.accepted == 20 * BATCH
