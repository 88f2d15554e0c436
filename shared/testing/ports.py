"""Free TCP ports."""

import random
import socket

# Below those that systems give to outgoing connections (from 32768 on, or 49152): one of these could take the port of
# a process that is just being started again, or connect to itself on it.
_RANGE = (10_000, 32_000)
_TRIES = 200


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on just now.

    Raises:
        OSError: none was found.
    """
    # Not `random` itself: tests seed it, and two runs side by side would draw the same ports.
    draw = random.SystemRandom()
    for _ in range(_TRIES):
        port = draw.randrange(*_RANGE)
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port was found")
