#!/bin/sh
# Installs what an image adds to the one below it. Runs in a container of that image, as root
# and without network; the container is the layer afterwards. What it reads is mounted where
# Debian has empty folders: the wheels in /mnt, Debian packages in /srv, the lock file and
# this script in /media. $1 is the time that every file gets, in seconds since 1970.
set -eu
time=@$1
PATH=$PATH:/usr/sbin:/sbin
# Byte code must not depend on the process that made it: sets are written in their order.
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1

if [ -n "$(find /srv -name '*.deb' -print -quit)" ]; then
  find /srv -name '*.deb' -print0 | sort -z | DEBIAN_FRONTEND=noninteractive xargs -0 \
    dpkg --unpack --path-exclude='/usr/share/man/*' --path-exclude='/usr/share/doc/*' \
      --path-include='/usr/share/doc/*/copyright'
  DEBIAN_FRONTEND=noninteractive dpkg --configure --pending
  # Dated, and made anew where they are needed.
  rm -rf /var/cache/ldconfig/aux-cache /var/cache/fontconfig /var/cache/debconf/*-old \
    /var/lib/dpkg/*-old /var/log/*
  # Sessions run without new privileges, so these bits could do nothing but alarm.
  find / -xdev -type f -newermt "$time" -perm /6000 -exec chmod ug-s {} +
fi

# The lowest image gets its pip from this very wheel. The lock is complete, so nothing is
# resolved here.
if [ ! -d /opt/labwerk ]; then
  python3 -m venv --without-pip --system-site-packages /opt/labwerk
  pip="$(echo /mnt/pip-*.whl)/pip"
else
  pip=/opt/labwerk/lib/python3.11/site-packages/pip
fi
if [ -s /media/requirements.lock ]; then
  python3 "$pip" --python /opt/labwerk/bin/python install \
    --no-index --no-deps --no-compile --no-cache-dir --progress-bar off --no-warn-script-location \
    --disable-pip-version-check --root-user-action ignore \
    --find-links /mnt --require-hashes -r /media/requirements.lock
fi
# Byte code is never checked against its source: nobody can change either, and a read-only
# root could not be written to. Processes of equal work, so that each gives the same again;
# what is no Python though it is named so is left as it is.
find /opt/labwerk/lib -name '*.py' -newermt "$time" -print0 | sort -z |
  xargs -0 --no-run-if-empty --max-procs="$(nproc)" --max-args=400 \
    /opt/labwerk/bin/python -m compileall -qq -f --invalidation-mode unchecked-hash || [ $? -eq 123 ]

rm -rf /tmp/* /root/.cache
find / -xdev -newermt "$time" -print0 | xargs -0 touch --no-dereference --date="$time" 2> /dev/null || true
