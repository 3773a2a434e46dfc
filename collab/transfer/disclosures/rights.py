"""What others may claim: sponsors' rights in the agreements of a project, and the background of other parties."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Person
from collab.accounts.models import Organisation
from collab.agreements.background import BackgroundItem
from collab.agreements.ip import OPTIONS, IPTerms, PartnerRight, ResultsOwner
from collab.agreements.models import AgreementVersion


@dataclass(frozen=True)
class Right:
    """What one party may claim on results, by one agreement in force."""

    party: Organisation
    version: AgreementVersion
    terms: IPTerms

    @property
    def right(self) -> str:
        return self.terms.partner_right

    @property
    def stands_in_the_way(self) -> bool:
        """Before the result is offered to others, this one must be asked."""
        return self.right in OPTIONS or self.terms.results_owner in {ResultsOwner.COMPANY, ResultsOwner.JOINT}

    @property
    def sentence(self) -> str:
        words = {"party": self.party, "reference": self.version.agreement.reference, "field": self.terms.field_of_use}
        if self.terms.results_owner == ResultsOwner.COMPANY and self.party.kind == "company":
            return _("%(reference)s: %(party)s owns all results.") % words
        if self.right in OPTIONS:
            words |= {"option": self.terms.option_days, "talks": self.terms.negotiation_days}
            words |= {"what": self.terms.get_partner_right_display()}
            return (
                _("%(reference)s: %(party)s has %(what)s, for %(option)s days, and %(talks)s days to negotiate.")
                % words
            )
        if self.right == PartnerRight.NON_EXCLUSIVE:
            return _("%(reference)s: %(party)s has a non-exclusive licence in the field “%(field)s”.") % words
        if self.terms.results_owner == ResultsOwner.JOINT:
            return _("%(reference)s: %(party)s owns the results too; neither grants alone.") % words
        return _("%(reference)s: %(party)s has no right beyond the project.") % words


def rights_of(
    project_id: UUID | None, organisation_id: UUID, user: Person | None = None, at: datetime | None = None
) -> list[Right]:
    """The rights of the other parties by every agreement in force of the project, three queries.

    With `user`, from the agreements that this person may read; without one, from all of them.
    """
    if project_id is None:
        return []
    rows = AgreementVersion.objects.in_force(at or timezone.now()).filter(
        agreement__project=project_id, ip_terms__isnull=False
    )
    if user is not None:
        rows = rows.visible_to(user)
    rows = rows.select_related("agreement", "ip_terms").prefetch_related("parties__organisation")
    return [
        Right(party.organisation, version, version.ip_terms)
        for version in rows.order_by("agreement__reference")
        for party in sorted(version.parties.all(), key=lambda one: one.organisation.name)
        if party.organisation_id != organisation_id
    ]


def background_of(project_id: UUID | None, organisation_id: UUID, user: Person) -> list[BackgroundItem]:
    """What other parties brought along and is not withdrawn: whoever uses the result may need it."""
    if project_id is None:
        return []
    rows = BackgroundItem.objects.declared().filter(project=project_id).exclude(owner=organisation_id)
    return list(rows.visible_to(user).select_related("owner"))
