"""Gathers the admin of every slice."""

from registry.catalog import admin as catalog
from registry.datasets import admin as datasets

__all__ = ["catalog", "datasets"]
