"""Run the parts of `make test`, all or those named, and close with one line: N passed, M failed.

`matrix` is no part of it; names after it are what of it is to run: scenarios, `bed-matrix`, `example-ci`; else all.

A part is a list of steps; a step is a command. A pytest step counts its tests, any other step counts as one.
Every step runs, whatever failed before it, and its output goes to build/test/STEP.log; that of a failed one is shown.
Lint, sanity and unit tests use one processor, so two of their steps run at the same time.
Of molecule's each action that has ended is shown at once, as a scenario takes minutes.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import matrix  # noqa: E402

LOGS = ROOT / "build" / "test"
WORKFLOWS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(".github/workflows/*.yml"))
BIN = Path(sys.executable).parent
# By the name that its own imports have for it: below the checkout's root the same files would be others to mypy.
PLUGINS = ".ansible/collections/ansible_collections/homelab/anycast/plugins"
TYPED = ["bench", "docs/site", "lab", "molecule", "roles", "tests", PLUGINS]

# Scenarios that take too long for every change; `make matrix` runs them.
MATRIX = {
    "announcer",
    "bad_input",
    "bootstrap",
    "container",
    "controller",
    "diagnosis",
    "distributions",
    "drain",
    "examples",
    "figures",
    "installed",
    "interface_managers",
    "ipv6",
    "kills",
    "lsa_change",
    "registration",
    "reload",
    "remove",
    "rotate_key",
    "services",
    "source_routing",
    "speed",
    "takeover",
    "two_routers",
}
# The same of the quick bed.
# test_announcer.py has time limits that a busy machine breaks; tests/unit/announcer/test_faults.py simulates its time.
BED_MATRIX = (
    "tests/integration/test_announcer.py",
    "tests/integration/test_authentication.py",
    "tests/integration/test_example_services.py",
    "tests/integration/test_lsa_change.py",
    "tests/integration/test_metrics.py",
    "tests/integration/test_rotate_key.py",
    "tests/integration/test_shared_registrations.py",
    "tests/integration/test_two_routers.py",
)
# Scenarios that look into the emulator's machine, so not with a RouterOS of the user's in its place (ROUTER_IMAGE).
EMULATOR_ONLY = {
    "bootstrap": "writes the emulator's users",
    "ipv6": "gives the emulator's machine addresses",
    "source_routing": "gives the emulator's machine a route",
    "speed": "counts logins in the emulator's journal",
    "two_routers": "has an emulator as its second router",
}
# The tests of this program and of the one that it imports.
TOOLS = ("tests/test_run.py", "tests/test_matrix.py")
# What measures the line coverage of plugins/, as it calls them in its own process; pyproject.toml has the limit.
COVERED = ("tests/unit", "tests/emulator/test_bootstrap_modules.py")
# What makes the lab and removes it belongs to each run.
SCENARIOS = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")} - {"default"}


@dataclass(frozen=True)
class Step:
    name: str
    command: list[str]
    counts_tests: bool = False
    directory: Path = ROOT
    # What of its output to show while it runs, without colours.
    progress: re.Pattern[str] | None = None


def pytest(name: str, *arguments: str) -> Step:
    report = f"--junit-xml={LOGS / name}.xml"
    return Step(name, ["pytest", "-q", "-rs", report, *arguments], counts_tests=True)


def measured(name: str, *arguments: str) -> Step:
    return pytest(name, "--cov", "--cov-report=term", "--cov-report=json", *COVERED, *arguments)


# drain ➜ verify: Executed: Successful
ACTION = re.compile(r"\S+ ➜ \S+ Executed: .*")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def molecule(names: set[str], name: str = "molecule") -> list[Step]:
    excluded = (f"--exclude={other}" for other in sorted(SCENARIOS - names))
    return [
        # A run that was killed leaves machines in a state that nobody knows.
        Step("molecule-destroy", ["molecule", "destroy", "--scenario-name=default"]),
        Step(name, ["molecule", "test", "--all", *excluded], progress=ACTION),
    ]


PARTS: dict[str, list[Step]] = {
    "lint": [
        Step("ruff", ["ruff", "check", "."]),
        Step("ruff-format", ["ruff", "format", "--check", "."]),
        Step("mypy", ["mypy", *TYPED]),
        Step("yamllint", ["yamllint", "--strict", "."]),
        Step("ansible-lint", ["ansible-lint"]),
        Step("changelog", ["antsibull-changelog", "lint"]),
        Step("workflows", ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS]),
        Step("docs", ["python", "docs/site/build.py"]),
    ],
    "sanity": [
        Step("ansible-test-sanity", ["python", "tests/ansible_test.py", "sanity"]),
        Step("ansible-test-units", ["python", "tests/ansible_test.py", "units"]),
    ],
    "unit": [measured("unit", "tests/lab", "tests/molecule", "tests/bench", "tests/docs", "tests/release", *TOOLS)],
    "integration": [
        pytest("emulator", "-n2", "--dist=loadfile", "tests/emulator", f"--ignore={COVERED[1]}"),
        pytest("conformance", "tests/conformance"),
        # Each file has machines of its own, and waits more than it computes.
        pytest("bed", "-n3", "--dist=loadfile", "tests/integration", *(f"--ignore={path}" for path in BED_MATRIX)),
    ],
    "molecule": molecule(SCENARIOS - MATRIX),
}
# A project of its own, which uses the lab of this checkout.
EXAMPLE_CI = Step(
    "example-ci", ["molecule", "test", "--scenario-name=anycast"], directory=ROOT / "examples" / "ci", progress=ACTION
)
ON_DEMAND = {"coverage": [measured("coverage")]}
# The parts whose steps need one processor, and no other step.
ONE_PROCESSOR = ("lint", "sanity", "unit", "coverage")


def run(step: Step) -> tuple[int, int]:
    """Run a step; return how many of its tests passed and failed."""
    print(f"== {step.name} ...", flush=True)
    start = time.monotonic()
    log = LOGS / f"{step.name}.log"
    command = [str(BIN / step.command[0]), *step.command[1:]]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=step.directory, stdout=output, stderr=subprocess.STDOUT) as process,
        log.open(errors="replace") as written,
    ):
        code, unfinished = None, ""
        while code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=1)
            text, end, unfinished = (unfinished + written.read()).rpartition("\n")
            for line in step.progress.findall(COLOURS.sub("", text + end)) if step.progress else []:
                print(f"   {time.monotonic() - start:5.0f} s  {line}", flush=True)
    passed, failed, skipped = counts(step, code)
    if failed:
        print(log.read_text(errors="replace"))
    for reason in skipped:
        print(f"   skipped: {reason}")
    print(f"== {step.name}: {passed} passed, {failed} failed, {time.monotonic() - start:.0f} s", flush=True)
    return passed, failed


def counts(step: Step, code: int) -> tuple[int, int, list[str]]:
    """Return the numbers of passed and failed tests, and the reasons of those skipped."""
    report = LOGS / f"{step.name}.xml"
    if not step.counts_tests or not report.exists():
        return int(code == 0), int(code != 0), []
    cases = list(ET.parse(report).iter("testcase"))
    failed = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    skipped = [str(element.get("message")) for case in cases if (element := case.find("skipped")) is not None]
    # pytest may fail without a failed test. Of none at all it says 5, also where they were skipped as they need root.
    odd = code != 0 and not (code == 5 and skipped)
    return len(cases) - failed - len(skipped), failed or int(odd), skipped


def run_matrix(chosen: list[str]) -> list[tuple[int, int]]:
    """Run what is chosen, or the whole of the matrix, and write the rows of build/matrix.json."""
    names = set(chosen) or {"bed-matrix", *MATRIX, EXAMPLE_CI.name}
    known = {"bed-matrix", *SCENARIOS, EXAMPLE_CI.name}
    if unknown := sorted(names - known):
        sys.exit(f"no such scenario: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    names -= left_out(names)
    if not names:
        sys.exit("nothing is left to run: unset ROUTER_IMAGE")
    # The bed's rows are written by its own tests.
    results = [run(pytest("bed-matrix", *BED_MATRIX))] if "bed-matrix" in names else []
    left = names & SCENARIOS
    while left:
        # molecule stops at the first that fails; the others have a right to be seen, too.
        destroy, test = molecule(left, f"molecule-{len(results)}")
        results += [run(destroy), run(test)]
        verdicts = matrix.scenarios((LOGS / f"{test.name}.log").read_text(errors="replace"), left)
        for scenario, good in verdicts.items():
            print(f"   {scenario}: {'passed' if good else 'failed'}", flush=True)
            matrix.record(f"scenario {scenario}", "lab", good)
        if all(verdicts.values()):
            break
        left = left - verdicts.keys()
    if EXAMPLE_CI.name in names:
        results.append(run(EXAMPLE_CI))
        matrix.record("examples/ci", "lab", results[-1] == (1, 0))
    return results


def run_pairs(steps: list[Step]) -> list[tuple[int, int]]:
    """Run steps, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, steps))


