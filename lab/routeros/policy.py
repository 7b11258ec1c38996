"""Users, their groups' policies, and what a policy allows (manual, "User")."""

from __future__ import annotations

import hmac
import json
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import no_match
from .store import Store

# In the order in which a router prints them (manual, "User", default groups).
POLICIES = ("local", "telnet", "ssh", "ftp", "reboot", "read", "write", "policy", "test", "winbox", "password", "web",
            "sniff", "sensitive", "api", "romon", "rest-api")  # fmt: skip
FULL = frozenset(POLICIES)
# The default groups, which all hold `api` and `sensitive`.
GROUPS: dict[str, frozenset[str]] = {
    "read": FULL - {"ftp", "policy", "write"},
    "write": FULL - {"ftp", "policy"},
    "full": FULL,
}


def parse_policies(text: str) -> frozenset[str]:
    """`read,api,!write`: what is not named is not granted (assumption for `set`)."""
    names = [name for name in text.split(",") if name]
    if not {name.removeprefix("!") for name in names} <= FULL:
        raise no_match("policy")
    return frozenset(name for name in names if not name.startswith("!"))


def format_policies(granted: frozenset[str]) -> str:
    """What is granted first, then what is not, as the manual shows the default groups."""
    return ",".join(
        [name for name in POLICIES if name in granted] + [f"!{name}" for name in POLICIES if name not in granted]
    )


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
FACTORY_USER = User("admin", "", "full", FULL)
LAB_USERS = (
    FACTORY_USER,
    User("ansible", LAB_PASSWORD, "full", FULL),
    User("nosensitive", LAB_PASSWORD, "nosensitive", FULL - {"sensitive"}),
    User("readonly", LAB_PASSWORD, "read", GROUPS["read"]),
)


class Users:
    """Everyone who may log in: those a router has at first, then what its menus /user and /user/group hold."""

    def __init__(self, users: tuple[User, ...] = LAB_USERS) -> None:
        self._first = users
        self.last_logins: dict[str, float] = {}
        """When each user logged in last, by name."""
        self._store: Store | None = None

    def keep_in(self, store: Store) -> None:
        """Put them where the API changes them."""
        groups = dict(GROUPS)
        users = []
        for user in self._first:
            # A file of users gives policies without the name of a group.
            group = user.group if groups.get(user.group, user.policies) == user.policies else user.name
            groups[group] = user.policies
            # Words come byte by byte (server.py), files as UTF-8.
            password = user.password.encode().decode("latin-1")
            users.append({"name": user.name, "group": group, "password": password})
        store.seed("user/group", [{"name": name, "policy": format_policies(held)} for name, held in groups.items()])
        store.seed("user", users)
        self._store = store

    def login(self, name: str, password: str) -> User | None:
        """The user, or None where name, password or the right to use the API is missing."""
        assert self._store is not None
        for row in self._store.table("user").rows:
            values = row.values
            if values["name"] != name or values.get("disabled") == "true":
                continue
            if not hmac.compare_digest(values.get("password", "").encode("latin-1"), password.encode("latin-1")):
                return None
            user = User(name, password, values["group"], self._policies(self._store, values["group"]))
            if not user.may("api"):
                return None
            self.last_logins[name] = time.time()
            return user
        return None

    @staticmethod
    def _policies(store: Store, group: str) -> frozenset[str]:
        for row in store.table("user/group").rows:
            if row.values["name"] == group:
                return parse_policies(row.values["policy"])
        return frozenset()


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
