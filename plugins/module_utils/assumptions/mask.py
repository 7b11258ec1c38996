# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a router says without secrets, and without what tells whose router it is. Private to this collection."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Iterable

from ..secret import HIDDEN, MASKED_BY_ROUTER

# Properties that hold secrets: their values are in no line and no recording. What a router hides itself may be.
SECRETS = {"auth-key", "authentication-key", "password", "passphrase", "challenge-password", "contents", "secret"}
# Numbers and texts of this one router.
_PERSONAL = {"serial-number", "software-id", "fingerprint", "skid", "akid", "debug.fwp-ptr"}
# Properties whose values are RouterOS' own words. What stands in any other one is a name, unless it is a number.
_WORDS = {
    *("about", "action", "afi", "architecture-name", "auth", "board-name", "build-time", "connection-state"),
    *("contribution", "cpu", "factory-software", "icmp-options", "inactivity-policy", "ipv4-multipath-hash-policy"),
    *("key-type", "key-usage", "multipath-hash-policy", "network-type", "platform", "policy", "proto", "protocol"),
    *("redistribute", "rp-filter", "select-dynamic-id", "state", "tcp-flags", "tls-version", "type", "v3-protocol"),
    *("version", "via"),
}
# Names that all routers have.
_FACTORY = re.compile(
    r"(ether|wlan|wifi|sfp|combo|sfp-sfpplus)\d+|lo|bridge|main|all|none|dynamic|static|auto|unlimited|LAN|WAN|any|yes|no"
    r"|true|false|input|forward|output|prerouting|postrouting|srcnat|dstnat|read|write|full|admin|api|api-ssl|ftp|ssh"
    r"|telnet|winbox|www|www-ssl|reverse-proxy"
)
# Ids, numbers, times, dates and durations: 1h26m4s, 200ms, +01:00, 2026-11-30, 1048576, 0x1F, 1.3GHz.
_PLAIN = re.compile(r"\*[0-9A-F]+|[+:-]?\d[\d.:-]*([wdhms][\d.]*|ms|us|[kMG]i?[BH]?z?|bps)*", re.ASCII)
_IPV4 = r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
_IPV6 = r"(?<![\w.:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"
_MAC = r"(?<![\w:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![\w:])"
_NAME = r"[^\s,%@/!'\"\\=-][^\s,%@/!'\"\\=]*"
_PLACES = re.compile(rf"(?P<mac>{_MAC})|(?P<address>(?:{_IPV4}|{_IPV6})(?:/\d+)?)|{_NAME}")
# RFC 5737; what does not fit is of RFC 2544.
_DOCUMENTATION = [int(ipaddress.IPv4Address(text)) >> 8 for text in ("192.0.2.0", "198.51.100.0", "203.0.113.0")]
_BENCHMARK = int(ipaddress.IPv4Address("198.18.0.0")) >> 8
_IPV6_DOCUMENTATION = int(ipaddress.IPv6Address("2001:db8::")) >> 64
# These blocks are everybody's.
_COMMON = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "2000::/3"}


@dataclasses.dataclass
class Mask:
    """Hides secrets, always; with C(private) also addresses, names, comments and serial numbers.

    What is equal stays equal. Of an IPv4 address the last octet stays, and addresses of one /24 stay in one /24.
    """

    private: bool = False
    # What stays as it is: the words of the questions, which are published.
    public: set[str] = dataclasses.field(default_factory=set)
    _names: dict[str, str] = dataclasses.field(default_factory=dict)
    _networks: dict[int, int] = dataclasses.field(default_factory=dict)
    _hosts: dict[int, int] = dataclasses.field(default_factory=dict)

    def sent(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return a question. Its names are the collection's, but for those in C(public) neither its addresses."""
        return tuple(self._word(word, answered=False) for word in words)

    def answer(self, words: Iterable[str]) -> tuple[str, ...]:
        """Return a sentence of an answer."""
        return tuple(self._word(word, answered=True) for word in words)

    def text(self, text: str) -> str:
        """Return what is said of an answer that was masked before, so all names in it are known."""
        if not self.private:
            return text
        return _PLACES.sub(lambda match: self._place(match, new=False), text)

    def name(self, name: str) -> None:
        """Hide this name wherever it stands."""
        self._names.setdefault(name, f"name-{len(self._names) + 1}")

    def _word(self, word: str, answered: bool) -> str:
        match = re.match(r"([=?][^=]*=|\?=[^=]*=)(.*)\Z", word, re.DOTALL)
        if match is None:
            return self.text(word)
        start, value = match.groups()
        name = start.strip("=?!<>")
        if name in SECRETS:
            return start + (value if value in ("", MASKED_BY_ROUTER) else HIDDEN)
        if not self.private or value in self.public or (answered and name in _WORDS):
            return start + value
        if not answered or name == "message":
            return start + self.text(value)
        if name in _PERSONAL:
            self._names.update(dict.fromkeys([value] if value else [], HIDDEN))
            return start + (HIDDEN if value else "")
        if name == "comment":
            # Its words are often names that stand elsewhere too, but may be anything.
            self.name(value)
            return start + (self._names[value] if value else "")
        return start + _PLACES.sub(lambda found: self._place(found, new=True), value)

    def _place(self, match: re.Match[str], new: bool) -> str:
        """Return what stands for a part of a text; C(new): what is no known word is a name."""
        found = match[0]
        if match["mac"]:
            return "02:00:00:00:00:{:02X}".format(self._number(int(found.replace(":", ""), 16)))
        if match["address"]:
            return self._address(found)
        if new and not _FACTORY.fullmatch(found) and not _PLAIN.fullmatch(found):
            self.name(found)
        return self._names.get(found, found)

    def _address(self, text: str) -> str:
        host, slash, length = text.partition("/")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return text
        if text in _COMMON or address.is_unspecified or address.is_loopback or address.is_multicast:
            return text
        value = int(address)
        if address.version == 4:
            # Masks, and area ids.
            if value >> 24 in (0, 255):
                return text
            number = self._networks.setdefault(value >> 8, len(self._networks))
            network = _DOCUMENTATION[number] if number < len(_DOCUMENTATION) else _BENCHMARK + number
            return f"{ipaddress.IPv4Address((network << 8) + (value & 0xFF))}{slash}{length}"
        network, interface = divmod(value, 1 << 64)
        if not address.is_link_local:
            # Not among the numbers of IPv4, whose first three are precious.
            network = _IPV6_DOCUMENTATION + self._hosts.setdefault(network << 64, len(self._hosts) + 1)
        if interface > 0xFFFF:
            interface = 0x10000 + self._number(interface)
        return f"{ipaddress.IPv6Address((network << 64) + interface)}{slash}{length}"

    def _number(self, host: int) -> int:
        return self._hosts.setdefault(host, len(self._hosts) + 1)
