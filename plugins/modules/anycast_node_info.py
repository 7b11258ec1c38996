#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_node_info
short_description: Read what a node does to packets, and its clock
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads what an anycast address depends on. This is the packet filter, the reverse-path filter, the clock, the state
    of units, the installed packages, what was configured by hand, the distribution and the addresses.
  - M(homelab.anycast.bird_anycast_plan) runs it before anything is changed.
notes:
  - Runs on the node. Only root can read the packet filter and C(bird.conf), so use C(become). If the packet filter
    cannot be read, its value is null. If C(bird.conf) exists and cannot be read, the module fails.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.debian]
options:
  now: {type: float, description: "Seconds since 1970 by the clock to compare with, normally the controller's."}
  units: {type: list, elements: str, default: [], description: Units of systemd whose state to read.}
  packages: {type: list, elements: str, default: [], description: Packages of Debian to look for.}
  link_interfaces: {type: list, elements: str, default: [], description: Interfaces for RV(interface_managers).}
  directory: {type: path, description: "BIRD's directory, C(/etc/bird), for RV(bird_conf) and RV(announced)."}
  dummies: {type: list, elements: str, default: [], description: Dummy interfaces to look for in RV(stanzas).}
  source_table: {type: int, description: Number of the routing table for RV(source_routing).}
  tries:
    description: >-
      Whether to try what containers may not have, and to take it away again, also in check mode. These are a dummy
      interface, unless one of O(dummies) is there, and a unit of systemd with its own view of the file system.
    type: bool
    default: false
  removal: {type: bool, default: false, description: "Whether to read RV(before), which the removal of the role needs."}
"""

EXAMPLES = r"""
- name: Read the node
  homelab.anycast.anycast_node_info:
    now: "{{ now().timestamp() }}"
    units: [bird.service, kamailio.service]
    packages: [bird2, bird3]
    link_interfaces: [enp0s11]
    directory: /etc/bird
    dummies: [dummy0]
  become: true
  register: node
"""

RETURN = r"""
facts:
  description:
    - C(distribution) is the name of the distribution. C(distributions) are its identifier and those that it resembles
      (C(ID_LIKE) of C(os-release(5\))).
    - C(interfaces) has for each interface whether it is C(active), its C(mtu), its C(addresses) as prefixes, its
      C(kind) such as V(dummy), and the bridge or bond that it belongs to (C(master)).
    - C(default_ipv4) and C(default_ipv6) are the interfaces of the default routes, null without a default route.
  returned: always
  type: dict
announced: {type: dict, returned: always, description: "Owner, group, mode of C(anycast.d) in O(directory), or null."}
nftables:
  description: >-
    The objects of C(nft --json list ruleset), null if there is no program C(nft) or it fails. In the same way
    C(iptables) and C(ip6tables) have the text of C(iptables-save) and C(ip6tables-save). If these programs use
    nftables, C(iptables_legacy) and C(ip6tables_legacy) have the text of C(iptables-legacy-save) and
    C(ip6tables-legacy-save).
  returned: always
  type: list
  elements: dict
rp_filter:
  description: >-
    The reverse-path filter of each interface, V(0) none, V(1) strict, V(2) loose. This is the greater value of
    C(net.ipv4.conf.all.rp_filter) and the interface's own setting.
  returned: always
  type: dict
units: {type: dict, returned: always, description: "C(load), C(active), C(enabled) and C(remains) of each of O(units)."}
packages: {type: dict, returned: always, description: "The installed version of each of O(packages), or null."}
security_updates:
  description:
    - Those of O(packages) that have a newer version in a security archive, with this version.
    - Read from what apt knows on the node (C(apt-cache policy)), which is as old as its last C(apt-get update).
  returned: always
  type: dict
  sample: {bird2: 2.17.5-0+deb13u1}
