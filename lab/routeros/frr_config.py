"""Rows -> FRR configuration, as a pure function. `frr_changes` leads there from the one that FRR has.

A configuration is a dictionary: context (the headers that lead to it) -> lines, written exactly as FRR prints them in
`show running-config`, so that what FRR really runs can be compared with what was meant. FRR leaves its own defaults out
of that print-out (hello 10, retransmit 5, transmit delay 1), so they are left out here as well.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .errors import not_emulated
from .frr_filter import Step, parse_chain
from .values import parse_duration

Context = tuple[str, ...]
Config = dict[Context, list[str]]
Values = Mapping[str, str]

# Everything the emulator names in FRR begins so.
PREFIX = "ros-"
TOP: Context = ()
OSPF: Context = ("router ospf",)
OSPF6: Context = ("router ospf6",)
_NETWORK_TYPES = {
    "broadcast": "broadcast",
    "nbma": "non-broadcast",
    "ptp": "point-to-point",
    "ptmp-broadcast": "point-to-multipoint",
}
# RFC 5709 allows keys of any length, RFC 2328 D.3 gives a simple key 8 bytes and an md5 key 16 on the wire.
_SIMPLE_BYTES, _MD5_BYTES = 8, 16
BFD_DEFAULTS = {"min-tx": "200ms", "min-rx": "200ms", "multiplier": "5"}


@dataclass(frozen=True)
class Interface:
    """What is known of a kernel interface: its name and IPv4 addresses with prefix length."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """Everything FRR's configuration depends on. Rows are complete (defaults filled in) and in their order."""

    instances: Sequence[Values] = ()
    areas: Sequence[Values] = ()
    ranges: Sequence[Values] = ()
    templates: Sequence[Values] = ()
    bfd: Sequence[Values] = ()
    filters: Sequence[Values] = ()
    ids: Sequence[Values] = ()
    routes: Sequence[Values] = ()
    interfaces: Sequence[Interface] = ()


@dataclass
class Assignment:
    """A template that took addresses of an interface: OSPF runs once for each of them."""

    template: Values
    area: Values
    interface: Interface
    addresses: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all addresses of the interface were taken."""
        return len(self.addresses) == len(self.interface.addresses)

    @property
    def taken(self) -> Interface:
        """The interface with the addresses that were taken; OSPFv3 takes none, and so all of them count."""
        return Interface(self.interface.name, tuple(self.addresses) or self.interface.addresses)


def enabled(row: Values) -> bool:
    """A row takes part unless it is disabled."""
    return row.get("disabled") != "true"


def named(rows: Iterable[Values], name: str | None) -> Values | None:
    """The row of that name."""
    return next((row for row in rows if row["name"] == name), None)


def active_instances(rows: Rows, version: str = "2") -> list[Values]:
    """The enabled instances of this version of OSPF; those first that have an area which is in use.

    An upgrade from version 6 leaves the instance default-v2 enabled and its area backbone-v2 disabled (exports of such
    routers: forum 1113439, 210823, 213500).
    """
    found = [row for row in rows.instances if enabled(row) and row.get("version", "2") == version]
    return sorted(found, key=lambda row: not has_area(row, rows))


def active_instance(rows: Rows, version: str = "2") -> Values | None:
    """The instance of this version of OSPF that FRR runs; the emulator allows one with an area in use."""
    return next(iter(active_instances(rows, version)), None)


def has_area(instance: Values, rows: Rows) -> bool:
    """Whether an instance has an area that is in use."""
    return any(area["instance"] == instance["name"] and area_is_active(area, rows) for area in rows.areas)


def area_is_active(area: Values | None, rows: Rows) -> bool:
    """Whether an area exists, is enabled, and its instance is."""
    if area is None or not enabled(area):
        return False
    instance = named(rows.instances, area["instance"])
    return instance is not None and enabled(instance)


def router_id(rows: Rows, instance: Values) -> str | None:
    """The router id of an instance: an address, a row of /routing/id, or `main`.

    `main` is the highest address of the router (assumption: the manual says no more than "automatically"), `lowest` in
    select-dynamic-id the lowest.
    """
    wanted = instance["router-id"]
    lowest = False
    if entry := named((row for row in rows.ids if enabled(row)), wanted):
        if "id" in entry:
            return entry["id"]
        lowest = "lowest" in entry.get("select-dynamic-id", "").split(",")
    elif wanted != "main":
        return wanted if _is_address(wanted) else None
    addresses = [
        ipaddress.IPv4Interface(address).ip
        for interface in rows.interfaces
        for address in interface.addresses
        if not ipaddress.IPv4Interface(address).is_loopback
    ]
    if not addresses:
        return None
    return str(min(addresses) if lowest else max(addresses))


def assign(rows: Rows, version: str = "2") -> list[Assignment]:
    """Which template takes which addresses of an interface: the first in order that matches (assumption)."""
    found: list[Assignment] = []
    taken: set[tuple[str, str]] = set()
    instance = active_instance(rows, version)
    for template in rows.templates:
        area = named(rows.areas, template["area"])
        if not enabled(template) or area is None or not area_is_active(area, rows):
            continue
        if instance is None or area["instance"] != instance["name"]:
            continue
        for interface in rows.interfaces:
            name = interface.name
            if version == "3":
                # By name only: OSPFv3 runs on link-local addresses, which every interface has.
                if interface_matches(template.get("interfaces"), name) and (name, "") not in taken:
                    found.append(Assignment(template, area, interface))
                    taken.add((name, ""))
                continue
            addresses = [
                address
                for address in interface.addresses
                if (name, address) not in taken and template_matches(template, interface, address)
            ]
            if addresses:
                found.append(Assignment(template, area, interface, addresses))
                taken.update((name, address) for address in addresses)
    return found


def template_matches(template: Values, interface: Interface, address: str) -> bool:
    """Whether a template's matchers fit an address of an interface; without matchers it fits any."""
    return interface_matches(template.get("interfaces"), interface.name) and _network_matches(
        template.get("networks"), address
    )


