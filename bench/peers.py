"""What people would use instead, each as its own documentation has it, with times that can be compared.

All check the service each second and take three failures, each of 0.5 s; those that speak OSPF or BGP have BFD of
100 ms x 3. Their routers send no ICMP redirects.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar

from bed.rootfs import cache_directory, locked
from bed.systemd import SystemdMachine
from bed.topology import BRIDGE, HOME, INTERFACE, ROUTER_ADDRESS

from .figures import BOUND, CHECKER_KILLED, EXABGP, HEALTHCHECKER, VRRP, VRRP_FAST
from .sides import ADDRESSES, CHECK, FIRST, LINK, LOCAL, SECOND, SERVICES, Side, Unavailable, frr

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
"""What comes from PyPI."""
BFD = "interval 100 ms; multiplier 3;"
FRR_BFD = """
bfd
 profile bench
  transmit-interval 100
  receive-interval 100
  detect-multiplier 3
 exit
exit
"""
FRR_OSPF = f"""{FRR_BFD}
interface {BRIDGE}
 ip ospf priority 128
 ip ospf hello-interval {LINK["hello_interval"]}
 ip ospf dead-interval {LINK["dead_interval"]}
 ip ospf bfd
 ip ospf bfd profile bench
exit
router ospf
 ospf router-id {ROUTER_ADDRESS}
 network {HOME.network} area 0.0.0.0
exit
"""
BIRD = f"""
log "/run/bird.log" all;
router id {{address}};
{{before}}
protocol device {{{{ }}}}
protocol bfd {{{{ interface "{INTERFACE}" {{{{ {BFD} }}}}; }}}}
protocol ospf v2 {{{{
  ipv4 {{{{ import none; export {{export}}; }}}};
  area 0 {{{{
    interface "{INTERFACE}" {{{{
      priority 0; hello {LINK["hello_interval"]}; dead {LINK["dead_interval"]}; retransmit 2; bfd yes;
    }}}};
    {{stub}}
  }}}};
}}}}
"""


class _Ospf(Side):
    """OSPF with BFD between FRR, configured by hand, and BIRD."""

    def start_router(self, stack: ExitStack) -> None:
        self.bed.router.start_frr()
        frr(self.bed.router, FRR_OSPF)


class Bound(_Ospf):
    """BIRD stops with the services, by systemd alone."""

    name = BOUND
    what = (
        "{bird}, hello 1 s, dead 4 s; its unit has `BindsTo=` and `After=` both services, so it stops before them. Not"
        " one service alone can be withdrawn. Withdrawn by `systemctl stop bird`"
    )
    skips: ClassVar[dict[str, str]] = {CHECKER_KILLED: "there is no checker"}

    def prepare(self, node: SystemdMachine, address: str) -> None:
        stub = 'interface "dummy0" { stub; };'
        node.write("/etc/bird/bird.conf", BIRD.format(address=address, before="", export="none", stub=stub))
        units = " ".join(f"{service}.service" for service in SERVICES)
        node.write("/etc/systemd/system/bird.service.d/bind.conf", f"[Unit]\nBindsTo={units}\nAfter={units}\n")
        for service in SERVICES:
            node.write(f"/etc/systemd/system/{service}.service.d/bird.conf", "[Unit]\nWants=bird.service\n")

    def boot(self, node: SystemdMachine) -> None:
        # BIRD waits for the services.
        pass


class Healthchecker(_Ospf):
    """anycast_healthchecker, which rewrites the prefixes that BIRD exports."""

    name = HEALTHCHECKER
    what = (
        "anycast_healthchecker {healthchecker} with {bird}, hello 1 s, dead 4 s, and its unit with"
        " `Restart=on-failure`. It has no drain; withdrawn by `systemctl stop bird`"
    )
    helpers = ("healthchecker",)

    def prepare(self, node: SystemdMachine, address: str) -> None:
        prefixes = "/var/lib/healthchecker/prefixes.conf"
        library = "/usr/local/lib/healthchecker"
        shutil.copytree(from_pypi(), node.path(library))
        node.write(prefixes, "define ACAST_PS_ADVERTISE =\n    [\n        10.189.200.255/32\n    ];\n")
        before = f"""
