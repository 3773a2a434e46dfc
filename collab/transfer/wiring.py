"""Registers what every folder of technology transfer brings along. Imported once, when Django is ready."""

from collab.transfer.disclosures import wiring as disclosures
from collab.transfer.royalties import wiring as royalties

__all__ = ["disclosures", "royalties"]
