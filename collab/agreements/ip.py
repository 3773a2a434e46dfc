"""Who owns what comes out of it, and who may use what: the intellectual property terms of a version, as data."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record


class ResultsOwner(models.TextChoices):
    UNIVERSITY = "university", _("the university owns all results")
    COMPANY = "company", _("the company owns all results")
    OWN = "own", _("each party owns the results it makes")
    JOINT = "joint", _("the parties own all results together")


class PartnerRight(models.TextChoices):
    """What the party that does not own the results may do with them."""

    NONE = "none", _("no right beyond the project")
    NON_EXCLUSIVE = "non_exclusive", _("a non-exclusive licence in the field")
    OPTION_LICENCE = "option_licence", _("an option to an exclusive licence")
    OPTION_ASSIGNMENT = "option_assignment", _("an option to take over the ownership")


class AccessRight(models.TextChoices):
    NONE = "none", _("no access")
    PROJECT = "project", _("for the work of the project")
    EXPLOITATION = "exploitation", _("for the project, and where needed to use one's own results")


class AccessCondition(models.TextChoices):
    ROYALTY_FREE = "royalty_free", _("royalty-free")
    FAIR = "fair", _("on fair and reasonable conditions")
    AGREED = "agreed", _("on conditions to be agreed")


OPTIONS = (PartnerRight.OPTION_LICENCE.value, PartnerRight.OPTION_ASSIGNMENT.value)


class IPTerms(Record):
    """Part of what is signed: `AgreementVersion.document()` holds every field of this row."""

    version = models.OneToOneField(
        "collab.AgreementVersion", models.CASCADE, related_name="ip_terms", verbose_name=_("version")
    )
    results_owner = models.CharField(_("ownership of results"), max_length=20, choices=ResultsOwner.choices)
    partner_right = models.CharField(
        _("right of the other party"), max_length=20, choices=PartnerRight.choices, default=PartnerRight.NONE
    )
    background_access = models.CharField(
        _("access to background"), max_length=20, choices=AccessRight.choices, default=AccessRight.PROJECT
    )
    background_condition = models.CharField(
        _("condition of access to background"),
        max_length=20,
        choices=AccessCondition.choices,
        default=AccessCondition.ROYALTY_FREE,
    )
    results_access = models.CharField(
        _("access to results"), max_length=20, choices=AccessRight.choices, default=AccessRight.PROJECT
    )
    results_condition = models.CharField(
        _("condition of access to results"),
        max_length=20,
        choices=AccessCondition.choices,
        default=AccessCondition.ROYALTY_FREE,
    )
    field_of_use = models.CharField(_("field"), max_length=300, blank=True, validators=[PlainTextValidator()])
    territory = models.CharField(_("territory"), max_length=160, blank=True, validators=[PlainTextValidator()])
    option_days = models.PositiveSmallIntegerField(_("option period, in days"), null=True, blank=True)
    negotiation_days = models.PositiveSmallIntegerField(_("negotiation period, in days"), null=True, blank=True)
    publication_notice_days = models.PositiveSmallIntegerField(
        _("days of notice before a publication"), null=True, blank=True
    )
    publication_delay_days = models.PositiveSmallIntegerField(
        _("days that an objection may delay a publication, at most"), null=True, blank=True
    )
    academic_use = models.BooleanField(_("the university may teach and research with the results"), default=True)
    confidentiality_years = models.PositiveSmallIntegerField(
        _("years that what was learnt stays confidential"), null=True, blank=True
    )

    class Meta:
        verbose_name = _("intellectual property terms")
        verbose_name_plural = _("intellectual property terms")
        constraints = [
            models.CheckConstraint(
                condition=~Q(partner_right__in=OPTIONS) | Q(option_days__gt=0, negotiation_days__gt=0),
                name="ip_terms_an_option_has_its_periods",
            ),
            models.CheckConstraint(
                condition=~Q(partner_right=PartnerRight.NON_EXCLUSIVE.value) | ~Q(field_of_use=""),
                name="ip_terms_a_licence_names_its_field",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version}: {self.get_results_owner_display()}"

    @property
    def needs_periods(self) -> bool:
        return self.partner_right in OPTIONS

    @property
    def needs_field(self) -> bool:
        return self.partner_right == PartnerRight.NON_EXCLUSIVE

    def facts(self) -> dict[str, Any]:
        """Every term, as it is signed."""
        return {name: getattr(self, name) for name in IP_FIELDS}


IP_FIELDS = tuple(f.name for f in IPTerms._meta.fields if f.name not in {"id", "created_at", "version"})
