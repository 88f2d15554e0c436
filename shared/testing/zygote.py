"""Processes of the platform by fork from one that has imported everything: the same processes, two seconds sooner.

    zygote ── nanny ── `tam serve …`

The zygote reads one JSON line per process wanted; the nanny waits for its only child and writes the exit code down.
Importing this module's `main` target is the only thing that is shared: nothing of the platform runs before the fork.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import NoReturn

FAULTY = "shared.testing.faulty_serve"
PLAIN = "services.__main__"
_POLL_SECONDS = 0.005
_PR_SET_PDEATHSIG = 1


class Forked:
    """A process by fork, with the part of `subprocess.Popen` that is needed to watch and end it."""

    def __init__(self, pid: int, status: Path) -> None:
        self.pid = pid
        self._status = status

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        try:
            return int(self._status.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        deadline = None if timeout is None else monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


class Zygote:
    """The process that forks others; made once for many tests. `main` is the module they run: `FAULTY` or `PLAIN`."""

    def __init__(self, main: str = FAULTY) -> None:
        self._folder = Path(mkdtemp(prefix="tam-zygote-"))
        self._number = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shared.testing.zygote", main],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def spawn(
        self, arguments: Sequence[str], *, environ: Mapping[str, str], log: Path, stdout: Path | None = None
    ) -> Forked:
        """Start one with this command line and environment; output goes to `log`, stdout to its own file if given."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._number += 1
        status = self._folder / str(self._number)
        wanted = {
            "arguments": list(arguments),
            "environ": dict(environ),
            "log": str(log),
            "stdout": str(stdout or log),
            "status": str(status),
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return Forked(int(self._process.stdout.readline()), status)

    def close(self) -> None:
        """End the zygote; those it has forked end with it."""
        self._process.communicate()


def _end_with_parent() -> None:
    """Have the system kill this process when its parent ends: tests that are killed leave no platforms behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _child(wanted: Mapping[str, object], main_module: str) -> NoReturn:
    _end_with_parent()
    os.setsid()
    for descriptor, name in ((1, "stdout"), (2, "log")):
        os.dup2(os.open(str(wanted[name]), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(wanted["environ"])  # type: ignore[call-overload]  # as Zygote.spawn wrote it
    sys.argv = ["tam", *wanted["arguments"]]  # type: ignore[misc]
    code = 0
    try:
        importlib.import_module(main_module).main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a program
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _nanny(wanted: Mapping[str, object], main_module: str) -> NoReturn:
    _end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if (pid := os.fork()) == 0:
        _child(wanted, main_module)
    os.write(1, f"{pid}\n".encode())
    os.close(1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    draft = Path(f"{wanted['status']}.new")
    draft.write_text(str(code))
    draft.rename(str(wanted["status"]))
    os._exit(0)


def main(main_module: str) -> None:
    """Fork a process for each line of standard input, until it ends."""
    module = importlib.import_module(main_module)
    if main_module == FAULTY:
        module.prepare()
    else:
        importlib.import_module("services.cli.commands")
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Line by line from the descriptor: a buffer would be forked too.
    while line := _line():
        if os.fork() == 0:
            _nanny(json.loads(line), main_module)


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(0, 65_536)
        if not read:
            return b""
        line += read
    return line


if __name__ == "__main__":
    main(sys.argv[1])
