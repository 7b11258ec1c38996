#!/bin/sh
# Root file system as a tar file on stdin -> compact qcow2 disk on stdout; $1 is the size of the disk.
set -eu
work=$(mktemp -d "$TMPDIR/disk.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir "$work/root"
# Without device files, which a user namespace may not make; the kernel's own devtmpfs has them.
tar -C "$work/root" --numeric-owner --exclude='./dev/*' -xf -
mke2fs -q -t ext4 -L root -E lazy_itable_init=1,lazy_journal_init=1 -d "$work/root" "$work/disk.raw" "$1" >&2
rm -rf "$work/root"
qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$work/disk.qcow2" >&2
cat "$work/disk.qcow2"
