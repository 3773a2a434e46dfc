"""Gathers the admin of every slice."""

from registry.catalog import admin as catalog
from registry.datasets import admin as datasets
from registry.uses import admin as uses

__all__ = ["catalog", "datasets", "uses"]
