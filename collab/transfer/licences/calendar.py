"""Diligence milestones in the calendar of obligations: the licensee's to reach, the licensor's to look at."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind
from collab.transfer.licences.models import Breach, Diligence, Licence


def enter_duties(licence: Licence) -> None:
    """Enter what the licensee does by a day."""
    for row in Diligence.objects.filter(licence=licence):
        if row.met_on is not None:
            settle_duty(row)
            continue
        title = format_lazy(
            gettext_lazy("{licence}: “{what}” is to be reached"), licence=licence.agreement, what=row.title
        )
        facts = {"source": row, "due_on": row.due_on, "title": title, "url": licence.get_absolute_url()}
        set_obligation(kind=ObligationKind.MILESTONE, organisation=licence.licensee, **facts)
        set_obligation(kind=ObligationKind.REVIEW, organisation=licence.licensor, **facts)


def settle_duty(row: Diligence) -> None:
    settle_obligation(source=row, kind=ObligationKind.MILESTONE)
    settle_obligation(source=row, kind=ObligationKind.REVIEW)


def enter_cure(breach: Breach) -> None:
    """The day by which a breach is to be cured, for both sides."""
    licence = breach.licence
    title = format_lazy(gettext_lazy("{licence}: the breach is to be cured"), licence=licence.agreement)
    facts = {"source": breach, "due_on": breach.cure_by, "title": title, "url": licence.get_absolute_url()}
    set_obligation(kind=ObligationKind.CONDITION, organisation=licence.licensee, **facts)
    set_obligation(kind=ObligationKind.REVIEW, organisation=licence.licensor, **facts)


def settle_cure(breach: Breach) -> None:
    settle_obligation(source=breach, kind=ObligationKind.CONDITION)
    settle_obligation(source=breach, kind=ObligationKind.REVIEW)


def settle_all(licence: Licence) -> None:
    """The licence is over: nothing of it falls due any more."""
    settle_obligation(source=licence, kind=ObligationKind.NOTICE)
    for row in Diligence.objects.filter(licence=licence):
        settle_duty(row)
    for breach in Breach.objects.filter(licence=licence):
        settle_cure(breach)
