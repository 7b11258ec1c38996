# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of services: which anycast addresses a node carries, on which interface, and what decides that it does.

L(normalise_services) fills the defaults and rejects what no node can carry; L(node_problems) says what speaks against
carrying them on one node.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
import shlex

from ansible_collections.homelab.anycast.plugins.module_utils.model import ip as model_ip
from ansible_collections.homelab.anycast.plugins.module_utils.model.link import unknown_key
from ansible_collections.homelab.anycast.plugins.module_utils.node.facts import addresses as addresses_of

REQUIRED = ("name", "addresses")
DEFAULTS = {"interface": "dummy0", "unit": None, "check": None}

# Seconds. What a check of the own node may take is little; fall x interval is what a hanging service costs its clients.
CHECK_DEFAULTS = {"interval": 1, "timeout": 0.5, "rise": 3, "fall": 3}
# The keys that each kind has beside these, and their defaults; None: required.
CHECK_KINDS: dict[str, dict] = {
    "sip": {"port": 5060},
    "dns": {"port": 53, "name": None},
    "tcp": {"port": None},
    "command": {"command": None},
}

# It becomes a file name below /etc/bird, and a systemd instance name.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
# IFNAMSIZ of Linux is 16 with the closing zero; ifupdown and BIRD patterns set the characters. ifupdown takes what
# comes after a dot for a VLAN.
_INTERFACE = re.compile(r"(?!lo\Z)[A-Za-z0-9][A-Za-z0-9_-]{0,14}")
# systemd.unit(5), of the types that can run a service. A template without its instance is no unit.
_UNIT = re.compile(r"[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]+)?\.(service|socket|target)")
_DNS_NAME = re.compile(r"(?=.{1,253}\.?\Z)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")

_SHELLS = ("sh", "bash", "dash", "busybox")


class ServicesError(ValueError):
    """The list of services cannot work. Its text lists every problem."""


def normalise_services(services):
    """Return the services, each with every key; addresses are prefixes such as 172.18.0.64/32.

    :param services: list of dictionaries. C(addresses) holds host addresses, with or without /32.
    :raises ServicesError: with all problems at once.
    """
    if not isinstance(services, list) or not all(isinstance(service, dict) for service in services):
        raise ServicesError(
            "the services are not a list of dictionaries, each with name, addresses and perhaps interface"
        )
    problems, result, owners, names = [], [], {}, set()
    for position, service in enumerate(services, start=1):
        name = str(service.get("name") or "")
        label = f"service '{name}'" if name else f"service number {position}"
        problems.extend(f"{label}: {problem}" for problem in _shape_problems(service, name))
        unit = _unit(service)
        if unit is not None and not _UNIT.fullmatch(unit):
            problems.append(f"{label}: unit is '{unit}', expected a systemd unit such as kamailio.service")
        check, check_problems = normalise_check(service.get("check"))
        problems.extend(f"{label}: check: {problem}" for problem in check_problems)
        if name in names:
            problems.append(f"{label}: the name is used twice, expected unique names")
        names.add(name)
        addresses = []
        listed = service.get("addresses")
        for address in listed if isinstance(listed, list) else []:
            try:
                prefix = host_prefix(address)
            except ValueError as error:
                problems.append(f"{label}: {error}")
                continue
            if prefix in owners:
                problems.append(f"{label}: address {address} belongs to {owners[prefix]} already")
            owners[prefix] = label
            addresses.append(prefix)
        result.append(
            {"name": name, "addresses": addresses, "interface": _interface(service), "unit": unit, "check": check}
        )
    problems.extend(model_ip.interface_problems(result))
    if problems:
        raise ServicesError("; ".join(problems))
    return result


def normalise_check(check):
    """Return (the check with every key, what is wrong with it); (None, []) if there is none."""
    if check is None:
        return None, []
    if not isinstance(check, dict):
        return None, [f"it is {check!r}, expected a dictionary with kind"]
    kind = check.get("kind")
    if not isinstance(kind, str) or kind not in CHECK_KINDS:
        return None, ["kind is {!r}, expected one of: {}".format(kind, ", ".join(CHECK_KINDS))]
    known = {**CHECK_DEFAULTS, **CHECK_KINDS[kind]}
    problems = [unknown_key(key, ("kind", *known)) for key in check if key != "kind" and key not in known]
    given = {key: value for key, value in check.items() if key in known and value is not None}
    result = {"kind": kind, **known, **given}
    for key, test in _CHECK_TESTS.items():
        if key in known:
            if result[key] is None:
                problems.append(f"{key} is missing, kind '{kind}' needs it")
            else:
                problems.extend(test(key, result[key]))
    if not problems and result["timeout"] >= result["interval"]:
        problems.append(
            "timeout is {:g} s, expected less than interval, {:g} s".format(result["timeout"], result["interval"])
        )
    return result, problems


def _is_number(value):
    # Whole numbers may be larger than any float, and are finite.
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _seconds_problems(key, value):
    if not _is_number(value) or not 0 < value <= 3600:
        yield f"{key} is {value!r}, expected seconds, more than 0"


