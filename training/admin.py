"""Gathers the admin of every slice."""

from training.jobs import admin as jobs

__all__ = ["jobs"]
