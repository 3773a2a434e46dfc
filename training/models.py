"""Gathers the tables of every slice for Django."""

from training.exports.models import OnnxExport
from training.jobs.models import Attempt, Job
from training.playground.models import Trial

__all__ = ["Attempt", "Job", "OnnxExport", "Trial"]
