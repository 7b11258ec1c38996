"""`python3 -m lab.routeros serve --state DIR`: see the package's docstring."""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from .board import full_version
from .errors import Trap
from .kernel import LinkMonitor, LinuxKernel
from .policy import Users, load_users
from .router import Router
from .server import Server, tls_context
from .store import Store
from .vrrp import DIRECTORY, Keepalived
from .vtysh import FrrError, Vtysh

LOG = logging.getLogger("routeros")

# How often FRR is compared with the rows whatever happened: it may have been restarted.
_COMPARE_SECONDS = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="routeros", description="RouterOS API in front of FRR")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve the API until SIGTERM")
    serve.add_argument("--state", type=Path, required=True, help="directory of the state file")
    serve.add_argument("--version", default="7.20.8", help="RouterOS version to be, e.g. 7.20.8 or '7.24.5 (stable)'")
    serve.add_argument("--listen", default="0.0.0.0", help="address to listen on")
    serve.add_argument("--port", type=int, default=8728, help="plain API port, 0 for any")
    serve.add_argument("--tls-port", type=int, default=8729, help="api-ssl port, 0 for any, -1 for none")
    serve.add_argument("--tls-cert", help="certificate of api-ssl; without one it is anonymous, as on a router")
    serve.add_argument("--tls-key", help="its key, if not in the same file")
    serve.add_argument("--vtysh", default="vtysh", help="command that runs FRR's vtysh")
    serve.add_argument("--vty-directory", type=Path, help="of the sockets of FRR's daemons, to read without vtysh")
    serve.add_argument("--ping", default="ping", help="command that pings (iputils)")
    serve.add_argument("--nft", default="nft", help="command that loads rules of nftables")
    serve.add_argument("--keepalived", default="keepalived", help="command that runs keepalived, for VRRP")
    serve.add_argument("--keepalived-directory", type=Path, default=DIRECTORY, help=f"where its {DIRECTORY} is here")
    serve.add_argument("--users", type=Path, help="JSON file of users (mode 0600)")
    serve.add_argument("--frr-crypto", action="store_true", help="FRR was built with a crypto library: auth sha1, ...")
    serve.add_argument("--frr-timeout", type=float, default=60, help="seconds to wait for FRR at the start")
    serve.add_argument("--verbose", action="store_true", help="log clients that come and go")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.DEBUG if arguments.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    keepalived = Keepalived(arguments.keepalived, arguments.keepalived_directory)
    router = Router(
        Store(arguments.state),
        Vtysh(arguments.vtysh, arguments.vty_directory),
        LinuxKernel(arguments.nft),
        load_users(arguments.users) if arguments.users else Users(),
        full_version(arguments.version),
        arguments.ping,
        arguments.frr_crypto,
        vrrp=keepalived,
    )
    stop = threading.Event()
    awake, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    monitor = LinkMonitor()
    if not _agree(router, arguments.frr_timeout, stop):
        return 1
    servers = [Server(router, arguments.listen, arguments.port)]
    if arguments.tls_port >= 0:
        servers.append(
            Server(
                router,
                arguments.listen,
                arguments.tls_port,
                "api-ssl",
                tls_context(arguments.tls_cert, arguments.tls_key),
            )
        )
    for server in servers:
        server.start()
    _tell_systemd("READY=1")
    # Read by the tests, which ask for any free port.
    print(f"RouterOS {router.version_text} on ports {' '.join(str(server.port) for server in servers)}", flush=True)
    compared = time.monotonic()
    while not stop.is_set():
        left = max(0.0, compared + _COMPARE_SECONDS - time.monotonic())
        ready = select.select([monitor.fileno(), awake.fileno()], [], [], left)[0]
        monitor.drain()
        if not stop.is_set():
            with router.lock:
                router.refresh(full=not ready)
        if not ready:
            compared = time.monotonic()
    for server in servers:
        server.close()
    keepalived.close()
    return 0


def _tell_systemd(state: str) -> None:
    """Send a state by the protocol of sd_notify(3), where systemd waits for it."""
    if name := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), name.replace("@", "\0", 1) if name.startswith("@") else name)


def _agree(router: Router, timeout: float, stop: threading.Event) -> bool:
    """Make FRR agree with the rows; FRR may still be starting."""
    waited = 0.0
    while True:
        try:
            with router.lock:
                router.apply()
            return True
        except (FrrError, Trap, OSError, subprocess.SubprocessError) as error:
            if waited >= timeout or stop.wait(0.5):
                LOG.critical("FRR does not follow the rows: %s", error)
                return False
            waited += 0.5


if __name__ == "__main__":
    sys.exit(main())
