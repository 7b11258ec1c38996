"""Query words."""

from __future__ import annotations

import pytest

from lab.routeros.errors import Trap
from lab.routeros.queries import matches

ROW = {"name": "ether2", "type": "ether", "mtu": "1500", "running": "true", "passive": ""}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], True),
        (["?name=ether2"], True),
        (["?=name=ether2"], True),
        (["?name=ether3"], False),
        (["?passive"], True),
        (["?comment"], False),
        (["?-comment"], True),
        (["?-name"], False),
        (["?running=yes"], True),
        (["?running=no"], False),
        (["?>mtu=999"], True),
        (["?>mtu=1500"], False),
        (["?<mtu=9000"], True),
        (["?<comment=x"], False),
        (["?type=ether", "?name=ether3"], False),
        (["?type=ether", "?name=ether3", "?#|"], True),
        (["?type=ether", "?name=ether2", "?#&"], True),
        (["?name=ether2", "?#!"], False),
        (["?name=a", "?name=b", "?name=ether2", "?#||"], True),
        (["?name=a", "?name=ether2", "?#1"], True),
        (["?name=a", "?name=ether2", "?#0"], False),
        (["?name=ether2", "?#.", "?#&"], True),
    ],
)
def test_queries(words: list[str], expected: bool) -> None:
    assert matches(ROW, words) is expected


@pytest.mark.parametrize("word", ["?", "?#&", "?#x", "?>mtu", "?#7"])
def test_a_broken_query_is_refused(word: str) -> None:
    with pytest.raises(Trap, match="invalid query word"):
        matches(ROW, [word])
