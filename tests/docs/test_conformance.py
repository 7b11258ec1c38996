"""What the checks of the conformance kit say depends on them is there."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.checks import CHECKS, READ, load

ROOT = Path(__file__).parents[2]


def test_what_depends_on_a_check_is_there() -> None:
    places = [ROOT / "plugins" / "module_utils", ROOT / "plugins", ROOT]
    for path in [READ, *CHECKS.glob("*.yml")]:
        for check in load(path.stem):
            for part in check.used_by.split(", "):
                file, _blank, name = part.partition(" ")
                found = [place / file for place in places if (place / file).exists()]
                assert found or part.startswith("("), f"{check.id}: {part}"
                assert part.startswith("(") or not name or name in found[0].read_text(), f"{check.id}: {part}"
