"""Rows -> FRR configuration, as a pure function; and the commands that lead from one configuration to another.

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
_TOP: Context = ()
_OSPF: Context = ("router ospf",)
_OSPF6: Context = ("router ospf6",)
# How the line begins that has an interface take part.
_AREAS = ("ip ospf area", "ipv6 ospf6 area")
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
    """A template that took an interface, and the addresses it took it for."""

    template: Values
    area: Values
    interface: Interface
    addresses: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether all addresses of the interface were taken."""
        return len(self.addresses) == len(self.interface.addresses)


def enabled(row: Values) -> bool:
    """A row takes part unless it is disabled."""
    return row.get("disabled") != "true"


def named(rows: Iterable[Values], name: str | None) -> Values | None:
    """The row of that name."""
    return next((row for row in rows if row["name"] == name), None)


def active_instance(rows: Rows, version: str = "2") -> Values | None:
    """The enabled instance of this version of OSPF; the emulator allows one."""
    return next((row for row in rows.instances if enabled(row) and row.get("version", "2") == version), None)


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
    """Which template takes which interface: the first in order that matches (assumption)."""
    taken: dict[str, Assignment] = {}
    instance = active_instance(rows, version)
    for template in rows.templates:
        area = named(rows.areas, template["area"])
        if not enabled(template) or area is None or not area_is_active(area, rows):
            continue
        if instance is None or area["instance"] != instance["name"]:
            continue
        if version == "3":
            # By name only: OSPFv3 runs on link-local addresses, which every interface has.
            for interface in rows.interfaces:
                if interface_matches(template.get("interfaces"), interface.name) and interface.name not in taken:
                    taken[interface.name] = Assignment(template, area, interface)
            continue
        for interface in rows.interfaces:
            addresses = [address for address in interface.addresses if template_matches(template, interface, address)]
            if addresses and interface.name not in taken:
                taken[interface.name] = Assignment(template, area, interface, addresses)
    return list(taken.values())


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
            _interface(config, rows, assignment)
    instance = active_instance(rows, "3")
    identity = router_id(rows, instance) if instance is not None else None
    if instance is not None and identity is not None:
        _instance_v3(config, rows, instance, identity)
        for assignment in assign(rows, "3"):
            _interface_v3(config, rows, assignment)
    return config


def _instance_v3(config: Config, rows: Rows, instance: Values, identity: str) -> None:
    """ospf6d's; what nobody asked for yet is refused by name."""
    for name in ("redistribute", "originate-default"):
        if instance.get(name, "never") not in {"", "never"}:
            raise not_emulated(f"{name} of an OSPFv3 instance")
    for area in rows.areas:
        if area["instance"] == instance["name"] and enabled(area):
            if area["type"] != "default":
                raise not_emulated(f"an OSPFv3 area of type {area['type']}")
            if any(entry["area"] == area["name"] and enabled(entry) for entry in rows.ranges):
                raise not_emulated("a range of an OSPFv3 area")
    config[_OSPF6] = [f"ospf6 router-id {identity}"]
    if chain := instance.get("in-filter-chain"):
        name = _filter_chain(config, rows, chain, 6)
        config.setdefault(_TOP, []).append(f"ipv6 protocol ospf6 route-map {name}")


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
    if template.get("use-bfd") == "true" and (entry := bfd_configuration(rows, assignment.interface)) is not None:
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
    lines = config[_OSPF] = [f"ospf router-id {identity}"]
    for source in filter(None, instance.get("redistribute", "").split(",")):
        lines.append(f"redistribute {source}")
    for area in rows.areas:
        if area["instance"] == instance["name"] and enabled(area):
            lines += _area(rows, area)
    if (default := instance.get("originate-default", "never")) != "never":
        lines.append(f"default-information originate{' always' if default == 'always' else ''}")
    if chain := instance.get("in-filter-chain"):
        config.setdefault(_TOP, []).append(f"ip protocol ospf route-map {_filter_chain(config, rows, chain)}")


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
    if template.get("use-bfd") == "true" and (entry := bfd_configuration(rows, assignment.interface)) is not None:
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
    top = config.setdefault(_TOP, [])
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
            config.setdefault(_TOP, []).append(f"ip route {route['dst-address']} {hop}{distance}")


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