def interface_matches(names: str | None, interface: str) -> bool:
    """An `interfaces` value: names, or the built-in lists. Loopback takes part only when it is named."""
    if names is None:
        return interface != "lo"
    wanted = names.split(",")
    return interface in wanted or (interface != "lo" and bool({"all", "static"} & set(wanted)))


def bfd_configuration(rows: Rows, interface: Interface) -> Values | None:
    """The first entry of /routing/bfd/configuration that matches an interface; None where BFD is forbidden."""
    for entry in rows.bfd:
        if not enabled(entry) or not interface_matches(entry.get("interfaces"), interface.name):
            continue
        networks = [ipaddress.IPv4Interface(address).network for address in interface.addresses]
        prefixes = [ipaddress.IPv4Network(prefix) for prefix in entry.get("addresses", "").split(",") if prefix]
        if prefixes and not all(any(network.subnet_of(prefix) for prefix in prefixes) for network in networks):
            continue
        return None if entry.get("forbid-bfd") == "true" else entry
    return None


def build(rows: Rows) -> Config:
    """The whole FRR configuration that the rows ask for."""
    config: Config = {}
    _static_routes(config, rows)
    instance = active_instance(rows)
    identity = router_id(rows, instance) if instance is not None else None
    if instance is not None and identity is not None:
        _instance(config, rows, instance, identity)
        for assignment in assign(rows):
            if (f"interface {assignment.interface.name}",) in config:
                raise not_emulated(f"two OSPF interface templates for addresses of {assignment.interface.name}")
            _interface(config, rows, assignment)
    instance = active_instance(rows, "3")
    identity = router_id(rows, instance) if instance is not None else None
    if instance is not None and identity is not None:
        _instance_v3(config, rows, instance, identity)
        for assignment in assign(rows, "3"):
            _interface_v3(config, rows, assignment)
    return config


def _instance_v3(config: Config, rows: Rows, instance: Values, identity: str) -> None:
    """ospf6d's configuration; what no test needed yet is refused by name."""
    for name in ("redistribute", "originate-default"):
        if instance.get(name, "never") not in {"", "never"}:
            raise not_emulated(f"{name} of an OSPFv3 instance")
    for area in rows.areas:
        if area["instance"] == instance["name"] and enabled(area):
            if area["type"] != "default":
                raise not_emulated(f"an OSPFv3 area of type {area['type']}")
            if any(entry["area"] == area["name"] and enabled(entry) for entry in rows.ranges):
                raise not_emulated("a range of an OSPFv3 area")
    config[OSPF6] = [f"ospf6 router-id {identity}"]
    if chain := instance.get("in-filter-chain"):
        name = _filter_chain(config, rows, chain, 6)
        config.setdefault(TOP, []).append(f"ipv6 protocol ospf6 route-map {name}")


