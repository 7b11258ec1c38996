"""A machine of the lab's own image: Debian, with its personality laid over the root."""

from __future__ import annotations

import time
from dataclasses import dataclass

from lab import emulator, keys, personality, qemu, ssh
from lab.host import Architecture
from lab.image import Image
from lab.kind import Hardware, Wait
from lab.machines import Machine, Ports

KERNEL_ARGUMENTS = (
    "root=/dev/vda rw quiet loglevel=4 panic=5 mitigations=off audit=0 random.trust_cpu=on"
    " TERM=dumb systemd.show_status=1 systemd.log_color=0 systemd.default_timeout_start_sec=180s"
)

BOOTED = """systemctl is-system-running --wait >/dev/null
failed=$(systemctl list-units --failed --plain --no-legend | cut -d ' ' -f 1)
for service in {services}; do
    systemctl is-active --quiet $service || failed="$failed $service"
done
[ -z "$failed" ] || {{ echo "not running as it should: $failed" >&2; exit 1; }}"""
"""With no unit failed, and none in a circle of failures and restarts."""


@dataclass(frozen=True)
class Linux:
    """The kind `linux`."""

    image: Image

    def create(self, machine: Machine) -> None:
        """The disk stands on the image's; the initial RAM disk brings what makes the machine this one."""
        files = qemu.Files(machine)
        tree = personality.files(
            machine,
            authorized_key=keys.public(keys.user_key()),
            host_key=keys.host_key(machine).read_bytes(),
            tls=keys.tls(),
        )
        files.initrd.touch(mode=0o600)  # it holds the machine's keys
        files.initrd.write_bytes(self.image.initrd.read_bytes() + personality.archive(machine, tree))
        qemu.create_disk(machine, self.image.disk, "qcow2")

    def hardware(self, machine: Machine, arch: Architecture, accelerator: str) -> Hardware:
        """Kernel and initial RAM disk come from the host."""
        boot = ("-kernel", str(self.image.kernel), "-initrd", str(qemu.Files(machine).initrd))
        append = ("-append", f"{KERNEL_ARGUMENTS} console={arch.console}")
        devices = ("-device", "virtio-rng-pci,addr=0x4")
        return Hardware("host" if accelerator == "kvm" else arch.tcg_cpu, (*boot, *append, *devices))

    def boot(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """Over SSH, until systemd has started everything."""
        ssh.wait(machine, ports, wait.patience, wait.stop)
        wait.say(f"{machine.name}: reachable")
        services = " ".join(personality.services(machine))
        ssh.run(machine, ports, BOOTED.format(services=services), timeout=wait.patience)

    def restored(self, machine: Machine, ports: Ports, wait: Wait) -> None:
        """A stale clock makes apt and certificates fail in ways hard to understand."""
        ssh.wait(machine, ports, wait.patience, wait.stop, f"date -s @{time.time():.3f} >/dev/null")

    def sync(self, machine: Machine, ports: Ports) -> str:
        """The emulator of this checkout."""
        return emulator.sync(machine, ports)

    def login(self, machine: Machine, ports: Ports) -> list[str]:
        """As root, by the lab's key."""
        return ssh.command(machine, ports)
