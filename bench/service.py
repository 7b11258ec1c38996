"""The service on a node of the bed: answers every SIP request with 200 and the name of its node.

    service.py NAME ADDRESS PORT

Runs inside the node, with Debian's Python and its standard library.
"""

from __future__ import annotations

import contextlib
import socket
import sys

# Octets for requests that wait while the machine is busy; without it they would count as lost.
BUFFER = 4 * 1024 * 1024
# From asm-generic/socket.h; Python's socket module has no name for it.
SO_RCVBUFFORCE = 33


def answer(request: bytes, name: bytes) -> bytes:
    """The response with the request's headers, after a Server header with the name."""
    return b"SIP/2.0 200 OK\r\nServer: " + name + b"\r\n" + request.partition(b"\r\n")[2]


def main(name: str, address: str, port: str) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    server.bind((address, int(port)))
    while True:
        request, client = server.recvfrom(65536)
        # The way to the client may be gone with the link.
        with contextlib.suppress(OSError):
            server.sendto(answer(request, name.encode()), client)


if __name__ == "__main__":
    main(*sys.argv[1:])