# What FRR runs


def parse_running(text: str) -> Config:
    """The part of `show running-config` that is the emulator's."""
    config: Config = {}
    stack: list[str] = []
    for raw in text.splitlines():
        line = raw.rstrip()
        words = line.strip()
        if not words or words == "!" or words in {"exit", "end"}:
            if words == "exit" and stack:
                stack.pop()
            continue
        depth = len(line) - len(line.lstrip())
        del stack[depth:]
        if _opens_context(stack, words):
            stack.append(words)
            if _owns_context(tuple(stack)):
                config.setdefault(tuple(stack), [])
        elif _owns_line(tuple(stack), words):
            config.setdefault(tuple(stack), []).append(words)
    # Interfaces without any of our lines, and BFD without profiles, are not ours.
    return {
        context: lines
        for context, lines in config.items()
        if lines or not context or not context[0].startswith("interface ")
    }


def changes(have: Config, want: Config) -> list[str]:
    """The commands that lead from one configuration to the other, touching only what differs."""
    return [
        *_create_helpers(have, want),
        *_drop_interfaces(have, want),
        *_change_context(have, want, _OSPF),
        *_change_context(have, want, _OSPF6),
        *_top_lines(have, want, "ip route "),
        *_set_interfaces(have, want),
        *_top_lines(have, want, "ip protocol "),
        *_top_lines(have, want, "ipv6 protocol "),
        *_drop_helpers(have, want),
    ]


def differences(have: Config, want: Config) -> list[str]:
    """What is missing or too much, without values that may be secret."""
    found = []
    for context in sorted({*have, *want}):
        missing = [line for line in want.get(context, []) if line not in have.get(context, [])]
        extra = [line for line in have.get(context, []) if line not in want.get(context, [])]
        found += [f"missing: {' / '.join((*context, hide(line)))}" for line in missing]
        found += [f"too much: {' / '.join((*context, hide(line)))}" for line in extra]
        if (context in have) != (context in want):
            found.append(f"{'too much' if context in have else 'missing'}: {' / '.join(context)}")
    return found


def hide(line: str) -> str:
    """A line without the key it may hold."""
    return re.sub(r"(authentication-key|key-string| md5|hash-algo \S+ key) .*", r"\1 *****", line)


def _opens_context(stack: list[str], words: str) -> bool:
    if not stack:
        return words.startswith(("interface ", "router ", "key chain ", "route-map ", "line ")) or words == "bfd"
    return (stack[0].startswith("key chain ") and words.startswith("key ")) or (
        stack[0] == "bfd" and words.startswith(("profile ", "peer "))
    )


def _owns_context(context: Context) -> bool:
    head = context[0]
    if head == "bfd":
        return len(context) > 1 and context[1].startswith(f"profile {PREFIX}")
    return head in {"router ospf", "router ospf6"} or head.startswith(
        ("interface ", f"key chain {PREFIX}", f"route-map {PREFIX}")
    )


def _owns_line(context: Context, line: str) -> bool:
    if not context:
        return line.startswith((f"ip prefix-list {PREFIX}", "ip protocol ospf ", "ip route ",
                                f"ipv6 prefix-list {PREFIX}", "ipv6 protocol ospf6 "))  # fmt: skip
    if context[0].startswith("interface "):
        return line.startswith(("ip ospf ", "ipv6 ospf6 "))
    return _owns_context(context)


def _is_helper(context: Context) -> bool:
    return bool(context) and context[0].startswith(("key chain ", "route-map ", "bfd"))


def _create_helpers(have: Config, want: Config) -> list[str]:
    commands = _prefix_lists(have, want, create=True)
    for context in sorted(want):
        if _is_helper(context) and (context not in have or set(have[context]) != set(want[context])):
            commands += _change_context(have, want, context)
    return commands


