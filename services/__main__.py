"""The command `tam` (also `python -m services`)."""

import logging
import sys
from importlib import import_module

import typer

from services.cli.common import fail
from services.cli.serve import app, hush
from shared.observability.logging import configure


def main() -> None:
    """Run `tam`: wrong arguments end, as everything that a person can mend, in one line and an exit code."""
    configure(level="WARNING", style="auto")
    hush(logging.CRITICAL)
    if sys.argv[1:2] != ["serve"]:
        # The other commands know all services: seconds, and memory that whoever serves one of them would hold for ever.
        import_module("services.cli.commands")
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
