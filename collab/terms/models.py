"""What each person has accepted: one version of an agreement, for one party, bound to the hash of what was shown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import roles_with
from collab.accounts.models import Membership
from collab.agreements.models import AgreementVersion, Coverage
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import User


class AcceptanceQuerySet(models.QuerySet["TermsAcceptance"]):
    def visible_to(self, user: Person, word: str = "agreement.view") -> AcceptanceQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_names(self) -> AcceptanceQuerySet:
        """What a list shows, in one query."""
        return self.select_related("version__agreement__project", "user", "organisation")


class TermsAcceptance(Record):
    """A person accepted exactly this text for the party they act for. Never changed, never taken back."""

    version = models.ForeignKey(
        "collab.AgreementVersion", models.PROTECT, related_name="acceptances", verbose_name=_("version")
    )
    user = models.ForeignKey("collab.User", models.PROTECT, related_name="acceptances", verbose_name=_("person"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("on behalf of")
    )
    document_sha256 = models.CharField(_("document hash"), max_length=64)
    accepted_at = models.DateTimeField(_("accepted at"), default=timezone.now)

    objects = AcceptanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("acceptance of terms")
        verbose_name_plural = _("acceptances of terms")
        ordering = ["-accepted_at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "user", "organisation"], name="terms_accepted_once"),
            models.CheckConstraint(condition=~models.Q(document_sha256=""), name="terms_accepted_with_hash"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.version}"


def acting(at: datetime | None = None) -> QuerySet[Membership]:
    """Roles in projects that let their holders accept terms, for the parties that have not left."""
    held = Membership.objects.filter(project__isnull=False, role__in=roles_with("terms.accept"))
    return held.active(at).filter(
        organisation__project_parties__project=F("project"), organisation__project_parties__left_on=None
    )


def acting_for(user: User, at: datetime | None = None) -> QuerySet[Membership]:
    """The person's own of these."""
    return acting(at).filter(user=user)


def asked_by(version: AgreementVersion) -> QuerySet[Membership]:
    """Roles whose holders the version asks for their acceptance: those of the parties that it covers."""
    return acting().filter(project=version.agreement.project_id, organisation__in=version.coverage.values("party"))


def open_for(user: User, at: datetime | None = None) -> QuerySet[AgreementVersion]:
    """Versions in force that cover the person's party and that the person has not accepted for it."""
    at = at or timezone.now()
    theirs = acting_for(user, at).filter(
        project=OuterRef("version__agreement__project"), organisation=OuterRef("party")
    )
    done = TermsAcceptance.objects.filter(version=OuterRef("version"), organisation=OuterRef("party"), user=user)
    covers = Coverage.objects.filter(Exists(theirs), ~Exists(done), version=OuterRef("pk"))
    return AgreementVersion.objects.in_force(at).filter(Exists(covers), requires_acceptance=True)
