"""SSH keys and the routers' TLS certificate, made on first use and kept in `.lab/keys`."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from lab.errors import LabError
from lab.machines import MACHINES, ROUTER, ROUTERS, SPARES, Machine, Ports
from lab.paths import state_dir

DAYS = "3650"


def directory() -> Path:
    path = state_dir() / "keys"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def user_key() -> Path:
    """Private key which opens every machine."""
    return _ssh_key("id_ed25519", "homelab.anycast lab")


def host_key(machine: Machine) -> Path:
    return _ssh_key(f"{machine.name}_host_ed25519", machine.name)


def _ssh_key(name: str, comment: str) -> Path:
    path = directory() / name
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=directory()) as scratch:
            new = Path(scratch, name)
            _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(new)])
            new.with_name(f"{name}.pub").rename(path.with_name(f"{name}.pub"))
            new.rename(path)
    return path


def public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text()


def known_hosts(ports: Ports) -> str:
    """known_hosts of the lab: the host keys are ours, so that nothing has to be trusted on first use."""
    lines = []
    for machine in (*MACHINES, *SPARES):
        kind, key = public(host_key(machine)).split()[:2]
        lines.append(f"[127.0.0.1]:{ports.ssh(machine)} {kind} {key}\n")
    return "".join(lines)


def ca() -> Path:
    """Certificate of the authority which signed the routers'; what a client of the API is told to trust."""
    return state_dir() / "ca.pem"


def tls() -> dict[str, bytes]:
    """Certificate and key of the API of each router, by file name."""
    certificate, key = directory() / "router.pem", directory() / "router.key"
    if not (certificate.exists() and key.exists() and ca().exists()):
        _make_tls(certificate, key)
    return {"cert.pem": certificate.read_bytes(), "key.pem": key.read_bytes()}


def _make_tls(certificate: Path, key: Path) -> None:
    """A small authority and a certificate for the names a client may use. The authority's key is not kept."""
    own = [name for router in ROUTERS for name in (f"IP:{router.addresses[0]}", f"DNS:{router.name}")]
    names = f"subjectAltName={','.join(['IP:127.0.0.1', *own])}"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256"]
    new += ["-days", DAYS]
    with tempfile.TemporaryDirectory(dir=directory()) as scratch:
        ca_pem, ca_key, pem, private = (Path(scratch, name) for name in ("ca.pem", "ca.key", "pem", "key"))
        authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        _run([*new, "-subj", "/CN=homelab.anycast lab CA", *authority, "-keyout", str(ca_key), "-out", str(ca_pem)])
        server = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"]
        server += ["-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth"]
        server += ["-CA", str(ca_pem), "-CAkey", str(ca_key), "-subj", f"/CN={ROUTER.name}"]
        _run([*new, *server, "-keyout", str(private), "-out", str(pem)])
        private.rename(key)
        pem.rename(certificate)
        ca_pem.rename(ca())


def _run(command: list[str]) -> None:
    mask = os.umask(0o077)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        os.umask(mask)
    if done.returncode:
        raise LabError(f"`{command[0]}` failed with code {done.returncode}: {done.stderr.strip()[-500:]}")
