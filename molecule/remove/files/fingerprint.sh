#!/bin/sh
# What a machine is: packages and who asked for them, units, files of /etc and /usr/local, addresses, rules, and routes.
set -eu
export LC_ALL=C
echo "== packages"
dpkg-query --show --showformat='${Package} ${Version} ${db:Status-Status}\n' | sort
echo "== asked for"
apt-mark showmanual | sort
echo "== units"
# Not in a pipe: what fails is to be seen.
units=$(systemctl list-unit-files --no-legend --no-pager)
echo "$units" | awk '{ print $1, $2 }' | sort
echo "== files"
# Backups of passwd and its like, and what is made anew from other files, differ after any installation.
find /etc /usr/local /var/lib/homelab-anycast \( -name '*-' -o -name ld.so.cache -o -name .pwd.lock \) -prune \
  -o -printf '%y %m %u %g %p %l\n' 2>/dev/null | sort
find /etc /usr/local -type f ! -name '*-' ! -name ld.so.cache ! -name .pwd.lock -exec sha256sum {} + | sort --key=2
echo "== network"
ip -brief address | awk '{ print $1, $3, $4, $5 }' | sort
ip rule
ip route
