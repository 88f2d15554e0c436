"""`tam load`: believable shop traffic over the public API, and a check of what became of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
import typer
from rich.table import Table

from services.cli.common import console, fail, read_settings, run, say, show
from services.cli.instance import running
from services.cli.progress import Meter, progress_bar
from shared.clock import SystemClock
from shared.config import PlatformSettings
from shared.errors import UserError
from shared.load.journal import Journal
from shared.load.judge import Verdict
from shared.load.order import Order
from shared.load.plan import LEAST_CUSTOMERS
from shared.load.profiles import PROFILES
from shared.load.report import page
from shared.load.session import Session
from shared.load.wire import connected

SOMETHING_DIFFERS = 3
_SHOWN = 40
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_KINDS = "; ".join(f"{name}: {profile.about}" for name, profile in PROFILES.items())
HELP = (
    "Send believable shop traffic through the public API, each act when it is due whatever the platform does, then "
    "wait until all has settled and compare what was sent with what the platform says: every event of a customer "
    "once, their orders, money, points, vouchers, answers, segments and consent, and the totals.\n\n"
    f"Profiles: {_KINDS}.\n\n"
    "The same seed is the same traffic. What was sent is in a journal: a run that was cut off goes on from it when "
    "the same command is given again, and what is sent twice counts once. A page beside the journal (--report) shows "
    "rate, latency, lag, memory and what the check found; it needs nothing else.\n\n"
    "It makes a programme of points, a rule, a code, a survey, a flash sale, referrals and a segment: not for a "
    f"platform that a firm works with.\n\nExit code: 0 all is right; {SOMETHING_DIFFERS} something differs; 1 it could "
    "not be done; 2 wrong arguments or settings; 130 stopped."
)

Elsewhere = Annotated[bool, typer.Option("--yes-elsewhere", help="The servers are not on this machine: it is meant.")]


def load(
    profile: Annotated[str, typer.Option(help="Kind of shop.")] = "shop",
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Events a second.")] = 50.0,
    customers: Annotated[int, typer.Option(min=LEAST_CUSTOMERS, help="Customers there are.")] = 10_000,
    duration: Annotated[float, typer.Option(min=1, max=86_400, help="Seconds.")] = 60.0,
    seed: Annotated[int, typer.Option(help="What decides all that is random.")] = 1,
    days: Annotated[float, typer.Option(min=0, max=300, help="Tell of so many days up to now; 0: of now.")] = 0,
    daily: Annotated[bool, typer.Option("--daily", help="The rate follows the hours of the day.")] = False,
    url: Annotated[list[str] | None, typer.Option(help="A server; several share the load. Needs both keys.")] = None,
    write_key: Annotated[str | None, typer.Option(envvar="TAM_KEY_WRITE", help="A write key.")] = None,
    secret_key: Annotated[str | None, typer.Option(envvar="TAM_KEY_SECRET", help="A secret key, scope *.")] = None,
    journal: Annotated[Path | None, typer.Option(help="Where it is written down what was sent.")] = None,
    check: Annotated[int, typer.Option(min=0, help="Check so many customers at most; totals always.")] = 2_000,
    check_only: Annotated[bool, typer.Option("--check-only", help="Send nothing; check the journal again.")] = False,
    settle: Annotated[float, typer.Option(min=0, max=3_600, help="Wait so many seconds at most.")] = 120.0,
    report: Annotated[Path | None, typer.Option(help="The page about it; beside the journal, if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
    yes_elsewhere: Elsewhere = False,
) -> None:
    """Send traffic, and check what became of it."""
    settings = read_settings()
    if profile not in PROFILES:
        fail(f"There is no profile {profile!r}; there are {', '.join(PROFILES)}.", 2)
    strange = [each for each in url or () if urlsplit(each).hostname not in _LOOPBACK]
    if strange and not yes_elsewhere:
        fail(f"{strange[0]} is not on this machine; --yes-elsewhere says that it is meant.", 2)
    order = Order(profile, seed, rate, customers, duration, SystemClock().now(), days, is_daily=daily)
    where = journal or settings.data_dir / "loads" / f"{order.namespace}.jsonl"
    if check_only and not where.exists():
        fail(f"There is no journal {where}.", 2)
    keys = (write_key, secret_key)
    about = report or where.with_suffix(".html")
    verdict = run(
        _load(settings, order, (where, about), url or [], keys, (check, settle), is_check=check_only, as_json=as_json)
    )
    raise typer.Exit(SOMETHING_DIFFERS if verdict.differences else 0)


@asynccontextmanager
async def _servers(
    settings: PlatformSettings, urls: list[str], keys: tuple[str | None, str | None]
) -> AsyncIterator[tuple[list[str], str, str]]:
    """Where to send, and both keys: given, or borrowed from the instance that runs here."""
    if urls:
        write, secret = keys
        if not write or not secret:
            raise UserError("--url needs a write key (TAM_KEY_WRITE) and a secret key (TAM_KEY_SECRET) of that server.")
        yield urls, write, secret
        return
    async with running(settings, source="load", scopes=("*",)) as instance:
        if instance is None:
            raise UserError("Nobody answers here: start `tam serve` first, or name a server with --url.")
        yield [instance.base_url], instance.write_key, instance.secret_key


async def _load(
    settings: PlatformSettings,
    order: Order,
    files: tuple[Path, Path],
    urls: list[str],
    keys: tuple[str | None, str | None],
    check: tuple[int, float],
    *,
    is_check: bool,
    as_json: bool,
) -> Verdict:
    """`files` are the journal and the page about it; `check`: so many customers, after so many seconds at most."""
    (where, about), (at_most, settle) = files, check
    await asyncio.to_thread(where.parent.mkdir, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        hosts, write, secret = await stack.enter_async_context(_servers(settings, urls, keys))
        wire = await stack.enter_async_context(connected(hosts, write, secret))
        journal = Journal(where)
        stack.callback(journal.close)
        session = await Session.opened(wire, SystemClock(), journal, order)
        if journal.settled:
            say(f"Going on from {where}: {len(journal.settled)} acts are settled.")
        bar = stack.enter_context(progress_bar())
        if not is_check:
            events = int(session.order.rate * session.order.seconds)
            await session.send(Meter(bar, "sending", events).advance)
        people = Meter(bar, "checking", min(at_most, len(session.book().persons())))
        verdict = await session.judge(at_most=at_most, patience_seconds=settle, moved=people.advance)
    document = session.document(verdict)
    await asyncio.to_thread(about.write_text, page(document), encoding="utf-8")
    say(f"{about} shows how it went.")
    if as_json:
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        _print(document, verdict)
    return verdict


def _print(document: dict[str, Any], verdict: Verdict) -> None:
    sent = document["sent"]
    if sent["acts"]:
        table = Table("what", "times", "p50 ms", "p95 ms", "p99 ms", "max ms", title="answered, from when it was due")
        for kind, found in sent["answered_ms"].items():
            table.add_row(kind, str(document["times"][kind]), *(f"{value:,}" for value in found.values()))
        show(table)
        rate = f"{sent['events']} events in {sent['seconds']:,.1f} s ({sent['events_per_second']}/s)"
        say(f"{rate}; the generator was {sent['generator_late_ms'].get('p99')} ms late at p99.")
    for what, times in document["refusals"].items():
        say(f"{times} times refused: {what}")
    if verdict.differences:
        table = Table("where", "what", "expected", "found", title="What differs")
        for each in verdict.differences[:_SHOWN]:
            table.add_row(*(str(value)[:200] for value in each))
        show(table)
    people = f"{verdict.persons} of {verdict.persons_known} people, {verdict.events} events, {verdict.facts} facts"
    wrong = len(verdict.differences)
    console.print(f"Checked {people}: " + (f"[red]{wrong} differences[/red]" if wrong else "[green]all right[/green]"))
