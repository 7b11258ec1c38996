# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of the announcer on a node, with no input or output here. Private to this collection."""

from __future__ import annotations

import ipaddress
import json
import textwrap
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..bird.paths import Paths
from ..model import ip
from ..model.services import Service

DIRECTORY = "/usr/local/lib/homelab-anycast"
PROGRAM = DIRECTORY + "/announcer.py"
# Isolated and without site packages: it starts sooner, and no environment changes what it does.
COMMAND = ("/usr/bin/python3", "-IS", PROGRAM)
SYSTEMD = "/etc/systemd/system"
UNIT = SYSTEMD + "/anycast-announce@.service"
WITHDRAW_UNIT = SYSTEMD + "/anycast-withdraw@.service"
BOOT = "/etc/tmpfiles.d/homelab-anycast.conf"
SETTINGS = "/etc/homelab-anycast"
ANNOUNCED = Paths().announced
STATE = "/var/lib/homelab-anycast"
# Where a check is tried before it is in force: root's, and open to the user that it runs as.
TRIALS = "/run"
DRAINED = STATE + "/drain"

# What Prometheus reads: of the announcers, and of the drains. Its node exporter reads all files of one directory, which
# Debian's package makes; so these get a link there.
METRICS = "/run/homelab-anycast/metrics.prom"
DRAIN_METRICS = STATE + "/drains.prom"
EXPORTED = "/var/lib/prometheus/node-exporter"
LINKS = {EXPORTED + "/anycast.prom": METRICS, EXPORTED + "/anycast-drains.prom": DRAIN_METRICS}

BIRD_UNIT = "bird.service"  # Runs where no unit is named: a service that is announced as long as BIRD runs

# Of the files that announce a service, by what the role's bird.conf includes: an OSPF area for each service, with an
# LSA of its own, or an interface of the link's area, whose networks share the node's router LSA. OSPFv2's comes first.
AREAS, INTERFACES = (".area", ".area3"), (".conf", ".v3")
SUFFIXES = (*AREAS, *INTERFACES)
_V3 = (AREAS[1], INTERFACES[1])

_HEADER = "# Written by the role homelab.anycast.bird_anycast; changes are lost.\n"

# Seconds by which a checker may be late before systemd takes it for hanging, kills it and so has the service withdrawn:
# it talks to BIRD in between.
_WATCHDOG_MARGIN = 4

# What else stands in the section [Service] of the unit. The directory of links may not be there yet.
_NOT_OF_SANDBOX = (
    "Exec",
    "NotifyAccess",
    "ReadWritePaths",
    "RemainAfterExit",
    "Restart",
    "SyslogId",
    "Timeout",
    "Type",
)

# The settings of the unit that need a mount namespace, which a container may not have (systemd.exec(5); 226/NAMESPACE),
# and what is left of them without one.
NAMESPACES = {
    "PrivateTmp": "no",
    "PrivateDevices": "no",
    "ProtectClock": "no",
    "ProtectControlGroups": "no",
    "ProtectHome": "no",
    "ProtectHostname": "no",
    "ProtectKernelLogs": "no",
    "ProtectKernelModules": "no",
    "ProtectKernelTunables": "no",
    "ProtectProc": "default",
    "ProtectSystem": "no",
    "ProcSubset": "all",
    "ReadWritePaths": "",
}

# Of these, what is tried on a node before the user bird and the directory of links are there.
TRIED_NAMESPACES = (("PrivateTmp", "yes"), ("PrivateDevices", "yes"), ("ProtectSystem", "strict"))

_WARNING = 4  # Of syslog(3)


def instance(name: str) -> str:
    """Return the unit that announces a service."""
    return f"anycast-announce@{name}.service"


def withdrawer(name: str) -> str:
    """Return the unit that withdraws a service whose announcer could not."""
    return f"anycast-withdraw@{name}.service"


def starter(service: Service) -> str:
    """Return the unit whose start has the service announced."""
    return service.unit or BIRD_UNIT


