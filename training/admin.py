"""Gathers the admin of every slice."""

from training.exports import admin as exports
from training.jobs import admin as jobs
from training.playground import admin as playground

__all__ = ["exports", "jobs", "playground"]
