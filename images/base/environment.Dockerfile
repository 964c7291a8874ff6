# The layer below the image's own: Debian with what packages.txt names, and one Python
# environment with what requirements.lock pins. The large part, and the one that changes
# seldom.
#
# Built by `up` (labwerk_hub/machine/images.py), which puts into the context: the lock file
# and its wheels. No step reaches a network: a package client in a container would meet
# proxies whose certificates only the host knows.
ARG ROOTFS
FROM ${ROOTFS} AS build
# So that what this stage leaves behind can be found and removed.
ARG BUILD
LABEL ${BUILD}=1

COPY wheels /wheels
COPY requirements.lock /wheels/
# pip runs from its own wheel. The lock is complete, so nothing is resolved here. The byte
# code is never checked against its source: nobody can change either, and a read-only root
# could not be written to.
RUN python3 -m venv --without-pip --system-site-packages /opt/labwerk \
 && python3 "$(echo /wheels/pip-*.whl)/pip" --python /opt/labwerk/bin/python install \
      --no-index --no-deps --no-compile --no-cache-dir --progress-bar off \
      --find-links /wheels --require-hashes -r /wheels/requirements.lock \
 && /opt/labwerk/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      /opt/labwerk/lib

FROM ${ROOTFS}
COPY --from=build /opt/labwerk /opt/labwerk
ENV PATH=/opt/labwerk/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=en_US.UTF-8 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
