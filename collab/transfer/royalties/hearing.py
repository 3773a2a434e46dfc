"""What royalties hear of agreements: an executed licence puts its payments and periods into the calendar, a terminated
one takes out what is not owed. And what royalties say of a case: whether it has brought money.
"""

from __future__ import annotations

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.agreements.models import AgreementVersion
from collab.agreements.states import VersionState
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.models import Licence
from collab.transfer.licences.own import licences_about
from collab.transfer.royalties.acts import said
from collab.transfer.royalties.models import Distribution, Receipt
from collab.transfer.royalties.scheduling import schedule


def licence_moved(version: AgreementVersion, by: User) -> None:
    """Schedule what the terms of a licence make due. Runs after its own rows follow the version, or the end."""
    if version.state == VersionState.WITHDRAWN:  # declined or taken back, it makes nothing due
        return
    licence = Licence.objects.filter(agreement=version.agreement_id).first()
    if licence is not None:
        schedule(licence=licence)


def money_of(case: TransferCase) -> list[Missing]:
    """What a case has brought: its inventors are in the ledger for good, or will be with the next distribution."""
    of_case = Q(entries__case=case) | Q(entries__case=None, entries__receipt__licence__case=case)
    found = []
    first = Distribution.objects.filter(of_case, organisation=case.organisation_id).order_by("number").first()
    if first is not None:
        text = _("%(distribution)s has divided what the case brought, so its decision and its inventors stay.")
        found.append(Missing("income_divided", text % {"distribution": first}, first.get_absolute_url()))
    waiting = Receipt.objects.standing().filter(
        organisation=case.organisation_id, licence__in=licences_about(case).values("pk"), undistributed__gt=0
    )
    sums = waiting.order_by("licence").values_list("licence", "book_currency").annotate(all=Sum("undistributed"))
    licences = Licence.objects.select_related("agreement").in_bulk([key for key, _currency, _all in sums])
    text = _("%(amount)s received under %(licence)s are not distributed yet.")
    for key, currency, amount in sums:
        told = text % {"amount": said(amount, currency), "licence": licences[key].agreement}
        found.append(Missing("income_undivided", told, licences[key].get_absolute_url()))
    return found
