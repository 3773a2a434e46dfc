"""What royalties hear of agreements: an executed licence puts its payments and periods into the calendar."""

from __future__ import annotations

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.scheduling import schedule


def licence_executed(version: AgreementVersion, by: User) -> None:
    """Schedule what the terms of a licence make due. Runs after the licence's own rows follow the version."""
    licence = Licence.objects.filter(agreement=version.agreement_id).first()
    if licence is not None:
        schedule(licence=licence)
