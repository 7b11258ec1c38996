# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the role's part of BIRD's configuration is, and what it is called there. Private to this collection.

The role's announcer.py, which imports nothing, and its unit say the same; a test of theirs compares them.
"""

from __future__ import annotations

import dataclasses

PROTOCOL, PROTOCOL_V3 = "anycast", "anycast_v3"  # Of the OSPF protocols


@dataclasses.dataclass(frozen=True)
class Paths:
    """The paths below BIRD's directory, which differs in tests only."""

    directory: str = "/etc/bird"

    @property
    def bird_conf(self) -> str:
        return f"{self.directory}/bird.conf"

    @property
    def part(self) -> str:
        """The file of the role that a bird.conf includes which the role does not manage."""
        return f"{self.directory}/anycast.conf"

    @property
    def part_pattern(self) -> str:
        """By this it is included: BIRD reports no error where no file matches, before it is there and afterwards."""
        return f"{self.directory}/anycast*.conf"

    @property
    def key(self) -> str:
        return f"{self.directory}/anycast.key"

    @property
    def announced(self) -> str:
        """The directory of what is announced, one file for each service."""
        return f"{self.directory}/anycast.d"
