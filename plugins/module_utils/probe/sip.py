# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SIP OPTIONS request as a probe: what to send, and what an answer says. Private to this collection."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from .run import Address, Answer

_STATUS = re.compile(r"SIP/2\.0 (\d{3}) ?")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
# RFC 3261 7.3.3 and RFC 3261 20.43: a compact form, and who warns.
_COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length", "c": "content-type"}
_WARN_AGENT = re.compile(r"\d{3}\s+(\S+)")
_COOKIE = "z9hG4bK"  # RFC 3261 8.1.1.7: by this a branch is known to be unique


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


class SipProbe:
    """Numbered OPTIONS requests (RFC 3261 11). The token, random text of one run, tells our probes from others'."""

    name = "SIP OPTIONS"

    def __init__(self, token: str) -> None:
        self.token = token

    def key(self, number: int, source_index: int) -> str:
        """Return the branch."""
        return f"{_COOKIE}{self.token}.{source_index}.{number}"

    def request(self, number: int, source_index: int, source: Address, target: Address) -> bytes:
        ours = f"{_host(source[0])}:{source[1]}"
        theirs = f"{_host(target[0])}:{target[1]}"
        key = self.key(number, source_index)
        call = key[len(_COOKIE) :]
        lines = [
            f"OPTIONS sip:{theirs} SIP/2.0",
            # rport: answer to the port we sent from, whatever is between (RFC 3581).
            f"Via: SIP/2.0/UDP {ours};branch={key};rport",
            "Max-Forwards: 70",
            f"From: <sip:probe@{_host(source[0])}>;tag={self.token}",
            f"To: <sip:{theirs}>",
            f"Call-ID: {call}@{_host(source[0])}",
            f"CSeq: {number} OPTIONS",
            f"Contact: <sip:probe@{ours}>",
            "Accept: application/sdp",
            "User-Agent: homelab.anycast probe",
            "Content-Length: 0",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")

    def parse(self, data: bytes) -> Answer | None:
        """Return the answer in a datagram; None if it is no final one to a probe of this run."""
        text = data.decode("utf-8", "replace")
        first, _end, rest = text.partition("\n")
        status = _STATUS.match(first.strip())
        if not status:
            return None
        headers: dict[str, str] = {}
        for line in itertools.takewhile(bool, (line.rstrip("\r") for line in rest.split("\n"))):
            name, colon, value = line.partition(":")
            if colon:
                name = name.strip().lower()
                # Only the first Via is ours, and RFC 3261 does not repeat the others.
                headers.setdefault(_COMPACT.get(name, name), value.strip())
        branch = _BRANCH.search(headers.get("via", ""))
        if not branch or not branch[1].startswith(_COOKIE + self.token + "."):
            return None
        if headers.get("call-id", "").partition("@")[0] != branch[1][len(_COOKIE) :]:
            return None
        code = int(status[1])
        if code < 200:
            return None
        return Answer(branch[1], answering_node(headers), code)


def answering_node(headers: Mapping[str, str]) -> str | None:
    """Return the name of the node that answered: its Server header, else User-Agent, else who warns, else None."""
    for name in ("server", "user-agent"):
        if headers.get(name):
            return headers[name]
    warning = _WARN_AGENT.match(headers.get("warning", ""))
    return warning[1] if warning else None
