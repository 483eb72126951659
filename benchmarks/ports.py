"""Ports of this machine for servers that must be told theirs."""

import contextlib
import random
import socket


def free_port() -> int:
    """Return a port below those that the kernel gives to connections: it stays free."""
    for port in random.SystemRandom().sample(range(10_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no free port of a hundred")
