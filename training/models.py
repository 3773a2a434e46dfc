"""Gathers the tables of every slice for Django."""

from training.jobs.models import Attempt, Job

__all__ = ["Attempt", "Job"]
