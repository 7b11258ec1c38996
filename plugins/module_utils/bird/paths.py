# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the role's part of BIRD's configuration is, and what it is called there. Private to this collection.

The role's announcer.py, which imports nothing, and its unit say the same; a test of theirs compares them.
"""

from __future__ import annotations

PROTOCOL, PROTOCOL_V3 = "anycast", "anycast_v3"  # Of the OSPF protocols


class Paths:
    """The paths below BIRD's directory, which differs in tests only."""

    def __init__(self, directory: str = "/etc/bird") -> None:
        self.directory = directory
        self.bird_conf = f"{directory}/bird.conf"
        self.part = f"{directory}/anycast.conf"  # Included by a bird.conf that the role does not manage
        # By this it is included: BIRD reports no error where no file matches, before it is there and afterwards.
        self.part_pattern = f"{directory}/anycast*.conf"
        self.key = f"{directory}/anycast.key"
        self.announced = f"{directory}/anycast.d"  # Has one file for each service that is announced
