"""The article's configuration, as it prints it."""

from __future__ import annotations

from typing import Any

from bed import ANYCAST
from bed.topology import BRIDGE, INTERFACE, ROUTER_ADDRESS

KEY = "myOSPFpassword"
"""14 octets, of which simple authentication carries 8: both ends cut it."""


def bird_conf(key: str = KEY, hello: int = 3, dead: int = 4, export: str = "all") -> str:
    """A node's, but for the names of the bed; the router needs the same key and timers.

    :param export: `none` for a BIRD that shall not write its routes into the kernel.
    """
    return f"""
log syslog all;
protocol device {{ }}
protocol kernel {{ ipv4 {{ import none; export {export}; }}; }}
protocol static {{ ipv4; }}
protocol ospf myAnycast {{
  ipv4 {{ import all; export all; }};
  area 0 {{
    stubnet {ANYCAST}/32 {{ }};
    interface "{INTERFACE}" {{
      cost 1; type broadcast; hello {hello}; retransmit 2; wait 2; dead {dead};
      authentication simple; password "{key}";
    }};
    interface "dummy0" {{ stub; }};
  }};
}}
"""


def frr_conf(key: str, hello: int, dead: int) -> str:
    """The router's, where FRR is told directly."""
    return f"""
interface {BRIDGE}
 ip ospf priority 128
 ip ospf hello-interval {hello}
 ip ospf dead-interval {dead}
 ip ospf authentication
 ip ospf authentication-key {key}
exit
router ospf
 ospf router-id {ROUTER_ADDRESS}
 network 172.18.0.0/26 area 0.0.0.0
exit
"""


BIRD_CONF = bird_conf()

# Its three menu entries; everything else is as a router comes from the factory.
ROUTER: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("routing", "ospf", "instance"), {"name": "home"}),
    (("routing", "ospf", "area"), {"name": "backbone", "instance": "home"}),
    (
        ("routing", "ospf", "interface-template"),
        {
            "area": "backbone",
            "interfaces": BRIDGE,
            "auth": "simple",
            "auth-key": KEY,
            "hello-interval": "3s",
            "retransmit-interval": "2s",
            "dead-interval": "4s",
        },
    ),
)
