"""Environments of one's own, which live in the home and are kernels of Lab.

Each is a virtual environment on the interpreter that the image's Python stands on. By
default it stands on the image, too: what it does not have itself comes from the packages
of whichever image the session runs, so it is made at once and holds little. The parts:

- `place`: where environments are, what they are called, and one change at a time;
- `layers`: what an environment has itself, what the image gives it, what is missing;
- `uv`: everything that uv is asked to do, and what it says when it cannot;
- `kernel`: how Lab finds and starts an environment;
- `verbs`: create, add, remove, and what is wrong with one.

Nothing here is imported by ``import labwerk``; `labwerk.command` is the front door.
"""
