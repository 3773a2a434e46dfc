"""Joint research: a project, its parties, and who leads it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import PROTECT, F, ForeignKey, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Membership
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.states import ENDED, ProjectState

CURRENCY = RegexValidator(r"^[A-Z]{3}\Z", _("Write three capital letters, such as EUR."))

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import Organisation


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: Person, word: str = "project.view") -> ProjectQuerySet:
        """Joint projects for lists and choices; frames are reached from what they keep."""
        return visible_to(user, word, self.joint())  # type: ignore[return-value]

    def joint(self) -> ProjectQuerySet:
        """Without the frames, which only keep agreements of two organisations."""
        return self.filter(is_frame=False)

    def open(self) -> ProjectQuerySet:
        return self.exclude(state__in=ENDED)

    def mine(self, user: Person) -> ProjectQuerySet:
        """Those in which the person holds a role of their own."""
        held = Membership.objects.filter(user=user).active().in_projects()  # type: ignore[misc]
        return self.filter(pk__in=held.values("project"))

    def of_party(self, organisation: Organisation | UUID) -> ProjectQuerySet:
        return self.filter(
            pk__in=ProjectParty.objects.filter(organisation=organisation, left_on=None).values("project")
        )

    def with_parties(self) -> ProjectQuerySet:
        return self.prefetch_related(
            models.Prefetch("parties", ProjectParty.objects.filter(left_on=None).select_related("organisation", "lead"))
        )


class Project(Record):
    """A joint project. Its slug is also the name of its MLflow workspace."""

    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True)
    summary = models.TextField(_("summary"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    summary_zh = models.TextField(_("Chinese summary"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ProjectState], default=ProjectState.PROPOSAL
    )
    state_reason = models.CharField(_("reason of the state"), max_length=1000, blank=True)
    round = models.PositiveIntegerField(_("times submitted"), default=0, editable=False)
    report_every_months = models.PositiveSmallIntegerField(_("months between reports"), null=True, blank=True)
    report_due_days = models.PositiveSmallIntegerField(_("days to write a report"), default=30)
    starts_on = models.DateField(_("starts on"), default=timezone.localdate)
    ends_on = models.DateField(_("ends on"), null=True, blank=True)
    is_frame = models.BooleanField(
        _("only keeps agreements"), default=False, editable=False,
        help_text=_("Of two organisations without a joint project; no work is done in it."),
    )  # fmt: skip
    # Not models.ForeignKey: to mypy, what is called `models` here are those that the project trained.
    created_by = ForeignKey("collab.User", PROTECT, related_name="+", verbose_name=_("begun by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gte=F("starts_on")), name="project_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in ProjectState]), name="project_state_is_known"
            ),
            models.CheckConstraint(condition=Q(is_frame=False) | Q(state="idea"), name="project_frame_does_no_work"),
        ]

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title

    @property
    def summary_text(self) -> str:
        return self.summary_zh if self.summary_zh and (get_language() or "").startswith("zh") else self.summary

    def get_absolute_url(self) -> str:
        return reverse("collab:project", args=[self.slug])


class PartyRole(models.TextChoices):
    LEAD = "lead", _("Lead")
    PARTNER = "partner", _("Partner")


class ProjectParty(Record):
    """An organisation in a project. Leaving ends access at once; what it signed stays."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="parties", verbose_name=_("project"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="project_parties", verbose_name=_("organisation")
    )
    role = models.CharField(_("role"), max_length=20, choices=PartyRole.choices, default=PartyRole.PARTNER)
    lead = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("leads its work"),
        help_text=_("The principal investigator, or whom the others turn to."),
    )
    joined_on = models.DateField(_("joined on"), default=timezone.localdate)
    left_on = models.DateField(_("left on"), null=True, blank=True)
    accession_note = models.TextField(
        _("accession note"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    surviving_duties = models.JSONField(_("duties that survive its leaving"), default=list, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("project party")
        verbose_name_plural = _("project parties")
        ordering = ["role", "joined_on"]
        constraints = [
            models.UniqueConstraint(fields=["project", "organisation"], name="party_once_per_project"),
            models.UniqueConstraint(
                fields=["project"], condition=Q(role="lead", left_on=None), name="project_has_one_lead"
            ),
            models.CheckConstraint(
                condition=Q(left_on=None) | Q(left_on__gte=F("joined_on")), name="party_leaves_after_joining"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation} · {self.get_role_display()}"


class ContributionKind(models.TextChoices):
    CASH = "cash", _("Cash")
    IN_KIND = "in_kind", _("In kind")


class Contribution(Record):
    """What a party brings in: money, or something worth money."""

    party = models.ForeignKey(ProjectParty, models.PROTECT, related_name="contributions", verbose_name=_("party"))
    kind = models.CharField(_("kind"), max_length=20, choices=ContributionKind.choices)
    description = models.CharField(_("what it is"), max_length=300, blank=True, validators=[PlainTextValidator()])
    amount = models.DecimalField(_("amount or value"), max_digits=14, decimal_places=2)
    currency = models.CharField(_("currency"), max_length=3, default="EUR", validators=[CURRENCY])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))

    class Meta:
        verbose_name = _("contribution")
        verbose_name_plural = _("contributions")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="contribution_is_something"),
            models.CheckConstraint(
                condition=Q(kind="cash") | ~Q(description=""), name="contribution_in_kind_says_what_it_is"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.amount} {self.currency}"
