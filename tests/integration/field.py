"""A node under the real systemd, set up as people publish it, to which the whole role is applied."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bed import ANYCAST, ensure_rootfs
from bed.systemd import SystemdMachine
from role_node import ROOT

HERE = Path(__file__).parent
LINK = "enp0s11"
ADDRESS = "172.18.0.11"
# The host's kernel may have no dummy driver: a bridge without ports stands in, which is all the same to ifupdown.
STAND_IN = """
set -e
mv "$(readlink -f "$(command -v ip)")" /usr/local/sbin/ip-real
cat >/usr/bin/ip <<'EOF'
#!/bin/sh
n=$#
while [ "$n" -gt 0 ]; do
  word=$1; shift; n=$((n - 1))
  [ "$word" = dummy ] && word=bridge
  set -- "$@" "$word"
done
case " $* " in
  *" -details "*) /usr/local/sbin/ip-real "$@" | sed -E 's/("ifname":"dummy.*"info_kind":)"bridge"/\\1"dummy"/' ;;
  *) exec /usr/local/sbin/ip-real "$@" ;;
esac
EOF
chmod 755 /usr/bin/ip
"""


class FieldNode:
    def __init__(self, machine: SystemdMachine, dummy: bool = True) -> None:
        self.machine = machine
        if dummy:
            machine.run("sh", "-c", STAND_IN)
        # What the boot of this machine does to the network is over.
        machine.systemctl("start", "networking", "--quiet")
        machine.run("ip", "link", "add", LINK, "type", "bridge")
        machine.run("ip", "link", "set", LINK, "up")
        machine.run("ip", "address", "add", f"{ADDRESS}/26", "dev", LINK)
        machine.run("install", "-d", "-o", "bird", "-g", "bird", "-m", "750", "/run/bird")

    def role(self, **variables: Any) -> Run:
        """Apply the role, with variables beside the ones that each node needs."""
        host = {
            "ansible_connection": "bed",
            "ansible_host": str(self.machine.pid),
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,
            "ansible_remote_tmp": "/tmp/ansible",
            "ansible_async_dir": "/tmp/ansible_async",
            "bird_anycast_link": {"hello_interval": 1, "dead_interval": 4, "authentication": "none"},
            "bird_anycast_router_id": ADDRESS,
            "bird_anycast_interfaces": [LINK],
            "bird_anycast_services": [{"name": "sip", "addresses": [ANYCAST]}],
            "bird_anycast_withdraw_wait": 0,
            **variables,
        }
        inventory = self.machine.path("/tmp/inventory.json")
        inventory.write_text(json.dumps({"all": {"hosts": {"node": host}}}))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), str(HERE / "field.yml")],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection"),
                "ANSIBLE_NOCOLOR": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Run(done.returncode, done.stdout)

    def addresses(self, interface: str = "dummy0") -> list[str]:
        """The IPv4 addresses of an interface; of one that is not there, none."""
        printed = self.machine.run("ip", "-json", "-4", "address", "show", "dev", interface, check=False)
        try:
            return [
                f"{entry['local']}/{entry['prefixlen']}" for row in json.loads(printed) for entry in row["addr_info"]
            ]
        except ValueError:
            return []

    def boot_network(self, unit: str = "networking") -> None:
        """What a boot does to the dummy interface: it is gone, and so is what is below /run/network."""
        self.machine.systemctl("stop", unit)
        self.machine.run("sh", "-c", "ip link delete dev dummy0 2>/dev/null; rm -rf /run/network/* /var/tmp/network/*")
        # Boots of a test may be quicker than the 5 in 10 s that systemd lets a unit start.
        self.machine.run("systemctl", "reset-failed", unit)
        self.machine.run("systemctl", "start", unit)


class Run:
    """What one run of the role did."""

    def __init__(self, code: int, printed: str) -> None:
        self.printed = printed
        self.good = code == 0
        found = re.search(r"changed=(\d+)", printed)
        self.changed = int(found[1]) if found else None


@contextmanager
def field_node(*packages: str, dummy: bool = True) -> Iterator[FieldNode]:
    """A node with these packages; without `dummy` its kernel may have no dummy driver."""
    machine = SystemdMachine("node1", ensure_rootfs(*packages))
    try:
        yield FieldNode(machine, dummy)
    finally:
        machine.stop()
