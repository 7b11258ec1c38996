#!/bin/sh
# make_container.sh INTERFACE unprivileged|privileged
# Makes and starts the container ct1, with its host's own files as its first ones: `pct create` of a host without Proxmox.
set -eu
place=/var/lib/lxc/ct1 root=/var/lib/lxc/ct1/rootfs
if [ -e "$place" ]; then
    lxc-stop --kill ct1
    umount "$root" "$place/changed"
    # A privileged one has none.
    if mountpoint -q "$place/lower"; then umount "$place/lower"; fi
fi
mkdir -p "$place/lower" "$place/changed" "$root"
mount -t tmpfs -o size=256m changes "$place/changed"
mkdir "$place/changed/upper" "$place/changed/work"
lower=/ identity=
if [ "$2" = unprivileged ]; then
    # Its user 0 is the host's 100000.
    lower=$place/lower
    mount --bind -o X-mount.idmap=b:0:100000:65536 / "$lower"
    chown 100000:100000 "$place/changed/upper"
    identity='lxc.include = /usr/share/lxc/config/userns.conf
lxc.idmap = u 0 100000 65536
lxc.idmap = g 0 100000 65536'
fi
mount -t overlay -o "lowerdir=$lower,upperdir=$place/changed/upper,workdir=$place/changed/work" ct1 "$root"

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

cat >"$place/config" <<END
lxc.include = /usr/share/lxc/config/common.conf
$identity
lxc.uts.name = ct1
lxc.rootfs.path = dir:$root
lxc.apparmor.profile = generated
lxc.apparmor.allow_nesting = 0
lxc.net.0.type = macvlan
lxc.net.0.macvlan.mode = bridge
lxc.net.0.link = $1
lxc.net.0.name = eth0
lxc.net.0.flags = up
END
lxc-start ct1