def _interface_v3(config: Config, rows: Rows, assignment: Assignment) -> None:
    template, name = assignment.template, assignment.interface.name
    if "networks" in template:
        raise not_emulated("networks of an interface template of OSPFv3")
    if template["type"] not in {"broadcast", "ptp"}:
        raise not_emulated(f"type {template['type']} of an interface template of OSPFv3")
    lines = config.setdefault((f"interface {name}",), [])
    lines.append(f"ipv6 ospf6 area {assignment.area['area-id']}")
    if (kind := template.get("auth")) is not None:
        identity = int(template.get("auth-id", "0"))
        # RFC 7166 has HMAC-SHA only, and FRR a Key ID of 1 or more.
        if kind != "sha256" or not identity or not template.get("auth-key"):
            raise not_emulated(f"auth={kind} auth-id={identity} of an interface template of OSPFv3")
        lines.append(f"ipv6 ospf6 authentication key-id {identity} hash-algo hmac-sha-256 key {template['auth-key']}")
    if template.get("use-bfd") == "true" and (entry := bfd_configuration(rows, assignment.taken)) is not None:
        lines += ["ipv6 ospf6 bfd", f"ipv6 ospf6 bfd profile {_bfd_profile(config, entry)}"]
    lines.append(f"ipv6 ospf6 cost {max(int(template['cost']), 1)}")
    for option, default in (("dead-interval", 40), ("hello-interval", 10), ("retransmit-interval", 5),
                            ("transmit-delay", 1)):  # fmt: skip
        if (seconds := _seconds(template[option])) != default:
            lines.append(f"ipv6 ospf6 {option} {seconds}")
    lines.append(f"ipv6 ospf6 network {_NETWORK_TYPES[template['type']]}")
    if "passive" in template:
        lines.append("ipv6 ospf6 passive")
    if template["priority"] != "1":
        lines.append(f"ipv6 ospf6 priority {template['priority']}")


def _instance(config: Config, rows: Rows, instance: Values, identity: str) -> None:
    lines = config[OSPF] = [f"ospf router-id {identity}"]
    for source in filter(None, instance.get("redistribute", "").split(",")):
        lines.append(f"redistribute {source}")
    for area in rows.areas:
        if area["instance"] == instance["name"] and enabled(area):
            lines += _area(rows, area)
    if (default := instance.get("originate-default", "never")) != "never":
        lines.append(f"default-information originate{' always' if default == 'always' else ''}")
    if chain := instance.get("in-filter-chain"):
        config.setdefault(TOP, []).append(f"ip protocol ospf route-map {_filter_chain(config, rows, chain)}")


def _area(rows: Rows, area: Values) -> list[str]:
    identity = f"area {area['area-id']}"
    lines = []
    if area["type"] != "default":
        lines.append(f"{identity} {area['type']}{' no-summary' if 'no-summaries' in area else ''}")
        if "default-cost" in area:
            lines.append(f"{identity} default-cost {area['default-cost']}")
    for entry in rows.ranges:
        if entry["area"] == area["name"] and enabled(entry):
            extra = "" if entry["advertise"] == "true" else " not-advertise"
            if not extra and "cost" in entry:
                extra = f" cost {entry['cost']}"
            lines.append(f"{identity} range {entry['prefix']}{extra}")
    return lines


def _interface(config: Config, rows: Rows, assignment: Assignment) -> None:
    template, name = assignment.template, assignment.interface.name
    lines = config[(f"interface {name}",)] = []
    area_id = assignment.area["area-id"]
    if assignment.whole:
        lines.append(f"ip ospf area {area_id}")
    else:
        lines += [f"ip ospf area {area_id} {address.partition('/')[0]}" for address in assignment.addresses]
    lines += _authentication(config, template)
    if template.get("use-bfd") == "true" and (entry := bfd_configuration(rows, assignment.taken)) is not None:
        profile = _bfd_profile(config, entry)
        lines += ["ip ospf bfd", f"ip ospf bfd profile {profile}"]
    # FRR keeps cost 0 for "unset"; its smallest is 1.
    lines.append(f"ip ospf cost {max(int(template['cost']), 1)}")
    lines.append(f"ip ospf dead-interval {_seconds(template['dead-interval'])}")
    for option, default in (("hello-interval", 10), ("retransmit-interval", 5), ("transmit-delay", 1)):
        if (seconds := _seconds(template[option])) != default:
            lines.append(f"ip ospf {option} {seconds}")
    lines.append(f"ip ospf network {_NETWORK_TYPES[template['type']]}")
    if "passive" in template:
        lines.append("ip ospf passive")
    # Written always: RouterOS' default is 128, FRR's 1, which FRR does not print.
    if template["priority"] != "1":
        lines.append(f"ip ospf priority {template['priority']}")


