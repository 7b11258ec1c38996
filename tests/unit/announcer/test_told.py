# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The announcer stands alone on a node, so it has a parser of its own: both say the same of what BIRD answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.bird.control import parse_told, split_reply
from ansible_collections.homelab.anycast.tests.unit.announcer.fake_node import load_program

announcer: Any = load_program()
RECORDED = json.loads((Path(__file__).parents[1] / "plugins" / "fixtures" / "bird" / "ospf_state.json").read_text())
ANSWERS = {
    f"{version} {case} {command}": lines
    for version, cases in RECORDED.items()
    for case, said in cases.items()
    for command, lines in said.items()
}
# Seen in the recordings: what a node tells, by the case and the protocol.
TOLD = {
    "stub anycast": {"172.18.0.64/32"},
    "areas anycast": {"172.18.0.64/32", "172.18.0.65/32"},
    "areas anycast_v3": {"2001:db8::64/128"},
}


@pytest.mark.parametrize("recorded", ANSWERS)
def test_both_parsers_say_the_same(recorded: str) -> None:
    answer = "".join(f"{line}\n" for line in ANSWERS[recorded]).encode()
    _version, case, *_show, protocol = recorded.split()
    _code, _text, whole = announcer.last_reply(answer)
    told = announcer.told_prefixes(whole)
    lines, _rest = split_reply(answer)
    assert told == TOLD[f"{case} {protocol}"]
    assert parse_told(lines, "0.0.0.0") == told


def test_they_differ_where_the_node_is_alone() -> None:
    """Nobody is told then. The announcer counts it all the same: a router may still have what it was told before."""
    answer = ANSWERS[next(recorded for recorded in ANSWERS if " stub " in recorded)]
    alone = [line.replace("distance 10", "unreachable") for line in answer]
    assert alone != answer
    data = "".join(f"{line}\n" for line in alone).encode()
    assert announcer.told_prefixes(announcer.last_reply(data)[2]) == {"172.18.0.64/32"}
    assert parse_told(split_reply(data)[0], "0.0.0.0") == set()
