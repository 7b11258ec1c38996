"""What Prometheus is told: each alert is fired by its fault on real BIRD, FRR and systemd, and none by a drain.

The metrics of the nodes come from their real node exporter, the router's from the playbook status. What was read at
each step goes to promtool as if it had stayed so for some minutes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_announcer import INSTANCE, SERVER, SERVICE

from ansible_collections.homelab.anycast.plugins.module_utils.model.services import normalise_services
from ansible_collections.homelab.anycast.plugins.module_utils.node import announcer
from ansible_collections.homelab.anycast.plugins.module_utils.node.drain import Drain, drain_metrics
from bed import ANYCAST, Bed, ensure_rootfs, requirements, wait_for
from bed.emulator import Emulator
from bed.systemd import SystemdMachine, systemd_requirements
from role_network import LINK, Network
from role_node import PACKAGE_CONFIG, ROOT

if reason := requirements() or systemd_requirements(ensure_rootfs()):
    pytest.skip(reason, allow_module_level=True)

ROLE = ROOT / "roles" / "bird_anycast" / "files"
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"
SIP = {"name": "sip", "addresses": [ANYCAST], "unit": "sip.service", "check": {"kind": "sip"}}
SCRAPE = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
# Seconds from one sample to the next, as promtool is told.
INTERVAL = 30
DRAIN = Path(announcer.DRAINED, "service-sip.json")


def machine(name: str, _root: Path) -> SystemdMachine:
    return SystemdMachine(name, ensure_rootfs("prometheus", "prometheus-node-exporter"))


class Watched(Network):
    """Nodes with the announcer, and what was read of all at each step."""

    def __init__(self, bed: Bed, router: Emulator, directory: Path) -> None:
        super().__init__(bed, [router], directory, {**LINK, "bfd": True})
        self.steps: list[dict[str, float]] = []
        # How many samples each step makes, and which alerts are to be there after the last one.
        self.holds: list[int] = []
        self.expected: list[set[str]] = []

    @property
    def nodes(self) -> list[SystemdMachine]:
        return [node for node in self.bed.nodes if isinstance(node, SystemdMachine)]

    def sessions(self) -> int:
        """How many BFD sessions the router has up."""
        return sum(peer["status"] == "up" for peer in self.bed.router.vtysh_json("show bfd peers json"))

    def settled(self) -> bool:
        """Whether the router has had both nodes as neighbours for 5 s, and sends to both."""
        found = self.bed.router.vtysh_json("show ip ospf neighbor detail json")["neighbors"]
        full = [row for (row,) in found.values() if row["nbrState"].startswith("Full")]
        return len(full) == 2 and all(row.get("lastPrgrsvChangeMsec", 0) > 5000 for row in full) and self.hops() == [2]

    def inventory(self, link: dict[str, Any]) -> Path:
        file = super().inventory(link)
        groups = json.loads(file.read_text())
        for node in groups["all"]["children"]["anycast_nodes"]["hosts"].values():
            node["bird_anycast_services"] = [SIP]
        file.write_text(json.dumps(groups))
        return file

    def install(self, node: SystemdMachine) -> None:
        """What the module anycast_announcer does, which the unit tests prove."""
        node.write("/usr/local/lib/server.py", SERVER)
        node.write("/etc/systemd/system/sip.service", SERVICE.format(ANYCAST))
        node.write(announcer.PROGRAM, (ROLE / "announcer.py").read_text())
        for path in (announcer.UNIT, announcer.WITHDRAW_UNIT):
            node.write(path, (ROLE / Path(path).name).read_text())
        node.write(announcer.BOOT, (ROLE / "tmpfiles.conf").read_text())
        for service in normalise_services([SIP]):
            for path, text in announcer.service_files(service, 0).items():
                node.write(path, text)
        node.run("systemd-tmpfiles", "--create", announcer.BOOT)
        for path, target in announcer.LINKS.items():
            node.run("ln", "-s", target, path)
        node.systemctl("daemon-reload")
        node.systemctl("start", "sip", "prometheus-node-exporter")

    def announced(self, number: int) -> float:
        found = samples(self.nodes[number - 1], f"node{number}")
        return found[f'anycast_announced{{instance="node{number}",service="sip"}}']

    def wait_announced(self, number: int, wanted: bool) -> None:
        wait_for(f"the announcement of node{number} to be {wanted}", lambda: self.announced(number) == wanted)

    def see(self, *alerts: str, hold: int = 10) -> None:
        """Read all; it stays so for so many samples. These alerts are to be there then, and no other."""
        begin = time.time()
        found: dict[str, float] = {}
        for number, node in enumerate(self.nodes, 1):
            found.update(samples(node, f"node{number}"))
        file = self.directory / "status.prom"
        file.unlink(missing_ok=True)
        options = ["-e", "anycast_status_file=", "-e", f"anycast_status_metrics={file}"]
        printed = self.play("homelab.anycast.status", self.link, *options)
        assert file.exists(), printed
        found.update(parse(file.read_text(), "controller"))
        # promtool's time begins with 0.
        now = sum(self.holds) * INTERVAL
        for sample in found:
            if "_timestamp_seconds" in sample:
                found[sample] += now - begin
        self.steps.append(found)
        self.holds.append(hold)
        self.expected.append(set(alerts))


def samples(node: SystemdMachine, instance: str) -> dict[str, float]:
    return parse(node.run("python3", "-c", SCRAPE), instance)


def parse(text: str, instance: str) -> dict[str, float]:
    """Return our samples, with the label that Prometheus adds."""
    found = {}
    for line in text.splitlines():
        if line.startswith("anycast_"):
            sample, _blank, value = line.rpartition(" ")
            name, _brace, labels = sample.partition("{")
            # The words of the state are of no use to a rule.
            if name != "anycast_status_info":
                found[f'{name}{{instance="{instance}"{"," if labels else ""}{labels or "}"}'] = float(value)
    return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with Bed(2, node=machine) as bed:
        bed.router.start_frr()
        with Emulator(bed.router) as router:
            network = Watched(bed, router, tmp_path_factory.mktemp("metrics"))
            for node in network.nodes:
                node.write("/etc/bird/bird.conf", PACKAGE_CONFIG)
                node.run("install", "-d", "-o", "bird", "-g", "bird", "-m", "750", announcer.ANNOUNCED)
                node.systemctl("start", "bird")
            printed = network.site(network.link)
            assert printed.count("failed=0") == 3, printed
            for node in network.nodes:
                network.install(node)
            wait_for("both nodes as next hops", lambda: network.hops() == [2])
            yield network


def drain(node: SystemdMachine, record: Drain | None) -> None:
    """What the module anycast_drain does."""
    if record:
        node.run("mkdir", "-p", announcer.DRAINED)
        node.write(str(DRAIN), json.dumps(vars(record)))
        node.systemctl("stop", INSTANCE.format("sip"))
    else:
        node.run("rm", str(DRAIN))
        node.systemctl("start", INSTANCE.format("sip"))
    node.write(announcer.DRAIN_METRICS, drain_metrics([record] if record else []))


def test_each_alert_is_fired_by_its_fault_and_none_by_a_drain(watched: Watched) -> None:
    first, second = watched.nodes
    watched.see()
    text = first.run("python3", "-c", SCRAPE)
    assert "node_textfile_scrape_error 0" in text
    assert re.search(r'anycast_checks_total{result="passed",service="sip"} [1-9]', text)
    assert f'status="announced: {ANYCAST} answers SIP OPTIONS with 200"' in text

    drain(first, Drain.begin("sip", "alice", "new disk", time.time()))
    wait_for("one next hop", lambda: watched.hops() == [1])
    watched.see()
    drain(first, Drain.begin("sip", "alice", "new disk", time.time() - 25 * 3600))
    watched.see("AnycastDrainedTooLong")
    drain(first, None)
    wait_for("both next hops", lambda: watched.hops() == [2])
    watched.see()

    first.systemctl("kill", "--signal=STOP", "sip")
    watched.wait_announced(1, False)
    wait_for("one next hop", lambda: watched.hops() == [1])
    watched.see("AnycastFewerThanWanted")
    second.systemctl("stop", "sip")
    watched.wait_announced(2, False)
    watched.see("AnycastFewerThanWanted", "AnycastOutage")
    first.systemctl("kill", "--signal=CONT", "sip")
    second.systemctl("start", "sip")
    for number in (1, 2):
        watched.wait_announced(number, True)
    wait_for("both next hops", lambda: watched.hops() == [2])
    watched.see(hold=30)

    for alerts in ([], [], ["AnycastFlapping"]):
        first.systemctl("stop", "sip")
        watched.wait_announced(1, False)
        watched.see(*alerts, hold=2)
        first.systemctl("start", "sip")
        watched.wait_announced(1, True)
        wait_for("both next hops", lambda: watched.hops() == [2])
        watched.see(*alerts, hold=2)
    watched.see(hold=30)

    first.run("birdc", "disable", "bfd1")
    # OSPF may start anew without it.
    wait_for("one session", lambda: watched.sessions() == 1 and watched.settled())
    watched.see("AnycastBfdDown")
    first.run("birdc", "enable", "bfd1")
    wait_for("both sessions", lambda: watched.sessions() == 2 and watched.settled())
    watched.see()

    watched.routers[0].stop()
    watched.see("AnycastRouterUnseen")
    watched.routers[0].start()
    # status is not run any more.
    watched.see()
    watched.holds[-1] = 40
    watched.expected[-1] = {"AnycastRouterUnseen"}

    print(judge(watched, first))


def judge(watched: Watched, node: SystemdMachine) -> str:
    """Give all to promtool."""
    names = sorted({sample for step in watched.steps for sample in step})
    series = []
    for name in names:
        values = []
        for step, hold in zip(watched.steps, watched.holds, strict=True):
            # A sample that is gone is stale at once.
            values += [f"{step[name]:.15g}" if name in step else "stale"] * hold
        series.append({"series": name, "values": " ".join(values)})
    tests = []
    number = 0
    for hold, alerts in zip(watched.holds, watched.expected, strict=True):
        number += hold
        tests.append(
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0',
                "eval_time": f"{(number - 1) * INTERVAL}s",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)],
            }
        )
    story = {
        "rule_files": ["/tmp/alerts.yml"],
        "evaluation_interval": f"{INTERVAL}s",
        "tests": [{"interval": f"{INTERVAL}s", "input_series": series, "promql_expr_test": tests}],
    }
    node.write("/tmp/alerts.yml", ALERTS.read_text())
    node.write("/tmp/story.yml", yaml.safe_dump(story))
    node.run("promtool", "check", "rules", "/tmp/alerts.yml")
    printed: str = node.run("sh", "-c", "promtool test rules /tmp/story.yml 2>&1", check=False)
    assert "SUCCESS" in printed, printed
    return printed
