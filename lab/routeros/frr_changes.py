"""From the configuration that FRR runs to the one it is to have, as pure functions: read, compare, the commands.

Both are as in `frr_config`. Only what is the emulator's is read and touched.
"""

from __future__ import annotations

import re

from .frr_config import OSPF, OSPF6, PREFIX, TOP, Config, Context

# How the line begins that has an interface take part.
_AREAS = ("ip ospf area", "ipv6 ospf6 area")


def parse_running(text: str) -> Config:
    """The part of `show running-config` that is the emulator's."""
    config: Config = {}
    stack: list[str] = []
    for raw in text.splitlines():
        line = raw.rstrip()
        words = line.strip()
        if not words or words == "!" or words in {"exit", "end"}:
            if words == "exit" and stack:
                stack.pop()
            continue
        depth = len(line) - len(line.lstrip())
        del stack[depth:]
        if _opens_context(stack, words):
            stack.append(words)
            if _owns_context(tuple(stack)):
                config.setdefault(tuple(stack), [])
        elif _owns_line(tuple(stack), words):
            config.setdefault(tuple(stack), []).append(words)
    # Interfaces without any of our lines, and BFD without profiles, are not ours.
    return {
        context: lines
        for context, lines in config.items()
        if lines or not context or not context[0].startswith("interface ")
    }


def changes(have: Config, want: Config) -> list[str]:
    """The commands that lead from one configuration to the other, touching only what differs."""
    return [
        *_create_helpers(have, want),
        *_drop_interfaces(have, want),
        *_change_context(have, want, OSPF),
        *_change_context(have, want, OSPF6),
        *_top_lines(have, want, "ip route "),
        *_set_interfaces(have, want),
        *_top_lines(have, want, "ip protocol "),
        *_top_lines(have, want, "ipv6 protocol "),
        *_drop_helpers(have, want),
    ]


def differences(have: Config, want: Config) -> list[str]:
    """What is missing or too much, without values that may be secret."""
    found = []
    for context in sorted({*have, *want}):
        missing = [line for line in want.get(context, []) if line not in have.get(context, [])]
        extra = [line for line in have.get(context, []) if line not in want.get(context, [])]
        found += [f"missing: {' / '.join((*context, hide(line)))}" for line in missing]
        found += [f"too much: {' / '.join((*context, hide(line)))}" for line in extra]
        if (context in have) != (context in want):
            found.append(f"{'too much' if context in have else 'missing'}: {' / '.join(context)}")
    return found


def hide(line: str) -> str:
    """A line without the key it may hold."""
    return re.sub(r"(authentication-key|key-string| md5|hash-algo \S+ key) .*", r"\1 *****", line)


def _opens_context(stack: list[str], words: str) -> bool:
    if not stack:
        return words.startswith(("interface ", "router ", "key chain ", "route-map ", "line ")) or words == "bfd"
    return (stack[0].startswith("key chain ") and words.startswith("key ")) or (
        stack[0] == "bfd" and words.startswith(("profile ", "peer "))
    )


def _owns_context(context: Context) -> bool:
    head = context[0]
    if head == "bfd":
        return len(context) > 1 and context[1].startswith(f"profile {PREFIX}")
    return head in {"router ospf", "router ospf6"} or head.startswith(
        ("interface ", f"key chain {PREFIX}", f"route-map {PREFIX}")
    )


def _owns_line(context: Context, line: str) -> bool:
    if not context:
        return line.startswith((f"ip prefix-list {PREFIX}", "ip protocol ospf ", "ip route ",
                                f"ipv6 prefix-list {PREFIX}", "ipv6 protocol ospf6 "))  # fmt: skip
    if context[0].startswith("interface "):
        return line.startswith(("ip ospf ", "ipv6 ospf6 "))
    return _owns_context(context)


def _is_helper(context: Context) -> bool:
    return bool(context) and context[0].startswith(("key chain ", "route-map ", "bfd"))


