#!/bin/sh
# Finishes the root filesystem, once its packages are in it; $1 is its top folder.
# Runs on the host as mmdebstrap's last hook, and in the build of a pulled base.
set -eu
top=$1
here=$(dirname "$0")

grep -v '^#' "$here/locales.txt" > "$top/etc/locale.gen"
chroot "$top" locale-gen

# People's names: see start/account.py. /run is a tmpfs in every session, and the engine
# gives that the mode of the folder it covers.
chmod 1777 "$top/run"
sed -i 's/^\(passwd\|group\):.*/\1: files extrausers/' "$top/etc/nsswitch.conf"
mkdir -p "$top/var/lib/extrausers"
for file in passwd group; do
  ln -sfn "/run/labwerk/$file" "$top/var/lib/extrausers/$file"
done

# Sessions run without new privileges, so these bits could do nothing but alarm.
find "$top" -xdev -type f -perm /6000 -exec chmod ug-s {} +

# The certificates of this file are in the folder beside it, too, where OpenSSL reads just
# those it needs; with the file, every TLS client reads all of them when it starts.
rm -f "$top/usr/lib/ssl/cert.pem"

# Where the engine mounts things; it cannot make folders in a read-only root.
mkdir -p "$top/home/lab" "$top/projects" "$top/data"

# Left by the making: the host's apt settings, lists of packages, logs, and the host's name
# service, which is the engine's own and stays if this runs in a container.
rm -f "$top/etc/apt/apt.conf.d/99mmdebstrap"
rm -f "$top/etc/resolv.conf" "$top/etc/hostname" 2> /dev/null || true
rm -rf "$top"/var/lib/apt/lists/* "$top"/var/cache/apt/* "$top"/var/log/*
rm -f "$top"/var/cache/ldconfig/aux-cache "$top"/var/cache/debconf/*-old "$top"/var/lib/dpkg/*-old
