"""The command `tam` (also `python -m services`)."""

import logging
import sys
from typing import Annotated

import typer

from services.cli import customers, dlq, export, keys, orders, rights, voucher_files, vouchers
from services.cli.common import database_url, fail, pick, read_settings, run, say
from services.cli.contracts import contracts
from services.cli.demo import demo
from services.cli.instance import opened, url_of
from services.cli.keys import first_keys
from services.cli.replay import replay
from services.cli.settings import settings
from services.cli.topics import topics
from services.registry import SERVICES
from shared.config import PlatformSettings
from shared.observability.logging import configure
from shared.runtime.platform import Role
from shared.runtime.serve import bind, serve
from shared.runtime.trees import trees_of

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tâm: the backbone of a customer-centric shop. Touchpoints in; live churn, lifetime value, satisfaction out.",
)


@app.command(name="serve")
def serve_command(
    only: Annotated[str | None, typer.Option(help="Services to run, separated by commas; all, if not given.")] = None,
    role: Annotated[
        Role, typer.Option(help="all; api: answers HTTP; worker: relays, consumers, jobs.", show_default=True)
    ] = "all",
) -> None:
    """Run the platform until Ctrl-C or SIGTERM."""
    run(_serve(_configured(), only, role))


def _configured() -> PlatformSettings:
    """The settings, with logs as they say."""
    settings = read_settings()
    configure(level=settings.log_level, style=settings.log_format)
    _hush(logging.CRITICAL)
    return settings


def _hush(level: int) -> None:
    """Until the platform is open, a broker that does not answer is one line of ours."""
    logging.getLogger("aiokafka").setLevel(level)


async def _serve(settings: PlatformSettings, only: str | None, role: Role) -> None:
    manifests = pick(only)
    if settings.is_embedded and role != "all":
        fail(f"--role {role} needs TAM_DATABASE_URL: embedded, the platform is one process.", 2)
    sock = bind(settings.host, settings.port)
    try:
        async with opened(settings, manifests, role=role) as platform:
            if settings.is_embedded:
                await first_keys(platform.keyring)
            names = ", ".join(manifest.name for manifest in manifests)
            where = url_of(*sock.getsockname()[:2])
            say(f"Tâm serves {names} ({role}) at {where}; Ctrl-C ends it.")
            _hush(logging.WARNING)
            await serve(platform, sock)
    finally:
        sock.close()


app.command()(demo)
orders.app.command(name="customers", help=customers.HELP)(customers.customers)
orders.app.command(name="vouchers", help=voucher_files.HELP)(voucher_files.vouchers)
app.add_typer(orders.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(vouchers.app, name="vouchers")
app.add_typer(keys.app, name="keys")


@app.command()
def migrate() -> None:
    """Bring all schemas up to date."""

    async def work() -> int:
        settings = read_settings().model_copy(update={"auto_migrate": True})
        async with database_url(settings):
            return len(trees_of(SERVICES))

    say(f"{run(work())} migration trees are up to date.")


app.command()(topics)
app.command()(replay)
app.add_typer(dlq.app, name="dlq")
app.add_typer(rights.app, name="rights")
app.command()(contracts)
app.command()(settings)


def main() -> None:
    """Run `tam`: wrong arguments end, as everything that a person can mend, in one line and an exit code."""
    configure(level="WARNING", style="auto")
    _hush(logging.CRITICAL)
    try:
        code = app(prog_name="tam", standalone_mode=False)
    except typer.TyperException as error:
        sentence = error.format_message()
        if not sentence:  # the help was asked for, and shown
            sys.exit(2)
        fail(f"{sentence.rstrip('.')}; see `{_command(error)} --help`.", error.exit_code)
    except typer.Abort:
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _command(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return "tam" if context is None else str(context.command_path)


if __name__ == "__main__":
    main()