def _authentication(config: Config, template: Values) -> list[str]:
    kind, key = template.get("auth"), template.get("auth-key", "")
    identity = int(template.get("auth-id", "0"))
    if kind is None:
        return []
    if kind == "simple":
        return ["ip ospf authentication", *([f"ip ospf authentication-key {key[:_SIMPLE_BYTES]}"] if key else [])]
    if kind == "md5" and identity:
        line = f"ip ospf message-digest-key {identity} md5 {key[:_MD5_BYTES]}"
        return ["ip ospf authentication message-digest", *([line] if key else [])]
    # FRR's message-digest-key begins at 1, a key chain at 0.
    chain = f"{PREFIX}{template['.id'].lstrip('*')}"
    algorithm = "md5" if kind == "md5" else f"hmac-{kind.replace('sha', 'sha-')}"
    config[(f"key chain {chain}",)] = []
    config[(f"key chain {chain}", f"key {identity}")] = [
        *([f"key-string {key}"] if key else []),
        f"cryptographic-algorithm {algorithm}",
    ]
    return [f"ip ospf authentication key-chain {chain}"]


def _bfd_profile(config: Config, entry: Values) -> str:
    values = {**BFD_DEFAULTS, **entry}
    profile = f"{PREFIX}{entry['.id'].lstrip('*')}"
    lines = []
    # FRR's defaults, which it does not print: multiplier 3, 300 ms.
    if values["multiplier"] != "3":
        lines.append(f"detect-multiplier {values['multiplier']}")
    for option, name in (("min-tx", "transmit-interval"), ("min-rx", "receive-interval")):
        if (milliseconds := round(parse_duration(option, values[option]) * 1000)) != 300:
            lines.append(f"{name} {milliseconds}")
    config[("bfd", f"profile {profile}")] = lines
    return profile


def _filter_chain(config: Config, rows: Rows, chain: str, version: int = 4) -> str:
    """The route map of a chain. Its name holds a digest of the content: a change makes a new one, which is complete
    before it is used, so no moment lets through what should be rejected."""
    rules = [row.get("rule", "") for row in rows.filters if row["chain"] == chain and enabled(row)]
    steps = parse_chain([rule for rule in rules if rule], version)
    ip = "ip" if version == 4 else "ipv6"
    name = f"{PREFIX}{re.sub(r'[^A-Za-z0-9_-]', '_', chain)}-{_digest(steps)}"
    top = config.setdefault(TOP, [])
    sequence = 0
    for sequence, step in enumerate(steps, start=1):
        context = (f"route-map {name} {'permit' if step.accept else 'deny'} {sequence * 10}",)
        config[context] = []
        if step.matches is not None:
            entries = [f"permit {match.prefix_list_entry()}" for match in step.matches if not match.never]
            for number, entry in enumerate(entries or ["deny any"], start=1):
                top.append(f"{ip} prefix-list {name}-{sequence} seq {number * 5} {entry}")
            config[context] = [f"match {ip} address prefix-list {name}-{sequence}"]
    if not steps or steps[-1].matches is not None:
        # The default action of a chain is reject.
        config[(f"route-map {name} deny {(sequence + 1) * 10}",)] = []
    return name


def _static_routes(config: Config, rows: Rows) -> None:
    for route in rows.routes:
        if enabled(route) and ("gateway" in route or "blackhole" in route):
            hop = "blackhole" if "blackhole" in route else _gateway(route["gateway"])
            distance = "" if route["distance"] == "1" else f" {route['distance']}"
            config.setdefault(TOP, []).append(f"ip route {route['dst-address']} {hop}{distance}")


def _gateway(text: str) -> str:
    address, dummy, interface = text.partition("%")
    return f"{address} {interface}" if interface else address


def _digest(steps: Sequence[Step]) -> str:
    return hashlib.sha256(repr(steps).encode()).hexdigest()[:8]


def _seconds(text: str) -> int:
    return round(parse_duration("", text))


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _network_matches(networks: str | None, address: str) -> bool:
    """`networks` compares the network of the address, not the address (manual, OSPF)."""
    if networks is None:
        return True
    network = ipaddress.IPv4Interface(address).network
    return any(network.subnet_of(ipaddress.IPv4Network(prefix)) for prefix in networks.split(",") if prefix)