def units_of(services: Iterable[Service]) -> list[str]:
    """Return for each service the unit that announces it, and the one that it follows."""
    return [unit for service in services for unit in (instance(service.name), starter(service))]


def drop_in(name: str) -> str:
    """Return the path of what a service adds to the unit that announces it."""
    return f"{SYSTEMD}/{instance(name)}.d/homelab-anycast.conf"


def settings_file(name: str) -> str:
    """Return the path of what the program reads of a service."""
    return f"{SETTINGS}/{name}.json"


def sandbox(unit: str, namespaces: bool = True) -> list[str]:
    """Return the settings of the unit's text that decide what a check may do, as systemd-run(1) takes them."""
    section, found = "", []
    without = () if namespaces else tuple(f"{name}=" for name in NAMESPACES)
    for line in unit.splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith(("#", *_NOT_OF_SANDBOX, *without)):
            found.append(line)
    return found


def service_files(service: Service, withdraw_wait: float, namespaces: bool = True) -> dict[str, str]:
    """Return the text of each file of a normalised service, by its path.

    :param withdraw_wait: seconds that the router has to change its next hops.
    :param namespaces: whether systemd can give a unit its own view of the file system here.
    """
    name = service.name
    return {
        **{f"{SETTINGS}/{name}{suffix}": text for suffix, text in _announcements(service).items()},
        settings_file(name): _settings(service, withdraw_wait),
        drop_in(name): _instance(service) + ("" if namespaces else _without_namespaces(service)),
        # Not Upholds=: of a drained service it would try the start again and again, some 150 lines of journal a minute.
        f"{SYSTEMD}/{starter(service)}.d/homelab-anycast-{name}.conf": f"{_HEADER}[Unit]\nWants={instance(name)}\n",
    }


# What may be left empty when all of it goes; the inner one first.
DIRECTORIES = (DIRECTORY, SETTINGS, ANNOUNCED, DRAINED, STATE, METRICS.rpartition("/")[0])


def patterns(everything: bool = False) -> list[str]:
    """Return glob patterns of the paths that services have; of all that there may be on a node, if asked for."""
    of_all = [PROGRAM, UNIT, WITHDRAW_UNIT, BOOT, DRAINED + "/*.json", METRICS, DRAIN_METRICS] if everything else []
    of_bird = [f"{SETTINGS}/*{suffix}" for suffix in SUFFIXES]
    return [*of_bird, SETTINGS + "/*.json", drop_in("*"), SYSTEMD + "/*.d/homelab-anycast-*.conf", *of_all]


def links_without_file(paths: Iterable[str]) -> list[str]:
    """Return the links to those files, of the paths that are superfluous, which BIRD would miss."""
    return [ANNOUNCED + path[len(SETTINGS) :] for path in paths if path.startswith(SETTINGS) and path.endswith(_V3)]


def names_of(paths: Iterable[str]) -> list[str]:
    """Return the names of the services that have a file among the paths, sorted."""
    kinds = {(SETTINGS, ".json"), (ANNOUNCED, ".conf")}
    return sorted({path.stem for path in map(PurePosixPath, paths) if (str(path.parent), path.suffix) in kinds})


def needs_restart(service: Service, changed: Iterable[str]) -> bool:
    """Return whether an instance that runs has to start anew, by the paths of the files that have changed.

    Without a check nothing runs that could be outdated, but the relations to other units are those of the start.
    """
    outdated = [drop_in(service.name)]
    if service.check:
        outdated += [PROGRAM, UNIT, settings_file(service.name)]
    return any(path in changed for path in outdated)


def needs_reload(service: Service, changed: Iterable[str]) -> bool:
    """Return whether BIRD has to read anew what it includes of a service, by the paths of what has changed."""
    return any(f"{SETTINGS}/{service.name}{suffix}" in changed for suffix in SUFFIXES)


