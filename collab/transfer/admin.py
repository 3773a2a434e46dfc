"""Gathers the admin of technology transfer."""

from collab.transfer.disclosures import admin as disclosures
from collab.transfer.licences import admin as licences
from collab.transfer.portfolio import admin as portfolio
from collab.transfer.protection import admin as protection
from collab.transfer.royalties import admin as royalties

__all__ = ["disclosures", "licences", "portfolio", "protection", "royalties"]
