#!/usr/bin/python
# Copyright (c) 2026, the homelab.anycast maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: bird_configure
short_description: Give BIRD a new configuration on trial, and restore the old one if an OSPF adjacency is lost
version_added: 1.0.0
author: homelab.anycast maintainers (@homelab-anycast)
description:
  - Runs a new C(bird.conf), and the file of the key that it includes, on trial. BIRD loads the new configuration from
    files beside the real files, with C(configure timeout), and the module watches the neighbours that were V(Full)
    before.
  - If they are V(Full) with the new configuration too, the module confirms it, and only then replaces the files.
  - The module watches OSPFv2 and OSPFv3 separately. If the new configuration has no OSPFv3, its neighbours may go.
  - If a neighbour is lost, BIRD gets the old configuration again. The module fails, and names the lost neighbour and
    the likely causes.
  - The files on disk are always the confirmed files. So nothing must be restored if the module is killed or the
    connection to the host is lost, as BIRD rolls back by itself after RV(rollback_after).
notes:
  - BIRD takes a V(Full) neighbour for alive until the dead interval is over, so a change takes that long. A neighbour
    that starts again, as after a change of the router id, counts as kept as soon as it is V(Full).
  - If no neighbour was V(Full), as after the installation, the module does not wait.
  - If BIRD does not run, the module checks and writes the files, and BIRD will start with them.
  - If a different process makes BIRD read its configuration meanwhile, as C(birdc configure) does, the trial ends, and
    the module starts it again.
extends_documentation_fragment:
  - ansible.builtin.files
  - homelab.anycast.attributes
  - homelab.anycast.bird
  - homelab.anycast.attributes.linux
attributes:
  check_mode:
    support: full
    details: Shows what would change, also on a host without BIRD. If BIRD is there, it checks the new configuration.
  diff_mode:
    support: full
    details: Passwords are hidden. Of the key's file, and of a file that the role did not write, only that it changes.
  idempotent:
    support: full
options:
  content: {type: str, required: true, description: The new C(bird.conf).}
  path:
    description: Where it belongs. BIRD must have been started with this file, or with O(main).
    type: path
    default: /etc/bird/bird.conf
  main:
    description:
      - The file that BIRD was started with, where that is not O(path) but includes it, by its name or a pattern, and
        not in a file that it includes in turn. The module reads it, and never writes it.
    type: path
  key: {type: str, required: true, description: The new content of O(key_file).}
  key_file: {type: path, required: true, description: "The file with the key, as O(content) includes it."}
  hello_interval: {type: int, required: true, description: "Seconds, the hello interval of O(content)."}
  dead_interval:
    description:
      - Seconds, the dead interval of O(content).
      - The longer one of this and what BIRD has now says how long to watch; their sum, where it is below three hello
        intervals.
    type: int
    required: true
  follow:
    description:
      - Wait with the change until a packet of one of these routers arrives that is signed with this key. From then on
        this router accepts the key. It waits too if there is nothing to change.
      - If no such packet arrives in time, the module fails and changes nothing.
      - If there are several routers, the adjacency to the first one that is heard must not be lost. The others may
        change their keys later, or not at all. Restoring the old key would cost the adjacency to the first one.
      - In check mode it does not wait.
    type: dict
    suboptions:
      router_ids:
        description: OSPF router ids of these routers.
        type: list
        elements: str
        required: true
        aliases: [router_id]
      authentication:
        description: Authentication of the link model.
        type: str
        choices: [md5, sha1, sha256, sha384, sha512]
        required: true
      key_id: {type: int, required: true, description: Id of the key in their packets.}
      key: {type: str, required: true, description: The key itself.}
      timeout: {type: float, default: 120, description: Seconds to wait.}
      listening:
        description: A file that exists while the module listens. Change the routers after this file exists.
        type: path
        required: true
  told:
    description:
      - For a change that starts OSPF anew, which takes the host out of the routers' next hops for seconds. The module
        then ends when the routers have had the time to send clients to the host again, so that the next host can be
        changed. It waits for the prefixes of which BIRD has told its neighbours before.
      - It fails where BIRD does not tell of them again. The new configuration stays in force.
      - Has no effect where no neighbour was V(Full) before.
    type: dict
    suboptions:
      area: {type: str, required: true, description: "The OSPF area of the link, in which the routers are told."}
      files:
        description: The prefixes by the file that announces them. Those whose file is not there are not waited for.
        type: dict
        required: true
