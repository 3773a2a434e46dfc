"""Gathers the admin of technology transfer."""

from collab.transfer.disclosures import admin as disclosures
from collab.transfer.royalties import admin as royalties

__all__ = ["disclosures", "royalties"]
