"""Run `ansible-test sanity` or `ansible-test units` on a copy of this checkout.

ansible-test reads the real working directory, wants it to be .../ansible_collections/homelab/anycast, and beside it the
collections we build on; so the files that git knows are copied to such a place outside the checkout.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What the documentation fragments and imports of our plugins need.
DEPENDENCIES = ("community/routeros", "ansible/netcommon", "ansible/utils")

# ansible-test sanity builds environments and would fetch pip for them from elsewhere. This stands in for what it
# would fetch, and takes the pip that Python carries.
GET_PIP = """\
import subprocess
import sys

wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
subprocess.check_call([sys.executable, "-m", "pip", "install", *wanted])
"""
# For the versions of pip that ansible-test asks for: of ansible-core 2.19, and of 2.20 and 2.21.
GET_PIP_PATHS = [Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{pip}.py" for pip in ("24_2", "25_2")]


def copy_checkout(target: Path) -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        source = ROOT / name
        # A file that is deleted but not committed yet is still listed.
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def main(command: str, *arguments: str) -> int:
    import ansible

    bundle = Path(ansible.__file__).parents[1] / "ansible_collections"
    for path in GET_PIP_PATHS:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(GET_PIP)
    with tempfile.TemporaryDirectory(prefix="homelab-anycast-") as folder:
        collections = Path(folder) / "ansible_collections"
        copy_checkout(collections / "homelab" / "anycast")
        for dependency in DEPENDENCIES:
            (collections / dependency).parent.mkdir(parents=True, exist_ok=True)
            (collections / dependency).symlink_to(bundle / dependency)
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-test")),
                command,
                "--python",
                python,
                "--color",
                "no",
                *arguments,
            ],
            cwd=collections / "homelab" / "anycast",
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
