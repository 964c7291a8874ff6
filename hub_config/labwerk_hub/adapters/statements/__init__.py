"""Statements in the forms that are handed out, and read back to be verified."""

from labwerk_hub.adapters.statements.form import Format, UnreadableStatementError
from labwerk_hub.adapters.statements.rendering import render
from labwerk_hub.adapters.statements.verifying import Verdict, verify

__all__ = ["Format", "UnreadableStatementError", "Verdict", "render", "verify"]
