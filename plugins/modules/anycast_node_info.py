#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_node_info
short_description: Read what a node does to packets, and its clock
version_added: 1.0.0
author:
  - homelab.anycast maintainers (@homelab-anycast)
description:
  - Reads what an anycast address depends on, the packet filter, the reverse-path filter, how far the clock is off, the
    state of units, which packages are installed, what somebody has configured there by hand, the distribution and the
    addresses.
  - The playbook C(homelab.anycast.preflight) runs it before anything is changed.
notes:
  - Runs on the node. The packet filter and O(bird_conf) can be read by root only, so use C(become). Where a program to
    read the packet filter is missing, or refuses, the result says so by null; an O(bird_conf) that is there and cannot
    be read is an error.
extends_documentation_fragment:
  - homelab.anycast.attributes
  - homelab.anycast.attributes.read_only
attributes:
  platform:
    support: full
    platforms: Debian
options:
  now:
    description: Seconds since 1970 by the clock to compare with, normally the controller's.
    type: float
  units:
    description: Units of systemd whose state to read.
    type: list
    elements: str
    default: []
  packages:
    description: Packages of Debian to look for.
    type: list
    elements: str
    default: []
  link_interfaces:
    description: Interfaces to OSPF's neighbours, to tell what manages them. Without them RV(renderers) is null.
    type: list
    elements: str
    default: []
  bird_conf:
    description: The configuration of BIRD, of which to say whose it is; nothing is read without.
    type: path
  announced:
    description: The directory of what is announced, of which to say whose it is; nothing is read without.
    type: path
  interfaces_file:
    description: The file of C(interfaces(5\)) in which to look for O(dummies), with all that it sources.
    type: path
  dummies:
    description: Names of dummy interfaces that somebody may have written into O(interfaces_file).
    type: list
    elements: str
    default: []
seealso:
  - module: homelab.anycast.routeros_info
"""

EXAMPLES = r"""
- name: Read the node
  homelab.anycast.anycast_node_info:
    now: "{{ now().timestamp() }}"
    units: [bird.service, kamailio.service]
    packages: [bird2, bird3]
    link_interfaces: [enp0s11]
    bird_conf: /etc/bird/bird.conf
    announced: /etc/bird/anycast.d
    interfaces_file: /etc/network/interfaces
    dummies: [dummy0]
  become: true
  register: node
"""

RETURN = r"""
facts:
  description: What the node is, and its place in the network.
  returned: always
  type: dict
  contains:
    distribution:
      description: The name of its distribution.
      type: str
    kin:
      description: The identifiers of its distribution and of those that it is like, C(ID_LIKE) in C(os-release(5\)).
      type: list
      elements: str
    interfaces:
      description: By name, whether the interface is C(active), its C(mtu) in octets, and its C(addresses) as prefixes.
      type: dict
    default_ipv4:
      description: The interface that the default route of IPv4 leaves by; null without one.
      type: str
    default_ipv6:
      description: The same of IPv6.
      type: str
  sample:
    distribution: Debian GNU/Linux
    kin: [debian]
    interfaces:
      enp0s11: {active: true, mtu: 1500, addresses: [172.18.0.11/26, "fe80::11/64"]}
    default_ipv4: enp0s11
    default_ipv6: null
announced:
  description: The owner, the group and the mode of O(announced); null without such a directory.
  returned: always
  type: dict
  sample:
    owner: bird
    group: bird
    mode: "0750"
nftables:
  description: The objects of C(nft --json list ruleset); null if there is no program nft, or it refuses.
  returned: always
  type: list
  elements: dict
  sample: []
iptables:
  description: The output of C(iptables-save); null if there is no such program, or it refuses.
  returned: always
  type: str
  sample: null
ip6tables:
  description: The output of C(ip6tables-save); null if there is no such program, or it refuses.
  returned: always
  type: str
  sample: null