seealso:
  - name: BIRD's remote control
    description: What C(configure), C(timeout) and C(confirm) do.
    link: https://bird.network.cz/?get_doc&v=20&f=bird-4.html
"""

EXAMPLES = r"""
- name: Put a new bird.conf in force
  homelab.anycast.bird_configure:
    # This has the line: include "/etc/bird/anycast.key";
    content: "{{ lookup('ansible.builtin.template', 'bird.conf.j2') }}"
    key: |
      authentication cryptographic;
      password "{{ lookup('ansible.builtin.env', 'ANYCAST_OSPF_KEY') }}" { id 1; algorithm hmac sha256; };
    key_file: /etc/bird/anycast.key
    hello_interval: 1
    dead_interval: 4
    owner: root
    group: bird
    mode: "0640"
  become: true
"""

RETURN = r"""
changed_files:
  description: Which of O(path) and O(key_file) are changed, or would be in check mode.
  returned: success
  type: list
  elements: str
before:
  description: >-
    Router ids of the neighbours that were Full before the change and are to stay so, those of OSPFv3 with C((OSPFv3\))
    after them.
  returned: &tried when BIRD was given a new configuration
  type: list
  elements: str
lost: {type: list, elements: str, returned: *tried, description: Those of them that are not Full with the new one.}
told: {type: list, elements: str, returned: "with O(told), then", description: What BIRD tells of O(told) again.}
waited: {type: float, returned: *tried, description: Seconds until it was confirmed or given up.}
rollback_after: {type: int, returned: *tried, description: Seconds after which BIRD would have rolled back by itself.}
rolled_back: {type: bool, returned: *tried, description: Whether BIRD runs the old configuration again.}
"""

import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.bird.control import (
    Bird,
    BirdError,
    bird_argument_spec,
    find_bird,
    is_running,
    ospf_interfaces,
    ospf_neighbors,
    ospf_told,
)
from ..module_utils.bird.paths import Paths
from ..module_utils.bird.trial import (
    CANDIDATE_SUFFIX,
    TRIAL_SUFFIX,
    Patience,
    Trial,
    file_diffs,
    full,
    hide_passwords,
    including,
    rollback_message,
    to_keep,
)
from ..module_utils.model.link import KINDS_WITH_KEY_ID
from ..module_utils.node.files import write_file
from ..module_utils.ospf.neighbors import Neighbor, OwnInterface
from ..module_utils.ospf.packet import Listener, Signer
from ..module_utils.waiting import Unreadable, Verdict, wait_for

# BIRD's reply codes, of the last line of an answer (doc/reply_codes in its source).
DONE = (3, 4, 5)  # reconfigured, in progress, queued
CONFIRMED = 18
LOOK_INTERVAL = 0.5
ATTEMPTS = 3
# Seconds for BIRD to tell its neighbours again, after which they have had the time to follow. BIRD and they hold back a
# second change of an LSA for 5 s (MinLSInterval, RFC 2328 B). FRR calculates routes up to 5 s later (its manual, timers
# throttle spf), and what it did not take at once comes again after the retransmit interval, of 2 s by default.
TOLD_WITHIN = 30
FOLLOWED = 7


class File:
    """One of the files that change together."""

    def __init__(self, module: AnsibleModule, path: str, content: str) -> None:
        self.module = module
        # A link stays one; what it leads to is replaced.
        self.path = Path(path).resolve()
        self.candidate = self.path.with_name(self.path.name + CANDIDATE_SUFFIX)
        # What BIRD reads on trial.
        self.trial = self.path.with_name(self.path.name + TRIAL_SUFFIX)
        self.content = content
        self.before = self.path.read_text("utf-8", "surrogateescape") if self.path.exists() else None

    @property
    def changed(self) -> bool:
        return self.before != self.content

    def write(self, path: Path, content: str) -> None:
        # What the options leave open stays as it is: BIRD has to be able to read it.
        write_file(path, content, like=None if self.before is None else self.path)
        self._set_attributes(path)

    def correct_attributes(self) -> bool:
        """Set owner, group and mode of the file that is there; return whether they were others."""
        return self._set_attributes(self.path)

    def _set_attributes(self, path: Path) -> bool:
        arguments = self.module.load_file_common_arguments(self.module.params, path=str(path))
        return bool(self.module.set_fs_attributes_if_different(arguments, False))


class Change:
    """bird.conf and the key, from the old to the new."""

    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.bird_conf = File(module, params["path"], params["content"])
        self.key = File(module, params["key_file"], params["key"])
        # The key first: should the host lose its power between the two, bird.conf includes a key that has been tried.
        self.files = (self.key, self.bird_conf)
        # The file that BIRD was started with, which is never written, where it is not bird_conf.
        self.main = File(module, params["main"], "") if params["main"] else None
        self.start = (self.main or self.bird_conf).trial
        if self.main and not self.main_with(self.bird_conf.trial):
            module.fail_json(
                msg=f"{self.main.path} does not include {self.bird_conf.path}, nothing was changed: add the line"
                f" 'include \"{self.bird_conf.path}\";' to it"
            )

    def main_with(self, path: Path) -> str | None:
        """Return the file that BIRD was started with, including another one instead of bird_conf; None if it cannot."""
        if self.main is None or self.main.before is None:
            return None
        return including(self.main.before, str(self.main.path), self.module.params["path"], str(path))

    def configuration(self) -> list[str]:
        """Return the new configuration, a text for each file but the key's; without what else the main one includes."""
        return [self.bird_conf.content, *([self.main.before or ""] if self.main else [])]

    @property
    def changed(self) -> bool:
        return any(file.changed for file in self.files)

    def diffs(self) -> list[dict[str, str]]:
        conf, key = self.bird_conf, self.key
        return file_diffs(str(conf.path), conf.before, conf.content, str(key.path), key.before, key.content)

    def content_with(self, key_path: Path) -> str:
        """Return bird.conf with the key included from another path."""
        return self.bird_conf.content.replace(self.module.params["key_file"], str(key_path))

    def check(self, bird: str) -> None:
        """Have BIRD parse the new configuration; fails if it does not."""
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir) as directory:
            conf, key = Path(directory, "bird.conf"), Path(directory, "key")
            conf.write_text(self.content_with(key), "utf-8")
            key.write_text(self.key.content, "utf-8")
            start = conf
            if self.main:
                start = Path(directory, "main.conf")
                start.write_text(self.main_with(conf) or "", "utf-8", "surrogateescape")
            code, _output, error = self.module.run_command([bird, "-p", "-c", str(start)])
        if code != 0:
            text = error.strip().replace(str(key), str(self.key.path)).replace(str(conf), str(self.bird_conf.path))
            if self.main:
                text = text.replace(str(start), str(self.main.path))
            self.module.fail_json(
                msg=f"BIRD does not take the new configuration, nothing was changed: {hide_passwords(text)}"
            )

    def write_candidates(self) -> None:
        """Write all there is to write, so that what comes after a confirmation cannot fail for want of space."""
        for file in self.files:
            file.write(file.candidate, file.content)
        self.bird_conf.write(self.bird_conf.trial, self.content_with(self.key.candidate))
        if self.main:
            self.main.write(self.main.trial, self.main_with(self.bird_conf.trial) or "")

    def replace_files(self) -> None:
        """Put the candidates in their places, each in one step."""
        for file in self.files:
            file.candidate.replace(file.path)

    def drop_candidates(self) -> None:
        for path in (self.start, self.bird_conf.trial, *(file.candidate for file in self.files)):
            path.unlink(missing_ok=True)