include "{prefixes}";
function match_route() -> bool {{ return net ~ ACAST_PS_ADVERTISE; }}
protocol direct {{ ipv4; interface "dummy0"; }}
"""
        export = "where match_route()"
        node.write("/etc/bird/bird.conf", BIRD.format(address=address, before=before, export=export, stub=""))
        node.write("/etc/healthchecker.conf", f"""
[DEFAULT]
interface = dummy0
[daemon]
pidfile = /run/healthchecker.pid
bird_conf = {prefixes}
bird_reconfigure_cmd = /usr/sbin/birdc configure
loglevel = info
""")  # fmt: skip
        for service in SERVICES:
            node.write(f"/etc/healthchecker.d/{service}.conf", f"""
[{service}]
check_cmd = {CHECK} {ADDRESSES[service]}
check_interval = 1
check_timeout = 0.6
check_rise = 3
check_fail = 3
check_disabled = false
on_disabled = withdraw
ip_prefix = {ADDRESSES[service]}/32
""")  # fmt: skip
        command = "/usr/bin/python3 -m anycast_healthchecker.main -f /etc/healthchecker.conf -d /etc/healthchecker.d"
        node.write("/etc/systemd/system/healthchecker.service", f"""
[Service]
Environment=PYTHONPATH={library}
ExecStart={command}
Restart=on-failure
""")  # fmt: skip

    def kill_checker(self, node: SystemdMachine) -> None:
        node.systemctl("kill", "--signal=KILL", "healthchecker")


class ExaBgp(Side):
    """ExaBGP announces by BGP what its healthcheck finds healthy; a BIRD beside it does BFD, which it has not."""

    name = EXABGP
    what = (
        "ExaBGP {exabgp} and its `healthcheck`, hold time 9 s, with FRR's bgpd, and a BIRD on the node for BFD alone."
        " Withdrawn by the file of its `--disable`"
    )
    daemon = "exabgp"
    helpers = ("bird",)

    def start_router(self, stack: ExitStack) -> None:
        self.bed.router.start_frr(more=("bgpd",))
        neighbors = "".join(f" neighbor {address} peer-group NODES\n" for address in self.bed.addresses)
        frr(self.bed.router, f"""{FRR_BFD}
router bgp 65000
 bgp router-id {ROUTER_ADDRESS}
 no bgp ebgp-requires-policy
 bgp bestpath as-path multipath-relax
 timers bgp 3 9
 neighbor NODES peer-group
 neighbor NODES remote-as 65001
 neighbor NODES passive
 neighbor NODES bfd
 neighbor NODES bfd profile bench
{neighbors} address-family ipv4 unicast
  maximum-paths 16
 exit-address-family
exit
""")  # fmt: skip

    def prepare(self, node: SystemdMachine, address: str) -> None:
        # It asks for the host's full name, for which there is no name server.
        node.write("/etc/hosts", f"127.0.0.1 localhost {node.run('hostname').strip()}\n")
        node.write("/etc/bird/bird.conf", f"""
log "/run/bird.log" all;
router id {address};
protocol device {{ }}
protocol bfd {{ interface "{INTERFACE}" {{ {BFD} }}; neighbor {ROUTER_ADDRESS} dev "{INTERFACE}"; }}
""")  # fmt: skip
        processes = "".join(f"""
process {service} {{
    run /usr/bin/python3 -m exabgp healthcheck --name {service} --cmd "{CHECK} {ADDRESSES[service]}" --interval 1
        --fast-interval 1 --timeout 1 --rise 3 --fall 3 --ip {ADDRESSES[service]}/32 --no-ip-setup --withdraw-on-down
        --disable {self._disabled(service)} --no-syslog;
    encoder text;
}}
""".replace("\n        --", " --") for service in SERVICES)  # fmt: skip
        node.write("/etc/exabgp/exabgp.conf", f"""{processes}