interface_managers:
  description:
    - Null without O(link_interfaces).
    - C(running) are the interface managers that run, C(mute) has the error of a manager whose tool does not answer.
    - C(links) has the manager of each of O(link_interfaces), or null. C(interfaces) are the interfaces that have files
      of the role P(homelab.anycast.bird_anycast#role).
  returned: always
  type: dict
  sample: {running: [ifupdown], mute: {}, links: {enp0s11: ifupdown}, interfaces: [dummy0]}
bird_conf:
  description: >-
    The contents of C(bird.conf) in O(directory), without values that may be secret; null without this file. C(ours)
    tells whether the role P(homelab.anycast.bird_anycast#role) wrote it, C(service_areas) whether each service has its
    own OSPF area. C(others) are the first words of other statements than protocols and settings of the daemon, such as
    V(filter).
  returned: always
  type: dict
bird_part: {type: dict, returned: always, description: The same for the role's file in a foreign C(bird.conf).}
stanzas:
  description: >-
    Those of O(dummies) that C(/etc/network/interfaces) or a file that it sources configures, the role's files excepted.
    C(extra) are options that do more than make a dummy interface with an address, C(heirs) are the interfaces that
    inherit from it.
  returned: always
  type: list
  elements: dict
  sample: [{file: /etc/network/interfaces, name: dummy0, addresses: [172.18.0.64], extra: [], heirs: []}]
sources:
  description: Lines C(source) and C(source-directory) of C(interfaces(5\)), each as keyword and absolute path, or null.
  returned: always
  type: list
  elements: list
resolvers: {type: list, elements: str, returned: always, description: Addresses of the DNS servers that the node asks.}
tries: {type: dict, returned: always, description: "With O(tries), errors of C(dummy) and C(sandbox); or null."}
routes: {type: list, elements: dict, returned: always, description: "With O(directory), the routes of the main table."}
source_routing: {type: str, returned: always, description: "Policy rules and routes of O(source_table), by C(ip -N)."}
before:
  description: >-
    With O(removal), the state before the role, otherwise null. C(packages) are those that the role installed, C(purge)
    these and their dependencies. C(units) are the former states, C(files) those with a copy of
    M(homelab.anycast.anycast_takeover), C(stanzas) the interfaces taken out of files of C(interfaces(5\)).
  returned: always
  type: dict
clock: {type: dict, returned: always, description: "C(skew), seconds ahead of O(now), including the transport."}
"""

import contextlib
import dataclasses
import glob
import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils import distro
from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bird.conf import BirdConf, includes
from ..module_utils.bird.paths import Paths
from ..module_utils.node import announcer, files, ifupdown
from ..module_utils.node import facts as node_facts
from ..module_utils.node.managers import read_managers
from ..module_utils.node.systemd import unit_states
from ..module_utils.node.takeover import packages_to_purge

CONF = "/proc/sys/net/ipv4/conf"
NET = "/sys/class/net"
RESOLVERS = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
# A dummy interface that is there for a moment.
TRIED = "anycast-try"


def facts(module: AnsibleModule) -> node_facts.Facts:
    """Return what the node is, and its place in the network."""
    return {
        "distribution": distro.name(),
        "distributions": [distro.id(), *distro.like().split()],
        "interfaces": node_facts.parse_interfaces(output(module, "ip", "-json", "-details", "address", "show") or "[]"),
        **{
            f"default_ipv{version}": node_facts.parse_default(
                output(module, "ip", f"-{version}", "-json", "route", "show", "default") or "[]"
            )
            for version in (4, 6)
        },
    }


def rp_filters(conf: str) -> dict[str, int]:
    """Return the reverse-path filter in force by interface."""
    found = {}
    for path in Path(conf).glob("*/rp_filter"):
        # Interfaces of containers come and go.
        with contextlib.suppress(FileNotFoundError):
            found[path.parent.name] = int(path.read_text())
    least = found.pop("all", 0)
    found.pop("default", None)
    return {name: max(least, value) for name, value in sorted(found.items())}


def output(module: AnsibleModule, *words: str) -> str | None:
    """Return what a program prints, None if there is none or it fails."""
    program = module.get_bin_path(words[0])
    if program is None:
        return None
    code, printed, _errors = module.run_command([program, *words[1:]])
    return str(printed) if code == 0 else None


def installed(module: AnsibleModule, package: str) -> str | None:
    """Return the version of an installed package, None if it is not; dpkg-query(1)."""
    printed = output(module, "dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package)
    status, _blank, version = (printed or "").partition(" ")
    return version if status == "installed" else None


def security_updates(module: AnsibleModule, packages: dict[str, str | None]) -> dict[str, str]:
    """Return the newer versions that security archives have of the installed ones of these packages; apt-cache(8)."""
    found = {}
    for package in (name for name, version in packages.items() if version):
        # Not made anew where there is none, which takes seconds.
        policy = output(module, "apt-cache", "--option", "APT::Cache::Generate=false", "policy", package)
        update = node_facts.security_update(policy or "")
        found.update({package: update} if update else {})
    return found


def nftables(text: str | None) -> Any:
    """Return the objects of a ruleset in JSON, None if there is none."""
    try:
        return json.loads(text or "")["nftables"]
    except (ValueError, KeyError):
        return None


def iptables(module: AnsibleModule) -> dict[str, str | None]:
    """Return the rules, and those of the older iptables beside, which are in force too and which the newer hides."""
    rules = {}
    for program in ("iptables", "ip6tables"):
        rules[program] = output(module, f"{program}-save")
        hides = "(nf_tables)" in (rules[program] or "")
        rules[f"{program}_legacy"] = output(module, f"{program}-legacy-save") if hides else None
    return rules


def bird_conf(paths: Paths, path: str) -> dict[str, Any] | None:
    """Return what a bird.conf and what it includes consist of, None without one."""
    try:
        text = Path(path).read_text("utf-8", "replace")
    except FileNotFoundError:
        return None
    found: dict[str, str] = {}
    for pattern in includes(text, paths.directory):
        _include(pattern, paths, found)
    return dataclasses.asdict(BirdConf.parse(text, found))


def _include(pattern: str, paths: Paths, found: dict[str, str]) -> None:
    for name in sorted(glob.glob(pattern)):  # noqa: PTH207
        # The role's own are no reason for anything.
        if name not in found and name not in (paths.part, paths.key) and not name.startswith(paths.announced):
            found[name] = Path(name).read_text("utf-8", "replace")
            # Relative to the file that names them.
            for inner in includes(found[name], str(Path(name).parent)):
                _include(inner, paths, found)


def resolvers() -> list[str]:
    """Return the nameservers of a node; where that is systemd-resolved's stub, those that it asks itself."""
    found = []
    for path in RESOLVERS:
        with contextlib.suppress(OSError):
            words = (line.split() for line in Path(path).read_text("utf-8", "replace").splitlines())
            found += [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    return [address for address in dict.fromkeys(found) if not address.startswith("127.")]


def tries(module: AnsibleModule, dummies: list[str]) -> dict[str, str | None]:
    """Return what a container may not have, and what its programs say of it."""
    found: dict[str, str | None] = {"dummy": None, "sandbox": None}
    # Without root's rights nothing can be made anyway.
    if os.geteuid() == 0 and not any(Path(NET, name).exists() for name in dummies):
        found["dummy"] = failure(module, "ip", "link", "add", "dev", TRIED, "type", "dummy")
        output(module, "ip", "link", "delete", "dev", TRIED)
    settings = [f"--property={name}={value}" for name, value in announcer.TRIED_NAMESPACES]
    if module.get_bin_path("systemd-run"):
        command = ["systemd-run", "--quiet", "--collect", "--property=Type=oneshot"]
        found["sandbox"] = failure(module, *command, *settings, "--", "/bin/true")
        # Where it cannot run anything, that says nothing of the sandbox.
        if found["sandbox"] and failure(module, *command, "--", "/bin/true"):
            found["sandbox"] = None
    return found


def failure(module: AnsibleModule, *words: str) -> str | None:
    """Return what a program says that fails, None if it does not."""
    program = module.get_bin_path(words[0])
    code, printed, errors = module.run_command([program or words[0], *words[1:]])
    return (errors or printed).strip() or f"exit status {code}" if code else None


def routes(module: AnsibleModule) -> list[dict[str, Any]]:
    """Return the routes of the main table, of both versions."""
    return [
        row
        for version in (4, 6)
        for row in json.loads(output(module, "ip", f"-{version}", "-json", "route", "show") or "[]")
    ]


def attributes(path: Path) -> dict[str, str | None] | None:
    """Return owner, group and mode of a directory as the module file takes them, None if there is none."""
    if not path.is_dir():
        return None
    owner, group = None, None
    # Of a user that was removed.
    with contextlib.suppress(KeyError):
        owner, group = path.owner(), path.group()
    return {"owner": owner, "group": group, "mode": f"{path.stat().st_mode & 0o7777:04o}"}


def stanzas(names: list[str]) -> list[dict[str, Any]]:
    """Return what interfaces(5) says of the interfaces of these names, in files which are not the role's own."""
    found = [
        ifupdown.hand_made(str(file), text, name)
        for file, text in (files.interfaces_files(files.INTERFACES) if names else ())
        for name in names
    ]
    return [vars(entry) for entry in found if entry]


def before(module: AnsibleModule) -> dict[str, Any]:
    """Return what is known of the time before the role, without the text of files."""
    try:
        record = files.Kept(files.KEPT).record
    except (OSError, ValueError, TypeError) as exc:
        module.fail_json(
            msg=f"Cannot read what was there before the role ({files.KEPT}, with record.json): {exc}. Correct that, and"
            " run this again"
        )
        raise
    purge: list[str] = []
    if record.packages:
        with_them = output(module, "apt-get", "-s", "purge", "--auto-remove", *record.packages)
        purge = packages_to_purge(record.packages, with_them or "", output(module, "apt-get", "-s", "autoremove") or "")
    names = [stanza["name"] for stanza in record.stanzas]
    return {
        "packages": record.packages,
        "purge": purge,
        "units": record.units,
        "files": list(record.files),
        "stanzas": names,
    }


def source_routing(module: AnsibleModule, table: int | None) -> str | None:
    if table is None:
        return None
    routes = output(module, "ip", "-N", "route", "show", "table", str(table))
    return (output(module, "ip", "-N", "rule", "show") or "") + (routes or "")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "now": {"type": "float"},
            "units": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "link_interfaces": {"type": "list", "elements": "str", "default": []},
            "directory": {"type": "path"},
            "dummies": {"type": "list", "elements": "str", "default": []},
            "source_table": {"type": "int"},
            "tries": {"type": "bool", "default": False},
            "removal": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    skew = None if params["now"] is None else round(time.time() - params["now"])
    paths = Paths(params["directory"]) if params["directory"] else None
    try:
        conf, part = (bird_conf(paths, path) for path in (paths.bird_conf, paths.part)) if paths else (None, None)
    except OSError as exc:
        module.fail_json(msg=f"{exc.filename} cannot be read: {exc.strerror}. Use 'become: true'")
    links = params["link_interfaces"]
    packages = {name: installed(module, name) for name in params["packages"]}
    module.exit_json(
        changed=False,
        facts=facts(module),
        nftables=nftables(output(module, "nft", "--json", "list", "ruleset")),
        **iptables(module),
        rp_filter=rp_filters(CONF),
        units={
            name: {
                "load": unit["LoadState"],
                "active": unit["ActiveState"],
                "enabled": unit["UnitFileState"],
                "remains": unit.get("RemainAfterExit") == "yes",
            }
            for name, unit in unit_states(module.run_command, params["units"], required=False).items()
        },
        packages=packages,
        security_updates=security_updates(module, packages),
        interface_managers=vars(read_managers(module, links)) if links else None,
        bird_conf=conf,
        bird_part=part,
        announced=attributes(Path(paths.announced)) if paths else None,
        stanzas=stanzas(params["dummies"]),
        sources=files.interfaces_sources(files.INTERFACES),
        routes=routes(module) if paths else [],
        resolvers=resolvers(),
        tries=tries(module, params["dummies"]) if params["tries"] else {},
        source_routing=source_routing(module, params["source_table"]),
        before=before(module) if params["removal"] else None,
        clock={"skew": skew},
    )


if __name__ == "__main__":
    main()
