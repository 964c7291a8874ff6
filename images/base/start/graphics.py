"""Tell MuJoCo how to draw without a screen: with the GPU if the session has one, or without.

It looks at ``MUJOCO_GL`` when it is imported, and fails where there is no screen and the
variable is not set. VTK finds out by itself.
"""

from __future__ import annotations

import os
from pathlib import Path

_NVIDIA = Path("/dev/nvidiactl")


def draw_without_a_screen(device: Path = _NVIDIA) -> None:
    """Set the variable for this process and its kernels, where it is not set already."""
    os.environ.setdefault("MUJOCO_GL", "egl" if device.exists() else "osmesa")
