#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of this name, which does it all."""

DOCUMENTATION = r"""
module: anycast_clock
short_description: Measure how far a host's clock is from the controller's
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Asks the host for its time, five times, and compares it with the controller's before and after. The quickest answer
    counts, as with NTP.
  - The playbook C(homelab.anycast.drill) uses it to order events of several hosts. It sets no clock.
notes:
  - Runs C(date) on the host; needs no Python there. The C(date) must know C(%N), as that of GNU and of busybox does.
extends_documentation_fragment: [homelab.anycast.attributes.read_only, homelab.anycast.attributes.controller]
options: {}
"""

EXAMPLES = r"""
- name: Measure how far the host's clock is from the controller's
  homelab.anycast.anycast_clock:
  register: clock
"""

RETURN = r"""
offset: {type: float, returned: success, description: "Seconds that the host's clock is ahead, negative if behind."}
uncertainty:
  description: Seconds by which the offset may be wrong in either direction, half the time of the quickest answer.
  returned: success
  type: float
"""
