# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    # What every module needs that speaks to BIRD; module_utils/bird/control.py has the argument spec.
    DOCUMENTATION = r"""
options:
  socket: {type: path, default: /run/bird/bird.ctl, description: BIRD's control socket.}
  timeout: {type: float, default: 5, description: Seconds in which BIRD must answer a question; more than 0.}
"""
