# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import pytest

from ansible_collections.homelab.anycast.plugins.module_utils.model import limits


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("bird_anycast_priority", [0, 255], [-1, 256]),
        ("bird_anycast_cost", [1, "65535"], [0, "65536"]),
        ("bird_anycast_withdraw_wait", [0, "1.5", 20], [-0.5, 20.5]),
        ("routeros_ospf_priority", [0, 255], [-1, 256]),
        ("routeros_ospf_cost", [1, 65535], [0, 65536]),
        ("anycast_wait", [0, "60"], [-1, "3601", "soon", "", None, "nan"]),
    ],
)
def test_ranges(name, good, bad):
    for value in good:
        assert limits.limit_problems({name: value}) == []
    for value in bad:
        (problem,) = limits.limit_problems({name: value})
        assert problem.startswith(f"{name} is {value}, expected ")


def test_all_at_once():
    assert limits.limit_problems({"bird_anycast_cost": 0, "bird_anycast_priority": 300}) == [
        "bird_anycast_cost is 0, expected 1 to 65535",
        "bird_anycast_priority is 300, expected 0 to 255",
    ]
