"""Configurations of BIRD for the bed's nodes."""

from __future__ import annotations

from .topology import ANYCAST, INTERFACE

# How BIRD writes each of RouterOS' authentications; key and key id as the callers below give them.
AUTHENTICATIONS = {
    "none": "",
    "simple": 'authentication simple; password "{key}";',
    "md5": 'authentication cryptographic; password "{key}" {{ id {key_id}; algorithm keyed md5; }};',
    "sha1": 'authentication cryptographic; password "{key}" {{ id {key_id}; algorithm hmac sha1; }};',
    "sha256": 'authentication cryptographic; password "{key}" {{ id {key_id}; algorithm hmac sha256; }};',
    "sha384": 'authentication cryptographic; password "{key}" {{ id {key_id}; algorithm hmac sha384; }};',
    "sha512": 'authentication cryptographic; password "{key}" {{ id {key_id}; algorithm hmac sha512; }};',
}


def node_config(
    address: str,
    *,
    auth: str = "none",
    key: str = "",
    key_id: int = 1,
    network: str = "broadcast",
    hello: int = 1,
    dead: int = 4,
    bfd: bool = False,
    networks: tuple[str, ...] = (),
) -> str:
    """An announcing node; `networks` are announced too, as what should not be accepted."""
    authentication = AUTHENTICATIONS[auth].format(key=key, key_id=key_id)
    more = "".join(f"stubnet {network};" for network in networks)
    session = f'protocol bfd {{ interface "{INTERFACE}" {{ interval 200 ms; multiplier 5; }}; }}' if bfd else ""
    return f"""
log "/run/bird/bird.log" all;
router id {address};
protocol device {{ }}
{session}
protocol ospf v2 myAnycast {{
  ipv4 {{ import none; export none; }};
  area 0 {{
    interface "{INTERFACE}" {{
      type {network}; priority 0; cost 1; hello {hello}; dead {dead}; retransmit 2; wait 2;
      bfd {"yes" if bfd else "no"}; {authentication}
    }};
    interface "dummy0" {ANYCAST}/32 {{ stub; }};
    {more}
  }};
}}
"""