class Overtaken(Exception):
    """BIRD has read another configuration while the new one was on trial."""


class Applier:
    """Brings a change into BIRD, on trial."""

    def __init__(self, module: AnsibleModule, change: Change, without: Collection[str]) -> None:
        self.module = module
        self.change = change
        # Router ids of neighbours that may be lost.
        self.without = without
        self.result: dict[str, Any] = {}
        # What BIRD is to tell its neighbours again.
        self.expected: set[str] = set()

    def run(self) -> None:
        """Put the change in force, and on disk; fails if a neighbour is lost."""
        for _attempt in range(ATTEMPTS):
            try:
                self._attempt()
                return
            except Overtaken:
                continue
        self._fail(
            "Nothing was changed: while the new configuration was on trial, BIRD was started again or told to read its"
            f" configuration, {ATTEMPTS} times. 'journalctl -u bird' shows by what. Then try again."
        )

    def _attempt(self) -> None:
        change = self.change
        change.write_candidates()
        with self._bird() as bird:
            before = to_keep(full(ospf_neighbors(bird)), *change.configuration(), without=self.without)
            self.expected |= self._to_tell() & ospf_told(bird)
            dead = [entry.dead for entry in ospf_interfaces(bird) if entry.dead and not entry.silent]
            patience = Patience(
                self.module.params["hello_interval"], self.module.params["dead_interval"], max(dead, default=0)
            )
            self.result.update(before=before, rollback_after=patience.rollback, rolled_back=False)
            self._configure(bird, f'"{change.start}" timeout {patience.rollback}')
        trial = Trial(before, patience, time.monotonic())
        verdict, spent = wait_for(
            lambda now: trial.look(self._neighbors(), now), wait=patience.wait, interval=LOOK_INTERVAL
        )
        self.result.update(lost=trial.lost, waited=round(spent, 3))
        if not verdict.good:
            self._roll_back(trial, patience, spent)
        with self._bird() as bird:
            if bird.ask("configure confirm")[-1][0] != CONFIRMED:
                raise Overtaken
            self._keep(bird)
        if before and self.module.params["told"]:
            self._wait_told(self.module.params["told"]["area"])

    def _to_tell(self) -> set[str]:
        """Return the prefixes whose file is there."""
        files = (self.module.params["told"] or {"files": {}})["files"]
        return {prefix for file, prefixes in files.items() if Path(file).exists() for prefix in prefixes}

    def _wait_told(self, area: str) -> None:
        """Wait until the routers have had the time to use what BIRD tells; fails if it does not tell all."""
        missing: set[str] = set()
        since: list[float] = []

        def look(now: float) -> Verdict:
            try:
                with self._bird() as bird:
                    missing.clear()
                    missing.update((self.expected & self._to_tell()) - ospf_told(bird, area))
            except BirdError as exc:
                raise Unreadable(str(exc)) from exc
            since[:] = [] if missing else since or [now]
            return Verdict(not missing, now - since[0] if since else 0)

        verdict, spent = wait_for(look, TOLD_WITHIN, FOLLOWED, LOOK_INTERVAL)
        self.result.update(told=sorted(self.expected - missing), waited=round(self.result["waited"] + spent, 3))
        if not verdict.good:
            self._fail(
                f"BIRD runs the new configuration, but {spent:.0f} s later it does not tell its neighbours of"
                f" {', '.join(sorted(missing)) or verdict.error}, as it did before: see 'birdc show ospf state' and"
                " 'journalctl -u bird'."
            )

    def _keep(self, bird: Bird) -> None:
        """Put on disk what BIRD has confirmed."""
        try:
            self.change.replace_files()
        except OSError as exc:
            self._fail(
                "BIRD runs the new configuration, but it cannot be written, and BIRD would start without it:"
                f" {exc}. Correct that, and try again."
            )
        try:
            # It is what runs already. But should BIRD have been told to read the old file since, this is the last word.
            self._configure(bird)
        except BirdError as exc:
            self._fail(
                f"BIRD has confirmed the new configuration, and {self.change.bird_conf.path} has it, but BIRD did not"
                f" read it from there: {exc} Make it do so with 'birdc configure'; if it does not run any more, it"
                " starts with the new one."
            )

    def _roll_back(self, trial: Trial, patience: Patience, spent: float) -> None:
        """Have BIRD read the old configuration, wait for the neighbours, and fail."""
        interfaces: list[OwnInterface] = []
        try:
            with self._bird() as bird:
                interfaces = ospf_interfaces(bird)
                # Not "undo": that would undo what others may have done since. The file on disk is the old one.
                self._configure(bird)
        except (BirdError, Unreadable) as exc:
            self._fail(
                f"With the new configuration BIRD cannot be asked any more: {exc} The file"
                f" {self.change.bird_conf.path} is still the old one; BIRD starts with it, or rolls back to it"
                f" {patience.rollback} s after the change."
            )
        self.result["rolled_back"] = True
        verdict, restored = wait_for(
            lambda _now: Verdict(set(trial.before) <= set(full(self._neighbors()))),
            wait=patience.wait,
            interval=LOOK_INTERVAL,
        )
        path = str(self.change.bird_conf.path)
        self._fail(rollback_message(trial, interfaces, spent, restored if verdict.good else None, path))

    def _configure(self, bird: Bird, arguments: str = "") -> None:
        code, text = bird.ask(f"configure {arguments}".strip())[-1]
        if code not in DONE:
            raise BirdError(f"it answers '{text}' to 'configure' (code {code:04d}).")

    def _neighbors(self) -> list[Neighbor]:
        try:
            with self._bird() as bird:
                return ospf_neighbors(bird)
        except BirdError as exc:
            # A protocol may go while we ask for it; whatever it is, the trial has to come to its end.
            raise Unreadable(str(exc)) from exc

    def _bird(self) -> Bird:
        return Bird(self.module.params["socket"], self.module.params["timeout"], restricted=False)

    def _fail(self, message: str) -> None:
        self.module.fail_json(msg=message, **self.result)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "content": {"type": "str", "required": True},
            "path": {"type": "path", "default": Paths().bird_conf},
            "main": {"type": "path"},
            "key": {"type": "str", "required": True, "no_log": True},
            "key_file": {"type": "path", "required": True, "no_log": False},
            "hello_interval": {"type": "int", "required": True},
            "dead_interval": {"type": "int", "required": True},
            "follow": {
                "type": "dict",
                "options": {
                    "router_ids": {"type": "list", "elements": "str", "required": True, "aliases": ["router_id"]},
                    "authentication": {"type": "str", "required": True, "choices": list(KINDS_WITH_KEY_ID)},
                    "key_id": {"type": "int", "required": True},
                    "key": {"type": "str", "required": True, "no_log": True},
                    "timeout": {"type": "float", "default": 120},
                    "listening": {"type": "path", "required": True},
                },
            },
            "told": {
                "type": "dict",
                "options": {
                    "area": {"type": "str", "required": True},
                    "files": {"type": "dict", "required": True},
                },
            },
            **bird_argument_spec(),
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    change = Change(module)
    follow = None if module.check_mode else module.params["follow"]
    if not change.changed:
        if follow:
            wait_for_router(module, follow)
        corrected = [file.correct_attributes() for file in change.files]
        module.exit_json(changed=any(corrected), changed_files=[])
    bird = find_bird()
    if bird:
        change.check(bird)
    elif not module.check_mode:
        module.fail_json(msg="no BIRD on this host: there is no program bird. Install the package bird2.")
    changed_files = [str(file.path) for file in change.files if file.changed]
    result = {"changed": True, "changed_files": changed_files, "diff": change.diffs()}
    if not module.check_mode:
        result.update(apply(module, change, wait_for_router(module, follow) if follow else ()))
    module.exit_json(**result)


