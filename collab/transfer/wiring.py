"""Registers what every folder of technology transfer brings along. Imported once, when Django is ready."""

from collab.transfer.disclosures import wiring as disclosures

__all__ = ["disclosures"]
