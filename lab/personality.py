"""What makes a machine out of the image: the files laid over its root on the first boot."""

from __future__ import annotations

import string

from lab import cpio
from lab.cpio import File
from lab.machines import (
    ANYCAST_ADDRESS,
    ANYCAST_RANGE,
    LAN,
    LAN_INTERFACE,
    MANAGEMENT,
    MANAGEMENT_INTERFACE,
    ROUTER_ADDRESS,
    Machine,
)
from lab.paths import SOURCE

TEMPLATES = SOURCE / "personality"
BRIDGE = "bridge-lan"
"""Name of the router's LAN bridge in the article."""
ECHO_FILTER = "/etc/network/lan-echo.nft"
WANTS = "etc/systemd/system/multi-user.target.wants"

ROUTER_SYSCTL = """\
net.ipv4.ip_forward = 1
net.ipv6.conf.all.forwarding = 1
# The kernel draws a seed at every boot, so two routers have different ones, as here. With this one the four phones
# always land on all three nodes (measured).
net.ipv4.fib_multipath_hash_seed = {seed}
"""
SEEDS = {"hap-lite": 7, "edge": 8}


def interfaces(machine: Machine) -> str:
    """interfaces(5) of one machine, LAN and management."""
    management = f"""\
        auto {MANAGEMENT_INTERFACE}
        iface {MANAGEMENT_INTERFACE} inet static
            address {machine.management_address}/{MANAGEMENT.prefixlen}
            gateway {MANAGEMENT[2]}
        """
    port = f"""\
        auto {LAN_INTERFACE}
        iface {LAN_INTERFACE} inet manual

        auto {BRIDGE}
        iface {BRIDGE} inet static
            address {machine.addresses[0]}/{LAN.prefixlen}
            pre-up ip link add {BRIDGE} address {machine.mac(1)} type bridge
            pre-up nft -f {ECHO_FILTER}
            pre-up ip link set {LAN_INTERFACE} up master {BRIDGE}
            post-down ip link delete {BRIDGE}
            post-down nft delete table netdev lan_echo
        """
    plain = f"""\
        auto {LAN_INTERFACE}
        iface {LAN_INTERFACE} inet static
            address {machine.addresses[0]}/{LAN.prefixlen}
        """
    lan = port if machine.kind == "router" else plain
    if machine.kind == "phones":
        # As a client whose default gateway is the router has it; here the default route is the management's.
        lan += f"    up ip route add {ANYCAST_RANGE} via {ROUTER_ADDRESS}\n"
    more = "".join(f"    up ip address add {a}/{LAN.prefixlen} dev {LAN_INTERFACE}\n" for a in machine.addresses[1:])
    return f"{_dedent(management)}\n{_dedent(lan)}{more}"


def _dedent(block: str) -> str:
    return "".join(f"{line.removeprefix(' ' * 8)}\n" for line in block.rstrip().splitlines())


def template(file: str, **values: str) -> str:
    return string.Template((TEMPLATES / file).read_text()).substitute(values)


def echo_filter(machine: Machine) -> str:
    return template("lan-echo.nft", card=LAN_INTERFACE, mac=machine.mac(1), address=machine.addresses[0])


def enable(unit: str, directory: str = "/usr/lib/systemd/system") -> dict[str, File]:
    return {f"{WANTS}/{unit}": File(link=f"{directory}/{unit}")}


def services(machine: Machine) -> list[str]:
    """Services which must run once the machine has booted."""
    return {"router": ["frr.service"], "node": ["kamailio.service"], "phones": []}[machine.kind]


def files(machine: Machine, authorized_key: str, host_key: bytes, tls: dict[str, bytes]) -> dict[str, File]:
    """Everything laid over the root of `machine`, by path. `tls` is the router's certificate and key by file name."""
    result = {
        "etc/hostname": cpio.text(f"{machine.name}\n"),
        "etc/network/interfaces.d/lab": cpio.text(interfaces(machine)),
        "root/.ssh/authorized_keys": cpio.text(authorized_key, 0o600),
        "etc/ssh/ssh_host_ed25519_key": File(host_key, 0o600),
    }
    for service in services(machine):
        result |= enable(service)
    if machine.kind == "router":
        result |= {
            ECHO_FILTER.lstrip("/"): cpio.text(echo_filter(machine)),
            "etc/frr/daemons": cpio.text(template("frr-daemons")),
            "etc/sysctl.d/90-router.conf": cpio.text(ROUTER_SYSCTL.format(seed=SEEDS[machine.name])),
            **{f"etc/routeros/{name}": File(data, 0o600) for name, data in tls.items()},
            **enable("routeros.service", "/etc/systemd/system"),
        }
    if machine.kind == "node":
        sip = template("kamailio.cfg", name=machine.name, address=ANYCAST_ADDRESS)
        result |= {
            "etc/kamailio/kamailio.cfg": cpio.text("#!KAMAILIO\n" + sip),
            "etc/default/kamailio": cpio.text("SHM_MEMORY=32\nPKG_MEMORY=8\n"),
        }
    return result


def archive(machine: Machine, contents: dict[str, File]) -> bytes:
    """What `image/init` expects beside it: the tree, and the mark that it has been laid over the root."""
    tree = {f"personality/{path}": file for path, file in contents.items()}
    return cpio.archive(tree | {"etc/lab-machine": cpio.text(f"{machine.name}\n")})
