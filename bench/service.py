"""The service on a node of the bed: answers every SIP request with 200 and the name of its node.

    service.py NAME PORT ADDRESS...

Runs inside the node, with Debian's Python and its standard library.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys

# Octets for requests that wait while the machine is busy; without it they would count as lost.
BUFFER = 4 * 1024 * 1024
# From asm-generic/socket.h and linux/in.h; Python's socket module has no names for them.
SO_RCVBUFFORCE = 33
IP_FREEBIND = 15


def answer(request: bytes, name: bytes) -> bytes:
    """The response with the request's headers, after a Server header with the name."""
    return b"SIP/2.0 200 OK\r\nServer: " + name + b"\r\n" + request.partition(b"\r\n")[2]


def main(name: str, port: str, *addresses: str) -> None:
    selector = selectors.DefaultSelector()
    for address in addresses:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        # A standby of VRRP has the address later.
        server.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        server.bind((address, int(port)))
        selector.register(server, selectors.EVENT_READ)
    while True:
        for key, _events in selector.select():
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            request, client = ready.recvfrom(65536)
            # The way to the client may be gone with the link.
            with contextlib.suppress(OSError):
                ready.sendto(answer(request, name.encode()), client)


if __name__ == "__main__":
    main(*sys.argv[1:])
