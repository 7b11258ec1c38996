"""Brings the RouterOS emulator of this checkout to a router, where it differs from what is there."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from lab import ssh, tarball
from lab.errors import LabError
from lab.machines import API_PORT, API_TLS_PORT, Machine, Ports
from lab.paths import SOURCE

PACKAGE = SOURCE / "routeros"
UNIT = SOURCE / "personality" / "routeros.service"
TARGET = "/opt/routeros"

PATIENCE = 300.0
"""Seconds for the emulator to start: about 3 on an idle host under tcg, over a minute when the host is crowded."""

INSTALL = f"""# start routeros.service (the emulator of the router's API)
set -e
rm -rf {TARGET}
mkdir -p {TARGET}
tar -C {TARGET} -xf -
cp {TARGET}/{UNIT.name} /etc/systemd/system/
echo {{digest}} >{TARGET}/.digest
systemctl daemon-reload
systemctl restart routeros.service
for attempt in $(seq 400); do
    ports=$(ss -Hltn)
    case $ports in *:{API_PORT}\\ *) case $ports in *:{API_TLS_PORT}\\ *) exit 0 ;; esac ;; esac
    sleep 0.3
done
systemctl status --no-pager --lines=15 routeros.service
exit 1
"""


def librouteros() -> Path:
    """The library of the Python which runs the lab: the version pinned for the tests, where Debian's is older."""
    spec = importlib.util.find_spec("librouteros")
    if spec is None or spec.origin is None:
        raise LabError("this Python has no librouteros, which the router's emulator needs; use the one of .venv")
    return Path(spec.origin).parent


def bundle(sources: list[Path]) -> bytes:
    """Tar file of Python packages and single files."""
    return tarball.pack(item for source in sources for item in tarball.files_of(source, source.parent))


def sync(router: Machine, ports: Ports) -> str:
    """Make the router run the emulator of this checkout; says what was done, nothing if nothing was."""
    if not (PACKAGE / "__main__.py").exists():
        return "this checkout has no emulator (lab/routeros): the router has no API"
    data = bundle([PACKAGE, librouteros(), UNIT])
    digest = hashlib.sha256(data).hexdigest()
    there = ssh.run(router, ports, f"cat {TARGET}/.digest 2>/dev/null; systemctl is-active routeros.service || true")
    if there.split() == [digest, "active"]:
        return ""
    ssh.run(router, ports, INSTALL.format(digest=digest), data=data, timeout=PATIENCE)
    return f"emulator {digest[:8]} runs"
