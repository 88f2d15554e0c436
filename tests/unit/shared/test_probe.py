"""The health check of containers, as they run it: alone, by its exit code."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.runtime import probe

READY = b'HTTP/1.1 200 OK\r\n\r\n{"status":"degraded"}'
NOT_READY = b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"status":"not ready","problems":["PostgreSQL"]}'


def answering(*answers: bytes) -> int:
    """A port that gives these answers, one for each who asks."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    assert connection.recv(4096).startswith(b"GET /readyz HTTP/1.0\r\n")
                    connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


@pytest.mark.parametrize(("answer", "code"), [(READY, 0), (NOT_READY, 1), (b"", 1)])
def test_a_container_asks_its_own_process(answer: bytes, code: int):
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(probe.__file__))],
        env={"TAM_PORT": str(answering(answer))},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert ("is not ready" in done.stderr) is (code == 1)


def test_make_up_waits_for_all_of_them(capsys: pytest.CaptureFixture[str]):
    late = f"127.0.0.1:{answering(NOT_READY, READY)}"
    quick = f"127.0.0.1:{answering(READY, READY)}"

    assert probe.main(["--patience", "20", late, quick]) == 0
    assert probe.main([late]) == 1
    assert f"{late} is not ready: " in capsys.readouterr().err