def left_out(names: set[str]) -> set[str]:
    """Return which of these scenarios cannot run with the router of ROUTER_IMAGE, and say so."""
    found = names & EMULATOR_ONLY.keys() if os.environ.get("ROUTER_IMAGE") else set()
    for name in sorted(found):
        print(f"not run with ROUTER_IMAGE: {name}, which {EMULATOR_ONLY[name]}", flush=True)
    return found


def main(names: list[str]) -> int:
    parts = PARTS | ON_DEMAND
    if names[:1] != ["matrix"] and (unknown := [name for name in names if name not in parts]):
        sys.exit(f"no such part: {', '.join(unknown)}; there are matrix, {', '.join(parts)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    for old in LOGS.glob("*.xml"):
        old.unlink()
    if names[:1] == ["matrix"]:
        results = run_matrix(names[1:])
    else:
        chosen = names or [*PARTS]
        results = run_pairs([step for name in chosen if name in ONE_PROCESSOR for step in parts[name]])
        results += [run(step) for name in chosen if name not in ONE_PROCESSOR for step in parts[name]]
    passed, failed = (sum(column) for column in zip(*results, strict=True))
    if not names:
        print(f"not run: the scenarios {', '.join(sorted(MATRIX))}, which take too long for every change (make matrix)")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
