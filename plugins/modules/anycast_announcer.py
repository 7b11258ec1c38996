#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: anycast_announcer
short_description: Install the announcer on a node, and hand it the services
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Installs the announcer, a program and a systemd unit C(anycast-announce@SERVICE), and gives each service its
    settings. From then on systemd announces and withdraws the services, as their units and checks require.
  - Withdraws a service that is no longer listed before it removes its files.
  - Starts the instances whose service runs. It never starts a service, and a drained service stays drained.
  - If the new C(unit) of an announced service does not run, or its new C(check) fails C(fall) times in a row, the
    module fails and does not change the announcer, because the service would be withdrawn.
  - Where Debian's C(prometheus-node-exporter) is installed, links the metrics of the services and of the drains into
    its directory, C(/var/lib/prometheus/node-exporter).
  - With O(state=absent), withdraws all services, and removes everything that it has installed, and the records of
    drains.
  - Meant for the role P(homelab.anycast.bird_anycast#role), which owns the files that this module writes.
extends_documentation_fragment: [homelab.anycast.attributes.writes, homelab.anycast.attributes.debian]
options:
  state:
    description: Whether the announcer is to be there. V(present) requires all other options.
    type: str
    choices: [present, absent]
    default: present
  program: {type: str, description: "Text of the program, C(/usr/local/lib/homelab-anycast/announcer.py)."}
  unit: {type: str, description: "Text of the template unit, C(/etc/systemd/system/anycast-announce@.service)."}
  withdraw_unit:
    description: >-
      Text of the template unit, C(/etc/systemd/system/anycast-withdraw@.service), which withdraws a service whose
      announcer was ended together with what should have withdrawn it.
    type: str
  boot:
    description: Text of the rules of C(tmpfiles.d(5\)), C(/etc/tmpfiles.d/homelab-anycast.conf).
    type: str
  services: {type: list, elements: dict, description: "The services, as P(homelab.anycast.services#filter) gives them."}
  withdraw_wait: {type: float, description: "Seconds for the router, from the withdrawal of a service to its stop."}
  namespaces:
    description: >-
      Whether systemd can give a unit its own view of the file system on this host. It cannot in some containers; the
      announcer then runs without the settings that need it.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Install the announcer and hand it the services
  homelab.anycast.anycast_announcer:
    program: "{{ lookup('ansible.builtin.file', 'announcer.py', rstrip=false) }}"
    unit: "{{ lookup('ansible.builtin.file', 'anycast-announce@.service', rstrip=false) }}"
    withdraw_unit: "{{ lookup('ansible.builtin.file', 'anycast-withdraw@.service', rstrip=false) }}"
    boot: "{{ lookup('ansible.builtin.file', 'tmpfiles.conf', rstrip=false) }}"
    services: "{{ bird_anycast_services | homelab.anycast.services }}"
    withdraw_wait: 1
  become: true
  throttle: 1
"""

RETURN = r"""
services:
  description: For each service, whether it is announced, and the reason. Empty with O(state=absent).
  returned: success, outside check mode
  type: list
  elements: dict
  sample: [{name: sip, announced: false, why: "the node is drained since 2026-11-22T15:00:00Z by alice: new disk"}]
"""

import contextlib
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.model.services import Service
from ..module_utils.node import announcer, systemd
from ..module_utils.node.files import write_file
from ..module_utils.waiting import wait_until

# Of all files; none of them holds a secret.
_MODE = 0o644
# Seconds for a check beyond those it has by its own settings.
_PATIENCE = 5


def _glob(pattern: str) -> list[str]:
    return [str(path) for path in Path("/").glob(pattern.lstrip("/"))]


class Installer:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.absent = module.params["state"] == "absent"
        self.services: list[Service] = [] if self.absent else systemd.services_of(module)
        self.files: dict[str, str] = {}
        if not self.absent:
            self.files = {
                announcer.PROGRAM: module.params["program"],
                announcer.UNIT: module.params["unit"],
                announcer.WITHDRAW_UNIT: module.params["withdraw_unit"],
                announcer.BOOT: module.params["boot"],
            }
        wait, namespaces = module.params["withdraw_wait"], module.params["namespaces"]
        for service in self.services:
            self.files.update(announcer.service_files(service, wait, namespaces))
        found = [path for pattern in announcer.patterns(everything=self.absent) for path in _glob(pattern)]
        self.superfluous = sorted(path for path in found if path not in self.files)
        self.changed = dict(self._changed())
        # Only a node exporter reads the metrics.
        exported = Path(announcer.EXPORTED).is_dir()
        self.links = [Path(path) for path in announcer.LINKS if exported and self._is_linked(Path(path)) is self.absent]
        names = [service.name for service in self.services]
        announced = _glob(announcer.ANNOUNCED + "/*.conf")
        self.gone = [name for name in announcer.names_of(self.superfluous + announced) if name not in names]

    def _changed(self) -> Iterator[tuple[str, str | None]]:
        """Yield the path and the text before of each file that is not as it should be."""
        for path, text in self.files.items():
            try:
                before = Path(path).read_text(encoding="utf-8")
                mode = Path(path).stat().st_mode & 0o7777
            except FileNotFoundError:
                yield path, None
                continue
            if (before, mode) != (text, _MODE):
                yield path, before

    def _is_linked(self, path: Path) -> bool:
        return path.is_symlink() and str(path.readlink()) == announcer.LINKS[str(path)]

    def link(self) -> None:
        """Hand the metrics to the node exporter, or take them away from it."""
        for path in self.links:
            path.unlink(missing_ok=True)
            if not self.absent:
                path.symlink_to(announcer.LINKS[str(path)])

    def forget_metrics(self, names: Iterable[str]) -> None:
        """Forget those of services that are gone: else they are withdrawn for good."""
        path = Path(announcer.METRICS)
        labels = tuple(f'{{service="{name}"' for name in names)
        if labels and path.exists():
            lines = path.read_text("utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not any(label in line for label in labels)]
            write_file(path, "".join(kept), like=path)

    def diff(self) -> list[dict[str, str]]:
        """Return what changes in the files, as Ansible's --diff shows it."""
        entries: list[tuple[str, str | None, str]] = [
            (path, before, self.files[path]) for path, before in self.changed.items()
        ]
        entries += [(path, Path(path).read_text(encoding="utf-8"), "") for path in self.superfluous]
        return [
            {"before_header": path, "after_header": path, "before": before or "", "after": after}
            for path, before, after in entries
        ]

    def write(self) -> None:
        for path in map(Path, self.changed):
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            write_file(path, self.files[str(path)], mode=_MODE)

    def remove(self, paths: Iterable[str]) -> None:
        for path in map(Path, paths):
            path.unlink()
            # A unit's drop-ins, unless there is one that is not the role's; /etc/tmpfiles.d comes with systemd.
            if path.parent.suffix == ".d" and path.parent.parent == Path(announcer.UNIT).parent:
                with contextlib.suppress(OSError):
                    path.parent.rmdir()

    def systemctl(self, *arguments: str) -> None:
        self.module.run_command(["systemctl", *arguments], check_rc=True)

    def withdraw(self, name: str) -> None:
        """Withdraw a service whose instance does not run."""
        for path in systemd.links(name):
            Path(path).unlink(missing_ok=True)
        self.configure(f"service '{name}' may still be announced")

    def reload(self, name: str) -> None:
        """Have BIRD announce a service, whose instance goes on, as its files say now."""
        self.configure(f"service '{name}' is announced as before")

    def configure(self, otherwise: str) -> None:
        code, out, _err = self.module.run_command([self.module.get_bin_path("birdc") or "birdc", "configure"])
        # A BIRD that is not there (code 1) announces nothing; one that keeps its old configuration does.
        if code == 0 and "Reconfig" not in out:
            said = out.partition("\n")[2].strip()
            self.module.fail_json(
                msg=f"{otherwise}, as BIRD does not take its configuration: {said}. Correct that file, run 'birdc"
                " configure' on the node, then this again"
            )

    def withdrawals(self, actions: dict[str, str]) -> Iterator[str]:
        """Say which announced services would be withdrawn by what they are to have now."""
        for service in self.services:
            name = service.name
            if actions.get(name) != "restart" or not systemd.is_announced(name):
                continue
            unit = announcer.starter(service)
            state = systemd.unit_states(self.module.run_command, [unit])[unit]["ActiveState"]
            if state != "active":
                yield f"service '{name}' is announced, and would not be any more: {unit} is {state}"
            elif reason := self.failing(service):
                yield f"service '{name}' is announced, and would not be any more: its check says {reason}"

    def failing(self, service: Service) -> str | None:
        """Return why the check of a service would withdraw it; None if it passes."""
        name, check = service.name, service.check
        if not check:
            return None
        path = announcer.settings_file(name)
        before = self.changed.get(path)
        if self.module.check_mode and before and json.loads(before)["addresses"] != service.addresses:
            # Addresses that are not there yet answer nothing.
            return None
        with tempfile.TemporaryDirectory(prefix="anycast-", dir=announcer.TRIALS) as directory:
            program, settings = Path(directory, "announcer.py"), Path(directory, name + ".json")
            program.write_text(self.files[announcer.PROGRAM], encoding="utf-8")
            settings.write_text(self.files[path], encoding="utf-8")
            # It runs with the rights that the announcer has.
            for made, mode in ((Path(directory), 0o755), (program, _MODE), (settings, _MODE)):
                made.chmod(mode)
            words = [*announcer.COMMAND[:-1], str(program), "check", str(settings.with_suffix(""))]
            sandbox = announcer.sandbox(self.files[announcer.UNIT], self.module.params["namespaces"])
            for left in reversed(range(check.fall)):
                reason = systemd.check_failure(self.module.run_command, sandbox, words)
                if reason is None:
                    return None
                if left:
                    time.sleep(check.interval)
        return reason

    def install(self) -> None:
        units = [path for path in self.superfluous if path.startswith(announcer.SYSTEMD)]
        # First what would have a service announced again that is withdrawn.
        self.remove(units)
        self.write()
        if units or any(path.startswith(announcer.SYSTEMD) for path in self.changed):
            self.systemctl("daemon-reload")
        if announcer.BOOT in self.changed:
            # The files of the metrics; what is for a boot alone is left out.
            self.module.run_command(["systemd-tmpfiles", "--create", announcer.BOOT], check_rc=True)
            systemd.expose_drains()
        self.link()
        for name in self.gone:
            self.systemctl("stop", announcer.instance(name))
            if systemd.is_announced(name):
                self.withdraw(name)
        self.forget_metrics(self.gone)
        for path in announcer.links_without_file(self.superfluous):
            Path(path).unlink(missing_ok=True)
        self.remove(path for path in self.superfluous if path not in units)

    def uninstall(self) -> None:
        """Withdraw all, with what withdraws still in its place; then take it away."""
        for name in self.gone:
            self.systemctl("stop", announcer.instance(name))
            if systemd.is_announced(name):
                self.withdraw(name)
        self.link()
        self.remove(self.superfluous)
        for directory in announcer.DIRECTORIES:
            # Unless there is something in it that is not the role's.
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
        self.systemctl("daemon-reload")

    def actions(self) -> dict[str, str]:
        """Return what each service needs, by its name.

        A verb of systemctl; withdraw for one that nothing keeps up, reload for one that BIRD announces in a new way.
        """
        states = systemd.unit_states(self.module.run_command, announcer.units_of(self.services))
        wanted = {}
        for service in self.services:
            name = service.name
            runs = states[announcer.instance(name)]["ActiveState"] == "active"
            if runs and announcer.needs_restart(service, self.changed):
                wanted[name] = "restart"
            elif runs:
                if announcer.needs_reload(service, [*self.changed, *self.superfluous]):
                    wanted[name] = "reload"
            elif states[announcer.starter(service)]["ActiveState"] == "active" and not systemd.drain_of(name):
                wanted[name] = "start"
            elif systemd.is_announced(name):
                wanted[name] = "withdraw"
        return wanted

    def act(self, actions: dict[str, str]) -> None:
        for service in self.services:
            name = service.name
            verb = actions.get(name)
            if verb == "withdraw":
                self.withdraw(name)
            elif verb == "reload":
                self.reload(name)
            elif verb:
                unit = announcer.instance(name)
                code, _out, _err = self.module.run_command(["systemctl", verb, unit])
                if code:
                    _code, log, _err = self.module.run_command(["journalctl", "--unit", unit, "-n", "8", "-o", "cat"])
                    self.module.fail_json(
                        msg=f"service '{name}' cannot be announced, systemd tries on; {unit} says:\n{log}"
                    )
                self._wait_for_check(service)
                if verb == "restart" and systemd.is_announced(name):
                    # BIRD holds a change back that follows another within 5 s (RFC 2328's MinLSInterval).
                    code, _out, err = self.module.run_command([*announcer.COMMAND, "told", name])
                    if code:
                        self.module.warn(err.strip())

    def _wait_for_check(self, service: Service) -> None:
        """Give a healthy service the time to be announced, so that the next node is not touched before."""
        check = service.check
        if check:
            patience = check.rise * check.interval + check.timeout + _PATIENCE
            wait_until(lambda: systemd.is_announced(service.name), patience, 0.2)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "program": {"type": "str"},
            "unit": {"type": "str"},
            "withdraw_unit": {"type": "str"},
            "boot": {"type": "str"},
            "services": {"type": "list", "elements": "dict"},
            "withdraw_wait": {"type": "float"},
            "namespaces": {"type": "bool", "default": True},
        },
        required_if=[("state", "present", ("program", "unit", "withdraw_unit", "boot", "services", "withdraw_wait"))],
        supports_check_mode=True,
    )
    installer = Installer(module)
    actions = installer.actions()
    withdrawals = list(installer.withdrawals(actions))
    if withdrawals:
        module.fail_json(
            msg=f"{'; '.join(withdrawals)}. Its announcer stays as it was. Correct its unit or check in"
            " bird_anycast_services, repair it, or drain the node first (homelab.anycast.drain)"
        )
    result = {
        "changed": bool(installer.changed or installer.superfluous or installer.gone or installer.links or actions),
        "diff": installer.diff(),
    }
    if not module.check_mode:
        if installer.absent:
            if result["changed"]:
                installer.uninstall()
        elif result["changed"]:
            installer.install()
            installer.act(installer.actions())
        result["services"] = systemd.announcements(module.run_command, installer.services)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
