"""The menus of a hAP lite that the emulator knows.

Names, types, enumerations and versions are from the schema dumps (LIMITS.md; a property first seen in x.y.z is taken to
exist since x.y), defaults from the manual.
`only=` marks what a real router takes and the emulator cannot carry out: it refuses that by name.
"""

from __future__ import annotations

from .certificates import DEFAULT_USAGE, KEY_SIZES, USAGES
from .schema import OLDEST, Kind, Menu, Property, Version

V7: Version = (7,)
_COMMON = {"print", "get", "getall", "set", "unset", "comment"}
_ROWS = frozenset(_COMMON | {"add", "remove", "enable", "disable"})
_ORDERED = _ROWS | {"move"}
_READ = frozenset({"print", "get", "getall"})
_NOTHING: tuple[str, ...] = ()
_CHANGES = ("add", "set", "remove", "enable", "disable", "comment", "unset")

_COMMENT = Property("comment", unset=True)
_DISABLED = Property("disabled", Kind.BOOL)
_COPY_FROM = Property("copy-from", add_only=True)
_PLACE_BEFORE = Property("place-before", add_only=True)


def _time(name: str, default: str) -> Property:
    return Property(name, Kind.TIME, default=default, low=1, high=65535)


INSTANCE = Menu(
    "routing/ospf/instance",
    (
        Property("name"),
        Property("version", Kind.ENUM, ("2", "3"), default="2"),
        Property("vrf", Kind.ENUM, ("main",), default="main"),
        Property("router-id", Kind.ADDRESS_OR_NAME, ("main",), default="main", target="routing/id"),
        Property("in-filter-chain", Kind.REFERENCE, unset=True, target="routing/filter/chain"),
        Property("out-filter-chain", Kind.REFERENCE, unset=True, target="routing/filter/chain", only=_NOTHING),
        Property("out-filter-select", Kind.REFERENCE, unset=True, target="routing/filter/chain", only=_NOTHING),
        Property("originate-default", Kind.ENUM, ("always", "if-installed", "never"), unset=True),
        Property(
            "redistribute",
            Kind.FLAGS,
            ("connected", "static", "rip", "ospf", "isis", "bgp", "vpn", "dhcp", "fantasy", "modem", "bgp-mpls-vpn",
             "slaac"),
            unset=True,
            only=("connected", "static"),
        ),
        Property("routing-table", Kind.ENUM, ("main",), unset=True),
        Property("mpls-te-address", Kind.ADDRESS, unset=True, only=_NOTHING),
        Property("mpls-te-area", Kind.ADDRESS, unset=True, only=_NOTHING),
        Property("domain-id", unset=True, only=_NOTHING),
        Property("domain-tag", Kind.NUMBER, unset=True, only=_NOTHING),
        Property("use-dn", Kind.BOOL, unset=True, only=_NOTHING),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS,
    key="name",
    since=V7,
    read_only=("inactive", "about"),
    stored=True,
    auto_name="ospf-instance-",
)  # fmt: skip

AREA = Menu(
    "routing/ospf/area",
    (
        Property("name"),
        Property("instance", Kind.REFERENCE, mandatory=True, target="routing/ospf/instance"),
        Property("area-id", Kind.ADDRESS, default="0.0.0.0"),
        Property("type", Kind.ENUM, ("default", "nssa", "stub"), default="default"),
        Property("no-summaries", Kind.SWITCH, unset=True),
        Property("default-cost", Kind.NUMBER, unset=True, low=0, high=16777215),
        Property("nssa-translator", Kind.ENUM, ("candidate", "no", "yes"), unset=True, only=("candidate",)),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS,
    key="name",
    since=V7,
    read_only=("inactive", "dynamic", "transit-capable", "about"),
    stored=True,
    auto_name="ospf-area-",
)

AREA_RANGE = Menu(
    "routing/ospf/area/range",
    (
        Property("area", Kind.REFERENCE, mandatory=True, target="routing/ospf/area"),
        Property("prefix", Kind.PREFIX, mandatory=True),
        Property("advertise", Kind.BOOL, default="true"),
        Property("cost", Kind.NUMBER, unset=True, low=0, high=4294967295),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS,
    since=V7,
    read_only=("inactive", "about"),
    stored=True,
)

TEMPLATE = Menu(
    "routing/ospf/interface-template",
    (
        Property("area", Kind.REFERENCE, mandatory=True, target="routing/ospf/area"),
        Property("interfaces", Kind.INTERFACES, unset=True),
        Property("networks", Kind.PREFIXES, unset=True),
        Property("prefix-list", unset=True, only=_NOTHING),
        Property("instance-id", Kind.NUMBER, default="0", low=0, high=255, only=("0",)),
        Property(
            "type",
            Kind.ENUM,
            ("broadcast", "nbma", "ptp", "ptp-unnumbered", "ptmp", "ptmp-broadcast", "virtual-link"),
            default="broadcast",
            only=("broadcast", "nbma", "ptp", "ptmp-broadcast"),
        ),
        _time("retransmit-interval", "5s"),
        _time("transmit-delay", "1s"),
        _time("hello-interval", "10s"),
        _time("dead-interval", "40s"),
        Property("priority", Kind.NUMBER, default="128", low=0, high=255),
        Property("cost", Kind.NUMBER, default="1", low=0, high=65535),
        # Debian's FRR is built without a crypto library.
        Property(
            "auth",
            Kind.ENUM,
            ("simple", "md5", "sha1", "sha256", "sha384", "sha512"),
            unset=True,
            only=("simple", "md5", "sha256"),
            with_crypto=("sha1", "sha384", "sha512"),
        ),
        Property("auth-id", Kind.NUMBER, unset=True, low=0, high=255),
        Property("auth-key", unset=True, secret=True),
        Property("use-bfd", Kind.BOOL, unset=True, since=(7, 10)),
        Property("passive", Kind.SWITCH, unset=True),
        Property("vlink-neighbor-id", Kind.ADDRESS, unset=True, gone=(7, 23), only=_NOTHING),
        Property("vlink-transit-area", unset=True, gone=(7, 23), only=_NOTHING),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
        _PLACE_BEFORE,
    ),
    _ORDERED,
    next_ids=True,
    since=V7,
    read_only=("inactive", "about"),
    stored=True,
)

# From 7.23 on static entries can be added here (virtual links); the emulator has none.
OSPF_INTERFACE = Menu(
    "routing/ospf/interface",
    (),
    _READ,
    since=V7,
    read_only=("address", "area", "state", "network-type", "type", "dr", "bdr", "cost", "priority", "use-bfd",
               "retransmit-interval", "transmit-delay", "hello-interval", "dead-interval", "instance-id", "interface",
               "dynamic"),
    refused=dict.fromkeys(_CHANGES, (7, 23)),
)  # fmt: skip

NEIGHBOR = Menu(
    "routing/ospf/neighbor",
    (),
    _READ,
    since=V7,
    read_only=("instance", "area", "interface", "address", "priority", "router-id", "dr", "bdr", "state",
               "state-changes", "adjacency", "timeout", "virtual", "dynamic", "ls-requests", "ls-retransmits",
               "db-summaries", "about"),
    refused={"set": V7, "comment": V7},
)  # fmt: skip

LSA = Menu(
    "routing/ospf/lsa",
    (),
    _READ,
    since=V7,
    read_only=("instance", "area", "link", "type", "originator", "id", "sequence", "age", "checksum", "body",
               "self-originated", "flushing", "wraparound", "dynamic"),
)  # fmt: skip

STATIC_NEIGHBOR = Menu(
    "routing/ospf/static-neighbor",
    (
        Property("address", mandatory=True, only=_NOTHING),
        Property("area", Kind.REFERENCE, mandatory=True, target="routing/ospf/area"),
        Property("instance-id", Kind.NUMBER, default="0", low=0, high=255),
        Property("poll-interval", Kind.TIME, default="2m"),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS - {"unset"},
    since=V7,
    read_only=("inactive", "about"),
    stored=True,
)

BFD_CONFIGURATION = Menu(
    "routing/bfd/configuration",
    (
        Property("interfaces", Kind.INTERFACES, unset=True),
        Property("addresses", Kind.PREFIXES, unset=True),
        Property("address-list", unset=True, only=_NOTHING),
        Property("vrf", Kind.ENUM, ("main",), unset=True),
        Property("min-tx", Kind.TIME, unset=True),
        Property("min-rx", Kind.TIME, unset=True),
        Property("multiplier", Kind.NUMBER, unset=True, low=1, high=255),
        Property("forbid-bfd", Kind.BOOL, unset=True),
        Property("comment", unset=True, since=(7, 11)),
        _DISABLED,
        _COPY_FROM,
        _PLACE_BEFORE,
    ),
    _ORDERED,
    next_ids=True,
    since=(7, 10),
    commands_since={"comment": (7, 11)},
    read_only=("inactive", "about"),
    stored=True,
)

BFD_SESSION = Menu(
    "routing/bfd/session",
    (),
    _READ,
    since=(7, 10),
    read_only=("multihop", "vrf", "remote-address", "local-address", "state", "state-changes", "uptime",
               "desired-tx-interval", "actual-tx-interval", "required-min-rx", "remote-min-rx", "remote-min-tx",
               "multiplier", "hold-time", "packets-rx", "packets-tx", "up", "inactive", "about"),
)  # fmt: skip

FILTER_RULE = Menu(
    "routing/filter/rule",
    (
        Property("chain", mandatory=True),
        Property("rule", Kind.FILTER_RULE),
        _COMMENT,
        # Can be unset: so api_modify has it, which sends `=!disabled=`.
        Property("disabled", Kind.BOOL, unset=True),
        _COPY_FROM,
        _PLACE_BEFORE,
    ),
    # No `.nextid` in its rows, nor in those of the packet filter (captures: terraform-routeros, ha-manager).
    _ORDERED - {"unset"},
    since=V7,
    read_only=("inactive", "about"),
    stored=True,
)

FILTER_CHAIN = Menu("routing/filter/chain", (), _READ, since=V7, read_only=("name", "dynamic", "inactive", "about"))

ROUTING_ROUTE = Menu(
    "routing/route",
    (),
    _READ,
    since=V7,
    # The last three: a capture's list of names (community exporter) and the manual; LIMITS.md.
    read_only=("afi", "contribution", "dst-address", "routing-table", "gateway", "immediate-gw", "distance", "scope",
               "target-scope", "belongs-to", "ospf.metric", "active", "filtered", "unreachable", "connect",
               "static", "ospf", "ecmp", "local-address", "debug.fwp-ptr", "nexthop-id", "vrf-interface"),
)  # fmt: skip

ROUTING_ID = Menu(
    "routing/id",
    (
        Property("name"),
        Property("id", Kind.ADDRESS, unset=True),
        Property(
            "select-dynamic-id",
            Kind.FLAGS,
            ("any", "only-static", "only-loopback", "only-vrf", "only-active", "lowest"),
            unset=True,
            only=("any", "lowest"),
        ),
        Property("select-from-vrf", Kind.ENUM, ("main",), unset=True),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS,
    key="name",
    since=V7,
    read_only=("dynamic", "dynamic-id", "inactive", "about"),
    stored=True,
    auto_name="id-",
)

ROUTING_TABLE = Menu(
    "routing/table",
    (),
    _READ,
    since=V7,
    read_only=("name", "dynamic", "fib", "invalid"),
    refused=dict.fromkeys(_CHANGES, V7),
)

ROUTING_SETTINGS = Menu(
    "routing/settings",
    (Property("single-process", Kind.BOOL, default="true", since=(7, 12)),),
    frozenset({"print", "get", "set"}),
    single=True,
    since=(7, 12),
    stored=True,
)

IP_ROUTE = Menu(
    "ip/route",
    (
        Property("dst-address", Kind.PREFIX, default="0.0.0.0/0"),
        Property("routing-table", Kind.ENUM, ("main",), default="main"),
        Property("gateway", Kind.GATEWAY, unset=True),
        Property("distance", Kind.NUMBER, default="1", low=1, high=255),
        Property("blackhole", Kind.SWITCH, unset=True),
        Property("scope", Kind.NUMBER, default="30", low=0, high=255, only=("30",)),
        Property("target-scope", Kind.NUMBER, default="10", low=0, high=255, only=("10",)),
        Property("check-gateway", Kind.ENUM, ("arp", "none", "ping", "bfd"), unset=True, only=("none",)),
        Property("pref-src", Kind.ADDRESS, unset=True, only=_NOTHING),
        Property("suppress-hw-offload", Kind.BOOL, unset=True, gone=(7, 21)),
        Property("vrf-interface", unset=True, only=_NOTHING),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
    ),
    _ROWS,
    read_only=("immediate-gw", "local-address", "dynamic", "inactive", "active", "connect", "static", "ospf", "ecmp",
               "about"),
    stored=True,
)  # fmt: skip

# Captures (terraform-routeros, resource_ip_settings.go and resource_ipv6_settings.go); nothing takes that path here.
IP_FAST_PATH = {
    "ipv4-fast-path-active": "true", "ipv4-fast-path-bytes": "0", "ipv4-fast-path-packets": "0",
    "ipv4-fasttrack-active": "false", "ipv4-fasttrack-bytes": "0", "ipv4-fasttrack-packets": "0",
}  # fmt: skip
IPV6_FAST_PATH = {name.replace("ipv4", "ipv6"): value for name, value in IP_FAST_PATH.items()}

IP_SETTINGS = Menu(
    "ip/settings",
    (
        Property("accept-redirects", Kind.BOOL, default="false"),
        Property("accept-source-route", Kind.BOOL, default="false"),
        Property("allow-fast-path", Kind.BOOL, default="true", only=("true",)),
        Property("arp-timeout", Kind.TIME, default="30s", only=("30s",)),
        Property(
            "icmp-errors-use-inbound-interface-address", Kind.BOOL, default="false", since=(7, 17), only=("false",)
        ),
        Property("icmp-rate-limit", Kind.NUMBER, default="10", only=("10",)),
        Property("icmp-rate-mask", default="0x1818", only=("0x1818",)),
        Property("ip-forward", Kind.BOOL, default="true"),
        Property(
            "ipv4-multipath-hash-policy", Kind.ENUM, ("l3", "l3-inner", "l4"), default="l3", since=(7, 16)
        ),
        # Manual: by memory, 2048 with 64 MiB, 8192 with 256 (the capture of terraform-routeros): so 1024 with these 32.
        Property("max-neighbor-entries", Kind.NUMBER, default="1024", only=("1024",)),
        Property("route-cache", Kind.BOOL, default="true", gone=(7, 13), only=("true",)),
        Property("rp-filter", Kind.ENUM, ("loose", "no", "strict"), default="no"),
        Property("secure-redirects", Kind.BOOL, default="true"),
        Property("send-redirects", Kind.BOOL, default="true"),
        Property("tcp-syncookies", Kind.BOOL, default="false", only=("false",)),
        Property(
            "tcp-timestamps", Kind.ENUM, ("disabled", "enabled", "random-offset"), default="random-offset",
            since=(7, 17), only=("random-offset",),
        ),
    ),
    frozenset({"print", "get", "getall", "set"}),
    single=True,
    stored=True,
    read_only=tuple(IP_FAST_PATH),
)  # fmt: skip


def _matcher(name: str, *values: str, target: str = "") -> Property:
    return Property(name, Kind.MATCHER, values, unset=True, target=target)


# Properties from community.routeros' table (3.22). `disabled`, `log` and `log-prefix` are printed only where they were
# written (captures: ha-manager). Rules are kept and printed; the emulator does not carry them out.
FIREWALL_FILTER = Menu(
    "ip/firewall/filter",
    (
        Property("chain", mandatory=True),
        Property(
            "action",
            Kind.ENUM,
            ("accept", "add-dst-to-address-list", "add-src-to-address-list", "drop", "fasttrack-connection", "jump",
             "log", "passthrough", "reject", "return", "tarpit"),
            default="accept",
        ),
        Property("jump-target", unset=True),
        _matcher("protocol", "icmp", "igmp", "tcp", "udp", "gre", "ipsec-esp", "ipsec-ah", "ospf", "pim", "vrrp",
                 "l2tp", "sctp"),
        _matcher("connection-state", "established", "invalid", "new", "related", "untracked"),
        _matcher("in-interface", target="interface"),
        _matcher("out-interface", target="interface"),
        _matcher("in-interface-list", target="interface/list"),
        _matcher("out-interface-list", target="interface/list"),
        _matcher("dst-address-type", "blackhole", "broadcast", "local", "multicast", "prohibit", "unicast",
                 "unreachable"),
        Property("src-address", Kind.MATCHER, unset=True),
        Property("dst-address", Kind.MATCHER, unset=True),
        Property("src-port", Kind.MATCHER, unset=True),
        Property("dst-port", Kind.MATCHER, unset=True),
        Property("src-address-list", Kind.MATCHER, unset=True),
        Property("dst-address-list", Kind.MATCHER, unset=True),
        Property("limit", unset=True),
        Property("reject-with", unset=True),
        Property("log", Kind.BOOL),
        Property("log-prefix"),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
        _PLACE_BEFORE,
        *(
            Property(name, unset=True, only=_NOTHING)
            for name in (
                "address-list", "address-list-timeout", "connection-bytes", "connection-limit", "connection-mark",
                "connection-nat-state", "connection-rate", "connection-type", "content", "dscp", "dst-limit",
                "fragment", "hotspot", "hw-offload", "icmp-options", "in-bridge-port", "in-bridge-port-list",
                "ingress-priority", "ipsec-policy", "ipv4-options", "layer7-protocol", "nth", "out-bridge-port",
                "out-bridge-port-list", "p2p", "packet-mark", "packet-size", "per-connection-classifier", "port",
                "priority", "psd", "random", "realm", "routing-mark", "src-address-type", "src-mac-address",
                "tcp-flags", "tcp-mss", "time", "tls-host", "ttl",
            )
        ),
    ),
    _ORDERED,
    stored=True,
    read_only=("bytes", "packets", "dynamic", "invalid"),
    refused={"reset-counters": OLDEST, "reset-counters-all": OLDEST},
)  # fmt: skip

# Properties from the manual (CLI reference, ipv6/firewall/filter) and community.routeros' table (3.22). These rules are
# carried out: packet_filter.py.
FIREWALL_FILTER_V6 = Menu(
    "ipv6/firewall/filter",
    (
        Property("chain", mandatory=True),
        Property(
            "action",
            Kind.ENUM,
            ("accept", "add-dst-to-address-list", "add-src-to-address-list", "drop", "fasttrack-connection", "jump",
             "log", "passthrough", "reject", "return"),
            default="accept",
            only=("accept", "drop", "jump", "passthrough", "return"),
        ),
        Property("jump-target", unset=True),
        _matcher("protocol", "icmpv6", "ospf", "tcp", "udp"),
        Property("icmp-options", Kind.ICMP_OPTIONS, unset=True),
        _matcher("connection-state", "established", "invalid", "new", "related", "untracked"),
        _matcher("in-interface", target="interface"),
        _matcher("out-interface", target="interface"),
        Property("src-address", Kind.IPV6_RANGE, unset=True),
        Property("dst-address", Kind.IPV6_RANGE, unset=True),
        Property("src-port", Kind.PORTS, unset=True),
        Property("dst-port", Kind.PORTS, unset=True),
        Property("log", Kind.BOOL, only=("false",)),
        Property("log-prefix", only=("",)),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
        _PLACE_BEFORE,
        *(
            Property(name, unset=True, only=_NOTHING)
            for name in (
                "address-list", "address-list-timeout", "connection-bytes", "connection-limit", "connection-mark",
                "connection-nat-state", "connection-rate", "connection-type", "content", "dscp", "dst-address-list",
                "dst-address-type", "dst-limit", "headers", "hop-limit", "in-bridge-port", "in-bridge-port-list",
                "in-interface-list", "ingress-priority", "ipsec-policy", "limit", "nth", "out-bridge-port",
                "out-bridge-port-list", "out-interface-list", "packet-mark", "packet-size",
                "per-connection-classifier", "port", "priority", "random", "reject-with", "routing-mark",
                "src-address-list", "src-address-type", "src-mac-address", "tcp-flags", "tcp-mss", "time", "tls-host",
            )
        ),
    ),
    _ORDERED,
    stored=True,
    read_only=("bytes", "packets", "dynamic", "invalid"),
    refused={"reset-counters": OLDEST, "reset-counters-all": OLDEST},
)  # fmt: skip


def _rules(path: str, actions: str, *more: str) -> Menu:
    """A menu of rules that are kept and printed, and not carried out; properties from community.routeros' table."""
    return Menu(
        path,
        (
            Property("chain", mandatory=True),
            Property("action", Kind.ENUM, tuple(actions.split()), default="accept"),
            _matcher("in-interface", target="interface"),
            _matcher("out-interface", target="interface"),
            _matcher("in-interface-list", target="interface/list"),
            _matcher("out-interface-list", target="interface/list"),
            *(
                Property(name, unset=True)
                for name in ("dst-address", "dst-address-list", "dst-address-type", "dst-port", "jump-target", "limit",
                             "protocol", "src-address", "src-address-list", "src-port", *more)
            ),
            Property("log", Kind.BOOL),
            Property("log-prefix"),
            _COMMENT,
            _DISABLED,
            _COPY_FROM,
            _PLACE_BEFORE,
        ),
        _ORDERED,
        stored=True,
        read_only=("bytes", "packets", "dynamic", "invalid"),
    )  # fmt: skip


_RAW = "accept add-dst-to-address-list add-src-to-address-list drop jump log notrack passthrough return"
FIREWALL_RAW, FIREWALL_RAW_V6 = (_rules(f"{family}/firewall/raw", _RAW) for family in ("ip", "ipv6"))
FIREWALL_NAT = _rules(
    "ip/firewall/nat",
    "accept dst-nat jump log masquerade netmap passthrough redirect return same src-nat",
    "connection-state", "ipsec-policy", "to-addresses", "to-ports",
)  # fmt: skip
# Properties from the schema of 7.20.8. Kept and printed as well.
ROUTING_RULE = Menu(
    "routing/rule",
    (
        Property("action", Kind.ENUM, ("drop", "lookup", "lookup-only-in-table", "unreachable"), default="lookup"),
        Property("interface", Kind.NAME, unset=True, target="interface"),
        *(Property(name, unset=True) for name in ("dst-address", "routing-mark", "src-address", "table")),
        _COMMENT,
        _DISABLED,
        _COPY_FROM,
        _PLACE_BEFORE,
    ),
    _ORDERED,
    since=V7,
    read_only=("inactive",),
    stored=True,
)

# Manual, CLI reference, ipv6/settings; versions and defaults from community.routeros' table (3.22), row of a capture
# (terraform-routeros). The numbers of neighbours halve with the memory: 1024 at the most with 64 MB (manual).
IPV6_SETTINGS = Menu(
    "ipv6/settings",
    (
        Property("accept-redirects", Kind.ENUM, ("no", "yes-if-forwarding-disabled"),
                 default="yes-if-forwarding-disabled", only=_NOTHING),
        Property("accept-router-advertisements", Kind.ENUM, ("no", "yes", "yes-if-forwarding-disabled"),
                 default="yes-if-forwarding-disabled", only=_NOTHING),
        Property("allow-fast-path", Kind.BOOL, default="true", since=(7, 18), only=("true",)),
        Property("disable-ipv6", Kind.BOOL, default="false", only=("false",)),
        Property("disable-link-local-address", Kind.BOOL, default="false", since=(7, 17), only=("false",)),
        Property("forward", Kind.BOOL, default="true"),
        Property("max-neighbor-entries", Kind.NUMBER, default="512", only=("512",)),
        Property("min-neighbor-entries", Kind.NUMBER, default="128", since=(7, 18), only=("128",)),
        Property("multipath-hash-policy", Kind.ENUM, ("l3", "l3-inner", "l4"), default="l3", since=(7, 16)),
        Property("soft-max-neighbor-entries", Kind.NUMBER, default="256", since=(7, 18), only=("256",)),
        Property("stale-neighbor-detect-interval", Kind.NUMBER, default="30", since=(7, 17), only=("30",)),
        Property("stale-neighbor-timeout", Kind.NUMBER, default="60", since=(7, 17), only=("60",)),
    ),
    frozenset({"print", "get", "getall", "set"}),
    single=True,
    stored=True,
    read_only=tuple(IPV6_FAST_PATH),
)  # fmt: skip

# The entries are fixed; only what an anycast set-up may look at is kept, and the emulator serves the two of the API.
# From 7.24 on `set` takes the address list by two names (schema), and api_modify knows it by the new one alone
# (community.routeros 3.22), which is taken to be the one that is printed.
IP_SERVICE = Menu(
    "ip/service",
    (
        Property("address", Kind.PREFIXES, default=""),
        Property("certificate", Kind.NAME, ("none",), default="none", target="certificate"),
        Property("disabled", Kind.BOOL, default="false"),
        Property("port", Kind.NUMBER, low=1, high=65535, only=_NOTHING),
        Property("tls-version", Kind.ENUM, ("any", "only-1.2"), default="any", only=("any",)),
        Property("vrf", Kind.ENUM, ("main",), default="main"),
        Property("max-sessions", Kind.NUMBER, default="20", since=(7, 16), only=("20",)),
    ),
    _READ | {"set", "enable", "disable"},
    key="name",
    stored=True,
    read_only=("name", "proto", "invalid", "dynamic", "connection", "local", "remote"),
    renamed={"available-from": ((7, 24), "address")},
)

# Properties and commands from the device dump of 7.20.8, defaults from the manual ("Certificates").
CERTIFICATE = Menu(
    "certificate",
    (
        Property("name"),
        Property("common-name", mandatory=True),
        Property("subject-alt-name", default=""),
        Property("key-size", Kind.ENUM, tuple(KEY_SIZES), default="2048"),
        Property("key-usage", Kind.FLAGS, (*USAGES, "encipher-only", "decipher-only", "code-sign", "email-protect",
                                           "timestamp", "ocsp-sign", "dvcs"), default=DEFAULT_USAGE, only=USAGES),
        # The highest is an assumption: the schema has none.
        Property("days-valid", Kind.NUMBER, default="365", low=1, high=4294967295),
        Property("digest-algorithm", Kind.ENUM, ("md5", "sha1", "sha256", "sha384", "sha512"), default="sha256",
                 only=("sha256", "sha384", "sha512")),
        Property("trusted", Kind.BOOL, default="false"),
        *(Property(name, only=_NOTHING) for name in ("country", "locality", "organization", "state", "unit")),
        _COPY_FROM,
    ),
    frozenset({"print", "get", "getall", "add", "set", "remove", "sign", "export-certificate"}),
    key="name",
    stored=True,
    read_only=("key-type", "private-key", "authority", "issued", "ca", "fingerprint", "serial-number", "skid", "akid",
               "invalid-before", "invalid-after", "expires-after", "expired"),
    refused=dict.fromkeys(("import", "issued-revoke", "add-scep", "create-certificate-request", "card-verify"), OLDEST),
    auto_name="cert-",
)  # fmt: skip

FILE = Menu(
    "file",
    (),
    frozenset({"print", "get", "getall", "remove"}),
    key="name",
    stored=True,
    read_only=("name", "type", "size", "last-modified", "contents"),
    refused=dict.fromkeys(("add", "set", "read"), OLDEST),
)

# Of the machine's own addresses none can be written; those on the interfaces of VRRP are rows.
IP_ADDRESS = Menu(
    "ip/address",
    (
        Property("address", Kind.HOST, mandatory=True),
        Property("interface", Kind.NAME, mandatory=True, target="interface"),
        _COMMENT,
        Property("disabled", Kind.BOOL, default="false"),
        _COPY_FROM,
    ),
    _ROWS - {"unset"},
    # Captures: terraform-routeros, ha-manager.
    read_only=("network", "actual-interface", "vrf", "invalid", "dynamic", "slave"),
    refused={"unset": OLDEST},
)

INTERFACE = Menu(
    "interface",
    (),
    _READ,
    key="name",
    read_only=("name", "default-name", "type", "mtu", "actual-mtu", "mac-address", "running", "disabled", "slave",
               "rx-byte", "tx-byte", "rx-packet", "tx-packet"),
    refused=dict.fromkeys(("set", "enable", "disable", "comment"), OLDEST),
)  # fmt: skip

# Properties, types and flags from the manual ("VRRP", and CLI reference, interface/vrrp), versions and defaults from
# community.routeros' table (3.22); which properties a row has, from a capture of 7.23.7 (ha-manager). v3-checksum-as-v2
# is not among these, and in a print of 7.24.
VRRP = Menu(
    "interface/vrrp",
    (
        Property("name"),
        Property("mtu", Kind.NUMBER, default="1500", gone=(7, 20), only=("1500",)),
        Property("arp", Kind.ENUM, ("disabled", "enabled", "local-proxy-arp", "proxy-arp", "reply-only"),
                 default="enabled", only=("enabled",)),
        Property("arp-timeout", default="auto", only=("auto",)),
        Property("interface", Kind.NAME, mandatory=True, target="interface"),
        Property("group-master", default="", gone=(7, 11), only=("", "none")),
        # The old name of group-authority, still taken and never printed.
        Property("group-master", since=(7, 11), hidden=True, only=_NOTHING),
        Property("group-authority", default="", since=(7, 11), only=("", "none")),
        Property("vrid", Kind.NUMBER, default="1", low=1, high=255),
        Property("priority", Kind.NUMBER, default="100", low=1, high=254),
        Property("interval", Kind.INTERVAL, default="1s", low=10, high=255000),
        Property("preemption-mode", Kind.BOOL, default="true"),
        Property("authentication", Kind.ENUM, ("ah", "none", "simple"), default="none", only=("none",)),
        Property("password", default="", secret=True, only=("",)),
        Property("on-backup", default="", only=("",)),
        Property("on-master", default="", only=("",)),
        Property("on-fail", default="", only=("",)),
        Property("version", Kind.ENUM, ("2", "3"), default="3"),
        Property("v3-protocol", Kind.ENUM, ("ipv4", "ipv6"), default="ipv4", only=("ipv4",)),
        Property("v3-checksum-as-v2", Kind.BOOL, default="false", since=(7, 24), only=("false",)),
        Property("sync-connection-tracking", Kind.BOOL, default="false", only=("false",)),
        Property("remote-address", Kind.ADDRESS, unset=True, only=_NOTHING),
        Property("connection-tracking-mode", Kind.ENUM, ("active-active", "passive-active"), default="passive-active",
                 since=(7, 20), only=("passive-active",)),
        # In no row of the capture.
        Property("connection-tracking-port", Kind.NUMBER, since=(7, 20), only=("8275",), hidden=True),
        _COMMENT,
        Property("disabled", Kind.BOOL, default="false"),
        _COPY_FROM,
    ),
    _ROWS,
    key="name",
    stored=True,
    read_only=("mtu", "mac-address", "running", "master", "backup", "failure", "invalid", "grp-authority",
               "grp-member"),
    auto_name="vrrp",
)  # fmt: skip

INTERFACE_LIST = Menu(
    "interface/list",
    (),
    _READ,
    key="name",
    read_only=("name", "builtin", "dynamic"),
    refused=dict.fromkeys(_CHANGES, OLDEST),
)
INTERFACE_LIST_MEMBER = Menu(
    "interface/list/member",
    (),
    _READ,
    read_only=("list", "interface", "dynamic", "disabled", "comment"),
    refused=dict.fromkeys(_CHANGES, OLDEST),
)
IPV6_ADDRESS = Menu(
    "ipv6/address",
    (),
    _READ,
    # A capture: terraform-routeros, resource_ipv6_address.go.
    read_only=("address", "interface", "actual-interface", "advertise", "eui-64", "from-pool", "link-local", "no-dad",
               "dynamic", "disabled", "invalid"),
    refused=dict.fromkeys(_CHANGES, OLDEST),
)  # fmt: skip
# Only what OSPFv3 and connected networks bring.
IPV6_ROUTE = Menu(
    "ipv6/route",
    (),
    _READ,
    read_only=(*(one.name for one in IP_ROUTE.properties if one.name in {"dst-address", "routing-table", "gateway",
               "distance", "scope", "target-scope"}), *IP_ROUTE.read_only),
    refused=dict.fromkeys(_CHANGES, OLDEST),
)  # fmt: skip
IP_NEIGHBOR = Menu("ip/neighbor", (), _READ, read_only=("address", "interface", "mac-address"))

SYSTEM_RESOURCE = Menu(
    "system/resource",
    (),
    _READ,
    single=True,
    read_only=("uptime", "version", "build-time", "factory-software", "free-memory", "total-memory", "cpu", "cpu-count",
               "cpu-frequency", "cpu-load", "free-hdd-space", "total-hdd-space", "write-sect-since-reboot",
               "write-sect-total", "architecture-name", "board-name", "platform"),
)  # fmt: skip
# Manual, "Clock". Its command `set` moves this clock alone, and never that of the machine.
SYSTEM_CLOCK = Menu(
    "system/clock",
    (
        Property("time"),
        Property("date"),
        Property("time-zone-autodetect", Kind.BOOL, default="true"),
        Property("time-zone-name", default="Etc/UTC", only=("Etc/UTC", "UTC")),
    ),
    frozenset({"print", "get", "getall", "set"}),
    single=True,
    read_only=("gmt-offset", "dst-active"),
)
SYSTEM_IDENTITY = Menu(
    "system/identity",
    (Property("name", default="MikroTik"),),
    frozenset({"print", "get", "getall", "set"}),
    single=True,
    stored=True,
)
SYSTEM_ROUTERBOARD = Menu(
    "system/routerboard",
    (),
    _READ,
    single=True,
    read_only=("routerboard", "board-name", "model", "serial-number", "firmware-type", "factory-firmware",
               "current-firmware", "upgrade-firmware"),
)  # fmt: skip
USER = Menu(
    "user",
    (
        Property("name"),
        Property("group", Kind.REFERENCE, mandatory=True, target="user/group"),
        Property("password", hidden=True),
        Property("address", default="", only=_NOTHING),
        Property("disabled", Kind.BOOL, default="false"),
        Property("expired", Kind.BOOL, default="false", only=("false",)),
        # Versions: community.routeros 3.22; defaults: manual, CLI reference, user.
        Property("inactivity-policy", Kind.ENUM, ("none", "logout", "lockscreen"), default="none", since=(7, 16),
                 only=("none",)),
        Property("inactivity-timeout", Kind.TIME, default="10m", since=(7, 16), only=("10m",)),
        _COMMENT,
    ),
    frozenset({"print", "get", "getall", "add", "set", "remove", "enable", "disable", "comment"}),
    key="name",
    stored=True,
    read_only=("last-logged-in",),
    policy="policy",
)  # fmt: skip
USER_GROUP = Menu(
    "user/group",
    (
        Property("name"),
        Property("policy", Kind.POLICY, default="none"),
        Property("skin", default="default", only=("default",)),
        _COMMENT,
    ),
    frozenset({"print", "get", "getall", "add", "set", "remove", "comment"}),
    key="name",
    stored=True,
    policy="policy",
)

# Manual, "User", monitoring active users.
USER_ACTIVE = Menu(
    "user/active",
    (),
    _READ,
    read_only=("when", "name", "address", "via", "group", "radius"),
    refused={"request-logout": OLDEST},
)

# The command alone: what it does is in ping.py.
TOOL = Menu("tool", (), frozenset({"ping"}))

MENUS: dict[str, Menu] = {
    menu.path: menu
    for menu in (
        INSTANCE, AREA, AREA_RANGE, TEMPLATE, OSPF_INTERFACE, NEIGHBOR, LSA, STATIC_NEIGHBOR, BFD_CONFIGURATION,
        BFD_SESSION, FILTER_RULE, FILTER_CHAIN, ROUTING_ROUTE, ROUTING_ID, ROUTING_TABLE, ROUTING_SETTINGS, IP_ROUTE,
        IP_SETTINGS, FIREWALL_FILTER, IP_SERVICE, IP_ADDRESS, INTERFACE, VRRP, INTERFACE_LIST, INTERFACE_LIST_MEMBER,
        IPV6_ADDRESS, IPV6_ROUTE, IPV6_SETTINGS, FIREWALL_FILTER_V6, FIREWALL_RAW,
        FIREWALL_RAW_V6, FIREWALL_NAT, ROUTING_RULE, IP_NEIGHBOR, SYSTEM_RESOURCE, SYSTEM_CLOCK,
        SYSTEM_IDENTITY, SYSTEM_ROUTERBOARD, USER, USER_GROUP, USER_ACTIVE, CERTIFICATE, FILE, TOOL,
    )
}  # fmt: skip

# Menus whose rows follow another's name when that is changed.
REFERRERS: dict[str, tuple[tuple[str, str], ...]] = {
    "routing/ospf/instance": (("routing/ospf/area", "instance"),),
    "routing/ospf/area": (
        ("routing/ospf/interface-template", "area"),
        ("routing/ospf/area/range", "area"),
        ("routing/ospf/static-neighbor", "area"),
    ),
    "routing/id": (("routing/ospf/instance", "router-id"),),
    "user/group": (("user", "group"),),
    "interface/vrrp": (("ip/address", "interface"),),
    "certificate": (("ip/service", "certificate"), ("certificate", "ca")),
}