def _count_problems(key, value):
    if not _is_number(value) or value != int(value) or value < 1:
        yield f"{key} is {value!r}, expected a whole number, 1 or more"


def _port_problems(key, value):
    if not _is_number(value) or value != int(value) or not 1 <= value <= 65535:
        yield f"{key} is {value!r}, expected a port, 1 to 65535"


def _dns_name_problems(key, value):
    if not isinstance(value, str) or not _DNS_NAME.fullmatch(value):
        yield f"{key} is {value!r}, expected a name that the server has an A record of"


def _command_problems(key, value):
    if isinstance(value, str):
        try:
            value = shlex.split(value)
        except ValueError as error:
            yield f"{key} is {value!r}, which cannot be split into words ({error}), expected a list of words"
            return
        yield f"{key} is a string, expected a list of words, {value!r}"
    elif not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        yield f"{key} is {value!r}, expected a list of words"
        return
    if never_fails(value):
        yield f"{key} {value!r} can never fail, so it would announce a dead service"


_CHECK_TESTS = {
    "interval": _seconds_problems,
    "timeout": _seconds_problems,
    "rise": _count_problems,
    "fall": _count_problems,
    "port": _port_problems,
    "name": _dns_name_problems,
    "command": _command_problems,
}


def never_fails(words):
    """Return whether a command is one of those that always exit with 0, also as the last one of a shell's script."""
    if not words:
        return True
    program = words[0].rpartition("/")[2]
    if program in ("true", ":", "echo") or (program == "exit" and words[1:] in ([], ["0"])):
        return True
    if program in _SHELLS and "-c" in words:
        script = words[words.index("-c") + 1 :][:1]
        # What is left of the last of these decides nothing.
        last = re.split(r";|\|\||&&?|\n", script[0].strip().rstrip(";").rstrip())[-1] if script else ""
        try:
            # `a && true` fails where a does.
            return never_fails(shlex.split(last)) and not re.search(r"&&[^;|&\n]*$", script[0] if script else "")
        except ValueError:
            return False
    return False


def announced(services):
    """Return the anycast addresses of services that nobody has checked yet, as prefixes; what is none is left out."""
    found = []
    for service in _dictionaries(services):
        addresses = service.get("addresses")
        for address in addresses if isinstance(addresses, list) else ():
            with contextlib.suppress(ValueError):
                found.append(host_prefix(address))
    return list(dict.fromkeys(found))


def own_interfaces(services):
    """Return the names of the interfaces of services that nobody has checked yet."""
    return {_interface(service) for service in _dictionaries(services)}


def _dictionaries(services):
    return [service for service in services if isinstance(service, dict)] if isinstance(services, list) else []


def named(services, name=None):
    """Return the services of this name; all of them if none is given."""
    return [service for service in services if name in (None, "", service["name"])]


def names_by_node(hostvars, nodes):
    """Return the names of the services of each node, by its name. What else is wrong with them, the roles say."""
    found = {}
    for node in nodes:
        listed = hostvars[node].get("bird_anycast_services")
        listed = listed if isinstance(listed, list) else []
        found[node] = [str(service["name"]) for service in listed if isinstance(service, dict) and "name" in service]
    return found


def _following(services):
    """Yield the services that follow a unit; none where the services are not valid, which L(node_problems) says."""
    with contextlib.suppress(ServicesError):
        yield from (service for service in normalise_services(services) if service["unit"])


def units(services):
    """Return the units that services follow, each once."""
    return list(dict.fromkeys(service["unit"] for service in _following(services)))


def interfaces(services):
    """Return the interfaces that carry services, each once; none where these are not valid (see L(node_problems))."""
    with contextlib.suppress(ServicesError):
        return list(dict.fromkeys(service["interface"] for service in normalise_services(services)))
    return []


def unit_problems(services, states):
    """Return which services follow a unit that the node does not have.

    :param states: what systemd says of L(units), by name: {load}, which is C(loaded), C(not-found), C(masked).
    """
    loads = {name: state["load"] for name, state in states.items()}
    return [
        "service '{}': unit {} is {} on this node; install it first, or correct the name".format(
            service["name"], service["unit"], loads.get(service["unit"], "not-found")
        )
        for service in _following(services)
        if loads.get(service["unit"]) != "loaded"
    ]


def bird_package(asked, installed):
    """Return the name of the package which brings BIRD: what is asked for, else what is installed, else bird2.

    :param asked: C(bird2), C(bird3), or an empty text.
    :param installed: versions by name of package, null for one that is not installed.
    """
    return str(asked) or ("bird3" if installed.get("bird3") else "bird2")


def package_problems(asked, installed):
    """Return why the package cannot be installed; for the parameters see L(bird_package)."""
    other = {"bird2": "bird3", "bird3": "bird2"}.get(str(asked))
    if installed.get(other):
        return [
            f"bird_anycast_package is {asked}, but {other} is installed on this node, and the one replaces the other:"
            f" drain the node and run 'apt-get install {asked}' there, or leave the variable out"
        ]
    return []


