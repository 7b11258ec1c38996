#!/bin/sh
# Last step of mmdebstrap; $1 is the new root.
set -eu

# Started where the machine's personality says so.
for unit in frr.service kamailio.service keepalived.service ssh.socket sshd-keygen.service logrotate.timer; do
    # Not every release has all of them.
    [ ! -e "$1/usr/lib/systemd/system/$unit" ] && [ ! -e "$1/lib/systemd/system/$unit" ] || chroot "$1" systemctl disable "$unit"
done
chroot "$1" systemctl enable ssh.service networking.service
chroot "$1" systemctl set-default multi-user.target

# What costs boot time in software emulation and does nothing for a test host; ifupdown-pre alone (udevadm settle) took
# 23 s. Disk and network cards are named by the initrd, so udev has nothing to look for at boot.
chroot "$1" systemctl mask \
    ifupdown-pre.service systemd-udev-settle.service systemd-udev-trigger.service systemd-udev-load-credentials.service \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer systemd-tmpfiles-clean.timer \
    e2scrub_reap.service getty@tty1.service getty.target serial-getty@.service systemd-logind.service \
    systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-update-done.service ldconfig.service \
    systemd-journal-flush.service systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-binfmt.service systemd-random-seed.service \
    systemd-pstore.service systemd-firstboot.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
    systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-pcrmachine.service systemd-machine-id-commit.service \
    systemd-tmpfiles-setup-dev-early.service systemd-hibernate-clear.service kmod-static-nodes.service \
    systemd-ask-password-console.path systemd-ask-password-wall.path \
    systemd-creds.socket systemd-hostnamed.socket systemd-initctl.socket systemd-sysext.socket \
    modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
    systemd-sysusers.service systemd-remount-fs.service tmp.mount run-lock.mount \
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount

# The same for programs which systemd runs before anything else, to make units of what they find (systemd.generator(7)).
mkdir -p "$1/etc/systemd/system-generators"
for generator in debug getty gpt-auto hibernate-resume rc-local run ssh system-update tpm2; do
    ln -s /dev/null "$1/etc/systemd/system-generators/systemd-$generator-generator"
done

# OpenSSH 9.2 of Debian 12 refuses what it does not know.
grep -qi persourcepenalties "$1/usr/sbin/sshd" || sed -i '/PerSourcePenalties/d' "$1/etc/ssh/sshd_config.d/lab.conf"

# Empty lists of modules to load, and hooks of every `ifup` which ask systemctl for a resolver the machine has not.
rm -f "$1/etc/modules" "$1/etc/modules-load.d/modules.conf" "$1"/etc/network/if-*.d/resolved

# The initrd mounts the root, for reading and writing.
rm -f "$1/etc/fstab"

# Host keys are each machine's own (personality.py).
rm -f "$1"/etc/ssh/ssh_host_*
(cd "$1/root" && mkdir -p .ssh && chmod 700 .ssh)
