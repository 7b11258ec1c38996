#!/bin/sh
# inside.sh ROOT COMMAND...: runs it in the Debian below ROOT, with the network of this host, and with the lab's files under their own
# names. The command sees the lab's keys, and none of Ansible's settings of this checkout.
set -e
ANYCAST_INSIDE=$1
export ANYCAST_INSIDE
shift
# shellcheck disable=SC2016  # For the inner shell.
exec unshare --mount sh -ec '
  for place in "$PWD" /run /tmp /dev; do
    mkdir -p "$ANYCAST_INSIDE$place"
    mount --rbind "$place" "$ANYCAST_INSIDE$place"
  done
  mount -t proc proc "$ANYCAST_INSIDE/proc"
  exec env -i -C / HOME=/home LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    ANYCAST_OSPF_KEY="$ANYCAST_OSPF_KEY" ROUTEROS_USERNAME="$ROUTEROS_USERNAME" ROUTEROS_PASSWORD="$ROUTEROS_PASSWORD" \
    chroot "$ANYCAST_INSIDE" env -C /home "$@"
' sh "$@"
