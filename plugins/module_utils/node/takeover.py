# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was on a node before the role: whose bird.conf it is, and which hand-made interface is ours from now on.

Nothing in here does input or output. A summary is one of bird/conf.py summary(), a service is a normalised one.
"""

from __future__ import annotations

import fnmatch
import ipaddress

# What bird.conf is, in the order in which it is asked.
NONE, OURS, PLAIN, ARTICLE, FOREIGN = "none", "ours", "plain", "article", "foreign"

# Of these alone BIRD tells nobody anything; as the package brings them.
_PLAIN_KINDS = ("device", "direct", "kernel", "static")

# As our configuration calls it.
PROTOCOL = "anycast"
# A pattern, as BIRD takes it for no error where no file matches: before our file is there, and when it is gone.
INCLUDED = "anycast.conf"
INCLUDE_PATTERN = "anycast*.conf"

# Where what was there before is kept, by its own path; closed to everybody but root.
KEPT = "/var/lib/homelab-anycast/before"


def kind(summary, services):
    """Return what a bird.conf is: NONE, OURS, PLAIN, ARTICLE or FOREIGN.

    ARTICLE is one that announces the addresses of the services and does nothing else that we know of, as written by
    hand after the article. PLAIN tells nobody anything, as the package's own. Both are replaced. FOREIGN is all else.
    """
    if summary is None:
        return NONE
    if summary["ours"]:
        return OURS
    if summary["others"] or summary["includes"]:
        return FOREIGN
    speaking = [protocol for protocol in summary["protocols"] if not _is_plain(protocol)]
    if not speaking:
        return PLAIN
    return ARTICLE if len(speaking) == 1 and _is_articles(speaking[0], services) else FOREIGN


def _is_plain(protocol):
    return protocol["kind"] in _PLAIN_KINDS and not (protocol["routes"] or protocol["others"] or protocol["template"])


def _is_articles(protocol, services):
    stubs = [entry for entry in protocol["interfaces"] if entry["stub"]]
    names = {service.interface for service in services}
    return (
        protocol["kind"] == "ospf2"
        and not (protocol["others"] or protocol["template"])
        and len(protocol["areas"]) == 1
        and bool(protocol["stubnets"] or stubs)
        and all(_network(prefix) in _networks(services) for prefix in protocol["stubnets"])
        and all(name in names for entry in stubs for name in entry["patterns"])
    )


def _network(prefix):
    try:
        return ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return None


def _networks(services):
    return {_network(address) for service in services for address in service.addresses}


def speaks_on(protocol, interface):
    """Return whether an OSPF protocol has an interface that is no stub: the first pattern that matches decides."""
    for entry in protocol["interfaces"]:
        for pattern in entry["patterns"] or ["*"]:
            if fnmatch.fnmatchcase(interface, pattern.lstrip("-")):
                if pattern.startswith("-"):
                    break
                return not entry["stub"]
    return False


def include_line(directory):
    """Return the line by which somebody's bird.conf includes our file."""
    return f'include "{directory}/{INCLUDE_PATTERN}";'


def including_ours(summary, directory):
    """Return by what a bird.conf includes our file, by patterns or by its name."""
    paths = [path if path.startswith("/") else f"{directory}/{path}" for path in summary["includes"]]
    return [path for path in paths if fnmatch.fnmatchcase(f"{directory}/{INCLUDED}", path)]


def bird_conf_problems(summary, services, interfaces, bfd, directory):
    """Return what keeps our protocol from running inside somebody else's bird.conf, one sentence each.

    :param interfaces: names of the interfaces that are to speak OSPF.
    :param bfd: whether the link has BFD.
    """
    if kind(summary, services) != FOREIGN:
        return []
    path = f"{directory}/bird.conf"
    protocols = summary["protocols"]
    problems = []
    found = including_ours(summary, directory)
    if found and all(included.endswith("/" + INCLUDED) for included in found):
        problems.append(
            f"{path} includes {directory}/{INCLUDED} by its name, so that BIRD would not start without that file,"
            " as after"
            f" homelab.anycast.remove: write '{include_line(directory)}' instead"
        )
    elif not found:
        problems.append(
            f"{path} on this node is somebody else's ({_contents(summary)}) and stays as it is: add the line"
            f" '{include_line(directory)}' at its end, outside of every"
            f" block; nothing matches it yet, which BIRD does not mind. The role then writes {directory}/{INCLUDED}"
            " and nothing else"
            " there"
        )
    if not any(protocol["kind"] == "device" for protocol in protocols):
        problems.append(
            f"{path} has no 'protocol device', without which BIRD sees no interface go up or down: add"
            " 'protocol device { }' to it"
        )
    for protocol in protocols:
        name = protocol["name"] or protocol["kind"]
        if protocol["name"] == PROTOCOL:
            problems.append(
                f"{path} has a protocol of the name '{PROTOCOL}' already, which is the name of ours: rename it there"
            )
        if protocol["kind"] == "ospf2":
            problems.extend(
                f"the protocol '{name}' in {path} speaks OSPF on {interface} already, and two of them there would"
                " answer each other's"
                " packets: take that interface out of it, or out of bird_anycast_interfaces"
                for interface in interfaces
                if speaks_on(protocol, interface)
            )
        if protocol["kind"] == "bfd" and bfd:
            problems.append(
                f"{path} has a 'protocol bfd' already, and only one can have its UDP port: take it out of that"
                " file, or set"
                " bfd to false in bird_anycast_link"
            )
        problems.extend(
            f"the protocol '{name}' in {path} announces {prefix} whether its service runs or not: take it out there"
            for prefix in (*protocol["stubnets"], *protocol["routes"])
            if _network(prefix) in _networks(services)
        )
    return problems


