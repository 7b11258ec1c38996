"""The article's configuration, as it prints it."""

from __future__ import annotations

from typing import Any

from bed import ANYCAST
from bed.topology import BRIDGE, INTERFACE

KEY = "myOSPFpassword"
"""14 octets, of which simple authentication carries 8: both ends cut it."""

BIRD_CONF = f"""
log syslog all;
protocol device {{ }}
protocol kernel {{ ipv4 {{ import none; export all; }}; }}
protocol static {{ ipv4; }}
protocol ospf myAnycast {{
  ipv4 {{ import all; export all; }};
  area 0 {{
    stubnet {ANYCAST}/32 {{ }};
    interface "{INTERFACE}" {{
      cost 1; type broadcast; hello 3; retransmit 2; wait 2; dead 4;
      authentication simple; password "{KEY}";
    }};
    interface "dummy0" {{ stub; }};
  }};
}}
"""

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
