"""Tell MuJoCo and VTK how to draw without a screen: with the session's GPU, or without one.

MuJoCo looks at ``MUJOCO_GL`` when it is imported, and fails where there is no screen and the
variable is not set. VTK finds out by itself, but complains of the screen that is missing.
"""

from __future__ import annotations

import os
from pathlib import Path

_NVIDIA = Path("/dev/nvidiactl")


def draw_without_a_screen(device: Path = _NVIDIA) -> None:
    """Set the variables for this process and its kernels, where they are not set already."""
    has_gpu = device.exists()
    window = "vtkEGLRenderWindow" if has_gpu else "vtkOSOpenGLRenderWindow"
    os.environ.setdefault("MUJOCO_GL", "egl" if has_gpu else "osmesa")
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", window)