def _contents(summary):
    names = ["{} {}".format(p["kind"], p["name"] or "").strip() for p in summary["protocols"] if not _is_plain(p)]
    more = [*summary["others"], *(["include"] if summary["includes"] else [])]
    return "; ".join(
        part
        for part in (
            "protocols: " + ", ".join(names) if names else "",
            "statements: " + ", ".join(more) if more else "",
        )
        if part
    )


def stanza_problems(stanzas, services):
    """Return what would get lost with hand-made interfaces of the services, one sentence each.

    :param stanzas: list of {file, name, addresses, extra, heirs}.
    """
    problems = []
    for stanza in stanzas:
        wanted = {
            address.split("/")[0]
            for service in services
            if service.interface == stanza["name"]
            for address in service.addresses
        }
        problems.extend(
            "interface {} in {} has the address {}, which no service has: add it to the addresses of a service in"
            " bird_anycast_services, or give it to another interface".format(stanza["name"], stanza["file"], address)
            for address in stanza["addresses"]
            if address not in wanted
        )
        if stanza["extra"]:
            problems.append(
                "interface {} in {} has {}, which the role would not keep: take what it is for to an interface or a"
                " unit of your own".format(stanza["name"], stanza["file"], ", ".join(stanza["extra"]))
            )
        if stanza["heirs"]:
            problems.append(
                "interface {} in {} is what {} inherits from: write that one out in full".format(
                    stanza["name"], stanza["file"], ", ".join(stanza["heirs"])
                )
            )
    return problems


def notes(summary, stanzas, services, router_id, directory):
    """Return what the role takes over, one sentence each; empty where it finds nothing of anybody's."""
    said = []
    what = kind(summary, services)
    path = f"{directory}/bird.conf"
    kept = f"; what was there is kept below {KEPT}"
    if what == ARTICLE:
        protocol = next(p for p in summary["protocols"] if not _is_plain(p))
        name = "protocol ospf " + protocol["name"] if protocol["name"] else "protocol ospf"
        said.append(
            "{}, written by hand ({}), is replaced{}".format(path, ", ".join([name, *_announcing(protocol)]), kept)
        )
    elif what == FOREIGN:
        said.append(
            f"{path} is somebody else's ({_contents(summary)}) and stays; what announces is in {directory}/{INCLUDED}"
        )
        if summary["router_id"] != str(router_id):
            said.append(
                "its router id is {}, that of the protocol {} alone is {} (bird_anycast_router_id)".format(
                    summary["router_id"] or "not set", PROTOCOL, router_id
                )
            )
    said.extend(
        "the interface {} goes from {} to a file of its own, and stays up{}".format(
            stanza["name"], stanza["file"], kept
        )
        for stanza in stanzas
    )
    return said


def _announcing(protocol):
    for prefix in protocol["stubnets"]:
        yield "stubnet " + prefix
    for entry in protocol["interfaces"]:
        if entry["stub"]:
            yield "interface " + " ".join(entry["patterns"])


# ---------------------------------------------------------------------------------------------------------------------
# Packages


def purged(text):
    """Return the packages that apt-get -s would remove, in its order: lines C(Remv NAME [VERSION]) or C(Purg ...)."""
    found = (line.split() for line in text.splitlines())
    return [words[1].rstrip("*") for words in found if len(words) > 1 and words[0] in ("Remv", "Purg")]


def to_purge(packages, with_them, without_them):
    """Return which packages came with those that the role has installed, and go with them.

    :param packages: what the role has installed.
    :param with_them: output of C(apt-get -s purge --auto-remove) of those.
    :param without_them: output of C(apt-get -s autoremove): what nobody needs anyway, and is not our business.
    """
    others = set(purged(without_them))
    return [name for name in dict.fromkeys([*packages, *purged(with_them)]) if name in packages or name not in others]