def wait_for_router(module: AnsibleModule, follow: dict[str, Any]) -> list[str]:
    """Wait until one of the routers signs with the key; fails if none does. Return the router ids of the others."""
    key = (follow["authentication"], follow["key_id"], follow["key"])
    signers = [Signer(router_id, *key) for router_id in follow["router_ids"]]
    listening = Path(follow["listening"])
    heard = None
    try:
        with Listener() as listener:
            listening.touch(0o600)
            heard = listener.wait_for(follow["timeout"], signers)
    except OSError as exc:
        module.fail_json(msg=f"Nothing was changed: cannot listen to the router: {exc}")
    finally:
        listening.unlink(missing_ok=True)
    if heard is None:
        module.fail_json(
            msg=f"Nothing was changed: no packet of the router {' or '.join(follow['router_ids'])} came within"
            f" {follow['timeout']:.0f} s that is signed with the key of id {follow['key_id']}. Either it has not moved"
            " to that key, or it has a different one under this id."
        )
    return [signer.router_id for signer in signers if signer != heard]


def apply(module: AnsibleModule, change: Change, without: Collection[str]) -> dict[str, Any]:
    """Put the change in force; return what there is to say about it.

    :param without: router ids of neighbours that may be lost.
    """
    try:
        if is_running(module.params["socket"]):
            applier = Applier(module, change, without)
            applier.run()
            return applier.result
        change.write_candidates()
        change.replace_files()
    except OSError as exc:
        module.fail_json(msg=f"Cannot write the new configuration, the old one stays: {exc}")
    except (BirdError, Unreadable) as exc:
        module.fail_json(msg=f"The new configuration is not in force: {exc}")
    finally:
        change.drop_candidates()
    return {}


if __name__ == "__main__":
    main()