def _create_helpers(have: Config, want: Config) -> list[str]:
    commands = _prefix_lists(have, want, create=True)
    for context in sorted(want):
        if _is_helper(context) and (context not in have or set(have[context]) != set(want[context])):
            commands += _change_context(have, want, context)
    return commands


def _drop_helpers(have: Config, want: Config) -> list[str]:
    gone = [context for context in sorted(have) if _is_helper(context) and context not in want]
    commands = []
    for context in gone:
        if context[:-1] in gone:
            # It goes with what it is inside of.
            continue
        commands += [*context[:-1], f"no {context[-1]}", *["exit"] * (len(context) - 1)]
    return commands + _prefix_lists(have, want, create=False)


def _prefix_lists(have: Config, want: Config, create: bool) -> list[str]:
    first, second = (want, have) if create else (have, want)
    lines = [line for line in first.get(TOP, []) if line.startswith(("ip prefix-list ", "ipv6 prefix-list "))]
    return [line if create else f"no {line}" for line in lines if line not in second.get(TOP, [])]


def _top_lines(have: Config, want: Config, start: str) -> list[str]:
    old = [line for line in have.get(TOP, []) if line.startswith(start)]
    new = [line for line in want.get(TOP, []) if line.startswith(start)]
    added = [line for line in new if line not in old]
    # There is one `ip protocol ospf` line, and one for ospf6: a new one takes the place of the old.
    replaced = start in {"ip protocol ", "ipv6 protocol "} and bool(new)
    removed = [] if replaced else [f"no {line}" for line in old if line not in new]
    return removed + added


def _change_context(have: Config, want: Config, context: Context) -> list[str]:
    old, new = have.get(context, []), want.get(context)
    if new is None:
        return [f"no {context[0]}"] if context in have else []
    if context in have and set(old) == set(new):
        return []
    keys = {_line_key(line) for line in new}
    removed = [f"no {line}" for line in old if line not in new and _line_key(line) not in keys]
    return [*context, *removed, *(line for line in new if line not in old), *["exit"] * len(context)]


def _drop_interfaces(have: Config, want: Config) -> list[str]:
    """What interfaces lose. The area goes first: then nothing is sent with half of the old settings."""
    commands = []
    for context, old in have.items():
        if not context or not context[0].startswith("interface "):
            continue
        new = want.get(context, [])
        keys = {_line_key(line) for line in new}
        gone = [line for line in old if line not in new and (_line_key(line) not in keys or _removes_first(line))]
        if gone:
            gone.sort(key=lambda line: not line.startswith(_AREAS))
            commands += [*context, *(f"no {_removal(line)}" for line in gone), "exit"]
    return commands


def _set_interfaces(have: Config, want: Config) -> list[str]:
    """What interfaces gain. The area comes last: FRR starts the wait timer with the dead interval of that moment."""
    commands = []
    for context, new in want.items():
        if not context or not context[0].startswith("interface "):
            continue
        added = [line for line in new if line not in have.get(context, [])]
        if added:
            added.sort(key=lambda line: line.startswith(_AREAS))
            commands += [*context, *added, "exit"]
    return commands


def _line_key(line: str) -> str:
    """What a line sets: a second line with the same key replaces the first."""
    words = line.split()
    if words[0] in {"area", "redistribute"} or line.startswith((*_AREAS, "ip ospf bfd", "ipv6 ospf6 bfd")):
        return line
    if line.startswith("ipv6 ospf6"):
        return " ".join(words[:3])
    if line.startswith("ip ospf"):
        return " ".join(words[:4] if words[2] == "message-digest-key" else words[:3])
    return words[0] if words[0] != "ospf" else " ".join(words[:2])


def _removes_first(line: str) -> bool:
    """FRR refuses to replace these."""
    return line.startswith((*_AREAS, "ip ospf message-digest-key", "ipv6 ospf6 authentication"))


def _removal(line: str) -> str:
    """What to write after `no`; never the key itself."""
    words = line.split()
    if line.startswith("ip ospf message-digest-key"):
        return " ".join(words[:4])
    if line.startswith(("ip ospf authentication", "ip ospf network", "ipv6 ospf6 network")):
        return " ".join(words[:3])
    return line
