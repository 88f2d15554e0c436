"""Asks processes whether they are ready: the health check of a container, and `make up`'s wait for all of them.

`python probe.py [--patience SECONDS] [HOST[:PORT] …]`, by default this container's own process. It stands alone and
imports next to nothing, because every container runs it several times a minute.
"""

import os
import socket
import sys
import time

PORT = 8000
ANSWER_SECONDS = 4.0
PAUSE_SECONDS = 0.5
REQUEST = b"GET /readyz HTTP/1.0\r\nHost: probe\r\n\r\n"


def trouble(host: str, port: int) -> str | None:
    """None if the process there is ready, else why not."""
    answer = b""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall(REQUEST)
            while piece := connection.recv(4096):
                answer += piece
    except OSError as error:
        return str(error)
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " in head.partition(b"\r\n")[0]:
        return None
    return body.decode("utf-8", "replace") or "no answer"


def main(arguments: list[str]) -> int:
    """Ask until all are ready or patience ends; the exit code."""
    patience = 0.0
    if arguments[:1] == ["--patience"]:
        patience, arguments = float(arguments[1]), arguments[2:]
    own = int(os.environ.get("TAM_PORT") or PORT)
    places = [(host, int(port or own)) for host, _, port in (each.partition(":") for each in arguments)]
    until = time.monotonic() + patience
    while True:
        troubles = {f"{host}:{port}": trouble(host, port) for host, port in places or [("127.0.0.1", own)]}
        waiting = {place: why for place, why in troubles.items() if why is not None}
        if not waiting or time.monotonic() > until:
            break
        time.sleep(PAUSE_SECONDS)
    for place, why in waiting.items():
        sys.stderr.write(f"{place} is not ready: {why}\n")
    return 1 if waiting else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
