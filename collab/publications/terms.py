"""What the agreements in force say about publishing: days of notice, and how long an objection may delay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.agreements.models import AgreementVersion
from collab.kernel.errors import NotReadyError
from collab.projects.models import Project


@dataclass(frozen=True)
class PublicationTerms:
    """`agreement` sets the days of notice; `agreed` False: none names any, so the installation's setting counts."""

    agreement: AgreementVersion
    notice_days: int
    delay_days_max: int
    agreed: bool


def terms_of(project: Project, at: datetime | None = None) -> PublicationTerms:
    """The terms of today. Several agreements may be in force: the longest notice counts, and the longest delay.

    Raises NotReadyError when no agreement of the project is in force.
    """
    rows = AgreementVersion.objects.in_force(at or timezone.now()).filter(agreement__project=project)
    found = list(rows.select_related("agreement", "ip_terms").order_by("effective_on", "executed_at", "pk"))
    if not found:
        url = reverse("collab:project", args=[project.slug]) + "#agreements"
        raise NotReadyError([Missing("no_agreement_in_force", _("No agreement of this project is in force."), url)])
    notices = {v: ip.publication_notice_days for v in found if (ip := getattr(v, "ip_terms", None)) is not None}
    named = {version: days for version, days in notices.items() if days is not None}
    delays = [v.ip_terms.publication_delay_days for v in notices if v.ip_terms.publication_delay_days is not None]
    sets = max(named, key=named.__getitem__) if named else found[0]
    return PublicationTerms(
        agreement=sets,
        notice_days=named.get(sets, settings.PUBLICATION_NOTICE_DAYS),
        delay_days_max=max(delays, default=settings.PUBLICATION_DELAY_DAYS),
        agreed=bool(named),
    )
