"""Gathers the tables of every slice for Django."""

from registry.catalog.models import ModelMetric, ModelVersion, RegisteredModel
from registry.datasets.models import Dataset, DatasetVersion
from registry.uses.models import UseCode, UseTerms

__all__ = ["Dataset", "DatasetVersion", "ModelMetric", "ModelVersion", "RegisteredModel", "UseCode", "UseTerms"]
