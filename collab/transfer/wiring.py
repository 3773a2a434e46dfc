"""Registers what every folder of technology transfer brings along. Imported once, when Django is ready."""

from collab.transfer.disclosures import wiring as disclosures
from collab.transfer.licences import wiring as licences

__all__ = ["disclosures", "licences"]
