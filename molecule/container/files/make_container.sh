#!/bin/sh
# Makes the container ct1, with its host's own files as its first ones: `pct create` of a host without Proxmox.
set -eu
lower=/var/lib/lxc/ct1/lower changed=/var/lib/lxc/ct1/changed root=/var/lib/lxc/ct1/rootfs
mkdir -p "$lower" "$changed" "$root"
# An unprivileged container: its user 0 is the host's 100000.
mount --bind -o X-mount.idmap=b:0:100000:65536 / "$lower"
mount -t tmpfs -o size=256m changes "$changed"
mkdir "$changed/upper" "$changed/work"
chown 100000:100000 "$changed/upper"
mount -t overlay -o "lowerdir=$lower,upperdir=$changed/upper,workdir=$changed/work" ct1 "$root"

rm -f "$root/etc/network/interfaces.d/lab" "$root/etc/machine-id"
: >"$root/etc/machine-id"
echo ct1 >"$root/etc/hostname"
cat >"$root/etc/network/interfaces" <<END
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    address 172.18.0.31/26

source /etc/network/interfaces.d/*
END

cat >/var/lib/lxc/ct1/config <<END
lxc.include = /usr/share/lxc/config/common.conf
lxc.include = /usr/share/lxc/config/userns.conf
lxc.uts.name = ct1
lxc.rootfs.path = dir:$root
lxc.idmap = u 0 100000 65536
lxc.idmap = g 0 100000 65536
lxc.apparmor.profile = generated
lxc.apparmor.allow_nesting = 0
lxc.net.0.type = macvlan
lxc.net.0.macvlan.mode = bridge
lxc.net.0.link = $1
lxc.net.0.name = eth0
lxc.net.0.flags = up
END
