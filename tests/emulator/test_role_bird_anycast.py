"""The role bird_anycast in check mode, on a node which is this machine: its loopback is the link."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .playbook import ANSIBLE_PLAYBOOK, PYTHON

ROOT = Path(__file__).parents[2]
# Says of each unit that it is there and runs, one block for each.
SYSTEMCTL = r"""#!/bin/sh
[ "$1" = show ] || exit 1
while [ "$1" != -- ]; do shift; done
shift
for unit; do
    printf 'Id=%s\nLoadState=loaded\nActiveState=active\nSubState=running\n' "$unit"
    printf 'UnitFileState=enabled\nStatusText=\n\n'
done
"""
SIP = {"name": "sip", "addresses": ["198.18.7.64"]}
# Says that bird2 is there.
DPKG_QUERY = '#!/bin/sh\n[ "$3" = bird2 ] && printf "installed 2.17"\n'
# What Ansible says at verbosity 4 when the plan reads the node.
READING = r"Using module file \S+/anycast_node_info\.py"
# The kernel of this machine may have no dummy driver, and is left alone.
IP = f'#!/bin/sh\n[ "$1" = link ] || exec {shutil.which("ip")} "$@"\n'
DNS = {"name": "dns", "addresses": ["198.18.7.65"], "interface": "dummy1"}


class Role:
    """Runs one entry point of the role, as an `ansible-playbook` process in this checkout."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, *entries: str, verbosity: str = "--verbose", **variables: Any) -> tuple[int, str]:
        """Run these, one after the other; return the exit code and everything that was printed, on one line."""
        values = {
            "bird_anycast_link": {"key": "key-of-the-test"},
            "bird_anycast_router_id": "127.0.0.1",
            "bird_anycast_interfaces": ["lo"],
            "bird_anycast_services": [SIP, DNS],
            **variables,
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": PYTHON, **values},
            "tasks": [
                {"include_role": {"name": "homelab.anycast.bird_anycast", "tasks_from": entry}} for entry in entries
            ],
        }
        # This machine stands for a node that systemd runs and ifupdown manages.
        programs = self._directory / "bin"
        programs.mkdir(exist_ok=True)
        for name, text in (
            ("systemctl", SYSTEMCTL),
            ("dpkg-query", DPKG_QUERY),
            ("ifup", "#!/bin/sh\n"),
            ("ifquery", "#!/bin/sh\n"),
            ("ip", IP),
        ):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (self._directory / "play.yml").write_text(yaml.safe_dump([play]))
        done = subprocess.run(
            [
                ANSIBLE_PLAYBOOK,
                "--inventory=localhost,",
                "--check",
                "--diff",
                verbosity,
                str(self._directory / "play.yml"),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "PATH": f"{programs}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def role(tmp_path: Path) -> Role:
    return Role(tmp_path)


def test_a_service_goes_and_the_others_keep_their_source_routing(role: Role) -> None:
    code, said = role("remove_service", bird_anycast_removed="dns", bird_anycast_source_gateway="127.0.0.2")
    assert code == 0, said
    assert "address 198.18.7.64/32" in said
    assert "post-up ip rule add from 198.18.7.64/32 lookup 64" in said
    # The plan shows for which services it was made. What is written after it has no trace of this one.
    _plan, first_change, written = said.partition(" : Announce | Install the announcer")
    assert first_change and "198.18.7.65" not in written


def test_bad_input_is_said_at_once(role: Role) -> None:
    code, said = role("validate", bird_anycast_cost=0, bird_anycast_withdraw_wait=60, bird_anycast_source_gateway="hap")
    assert code != 0
    for words in (
        "bird_anycast_cost is 0, expected 1 to 65535",
        "bird_anycast_withdraw_wait is 60, expected 0 to 20",
        "bird_anycast_source_gateway is 'hap', expected the IPv4 address of the router",
    ):
        assert words in said, words


@pytest.mark.parametrize("entries", [["main"], ["validate", "configure"], ["configure", "bird_conf"]])
def test_a_run_reads_the_node_once_and_shows_no_key(role: Role, entries: list[str]) -> None:
    code, said = role(*entries, verbosity="-vvvv")
    assert code == 0, said
    assert len(re.findall(READING, said)) == 1
    assert "key-of-the-test" not in said
    assert "address 198.18.7.64/32" in said and "+router id 127.0.0.1;" in said
