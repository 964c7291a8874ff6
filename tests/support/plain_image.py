"""The image that ours is measured against: Jupyter as pip installs it, nothing tuned."""

from __future__ import annotations

from docker import DockerClient
from labwerk_hub.machine.files import content_stamp
from labwerk_hub.machine.images.engine_build import Files, build, context_of, has_image
from labwerk_hub.machine.images.locks import added
from labwerk_hub.machine.images.rootfs import Rootfs, ensure_rootfs
from labwerk_hub.machine.images.wheelhouse import Wheelhouse, ensure_wheels
from labwerk_hub.machine.log import Log

from support.environment import REPOSITORY
from support.images import places

_LOCK = REPOSITORY / "tests" / "data" / "plain-requirements.lock"
_ROOTFS = Rootfs(REPOSITORY / "images" / "base")
#: As a site would write it, but for the wheels, which no container could fetch here. The
#: certificates' file is what our root filesystem leaves out for speed.
_DOCKERFILE = """\
ARG ROOTFS
FROM ${ROOTFS}
RUN ln -sf /etc/ssl/certs/ca-certificates.crt /usr/lib/ssl/cert.pem
COPY wheels /wheels
COPY requirements.lock /wheels/
RUN python3 -m venv --without-pip /opt/jupyter \\
 && python3 "$(echo /wheels/pip-*.whl)/pip" --python /opt/jupyter/bin/python install \\
      --no-index --find-links /wheels --require-hashes -r /wheels/requirements.lock
ENV PATH=/opt/jupyter/bin:/usr/local/bin:/usr/bin:/bin
RUN echo jovyan:x:1000:1000::/home/jovyan:/bin/bash >> /etc/passwd \\
 && mkdir /home/jovyan && chown 1000:1000 /home/jovyan
USER jovyan
WORKDIR /home/jovyan
EXPOSE 8888
CMD ["jupyterhub-singleuser"]
"""


def plain_image(client: DockerClient) -> str:
    """The tag of the plain image; it is built if the engine does not have it."""
    stamp = content_stamp([_LOCK], _DOCKERFILE, _ROOTFS.stamp)
    tag = f"labwerk-tests/plain:{stamp[:12]}"
    if not has_image(client, tag):
        places().cache.mkdir(parents=True, exist_ok=True)
        log = Log(places().logs / "images.log")
        house = Wheelhouse(places().cache)
        wheels = ensure_wheels(added(_LOCK), house, log, _quiet)
        rootfs = ensure_rootfs(_ROOTFS, client, house, log, _quiet)
        files: Files = {"wheels": wheels, "requirements.lock": _LOCK}
        build(client, context_of(files, _DOCKERFILE), tag, log=log, arguments={"ROOTFS": rootfs})
    return tag


def _quiet(_: str) -> None:
    """The tests say by themselves what takes long."""
