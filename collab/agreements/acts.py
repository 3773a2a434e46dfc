"""What the history says of an agreement, whatever the act is about."""

from __future__ import annotations

from collab.agreements.models import Agreement


def named(agreement: Agreement) -> dict[str, str]:
    """The reference for people, and the key by which acts of a confidential agreement are kept from others."""
    return {"reference": agreement.reference, "agreement": str(agreement.pk)}
