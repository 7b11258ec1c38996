"""The role routeros_ospf against the emulator: what it writes, what it leaves alone, and what it never shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.routeros.frr_config import Config
from lab.routeros.policy import LAB_PASSWORD

from .playbook import PYTHON, play
from .recorded import Recording

FIRST_KEY, SECOND_KEY = "first-key-of-it", "second-key-of-it"
INSTANCE, AREA = "/routing/ospf/instance", "/routing/ospf/area"
TEMPLATE = "/routing/ospf/interface-template"
RULE = "/routing/filter/rule"
ANYCAST = "172.18.0.64"


class Role:
    """Runs the role in a play of its own, as an `ansible-playbook` process in this checkout."""

    def __init__(self, router: Recording, directory: Path) -> None:
        self.router = router
        self._playbook = directory / "play.yml"

    def __call__(
        self, *options: str, user: str = "ansible", key: str = FIRST_KEY, entry: str = "main", **variables: Any
    ) -> tuple[int, str]:
        """Return the exit code and all that was printed, on one line.

        :param entry: an entry point of the role, or several with + between them.
        """
        values = {
            "routeros_ospf_api": self.router.login(user),
            "routeros_ospf_link": {"key": key},
            "routeros_ospf_router_id": "172.18.0.1",
            "routeros_ospf_interfaces": ["bridge-lan"],
            "routeros_ospf_anycast_prefixes": [ANYCAST],
            **variables,
        }
        book = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": PYTHON, **values},
            "tasks": [
                {"import_role": {"name": "homelab.anycast.routeros_ospf", "tasks_from": one}}
                for one in entry.split("+")
            ],
        }
        self._playbook.write_text(yaml.safe_dump([book]))
        return play("-i", "localhost,", str(self._playbook), *options)


@pytest.fixture
def role(empty: Recording, tmp_path: Path) -> Role:
    return Role(empty, tmp_path)


def test_set_up_once(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    router = role.router
    code, said = role("--check", "--diff")
    assert code == 0, said
    assert "changed=6" in said
    assert '+ "hello-interval": "1s"' in said
    assert router.call(f"{INSTANCE}/print") + router.call(f"{TEMPLATE}/print") + router.call(f"{RULE}/print") == []

    code, said = role()
    assert code == 0, said
    assert "changed=6" in said
    (template,) = router.call(f"{TEMPLATE}/print")
    expected = {"area": "anycast", "interfaces": "bridge-lan", "hello-interval": "1s", "dead-interval": "4s"}
    assert expected.items() <= template.items()
    assert (template["auth"], template["auth-id"], template["auth-key"]) == ("sha256", 1, FIRST_KEY)
    settings = router.call("/ip/settings/print")[0]
    assert (settings["send-redirects"], settings["ipv4-multipath-hash-policy"]) == (False, "l3")

    logins = router.count_logins(monkeypatch)
    code, said = role()
    assert code == 0, said
    assert "changed=0" in said
    # The one look at the router, and the task that knows the key.
    assert len(logins) == 2


def test_the_plan_is_made_once_for_both_entry_points(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two comes first; and anew where another one is asked for."""
    assert role(entry="configure")[0] == 0
    assert len(role.router.call(f"{INSTANCE}/print")) == 1
    logins = role.router.count_logins(monkeypatch)
    for entry, looks in (("validate", 1), ("validate+configure", 1), ("configure+configure", 1), ("main+validate", 2)):
        logins.clear()
        code, said = role(entry=entry)
        assert code == 0 and "changed=0" in said, said
        # The template is written by each configure.
        assert len(logins) == looks + entry.count("configure") + entry.count("main")


def test_configure_by_itself_refuses_what_cannot_be_written(role: Role) -> None:
    assert role()[0] == 0
    before = role.router.call(f"{AREA}/print")
    code, said = role(entry="configure", routeros_ospf_link={"key": FIRST_KEY, "dead_interval": 1})
    assert code != 0 and "dead_interval is 1 s" in said and "changed=0" in said
    assert role.router.call(f"{AREA}/print") == before


