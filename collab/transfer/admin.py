"""Gathers the admin of technology transfer."""

from collab.transfer.disclosures import admin as disclosures

__all__ = ["disclosures"]
