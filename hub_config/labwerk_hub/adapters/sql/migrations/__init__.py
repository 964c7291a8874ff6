"""Alembic migrations of Labwerk's database."""
