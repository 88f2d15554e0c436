"""`tam`, and its command `serve`: it alone is imported to serve, for a server needs no other command."""

import logging
from typing import Annotated

import typer

from services.cli.common import console, fail, pick, read_settings, run, say
from services.cli.instance import opened, url_of
from services.cli.keys import first_keys
from shared.config import PlatformSettings
from shared.observability.logging import configure, logger, own_process
from shared.runtime.platform import Role
from shared.runtime.serve import bind, serve
from shared.runtime.service import Service

log = logger(__name__)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Tâm: the backbone of a customer-centric shop. Touchpoints in; live churn, lifetime value, satisfaction out.",
)


@app.callback()
def tam() -> None:
    """Only groups the commands, also where there is one: its words are the help of `app`."""


@app.command(name="serve")
def serve_command(
    only: Annotated[str | None, typer.Option(help="Services to run, separated by commas; all, if not given.")] = None,
    role: Annotated[
        Role, typer.Option(help="all; api: answers HTTP; worker: relays, consumers, jobs.", show_default=True)
    ] = "all",
) -> None:
    """Run the platform until Ctrl-C or SIGTERM."""
    manifests = pick(only)
    settings = read_settings(manifests)
    configure(level=settings.log_level, style=settings.log_format)
    own_process()
    hush(logging.CRITICAL)
    run(_serve(settings, manifests, role))


def hush(level: int) -> None:
    """Until the platform is open, a broker that does not answer is one line of ours."""
    logging.getLogger("aiokafka").setLevel(level)


async def _serve(settings: PlatformSettings, manifests: tuple[Service, ...], role: Role) -> None:
    if settings.is_embedded and role != "all":
        fail(f"--role {role} needs TAM_DATABASE_URL: embedded, the platform is one process.", 2)
    sock = bind(settings.host, settings.port)
    try:
        async with opened(settings, manifests, role=role) as platform:
            if settings.is_embedded:
                await first_keys(platform.keyring)
            names = ", ".join(manifest.name for manifest in manifests)
            where = url_of(*sock.getsockname()[:2])
            if console.is_terminal:
                say(f"Tâm serves {names} ({role}) at {where}; Ctrl-C ends it.")
            else:
                log.info("serving", services=names, role=role, url=where)
            hush(logging.WARNING)
            await serve(platform, sock)
    finally:
        sock.close()
