# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain


def test_a_drain_in_words():
    record = Drain.begin(None, "alice@desk", "new disk", 0)
    assert str(record) == "the node is being drained since 1970-01-01T00:00:00Z by alice@desk: new disk"
    record = dataclasses.replace(Drain.begin("sip", "bob", "test", 0), done=True)
    assert str(record) == "service 'sip' is drained since 1970-01-01T00:00:00Z by bob: test"


def test_a_drain_survives_its_file():
    record = Drain("sip", "bob", "test", "1970-01-01T00:00:00Z", True, ["kamailio.service"])
    assert Drain.parse(json.dumps(vars(record)), "sip") == record


@pytest.mark.parametrize("text", ["", "[]", '{"by": "bob"}'])
def test_a_damaged_file_is_a_drain_too(text):
    record = Drain.parse(text, "sip")
    assert record.covers("sip") and not record.covers("dns") and "the record is damaged" in str(record)
