"""An API server that behaves as a MikroTik hAP lite with RouterOS 7 does, in front of real FRR.

    python3 -m lab.routeros serve --state DIR [--version V] [--users FILE] ...    (--help says the rest)

On the lab's router it is the package `routeros`.

What clients write through the API is kept as rows in DIR/state.json (0600: it holds keys), turned into FRR
configuration at once, and brought back at the next start. Neighbours, link states, routes and BFD sessions are read
from FRR, interfaces and addresses from the kernel. What a real router would do and the emulator cannot is refused by a
trap that begins with "failure: the emulator"; it never answers a guess. LIMITS.md lists assumptions and limits.

Users: with --users FILE (JSON, mode 0600) `[{"name": "x", "password": "y", "group": "full"}]`, where the group is
full, write or read, or `"policies": ["read", "write", "api", "sensitive", "test"]` says it in detail. Without a file
there are the factory's `admin` with an empty password, and the lab's users with the password `lab-password`:
`ansible` (full), `nosensitive` (full without the policy `sensitive`), `readonly` (group read).

With --version 6.x it answers as a router that has none of RouterOS 7's routing menus.

Parts, from the wire inwards: server (connections, login), commands (what a command does), queries, policy, menus and
schema (what exists in which version), values, store (rows), router (all put together), frr_filter and frr_config (rows
-> FRR, pure), frr_changes (what FRR runs -> what it is to run, pure), frr_state (FRR -> rows, pure), vtysh (the way to
FRR), kernel, ping, board.
"""
