#!/bin/sh
# Last step of mmdebstrap; $1 is the new root.
set -eu

# Started where the machine's personality says so.
chroot "$1" systemctl disable frr.service kamailio.service ssh.socket sshd-keygen.service logrotate.timer
chroot "$1" systemctl enable ssh.service networking.service

# What costs seconds of boot in software emulation and does nothing for a test host. ifupdown-pre alone (udevadm settle)
# took 23 s; networking.service waits for the two cards itself (root/etc/systemd/system/networking.service.d).
chroot "$1" systemctl mask \
    ifupdown-pre.service systemd-udev-settle.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer \
    e2scrub_reap.service getty@tty1.service getty.target serial-getty@.service systemd-logind.service \
    systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service ldconfig.service \
    systemd-journal-flush.service systemd-update-utmp.service systemd-binfmt.service \
    systemd-pstore.service systemd-firstboot.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pcrmachine.service systemd-machine-id-commit.service \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    kmod-static-nodes.service systemd-hibernate-clear.service \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount

# Host keys are each machine's own (personality.py).
rm -f "$1"/etc/ssh/ssh_host_*
mkdir -p "$1/root/.ssh" && chmod 700 "$1/root/.ssh"