def test_a_key_never_shows(role: Role) -> None:
    assert role()[0] == 0
    code, said = role("-vvv", "--diff", key=SECOND_KEY, routeros_ospf_priority=200)
    assert code == 0, said
    # The rest of the diff does show, and so does that the key is another one.
    assert '- "priority": 128' in said and '+ "priority": 200' in said
    assert '- "auth-key": "(hidden)"' in said and '+ "auth-key": "(hidden, changed)"' in said
    assert [secret for secret in (FIRST_KEY, SECOND_KEY, LAB_PASSWORD) if secret in said] == []
    assert role.router.call(f"{TEMPLATE}/print")[0]["auth-key"] == SECOND_KEY


def test_a_link_that_would_drop_the_neighbours_is_refused(start: Any, tmp_path: Path) -> None:
    role = Role(start("full", rows=False), tmp_path)
    assert role()[0] == 0
    link = {"key": SECOND_KEY, "hello_interval": 2}
    code, said = role("-vvv", routeros_ospf_link=link)
    assert code != 0 and "changed=0" in said
    assert (
        "the router has hello-interval=1s, expected 2s, an auth-key that is not the link's (keys are not shown)" in said
    )
    assert "loses its neighbours 172.18.0.11, 172.18.0.12, 172.18.0.13, and their clients" in said
    assert [secret for secret in (FIRST_KEY, SECOND_KEY, LAB_PASSWORD) if secret in said] == []
    code, said = role(routeros_ospf_link=link, routeros_ospf_allow_interruption=True)
    assert code == 0 and "changed=1 " in said, said
    assert role(routeros_ospf_link=link)[0] == 0


def test_foreign_rows_stay_and_what_is_in_the_way_is_named(role: Role) -> None:
    router = role.router
    router.call(f"{INSTANCE}/add", "=name=his", "=router-id=192.0.2.1", "=disabled=yes", "=comment=his")
    router.call(f"{AREA}/add", "=name=his", "=instance=his")
    router.call(f"{TEMPLATE}/add", "=area=his", "=interfaces=ether2", "=comment=his")
    before = [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)]
    assert role()[0] == 0
    after = [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)]
    assert [rows[0] | {".nextid": ""} for rows in after] == [rows[0] | {".nextid": ""} for rows in before]

    code, said = role(routeros_ospf_instance="his", routeros_ospf_interfaces=["ether2"])
    assert code != 0
    assert "OSPF instance 'his' that this role does not manage" in said
    # The template of an instance that is disabled is not in the way.
    assert "is matched by the interface template" not in said
    assert [router.call(f"{menu}/print") for menu in (INSTANCE, AREA, TEMPLATE)] == after


def test_bad_input_before_anything_is_touched(role: Role) -> None:
    code, said = role(
        routeros_ospf_link={"key": "k" * 33, "hello_interval": 4, "dead_interval": 4},
        routeros_ospf_router_id="hap",
        routeros_ospf_cost=0,
    )
    assert code != 0
    for words in (
        "dead_interval is 4 s",
        "key has 33 octets",
        "routeros_ospf_router_id is 'hap'",
        "routeros_ospf_cost is 0, expected 1 to 65535",
    ):
        assert words in said
    code, said = role(routeros_ospf_interfaces=["bridge-none"])
    assert code != 0 and "bridge-none" in said
    assert role.router.call(f"{INSTANCE}/print") == []
    assert role.router.call("/ip/settings/print")[0]["send-redirects"] is True


def test_a_user_who_cannot_read_the_key_is_told(start: Any, tmp_path: Path) -> None:
    # With neighbours that another key would cost: nobody knows whether it is another one.
    role = Role(start("full", rows=False), tmp_path)
    assert role()[0] == 0
    code, said = role(user="nosensitive", routeros_ospf_cost=7)
    assert code != 0 and "changed=0" in said
    assert "lacks the policy 'sensitive'" in said
    assert "an auth-key that is not" not in said


def test_an_old_router_is_refused(start: Any, tmp_path: Path) -> None:
    for version in ("6.49.10", "7.15.3"):
        code, said = Role(start("nobody", version=version, rows=False), tmp_path)()
        assert code != 0
        assert version in said and "7.16" in said


