"""FRR with OpenSSL, built once from the source of Debian's own package and kept in the user's cache.

Debian builds FRR without a crypto library; it has no HMAC-SHA-1, -384 and -512. Only the daemons that are handed keys
are built (two minutes), and run with Debian's others.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
from pathlib import Path

from .rootfs import SUITE, cache_directory, locked

FILES = {
    "libfrr.so.0": "lib/.libs",
    "libmgmt_be_nb.so.0": "mgmtd/.libs",
    "mgmtd": "mgmtd/.libs",
    "ospfd": "ospfd/.libs",
    "ospf6d": "ospf6d/.libs",
}
"""What is kept, and where make puts it."""
# What FRR's developers' guide asks for, less what belongs to daemons that are not built.
_PACKAGES = (
    "autoconf", "automake", "bison", "dpkg-dev", "flex", "gcc", "libc6-dev", "libcap-dev", "libelf-dev",
    "libjson-c-dev", "libprotobuf-c-dev", "libreadline-dev", "libssl-dev", "libtool", "libyang-dev", "make", "perl",
    "pkg-config", "protobuf-c-compiler", "python3-dev",
)  # fmt: skip
_OTHER_DAEMONS = (
    "babeld", "bfdd", "bgpd", "eigrpd", "fabricd", "isisd", "ldpd", "nhrpd", "ospfclient", "pathd", "pbrd", "pim6d",
    "pimd", "ripd", "ripngd", "sharpd", "vrrpd", "watchfrr",
)  # fmt: skip
# User, groups and directories are those of Debian's package.
_BUILD = f"""set -e
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
apt-get --quiet=2 update
mkdir /build
cd /build
apt-get --quiet=2 source frr
cd frr-*/
./bootstrap.sh
./configure --quiet --prefix=/usr --sysconfdir=/etc --localstatedir=/var --with-crypto=openssl --disable-doc \
    --enable-user=frr --enable-group=frr --enable-vty-group=frrvty \
    {" ".join(f"--disable-{name}" for name in _OTHER_DAEMONS)}
printf 'include Makefile\\nsources: $(BUILT_SOURCES)\\n' >../sources.mk
make --file=../sources.mk sources
make --jobs="$(nproc)" lib/libfrr.la mgmtd/mgmtd ospfd/ospfd ospf6d/ospf6d
cp {" ".join(f"{place}/{name}" for name, place in FILES.items())} /build/
"""


def ensure_crypto_frr() -> Path:
    """The directory that has FILES; builds them on first use."""
    digest = hashlib.sha256(" ".join((SUITE, _BUILD, *_PACKAGES)).encode()).hexdigest()[:12]
    there = cache_directory() / f"frr-{digest}"
    with locked(there):
        if not there.is_dir():
            _build(there)
    return there


def _build(there: Path) -> None:
    unfinished = there.with_name(f"{there.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    log = there.with_name(f"{there.name}.log")
    command = [
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        "--format=null",
        f"--include={','.join(_PACKAGES)}",
        f'--customize-hook=chroot "$1" sh -c {shlex.quote(_BUILD)}',
        f"--customize-hook=copy-out {' '.join(f'/build/{name}' for name in FILES)} {unfinished}",
        SUITE,
        "-",
    ]
    print(f"building FRR with OpenSSL in {there}; the log is {log.name} beside it", flush=True)
    with log.open("w") as output:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    unfinished.rename(there)
