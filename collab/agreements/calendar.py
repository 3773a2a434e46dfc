"""Dates of agreements in the calendar of obligations: the end of a term, the last day of notice, surviving duties."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from collab.agreements.models import AgreementVersion
from collab.agreements.states import STANDING
from collab.inbox.services import set_obligation, settle_obligation
from collab.inbox.states import ObligationKind


def enter_dates(version: AgreementVersion) -> None:
    """Enter what a version that was signed by all, renewed or ended asks of its parties."""
    today = timezone.localdate()
    if version.state in STANDING:
        _enter_term(version)
        ended_on = version.last_day(today)
    else:
        settle_dates(version)
        ended_on = timezone.localdate(version.ended_at) if version.ended_at else today
    for duty in version.duties.select_related("party"):
        last = duty.last_day(ended_on)
        if last is None:
            continue
        set_obligation(
            source=duty,
            kind=ObligationKind.OTHER,
            title=format_lazy(
                gettext_lazy("{agreement}: the duty “{duty}” lasts until this day"),
                agreement=version.agreement,
                duty=duty,
            ),
            due_on=last,
            url=version.agreement.get_absolute_url(),
            project=version.agreement.project,
            organisation=duty.party,
        )


def _enter_term(version: AgreementVersion) -> None:
    today = timezone.localdate()
    end, renews = version.last_day(today), version.auto_renews and version.lapses_on is None
    notice = version.notice_by(today) if version.lapses_on is None else None
    title = gettext_lazy("{agreement} renews itself") if renews else gettext_lazy("{agreement} expires")
    facts: dict[str, Any] = {"url": version.agreement.get_absolute_url(), "project": version.agreement.project}
    if end is not None:
        named = format_lazy(title, agreement=version.agreement)
        set_obligation(source=version, kind=ObligationKind.EXPIRY, title=named, due_on=end, **facts)
    if notice is not None and notice >= today:
        named = format_lazy(gettext_lazy("{agreement}: last day to give notice"), agreement=version.agreement)
        set_obligation(source=version, kind=ObligationKind.NOTICE, title=named, due_on=notice, **facts)
    else:
        settle_obligation(source=version, kind=ObligationKind.NOTICE)


def settle_dates(version: AgreementVersion) -> None:
    """Take away what no longer comes due: another version takes its place."""
    settle_obligation(source=version, kind=ObligationKind.EXPIRY)
    settle_obligation(source=version, kind=ObligationKind.NOTICE)
