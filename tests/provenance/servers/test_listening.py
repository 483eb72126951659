"""Where a server listens: connections that answer at once."""

import socket

from provenance.cli.listening import listening


def test_a_connection_does_not_wait_for_acknowledgements() -> None:
    with (
        listening("127.0.0.1:0") as (listener, url),
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert url == f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
