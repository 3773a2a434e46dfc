"""What royalties hear of agreements: an executed licence puts its payments and periods into the calendar, a terminated
one takes out what is not owed.
"""

from __future__ import annotations

from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.states import VersionState
from collab.transfer.licences.models import Licence
from collab.transfer.royalties.scheduling import schedule


def licence_moved(version: AgreementVersion, by: User) -> None:
    """Schedule what the terms of a licence make due. Runs after its own rows follow the version, or the end."""
    if version.state == VersionState.WITHDRAWN:  # declined or taken back, it makes nothing due
        return
    licence = Licence.objects.filter(agreement=version.agreement_id).first()
    if licence is not None:
        schedule(licence=licence)
