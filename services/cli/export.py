"""`tam export`: take out what is there, through the public API."""

import asyncio
import csv
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any
from uuid import UUID

import httpx
import orjson
import typer

from services.cli.common import fail, read_settings, run, say
from services.cli.door import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, PATIENCE_SECONDS, REQUEST_SECONDS
from services.cli.instance import Instance, running, with_own
from services.cli.people import Columns
from services.cli.progress import Meter, progress_bar
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.runtime.platform import Platform
from shared.runtime.serve import bind

app = typer.Typer(no_args_is_help=True, help="Take out what is there.")

PAGE = 500
SIDE_BY_SIDE = 8


@app.callback()
def _several() -> None:
    """Keep `customers` a word of its own."""


@app.command()
def customers(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The CSV file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    url: Annotated[str | None, typer.Option(help="A server elsewhere; needs --key.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="TAM_KEY", help="A secret key of that server with profiles:read.")
    ] = None,
) -> None:
    """Write all customers to a CSV file that only you can read, one row per person.

    UTF-8 that Excel reads; cells that a spreadsheet would take for a formula begin with an apostrophe. Columns: id,
    user_id, anonymous_id, merged_user_ids, identified, source, first_seen, last_seen, updated_at, id.<system> and
    trait.<name>, or trait.<name>:json where not all values are texts. `tam import customers` reads it.
    """
    settings = read_settings()
    if url is not None and not key:
        fail("--url needs --key, a secret key of that server with the scope profiles:read.", 2)
    if file.exists() and not force:
        fail(f"{file} is there already; take another name, or --force.", 2)
    count = run(_through(settings, (url, key), lambda base_url, secret: _export(base_url, secret, file)))
    say(f"{count} customers are in {file}.")


@app.command()
def responses(
    survey: Annotated[UUID, typer.Argument(help="The id of the survey.")],
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The file to write: .csv or .jsonl.")],
    ids: Annotated[bool, typer.Option("--ids", help="Ids of questions and choices instead of their labels.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    url: Annotated[str | None, typer.Option(help="A server elsewhere; needs --key.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="TAM_KEY", help="A secret key of that server with surveys:read.")
    ] = None,
) -> None:
    """Write all responses of a survey to a file that only you can read, the last first.

    A CSV file has a column for each question; cells that a spreadsheet would take for a formula begin with an
    apostrophe. A JSONL file has a document in each line, as the API shows it.
    """
    settings = read_settings()
    if url is not None and not key:
        fail("--url needs --key, a secret key of that server with the scope surveys:read.", 2)
    if file.suffix not in (".csv", ".jsonl"):
        fail("The name of the file ends in .csv or .jsonl.", 2)
    if file.exists() and not force:
        fail(f"{file} is there already; take another name, or --force.", 2)
    path = f"/v1/surveys/{survey}/responses{file.suffix}"
    params = {"labels": "ids"} if ids and file.suffix == ".csv" else {}
    count = run(_through(settings, (url, key), lambda base_url, secret: _take(base_url, secret, path, params, file)))
    say(f"{count} responses are in {file}.")


async def _take(base_url: str, key: str, path: str, params: dict[str, str], file: Path) -> int:
    """Take a file that the API streams, whole or not at all; how many responses it has."""
    is_here = httpx.URL(base_url).host in ("127.0.0.1", "::1", "0.0.0.0", "localhost")
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with httpx.AsyncClient(
            base_url=base_url, headers=headers, timeout=REQUEST_SECONDS, trust_env=not is_here
        ) as client:
            with _instead_of(file) as out, progress_bar() as bar:
                async with client.stream("GET", path, params=params) as response:
                    if response.status_code != httpx.codes.OK:
                        await response.aread()
                        _answer(response)
                    meter = Meter(bar, "taking out", int(response.headers["X-Tam-Responses"]))
                    async for part in response.aiter_bytes():
                        out.write(part)
                        meter.advance(part.count(b"\n"))
                return int(response.headers["X-Tam-Responses"])
    except httpx.TransportError as error:
        raise UserError(f"The server stopped answering: {str(error) or type(error).__name__}.") from None
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error


@contextmanager
def _instead_of(file: Path) -> Iterator[IO[bytes]]:
    """A file beside it, readable for nobody else, that takes its place when the block ends well."""
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as out:
        part = Path(out.name)
        try:
            yield out
            out.flush()
            part.replace(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


async def _through(
    settings: PlatformSettings,
    elsewhere: tuple[str | None, str | None],
    work: Callable[[str, str], Awaitable[int]],
) -> int:
    """Do the work at the server named, at the one that runs here, or at our own for the while."""
    url, key = elsewhere
    if url is not None and key is not None:
        return await work(url, key)
    async with running(settings, source="export") as instance:
        if instance is not None:
            return await work(instance.base_url, instance.secret_key)
    results: list[int] = []

    async def meanwhile(_: Platform, own: Instance) -> None:
        results.append(await work(own.base_url, own.secret_key))

    await with_own(settings, bind("127.0.0.1", 0), source="export", work=meanwhile, keep_serving=False)
    return results[0]


async def _export(base_url: str, key: str, file: Path) -> int:
    """List everybody, then read each, so that the time left is known; how many there were.

    What was read waits in a file without a name, for the columns are known at the end.
    """
    is_here = httpx.URL(base_url).host in ("127.0.0.1", "::1", "0.0.0.0", "localhost")
    headers = {"Authorization": f"Bearer {key}"}
    try:
        with tempfile.TemporaryFile(dir=file.parent) as waiting, progress_bar() as bar:
            async with httpx.AsyncClient(
                base_url=base_url, headers=headers, timeout=REQUEST_SECONDS, trust_env=not is_here
            ) as client:
                ids = await _everybody(client, Meter(bar, "listing", 0))
                columns = Columns(set(), {})
                await _read_all(client, ids, columns, waiting, Meter(bar, "reading", len(ids)))
            return _write(file, columns, waiting)
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}.") from error


async def _everybody(client: httpx.AsyncClient, meter: Meter) -> list[bytes]:
    ids: list[bytes] = []
    params: dict[str, str | int] = {"limit": PAGE}
    while True:
        page = await _get(client, "/v1/customers", params)
        ids += [UUID(each["id"]).bytes for each in page["items"]]
        meter.more(len(page["items"]))
        if page["next_cursor"] is None:
            return ids
        params["cursor"] = page["next_cursor"]


async def _read_all(
    client: httpx.AsyncClient, ids: list[bytes], columns: Columns, waiting: IO[bytes], meter: Meter
) -> None:
    """Read each customer once; one who was merged into another meanwhile is in the other's row."""
    source = iter(ids)
    written: set[str] = set()

    async def lane() -> None:
        for key in source:
            customer = await _get(client, f"/v1/customers/{UUID(bytes=key)}", {})
            if customer is not None and customer["id"] not in written:
                written.add(customer["id"])
                columns.meet(customer)
                waiting.write(orjson.dumps(customer) + b"\n")
            meter.advance(1)

    async with asyncio.TaskGroup() as group:
        for _ in range(SIDE_BY_SIDE):
            group.create_task(lane())


def _write(file: Path, columns: Columns, waiting: IO[bytes]) -> int:
    """Write the rows beside the file, readable for nobody else, and put them in its place."""
    waiting.seek(0)
    count = 0
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8-sig", newline="", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as out:
        part = Path(out.name)
        try:
            writer = csv.writer(out)
            writer.writerow(columns.header())
            for rows in _batches(waiting):
                count += len(rows)
                writer.writerows(columns.row(orjson.loads(row)) for row in rows)
            out.flush()
            part.replace(file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return count


def _batches(lines: IO[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(lines, PAGE)):
        yield batch


async def _get(client: httpx.AsyncClient, path: str, params: dict[str, str | int]) -> Any:
    """The answer of the API; None for what is gone (404).

    Raises:
        UserError: it refuses the key, does not answer for two minutes, or not as Tâm does.
    """
    reason, pause = "no answer", FIRST_PAUSE_SECONDS
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    response = await client.get(path, params=params)
                except httpx.TransportError as error:
                    reason = str(error) or type(error).__name__
                else:
                    if response.status_code == httpx.codes.NOT_FOUND:
                        return None
                    if response.status_code not in (429, 503):
                        return _answer(response)
                    reason = f"HTTP {response.status_code}"
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    except TimeoutError:
        raise UserError(f"The server did not answer for {PATIENCE_SECONDS:.0f} s: {reason}.") from None


def _answer(response: httpx.Response) -> Any:
    try:
        answer = response.json()
        if response.status_code == httpx.codes.OK:
            return answer
        raise UserError(f"The server refused: {response.status_code} {answer['code']}: {answer['message']}")
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{response.url.copy_with(query=None)} does not answer as Tâm does.") from None