def _drop_helpers(have: Config, want: Config) -> list[str]:
    gone = [context for context in sorted(have) if _is_helper(context) and context not in want]
    commands = []
    for context in gone:
        if context[:-1] in gone:
            # It goes with what it is inside of.
            continue
        commands += [*context[:-1], f"no {context[-1]}", *["exit"] * (len(context) - 1)]
    return commands + _prefix_lists(have, want, create=False)


def _prefix_lists(have: Config, want: Config, create: bool) -> list[str]:
    first, second = (want, have) if create else (have, want)
    lines = [line for line in first.get(_TOP, []) if line.startswith(("ip prefix-list ", "ipv6 prefix-list "))]
    return [line if create else f"no {line}" for line in lines if line not in second.get(_TOP, [])]


def _top_lines(have: Config, want: Config, start: str) -> list[str]:
    old = [line for line in have.get(_TOP, []) if line.startswith(start)]
    new = [line for line in want.get(_TOP, []) if line.startswith(start)]
    added = [line for line in new if line not in old]
    # There is one `ip protocol ospf` line, and one for ospf6: a new one takes the place of the old.
    replaced = start in {"ip protocol ", "ipv6 protocol "} and bool(new)
    removed = [] if replaced else [f"no {line}" for line in old if line not in new]
    return removed + added


def _change_context(have: Config, want: Config, context: Context) -> list[str]:
    old, new = have.get(context, []), want.get(context)
    if new is None:
        return [f"no {context[0]}"] if context in have else []
    if context in have and set(old) == set(new):
        return []
    keys = {_line_key(line) for line in new}
    removed = [f"no {line}" for line in old if line not in new and _line_key(line) not in keys]
    return [*context, *removed, *(line for line in new if line not in old), *["exit"] * len(context)]


def _drop_interfaces(have: Config, want: Config) -> list[str]:
    """What interfaces lose. The area goes first: then nothing is sent with half of the old settings."""
    commands = []
    for context, old in have.items():
        if not context or not context[0].startswith("interface "):
            continue
        new = want.get(context, [])
        keys = {_line_key(line) for line in new}
        gone = [line for line in old if line not in new and (_line_key(line) not in keys or _removes_first(line))]
        if gone:
            gone.sort(key=lambda line: not line.startswith(_AREAS))
            commands += [*context, *(f"no {_removal(line)}" for line in gone), "exit"]
    return commands


def _set_interfaces(have: Config, want: Config) -> list[str]:
    """What interfaces gain. The area comes last: FRR starts the wait timer with the dead interval of that moment."""
    commands = []
    for context, new in want.items():
        if not context or not context[0].startswith("interface "):
            continue
        added = [line for line in new if line not in have.get(context, [])]
        if added:
            added.sort(key=lambda line: line.startswith(_AREAS))
            commands += [*context, *added, "exit"]
    return commands


def _line_key(line: str) -> str:
    """What a line sets: a second line with the same key replaces the first."""
    words = line.split()
    if words[0] in {"area", "redistribute"} or line.startswith((*_AREAS, "ip ospf bfd", "ipv6 ospf6 bfd")):
        return line
    if line.startswith("ipv6 ospf6"):
        return " ".join(words[:3])
    if line.startswith("ip ospf"):
        return " ".join(words[:4] if words[2] == "message-digest-key" else words[:3])
    return words[0] if words[0] != "ospf" else " ".join(words[:2])


def _removes_first(line: str) -> bool:
    """FRR refuses to replace these."""
    return line.startswith((*_AREAS, "ip ospf message-digest-key", "ipv6 ospf6 authentication"))


def _removal(line: str) -> str:
    """What to write after `no`; never the key itself."""
    words = line.split()
    if line.startswith("ip ospf message-digest-key"):
        return " ".join(words[:4])
    if line.startswith(("ip ospf authentication", "ip ospf network", "ipv6 ospf6 network")):
        return " ".join(words[:3])
    return line