rp_filter:
  description: >-
    The reverse-path filter in force on each interface, V(0) none, V(1) strict, V(2) loose. It is the greater one of
    C(net.ipv4.conf.all.rp_filter) and the interface's own.
  returned: always
  type: dict
  sample:
    lo: 0
    enp0s11: 2
units:
  description: What systemd says of each of O(units), by its name; empty on a machine without systemd.
  returned: always
  type: dict
  contains:
    load:
      description: V(loaded), V(not-found), V(masked) or another load state.
      type: str
    active:
      description: V(active), V(inactive), V(failed) or another state of activation.
      type: str
    enabled:
      description: V(enabled), V(disabled) or another state of the unit's file; empty where there is none.
      type: str
  sample:
    kamailio.service: {load: loaded, active: active, enabled: enabled}
packages:
  description: Of each of O(packages), the version that is installed; null if it is not.
  returned: always
  type: dict
  sample:
    bird2: 2.17.1-1+b2
renderers:
  description: What manages the node's interfaces. One of V(ifupdown), V(NetworkManager), V(networkd).
  returned: always
  type: dict
  contains:
    running:
      description: Those that the node has, and that run.
      type: list
      elements: str
    mute:
      description: By each of these that cannot be spoken to, what its tool said. Networkd is so without D-Bus.
      type: dict
    links:
      description: By each of O(link_interfaces) the one that manages it; null if it is none of these.
      type: dict
    interfaces:
      description: Interfaces that have files of the role P(homelab.anycast.bird_anycast#role).
      type: list
      elements: str
  sample:
    running: [ifupdown]
    mute: {}
    links: {enp0s11: ifupdown}
    interfaces: [dummy0]
bird_conf:
  description: >-
    What O(bird_conf) consists of, without a value that may be secret; null if there is none.
  returned: always
  type: dict
  contains:
    ours:
      description: Whether the role P(homelab.anycast.bird_anycast#role) has written it.
      type: bool
    router_id:
      description: The router id that it sets, null if it sets none.
      type: str
    includes:
      description: The files that it includes, outside of every block.
      type: list
      elements: str
    others:
      description: The first words of what is neither a protocol nor about the daemon alone, such as V(filter).
      type: list
      elements: str
    protocols:
      description: The protocols, with C(kind), C(name) and what tells what they do.
      type: list
      elements: dict
  sample: null
stanzas:
  description: Which of O(dummies) stand in O(interfaces_file) or what it sources, but for the role's own files.
  returned: always
  type: list
  elements: dict
  contains:
    file:
      description: The file.
      type: str
    name:
      description: The interface.
      type: str
    addresses:
      description: Its addresses, without their lengths.
      type: list
      elements: str
    extra:
      description: The names of its options that do more than make a dummy interface with an address.
      type: list
      elements: str
    heirs:
      description: The interfaces that inherit from it.
      type: list
      elements: str
  sample:
    - file: /etc/network/interfaces
      name: dummy0
      addresses: [172.18.0.64]
      extra: []
      heirs: []
clock:
  description: The node's clock.
  returned: always
  type: dict
  contains:
    skew:
      description: By how many seconds it is ahead of O(now), the time to get here included; null without O(now).
      type: int
  sample:
    skew: 1
"""

import contextlib
import json
import time
from pathlib import Path

from ansible.module_utils import distro
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.homelab.anycast.plugins.module_utils.bird import conf as bird_conf
from ansible_collections.homelab.anycast.plugins.module_utils.node import facts as node_facts
from ansible_collections.homelab.anycast.plugins.module_utils.node import ifupdown, managers
from ansible_collections.homelab.anycast.plugins.module_utils.node.files import interfaces_files
from ansible_collections.homelab.anycast.plugins.module_utils.node.systemd import unit_states

CONF = "/proc/sys/net/ipv4/conf"
# Root's PATH may lack it in a login without a shell.
SBIN = ["/usr/sbin", "/sbin", "/usr/local/sbin"]


def facts(module):
    """Return what the node is, and its place in the network."""
    return {
        "distribution": distro.name(),
        "kin": [distro.id(), *distro.like().split()],
        "interfaces": node_facts.parse_interfaces(output(module, "ip", "-json", "address", "show") or "[]"),
        **{
            f"default_ipv{version}": node_facts.parse_default(
                output(module, "ip", f"-{version}", "-json", "route", "show", "default") or "[]"
            )
            for version in (4, 6)
        },
    }


def rp_filters(conf):
    """Return the reverse-path filter in force by interface."""
    found = {}
    for path in Path(conf).glob("*/rp_filter"):
        # Interfaces of containers come and go.
        with contextlib.suppress(FileNotFoundError):
            found[path.parent.name] = int(path.read_text())
    least = found.pop("all", 0)
    found.pop("default", None)
    return {name: max(least, value) for name, value in sorted(found.items())}


def output(module, *words):
    """Return what a program prints, None if there is none or it fails."""
    program = module.get_bin_path(words[0], opt_dirs=SBIN)
    if program is None:
        return None
    code, printed, _errors = module.run_command([program, *words[1:]])
    return printed if code == 0 else None


def installed(module, package):
    """Return the version of an installed package, None if it is not; dpkg-query(1)."""
    printed = output(module, "dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package)
    status, _blank, version = (printed or "").partition(" ")
    return version if status == "installed" else None


def nftables(text):
    """Return the objects of a ruleset in JSON, None if there is none."""
    try:
        return json.loads(text)["nftables"]
    except (TypeError, ValueError, KeyError):
        return None


def summary(path):
    """Return what a bird.conf consists of, None without one."""
    try:
        return bird_conf.summary(Path(path).read_text("utf-8", "replace")) if path else None
    except FileNotFoundError:
        return None


def directory(path):
    """Return owner, group and mode of a directory as the module file takes them, None if there is none."""
    if not path or not Path(path).is_dir():
        return None
    try:
        owner, group = Path(path).owner(), Path(path).group()
    except KeyError:
        # Of a user that was removed.
        owner, group = None, None
    return {"owner": owner, "group": group, "mode": f"{Path(path).stat().st_mode & 0o7777:04o}"}


def stanzas(path, names):
    """Return what interfaces(5) says of the interfaces of these names, in files which are not the role's own."""
    return [
        {"file": str(file), "name": name, **found}
        for file, text in (interfaces_files(path) if path and names else ())
        for name in names
        for found in [ifupdown.describe(text, name)]
        if found
    ]


def main():
    module = AnsibleModule(
        argument_spec={
            "now": {"type": "float"},
            "units": {"type": "list", "elements": "str", "default": []},
            "packages": {"type": "list", "elements": "str", "default": []},
            "link_interfaces": {"type": "list", "elements": "str", "default": []},
            "bird_conf": {"type": "path"},
            "announced": {"type": "path"},
            "interfaces_file": {"type": "path"},
            "dummies": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    now, links = module.params["now"], module.params["link_interfaces"]
    skew = None if now is None else round(time.time() - now)
    try:
        conf = summary(module.params["bird_conf"])
    except OSError as exc:
        module.fail_json(msg=f"bird_conf: {exc.filename} cannot be read: {exc.strerror}. Use 'become: true'")
    module.exit_json(
        changed=False,
        facts=facts(module),
        nftables=nftables(output(module, "nft", "--json", "list", "ruleset")),
        iptables=output(module, "iptables-save"),
        ip6tables=output(module, "ip6tables-save"),
        rp_filter=rp_filters(CONF),
        units={
            name: {"load": unit["LoadState"], "active": unit["ActiveState"], "enabled": unit["UnitFileState"]}
            for name, unit in unit_states(module.run_command, module.params["units"], required=False).items()
        },
        packages={name: installed(module, name) for name in module.params["packages"]},
        renderers=managers.read(module, links) if links else None,
        bird_conf=conf,
        announced=directory(module.params["announced"]),
        stanzas=stanzas(module.params["interfaces_file"], module.params["dummies"]),
        clock={"skew": skew},
    )


if __name__ == "__main__":
    main()
