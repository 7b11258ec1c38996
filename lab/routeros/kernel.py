"""Interfaces, addresses and settings of the kernel the emulator runs on."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from .frr_config import Interface
from .packet_filter import ruleset
from .values import format_bool


class Kernel(Protocol):
    """What the emulator needs of the kernel; the tests put a fixed one in its place."""

    def links(self) -> list[dict[str, Any]]:
        """`ip -j -s -d link`."""

    def addresses(self) -> list[dict[str, Any]]:
        """`ip -j address`."""

    def set_ip_settings(self, settings: Mapping[str, str]) -> None:
        """Carry out /ip/settings."""

    def set_ipv6_settings(self, settings: Mapping[str, str]) -> None:
        """Carry out /ipv6/settings."""

    def set_ipv6_filter(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Carry out /ipv6/firewall/filter."""

    def uptime(self) -> float:
        """Seconds since the router came up."""


_HASH_POLICIES = {"l3": 0, "l4": 1, "l3-inner": 2}
_RP_FILTERS = {"no": 0, "strict": 1, "loose": 2}


def sysctls(settings: Mapping[str, str]) -> dict[str, int]:
    """The sysctls (under net/ipv4) that stand for /ip/settings.

    `all` and each interface: send_redirects and rp_filter hold where either says so, so both are written.
    """
    values = {}
    for place in ("all", "default"):
        values[f"conf/{place}/send_redirects"] = int(settings["send-redirects"] == "true")
        values[f"conf/{place}/accept_redirects"] = int(settings["accept-redirects"] == "true")
        values[f"conf/{place}/secure_redirects"] = int(settings["secure-redirects"] == "true")
        values[f"conf/{place}/accept_source_route"] = int(settings["accept-source-route"] == "true")
        values[f"conf/{place}/rp_filter"] = _RP_FILTERS[settings["rp-filter"]]
    if "ipv4-multipath-hash-policy" in settings:
        values["fib_multipath_hash_policy"] = _HASH_POLICIES[settings["ipv4-multipath-hash-policy"]]
    values["ip_forward"] = int(settings["ip-forward"] == "true")
    return values


def sysctls_v6(settings: Mapping[str, str]) -> dict[str, int]:
    """The sysctls (under net/ipv6) that stand for /ipv6/settings."""
    values = {"conf/all/forwarding": int(settings["forward"] == "true")}
    if "multipath-hash-policy" in settings:
        values["fib_multipath_hash_policy"] = _HASH_POLICIES[settings["multipath-hash-policy"]]
    return values


