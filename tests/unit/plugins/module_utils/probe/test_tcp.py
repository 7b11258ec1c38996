# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections on the loopback; that one opens and carries nothing is tests/integration/test_tcp.py's."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.probe.run import ProbeError, Series
from ansible_collections.homelab.anycast.plugins.module_utils.probe.tcp import connect_each


def asked(port, sources=("127.0.0.1",)):
    tallies, start = connect_each(Series(("127.0.0.1", port), list(sources), 1, 0.1, 1))
    return [tally.report(start, start) for tally in tallies]


def test_a_program_that_does_nothing_is_enough():
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = asked(server.getsockname()[1], ("127.0.0.1", "127.0.0.2"))
    assert [(one["source"], one["answered"], one["status_codes"]) for one in found] == [
        ("127.0.0.1", 1, {"carries data": 1}),
        ("127.0.0.2", 1, {"carries data": 1}),
    ]


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert asked(port)[0]["loss_reasons"] == {"connection refused": 1}


def test_a_source_that_this_host_does_not_have():
    with pytest.raises(ProbeError, match="cannot connect from source 192.0.2.1"):
        asked(9, ("192.0.2.1",))
