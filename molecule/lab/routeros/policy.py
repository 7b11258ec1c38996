"""Users, their groups' policies, and what a policy allows (facts, section 6)."""

from __future__ import annotations

import hmac
import json
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# RouterOS' default groups, as far as the API is concerned: all three hold `api` and `sensitive`.
FULL = frozenset({"read", "write", "policy", "test", "reboot", "api", "sensitive", "password"})
GROUPS: dict[str, frozenset[str]] = {
    "full": FULL,
    "write": FULL - {"policy"},
    "read": FULL - {"policy", "write"},
}


@dataclass(frozen=True)
class User:
    """A name that may log in, and what it may do."""

    name: str
    password: str
    group: str
    policies: frozenset[str]

    def may(self, policy: str) -> bool:
        """Whether the user's group holds a policy."""
        return policy in self.policies


# Without a file: the factory default, and the lab's users. The password is no secret: the lab's machines are reachable
# from one host only.
LAB_PASSWORD = "lab-password"
LAB_USERS = (
    User("admin", "", "full", FULL),
    User("ansible", LAB_PASSWORD, "full", FULL),
    User("nosensitive", LAB_PASSWORD, "nosensitive", FULL - {"sensitive"}),
    User("readonly", LAB_PASSWORD, "read", GROUPS["read"]),
)


class Users:
    """Everyone who may log in."""

    def __init__(self, users: tuple[User, ...] = LAB_USERS) -> None:
        self._users = {user.name: user for user in users}

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def login(self, name: str, password: str) -> User | None:
        """The user, or None where name, password or the right to use the API is missing."""
        user = self._users.get(name)
        # Words come byte by byte (server.py), files as UTF-8.
        if user is None or not hmac.compare_digest(user.password.encode(), password.encode("latin-1")):
            return None
        return user if user.may("api") else None


def load_users(path: Path) -> Users:
    """Read `[{"name": ..., "password": ..., "group": "full"} or {..., "policies": ["read", "api"]}]`.

    The file holds passwords, so others must not be able to read it.
    """
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError(f"{path} holds passwords and must have mode 0600")
    users = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        unknown = set(entry) - {"name", "password", "group", "policies"}
        if unknown or "name" not in entry:
            raise ValueError(f"{path}: a user has name, password and group or policies, not {sorted(unknown)}")
        group = entry.get("group", "full")
        policies = frozenset(entry["policies"]) if "policies" in entry else GROUPS[group]
        users.append(User(entry["name"], entry.get("password", ""), group, policies))
    return Users(tuple(users))
