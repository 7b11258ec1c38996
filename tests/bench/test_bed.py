"""Who has which address on the quick bed."""

from __future__ import annotations

import pytest

from bed.topology import ANYCAST, HOME, WIDE


def test_the_articles_network() -> None:
    assert HOME.address(1) == "172.18.0.1"
    assert HOME.nodes(3) == ["172.18.0.11", "172.18.0.12", "172.18.0.13"]


def test_a_node_never_has_the_address_of_a_phone() -> None:
    assert HOME.nodes(11)[-1] == "172.18.0.21"
    with pytest.raises(ValueError, match="no room for 12 nodes"):
        HOME.nodes(12)


def test_many_nodes() -> None:
    nodes = WIDE.nodes(500)
    assert (nodes[0], nodes[-1], len(set(nodes))) == ("172.19.0.11", "172.19.1.254", 500)
    assert ANYCAST not in nodes
    with pytest.raises(ValueError, match="no room for 1013 nodes"):
        WIDE.nodes(1013)