def _announcements(service: Service) -> dict[str, str]:
    """Return what BIRD includes of a service, by suffix."""
    addresses = ip.of_version(service.addresses, 4)
    own = "".join(f'interface "{service.interface}" {address} {{ stub; }};\n' for address in addresses)
    texts = {INTERFACES[0]: own, AREAS[0]: _area(service, own)}
    if ip.has_ipv6(service.addresses):
        # Of OSPFv3 BIRD takes the whole interface only; the services model keeps others' addresses off it.
        whole = f'interface "{service.interface}" {{ stub; }};\n'
        texts.update({INTERFACES[1]: whole, AREAS[1]: _area(service, whole)})
    return {suffix: _HEADER + text for suffix, text in texts.items()}


def _area(service: Service, interfaces: str) -> str:
    return f"area {area_id(service)} {{\n{textwrap.indent(interfaces, '  ')}}};\n" if interfaces else ""


def area_id(service: Service) -> str:
    """Return the id of a service's OSPF area: its first IPv4 address, which no other service has.

    Of one without, a checksum of its name, odd so that it is not the link's area 0.0.0.0.
    """
    for address in ip.of_version(service.addresses, 4):
        return address.partition("/")[0]
    return str(ipaddress.IPv4Address(zlib.crc32(service.name.encode()) | 1))


def _settings(service: Service, withdraw_wait: float) -> str:
    check = service.check.as_dict() if service.check else None
    settings = {"addresses": service.addresses, "check": check, "withdraw_wait": withdraw_wait}
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def _instance(service: Service) -> str:
    when = f"while {starter(service)} runs"
    if service.check:
        when += " and the service is healthy"
    text = f"[Unit]\nDescription=Announce {service.name} ({', '.join(service.addresses)}) {when}\n"
    if service.unit:
        # Withdrawn before it stops, and whenever it is gone.
        text += f"BindsTo={service.unit}\nAfter={service.unit}\n"
    if service.check:
        text += (
            "\n[Service]\nType=notify\nRemainAfterExit=no\n"
            f"ExecStart=\nExecStart={' '.join(COMMAND)} run %i\n"
            f"WatchdogSec={service.check.interval + _WATCHDOG_MARGIN:g}\n"
        )
    return _HEADER + text


def _without_namespaces(service: Service) -> str:
    lines = [f"{name}={value}" for name, value in NAMESPACES.items()]
    return "\n".join([*([] if service.check else ["", "[Service]"]), *lines]) + "\n"


def drain_file(service: str | None) -> str:
    """Return the path of the state file of a drain: of one service, or of the whole node where that is None.

    Such a file keeps the service from being announced: the unit has it as a condition.
    """
    return DRAINED + "/node.json" if service is None else f"{DRAINED}/service-{service}.json"


def is_healthy(service: Service, unit: Mapping[str, str], instance: Mapping[str, str]) -> bool | None:
    """Return whether a service is healthy, None where nothing has checked it.

    :param unit: systemd's properties of the unit that it follows.
    :param instance: those of its announcer, whose StatusText is what announcer.py's describe() says.
    """
    if unit["ActiveState"] != "active":
        return False
    if not service.check:
        return True
    text = instance.get("StatusText") or ""
    if instance["ActiveState"] != "active" or not text or "health is not known" in text:
        return None
    return text.startswith(("announced", "withdrawn: healthy,"))


def service_changes(journal: str) -> list[dict[str, Any]]:
    """Return the changes of a service as [{time, text}], the last one first, out of the journal of its announcer.

    Those are the announcer's own lines, and systemd's warnings, such as of a checker that was killed. What systemd says
    of each start and stop is left out.

    :param journal: output of C(journalctl --output json), one object on each line.
    """
    found: list[dict[str, Any]] = []
    for line in journal.splitlines():
        try:
            entry = json.loads(line)
            seconds = int(entry["__REALTIME_TIMESTAMP"]) // 1000000
            text, priority = entry["MESSAGE"], int(entry.get("PRIORITY", 6))
        except (ValueError, KeyError, TypeError):
            continue
        # A message with other than printable characters is a list of octets.
        if isinstance(text, list):
            text = bytes(text).decode("utf-8", "replace")
        if entry.get("SYSLOG_IDENTIFIER") != "anycast-announce" and priority > _WARNING:
            continue
        found.append({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)), "text": str(text)})
    return found[::-1]