class LinkMonitor:
    """Says when the kernel's interfaces or addresses may have changed (rtnetlink)."""

    _LINK, _IPV4_ADDRESS = 0x1, 0x10

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._socket.bind((0, self._LINK | self._IPV4_ADDRESS))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Forget what was reported; what changed is looked up afterwards."""
        # Until nothing is left, or the kernel had to drop some (ENOBUFS).
        with contextlib.suppress(OSError):
            while True:
                self._socket.recv(65536)


class LinuxKernel:
    """This machine."""

    _ROOT = Path("/proc/sys/net/ipv4")
    _ROOT_V6 = Path("/proc/sys/net/ipv6")

    def __init__(self, nft: str = "nft") -> None:
        self._started = time.monotonic()
        self._nft = tuple(shlex.split(nft))
        # Without rules there is nothing to take away either: the kernel may have no nftables then.
        self._ruleset = ruleset(())

    def links(self) -> list[dict[str, Any]]:
        return self._ip("-s", "-d", "link", "show")

    def addresses(self) -> list[dict[str, Any]]:
        return self._ip("address", "show")

    def set_ip_settings(self, settings: Mapping[str, str]) -> None:
        wanted = sysctls(settings)
        # Writing ip_forward resets redirect settings of every interface, so it goes first.
        for name in sorted(wanted, key=lambda name: name != "ip_forward"):
            self._write(self._ROOT / name, wanted[name])
            if name.startswith("conf/all/"):
                for directory in (self._ROOT / "conf").iterdir():
                    if directory.name not in {"all", "default"}:
                        self._write(directory / name.rpartition("/")[2], wanted[name])

    def set_ipv6_settings(self, settings: Mapping[str, str]) -> None:
        # The host of the quick bed may have no IPv6.
        for name, value in sysctls_v6(settings).items() if self._ROOT_V6.exists() else ():
            self._write(self._ROOT_V6 / name, value)

    def set_ipv6_filter(self, rows: Sequence[Mapping[str, str]]) -> None:
        wanted = ruleset(rows)
        if wanted != self._ruleset:
            done = subprocess.run(
                [*self._nft, "-f", "-"], input=wanted, capture_output=True, text=True, timeout=30, check=False
            )
            if done.returncode != 0:
                raise OSError(f"nft: {done.stderr.strip()}")
            self._ruleset = wanted

    def uptime(self) -> float:
        return time.monotonic() - self._started

    @staticmethod
    def _write(path: Path, value: int) -> None:
        if path.read_text().strip() != str(value):
            path.write_text(f"{value}\n")

    @staticmethod
    def _ip(*words: str) -> list[dict[str, Any]]:
        done = subprocess.run(["ip", "-j", *words], stdout=subprocess.PIPE, check=True, text=True, timeout=10)
        # Some versions print an empty object for what was filtered out.
        return [entry for entry in json.loads(done.stdout or "[]") if entry]


def ipv4_interfaces(addresses: list[dict[str, Any]]) -> list[Interface]:
    """Interfaces with their IPv4 addresses."""
    return [
        Interface(
            entry["ifname"],
            tuple(f"{one['local']}/{one['prefixlen']}" for one in entry["addr_info"] if one["family"] == "inet"),
        )
        for entry in addresses
    ]


def interface_rows(links: list[dict[str, Any]]) -> list[dict[str, str]]:
    """/interface rows."""
    rows = []
    for link in links:
        up = "UP" in link["flags"]
        statistics = link.get("stats64", {})
        row = {
            ".id": f"*{link['ifindex']:X}",
            "name": link["ifname"],
            "type": _interface_type(link),
            "mtu": str(link["mtu"]),
            "actual-mtu": str(link["mtu"]),
            "mac-address": link.get("address", "").upper(),
            "rx-byte": str(statistics.get("rx", {}).get("bytes", 0)),
            "tx-byte": str(statistics.get("tx", {}).get("bytes", 0)),
            "rx-packet": str(statistics.get("rx", {}).get("packets", 0)),
            "tx-packet": str(statistics.get("tx", {}).get("packets", 0)),
            "running": "true" if up and "LOWER_UP" in link["flags"] else "false",
            "disabled": "false" if up else "true",
        }
        if link.get("master"):
            row["slave"] = "true"
        rows.append(row)
    return rows


def address_rows(addresses: list[dict[str, Any]], family: str) -> list[dict[str, str]]:
    """/ip/address or /ipv6/address rows."""
    rows: list[dict[str, str]] = []
    for entry in addresses:
        for one in entry["addr_info"]:
            # The loopback's own address is not listed by a router.
            if one["family"] != family or one["local"] in {"127.0.0.1", "::1"}:
                continue
            row = {
                ".id": f"*{len(rows) + 1:X}",
                "address": f"{one['local']}/{one['prefixlen']}",
                "interface": entry["ifname"],
                "actual-interface": entry["ifname"],
                "invalid": "false",
                "dynamic": "false" if family == "inet" else "true",
                "disabled": "false",
            }
            # Captures: ha-manager, and resource_ipv6_address.go of terraform-routeros.
            if family == "inet":
                row |= {
                    "network": _network_address(one["local"], one["prefixlen"]),
                    "vrf": "main",
                    "slave": format_bool("master" in entry),
                }
            else:
                row |= {
                    "link-local": format_bool(ipaddress.IPv6Address(one["local"]).is_link_local),
                    "advertise": "false",
                    "eui-64": "false",
                    "from-pool": "",
                    "no-dad": "false",
                }
            rows.append(row)
    return rows


def _network_address(local: str, length: int) -> str:
    return str(ipaddress.IPv4Interface(f"{local}/{length}").network.network_address)


def _interface_type(link: dict[str, Any]) -> str:
    kind = link.get("linkinfo", {}).get("info_kind", "")
    if link["link_type"] == "loopback":
        return "loopback"
    return {"bridge": "bridge", "vlan": "vlan", "wireguard": "wg"}.get(kind, "ether")