def host_prefix(address):
    """Return a host address as a prefix: 172.18.0.64 and 172.18.0.64/32 give 172.18.0.64/32; of IPv6 it is a /128.

    :raises ValueError: for anything else, such as a network, a multicast or a loopback address.
    """
    try:
        interface = ipaddress.ip_interface(str(address))
    except ValueError:
        raise ValueError(f"address '{address}' is not an IPv4 or IPv6 address") from None
    ip = interface.ip
    if interface.network.prefixlen != ip.max_prefixlen:
        raise ValueError(f"address '{address}' is not a host address, expected {ip}/{ip.max_prefixlen}")
    if ip.version == 6 and ip.ipv4_mapped:
        raise ValueError(f"address '{address}' is an IPv4 address mapped to IPv6, expected {ip.ipv4_mapped}")
    # A scope such as in fe80::1%eth0 belongs to a link.
    if ip.is_multicast or ip.is_loopback or ip.is_unspecified or ip.is_link_local or "%" in str(address):
        raise ValueError(f"address '{address}' cannot be announced, expected a unicast address")
    return str(interface)


def node_problems(services, router_id, link_interfaces, facts, other_router_ids=None):
    """Return what speaks against announcing the services from a node, one sentence each; an empty list if nothing does.

    :param services: normalised services.
    :param router_id: the node's router id, a dotted quad.
    :param link_interfaces: names of the interfaces that speak OSPF.
    :param facts: C(facts) of the result of anycast_node_info.
    :param other_router_ids: dictionary of the other routers' names and their router ids.
    """
    if "debian" not in facts.get("kin", ()):
        return [
            f"the node runs {facts.get('distribution') or 'an unknown system'}, expected Debian or its kin: the role"
            " installs by apt"
        ]
    anycast = [ipaddress.ip_interface(prefix).ip for prefix in model_ip.service_prefixes(services)]
    own_interfaces = {service["interface"] for service in services}
    problems = router_id_problems("bird_anycast_router_id", router_id, other_router_ids or {}, anycast)
    problems.extend(
        f"the router id of {name}, {other}, is an anycast address, expected one of that router alone"
        for name, other in (other_router_ids or {}).items()
        if str(other) in [str(address) for address in anycast] and str(other) != str(router_id)
    )
    problems.extend(_interface_problems(link_interfaces, own_interfaces, facts))
    for name, own in addresses_of(facts):
        network = own.network
        if name in own_interfaces:
            continue
        problems.extend(
            f"anycast address {address} lies inside {network} on interface {name}: hosts there would look for it on"
            " their link instead of asking the router; choose an address outside every subnet"
            for address in anycast
            if address in network
        )
    return problems


def router_id_problems(variable, router_id, others, anycast):
    """Return what is wrong with a router id: RFC 2328 C.1 wants it unique in the autonomous system.

    :param variable: name of the variable to change.
    :param others: dictionary of the other routers' names and their router ids.
    :param anycast: anycast addresses; a router id equal to one of them would be the same on every node.
    """
    if router_id in (None, ""):
        return [f"{variable} is missing, expected an IPv4 address that no other router has as its router id"]
    try:
        found = ipaddress.IPv4Address(str(router_id))
    except ValueError:
        return [f"{variable} is '{router_id}', expected a dotted quad such as the address of the interface"]
    problems = []
    same = sorted(name for name, other in others.items() if str(other) == str(found))
    if same:
        problems.append(
            "{} {} is the router id of {} too, expected a unique one".format(variable, found, ", ".join(same))
        )
    if str(found) in [str(address) for address in anycast]:
        problems.append(f"{variable} {found} is an anycast address, expected one of this router alone")
    if found.is_unspecified:
        problems.append(f"{variable} is 0.0.0.0, which OSPF reserves, expected the address of an interface")
    return problems


def _shape_problems(service, name):
    known = (*REQUIRED, *DEFAULTS)
    for key in service:
        if key not in known:
            yield unknown_key(key, known)
    if not _NAME.fullmatch(name):
        yield f"name is '{name}', expected small letters, digits, - and _"
    if not isinstance(service.get("addresses"), list) or not service["addresses"]:
        yield "addresses is not a list of host addresses"
    if not _INTERFACE.fullmatch(_interface(service)):
        yield (
            f"interface is '{_interface(service)}', expected a dummy interface of the role's own such as dummy0: at"
            " most 15 characters, letters, digits, - and _"
        )


def _unit(service):
    unit = service.get("unit")
    if unit is None:
        return None
    # As systemctl takes it.
    return str(unit) if "." in str(unit) else f"{unit}.service"


def _interface(service):
    return str(service.get("interface") or DEFAULTS["interface"])


def _interface_problems(link_interfaces, own_interfaces, facts):
    present = facts.get("interfaces", {})
    others = sorted(name for name in present if name not in own_interfaces and name != "lo")
    for name in link_interfaces:
        if name not in present:
            yield "bird_anycast_interfaces names {}, which is not on the node; it has: {}".format(
                name, ", ".join(others)
            )
        elif name in own_interfaces:
            yield f"interface {name} carries a service and cannot be the link to the router too"
