"""Labwerk's hub side.

The way of one session, read from left to right::

    login → entitlement → offers → admission → lease → container → metering → ledger → display

``domain`` decides (pure, frozen data), ``services`` say what can be done (one verb
per function), ``adapters`` touch the outside, ``hub`` and ``api`` translate to and
from JupyterHub and HTTP. Imports point one way; README.md has the picture.
"""