neighbor {ROUTER_ADDRESS} {{
    router-id {address};
    local-address {address};
    local-as 65001;
    peer-as 65000;
    hold-time 9;
    family {{ ipv4 unicast; }}
    api {{ processes [ {", ".join(SERVICES)} ]; }}
}}
""")  # fmt: skip

    def withdraw(self, node: SystemdMachine) -> None:
        node.write(self._disabled(FIRST), "")

    def restore(self, node: SystemdMachine) -> None:
        node.path(self._disabled(FIRST)).unlink(missing_ok=True)

    def kill_checker(self, node: SystemdMachine) -> None:
        # ExaBGP, whose child it is, starts it again.
        node.run("sh", "-c", f"kill -9 $(pgrep -f '[h]ealthcheck --name {FIRST} ')")

    @staticmethod
    def _disabled(service: str) -> str:
        return f"/etc/exabgp/{service}.disabled"


class Vrrp(Side):
    """keepalived: one node has the address, which is one of the LAN."""

    name = VRRP
    what = (
        "keepalived {keepalived}, VRRP each second, priorities 200, 150, 100, `vrrp_script` each second, and addresses"
        " of the LAN. One node has all clients. Withdrawn by `systemctl stop keepalived`"
    )
    addresses: ClassVar[dict[str, str]] = {FIRST: HOME.address(60), SECOND: HOME.address(61)}
    daemon = "keepalived"
    version: ClassVar[int] = 2
    advertisement: ClassVar[str] = "1"

    def start_router(self, stack: ExitStack) -> None:
        # Nothing runs on it: the router has the LAN of the addresses.
        pass

    def prepare(self, node: SystemdMachine, address: str) -> None:
        priority = 200 - 50 * self.nodes.index(node)
        instances = "".join(f"""
vrrp_script {service} {{
    script "{CHECK} {LOCAL[service]}"
    interval 1
    timeout 1
    fall 3
    rise 3
}}
vrrp_instance {service} {{
    state BACKUP
    interface {INTERFACE}
    virtual_router_id {self._number(service)}
    priority {priority}
    advert_int {self.advertisement}
    track_script {{
        {service}
    }}
    virtual_ipaddress {{
        {self.addresses[service]}/32
    }}
}}
""" for service in SERVICES)  # fmt: skip
        node.write("/etc/keepalived/keepalived.conf", f"""
global_defs {{
    script_user root
    vrrp_version {self.version}
}}
{instances}""")  # fmt: skip

    def kill_checker(self, node: SystemdMachine) -> None:
        # It has no other process for that.
        node.systemctl("kill", "--signal=KILL", "keepalived")

    def sessions_up(self) -> bool:
        return True

    def serving(self, service: str) -> list[str]:
        # Whoever has it and can be reached; the router knows it by ARP alone.
        shown = {node: node.run("ip", "-oneline", "address", "show", "dev", INTERFACE) for node in self.nodes}
        return [
            node.name
            for node, addresses in shown.items()
            if f" {self.addresses[service]}/" in addresses
            and "LOWER_UP" in node.run("ip", "link", "show", "dev", INTERFACE)
        ]

    def all_serving(self) -> list[str]:
        return [self.nodes[0].name]

    def _number(self, service: str) -> int:
        return 60 + SERVICES.index(service)


class VrrpFast(Vrrp):
    """The same, ten times as fast."""

    name = VRRP_FAST
    what = "the same with VRRP version 3 each 0.1 s"
    version = 3
    advertisement = "0.1"


def from_pypi() -> Path:
    """The directory with what comes from PyPI, installed on first use."""
    text = REQUIREMENTS.read_text()
    wanted = cache_directory() / f"pypi-{text.split('==')[1].split()[0]}"
    with locked(wanted):
        if not wanted.is_dir():
            unfinished = wanted.with_name(f"{wanted.name}.new")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(unfinished), "-r",
                       str(REQUIREMENTS)]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise Unavailable(f"pip cannot install it: {last}")
            unfinished.rename(wanted)
    return wanted