# The import filter


def accept(prefix: str) -> str:
    return f"if (dst in {prefix} && dst-len == 32) {{ accept }}"


def rules(router: Recording, chain: str = "anycast-in") -> list[str]:
    return [row["rule"] for row in router.call(f"{RULE}/print") if row["chain"] == chain]


def chain_in_use(router: Recording) -> str | None:
    found: str | None = router.call(f"{INSTANCE}/print")[0].get("in-filter-chain")
    return found


def lets_in(config: Config, prefix: str) -> bool:
    """Whether FRR, so configured, takes this prefix: it has no filter, or one that names it."""
    lines = config.get((), [])
    return not any(line.startswith("ip protocol ospf") for line in lines) or any(
        line.startswith("ip prefix-list ros-") and line.split(" permit ")[-1].split()[0] == prefix for line in lines
    )


@pytest.fixture
def seen(role: Role, monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """Every configuration that FRR has had."""
    configurations: list[Config] = []
    frr = role.router.frr
    configure = frr.configure

    def keep(want: Config) -> None:
        configurations.append(want)
        configure(want)

    monkeypatch.setattr(frr, "configure", keep)
    return configurations


def test_what_comes_in_changes_and_the_address_is_never_shut_out(role: Role, seen: list[Config]) -> None:
    """As the router's rules change one after the other."""
    router = role.router
    assert role(routeros_ospf_anycast_prefixes=["192.0.2.0/24", "172.18.0.64", "172.18.0.64/32"])[0] == 0
    assert rules(router) == [accept("172.18.0.64/32"), accept("192.0.2.0/24"), "reject"]
    assert chain_in_use(router) == "anycast-in"
    lines = router.frr.config[()]
    assert any(line.endswith(" permit 172.18.0.64/32") for line in lines)
    assert any(" permit 192.0.2.0/24 ge 32" in line for line in lines)
    verdicts = [context[0].split()[2] for context in router.frr.config if context and "route-map" in context[0]]
    assert verdicts == ["permit", "permit", "deny"]

    seen.clear()
    # One that comes before the first: it is new at the end, and then moved.
    code, said = role(routeros_ospf_anycast_prefixes=["10.9.9.9", ANYCAST, "192.0.2.1"])
    assert code == 0 and "changed=1 " in said, said
    assert rules(router) == [accept("10.9.9.9/32"), accept(f"{ANYCAST}/32"), accept("192.0.2.1/32"), "reject"]
    other: dict[str, Any] = {"routeros_ospf_filter_chain": "other"}
    for options in (("--check",), ()):
        code, said = role(*options, **other)
        # The new rules, the instance, the old rules.
        assert code == 0 and "changed=3 " in said, said
    assert (rules(router, "anycast-in"), chain_in_use(router)) == ([], "other")
    assert rules(router, "other") == [accept(f"{ANYCAST}/32"), "reject"]
    code, said = role(**other)
    assert code == 0 and "changed=0" in said, said
    assert seen and all(lets_in(config, f"{ANYCAST}/32") for config in seen)


def test_the_filter_goes_when_it_is_not_wanted(role: Role, seen: list[Config]) -> None:
    router = role.router
    router.call(f"{RULE}/add", "=chain=his", "=rule=accept")
    code, said = role(routeros_ospf_filter_chain="", routeros_ospf_anycast_prefixes=[])
    assert code == 0 and "changed=5 " in said, said
    assert (rules(router), chain_in_use(router)) == ([], None)
    assert role()[0] == 0
    assert len(rules(router)) == 2
    before = router.call(f"{RULE}/print")

    code, said = role("--check", routeros_ospf_filter_chain=False)
    assert code == 0 and "changed=2 " in said, said
    assert (router.call(f"{RULE}/print"), chain_in_use(router)) == (before, "anycast-in")
    seen.clear()
    code, said = role(routeros_ospf_filter_chain=False)
    assert code == 0 and "changed=2 " in said, said
    assert (rules(router), rules(router, "his"), chain_in_use(router)) == ([], ["accept"], None)
    assert seen and all(lets_in(config, f"{ANYCAST}/32") for config in seen)
    code, said = role(routeros_ospf_filter_chain=False)
    assert code == 0 and "changed=0" in said, said


def test_a_chain_of_somebody_elses_is_not_taken_over(role: Role) -> None:
    router = role.router
    router.call(f"{RULE}/add", "=chain=his", "=rule=accept", "=comment=his")
    router.call(f"{RULE}/add", "=chain=his", "=rule=reject")
    his = router.call(f"{RULE}/print")
    assert role(routeros_ospf_anycast_prefixes=[ANYCAST, "10.9.9.9"])[0] == 0
    every = router.call(f"{RULE}/print")
    assert [row["rule"] for row in every if row["chain"] == "his"] == ["accept", "reject"]
    code, said = role(routeros_ospf_filter_chain="his", routeros_ospf_cost=7)
    assert code != 0 and "changed=0" in said
    for row in his:
        assert f"filter chain 'his' of the router has a rule {row['.id']} that this role does not manage" in said
    assert "(comment 'his'). Choose a different name in routeros_ospf_filter_chain" in said
    assert router.call(f"{RULE}/print") == every


def test_a_rule_that_somebody_has_disabled_is_named_and_mended_when_enabled(role: Role) -> None:
    assert role()[0] == 0
    row = next(row for row in role.router.call(f"{RULE}/print") if row["chain"] == "anycast-in")
    role.router.call(f"{RULE}/disable", f"=.id={row['.id']}")
    code, said = role(routeros_ospf_cost=7)
    assert code != 0 and "changed=0" in said
    assert f"rule {row['.id']} of the filter chain 'anycast-in' is disabled" in said
    role.router.call(f"{RULE}/enable", f"=.id={row['.id']}")
    # The router may say from now on that it is not disabled.
    assert role()[0] == 0
    code, said = role()
    assert code == 0 and "changed=0" in said, said


def test_prefixes_that_would_not_guard_are_refused_before_anything_is_touched(role: Role) -> None:
    code, said = role(routeros_ospf_anycast_prefixes=["172.18.0.0/24", "172.18.0.65/26", "fe80::1/128"])
    assert code != 0
    for words in (
        "routeros_ospf_anycast_prefixes has 172.18.0.0/24, which holds 172.18.0.0/26 on interface bridge-lan",
        "has '172.18.0.65/26' with host bits set, expected 172.18.0.64/26",
        "has 'fe80::1/128', expected unicast prefixes that can be routed",
    ):
        assert words in said
    assert role.router.call(f"{RULE}/print") + role.router.call(f"{INSTANCE}/print") == []


# The distribution


def test_the_distribution_becomes_the_hash_policy_of_the_router(role: Role) -> None:
    kernel = role.router.kernel
    assert role(routeros_ospf_distribution="per_flow")[0] == 0
    assert kernel.settings["ipv4-multipath-hash-policy"] == "l4"
    code, said = role(routeros_ospf_distribution="per_flow")
    assert code == 0 and "changed=0" in said, said
    code, said = role(routeros_ospf_distribution="per_packet", routeros_ospf_cost=7)
    assert code != 0 and "changed=0" in said
    assert "'per_packet', which RouterOS 7 does not offer" in said and "Take 'per_client', or 'per_flow'" in said
    code, said = role()
    assert code == 0 and "changed=1 " in said, said
    assert kernel.settings["ipv4-multipath-hash-policy"] == "l3"


def test_bfd_comes_and_goes(role: Role) -> None:
    """Of what stays the same no task is run: each would be another login."""
    code, said = role(routeros_ospf_link={"key": FIRST_KEY, "bfd": True})
    assert code == 0, said
    assert [row["interfaces"] for row in role.router.call("/routing/bfd/configuration/print")] == ["bridge-lan"]
    code, said = role()
    assert code == 0, said
    assert role.router.call("/routing/bfd/configuration/print") == []
    code, said = role()
    assert code == 0 and "changed=0" in said, said
    for task in ("Set ICMP redirects and the distribution over the next hops", "Write BFD"):
        assert said.partition(f"Configure | {task}] ")[2].lstrip("* ").startswith("skipping:"), said
