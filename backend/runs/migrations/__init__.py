"""Alembic's scripts: one file under versions/ for each change of the tables."""
