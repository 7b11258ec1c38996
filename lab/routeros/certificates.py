"""/certificate: what a router makes itself, by the openssl command. Private keys stay in the state file (mode 0600)."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import GENERAL, Trap

# Names of RouterOS and OpenSSL; the second are an extended usage (manual, "Certificates", key-usage).
_USAGES = {
    "digital-signature": "digitalSignature",
    "content-commitment": "nonRepudiation",
    "key-encipherment": "keyEncipherment",
    "data-encipherment": "dataEncipherment",
    "key-agreement": "keyAgreement",
    "key-cert-sign": "keyCertSign",
    "crl-sign": "cRLSign",
}
_EXTENDED = {"tls-server": "serverAuth", "tls-client": "clientAuth"}
USAGES = (*_USAGES, *_EXTENDED)
DEFAULT_USAGE = (
    "digital-signature,key-encipherment,data-encipherment,key-cert-sign,crl-sign,tls-server,tls-client"  # manual
)
KEY_SIZES = {
    "1024": ["rsa_keygen_bits:1024"],
    "1536": ["rsa_keygen_bits:1536"],
    "2048": ["rsa_keygen_bits:2048"],
    "4096": ["rsa_keygen_bits:4096"],
    "8192": ["rsa_keygen_bits:8192"],
    "prime256v1": ["ec_paramgen_curve:prime256v1"],
    "secp384r1": ["ec_paramgen_curve:secp384r1"],
    "secp521r1": ["ec_paramgen_curve:secp521r1"],
}


@dataclass(frozen=True)
class Signed:
    """A certificate with its private key, both PEM."""

    certificate: str
    key: str


def is_authority(usage: str) -> bool:
    """Whether a certificate of this usage may sign others."""
    return "key-cert-sign" in usage.split(",")


def sign(values: dict[str, str], authority: Signed | None) -> Signed:
    """Make a key and a certificate as the values of a template say; self-signed without an authority."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        key, certificate, config = place / "key.pem", place / "certificate.pem", place / "config"
        size = values["key-size"]
        kind = key_type(size).upper()
        options = [word for option in KEY_SIZES[size] for word in ("-pkeyopt", option)]
        _openssl("genpkey", "-algorithm", kind, *options, "-out", str(key))
        config.write_text(_configuration(values, authority is not None))
        command = ["req", "-x509", "-new", "-key", str(key), "-out", str(certificate), "-config", str(config)]
        command += ["-days", values["days-valid"], f"-{values.get('digest-algorithm', 'sha256')}"]
        if authority is not None:
            (place / "ca.pem").write_text(authority.certificate)
            (place / "ca.key").write_text(authority.key)
            command += ["-CA", str(place / "ca.pem"), "-CAkey", str(place / "ca.key")]
        _openssl(*command)
        return Signed(certificate.read_text(), key.read_text())


def describe_certificate(certificate: str) -> dict[str, str]:
    """What a router prints of a signed certificate (captures: terraform-routeros, resource_system_certificate.go)."""
    options = ("-fingerprint", "-serial", "-ext", "subjectKeyIdentifier,authorityKeyIdentifier")
    text = _openssl("x509", "-noout", "-sha256", *options, text=certificate)
    found = {
        name: "".join(re.findall(rf"{start}\s*([0-9A-F:]+)", text, re.IGNORECASE)).replace(":", "")
        for name, start in (("fingerprint", "Fingerprint="), ("serial-number", "serial="),
                            ("skid", "Subject Key Identifier:"), ("akid", "Authority Key Identifier:"))
    }  # fmt: skip
    # A self-signed one names no authority, and only the serial number is in capitals.
    found["akid"] = "" if found["akid"] == found["skid"] else found["akid"]
    return {name: value if name == "serial-number" else value.lower() for name, value in found.items()}


def key_type(size: str) -> str:
    """`rsa`, or `ec` where the size is the name of a curve (captures)."""
    return "rsa" if size.isdecimal() else "ec"


def _configuration(values: dict[str, str], has_issuer: bool) -> str:
    usages = values["key-usage"].split(",")
    lines = [
        "[req]",
        "prompt = no",
        "distinguished_name = name",
        "x509_extensions = extensions",
        "[name]",
        f"CN = {values['common-name']}",
        "[extensions]",
        f"basicConstraints = critical, CA:{'TRUE' if is_authority(values['key-usage']) else 'FALSE'}",
        "subjectKeyIdentifier = hash",
    ]
    if has_issuer:
        lines.append("authorityKeyIdentifier = keyid")
    for option, names in (("keyUsage = critical, ", _USAGES), ("extendedKeyUsage = ", _EXTENDED)):
        chosen = [names[usage] for usage in usages if usage in names]
        if chosen:
            lines.append(option + ", ".join(chosen))
    if values.get("subject-alt-name"):
        lines.append(f"subjectAltName = {values['subject-alt-name']}")
    return "\n".join(lines) + "\n"


def _openssl(*words: str, text: str | None = None) -> str:
    done = subprocess.run(["openssl", *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trap(f"failure: the emulator's openssl says: {done.stderr.strip()}", GENERAL)
    return done.stdout
