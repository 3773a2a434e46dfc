"""Gathers the admin of every slice."""

from training.jobs import admin as jobs
from training.playground import admin as playground

__all__ = ["jobs", "playground"]
