"""Registers what every folder of technology transfer brings along. Imported once, when Django is ready."""

from collab.transfer.disclosures import wiring as disclosures
from collab.transfer.licences import wiring as licences
from collab.transfer.portfolio import wiring as portfolio
from collab.transfer.protection import wiring as protection
from collab.transfer.royalties import wiring as royalties

__all__ = ["disclosures", "licences", "portfolio", "protection", "royalties"]
