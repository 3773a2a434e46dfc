"""Milestones and deliverables: who owes what, when, and who took it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models.review import in_language
from collab.projects.states import SETTLED, WorkState


class WorkKind(models.TextChoices):
    MILESTONE = "milestone", _("Milestone")
    DELIVERABLE = "deliverable", _("Deliverable")


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def open(self) -> WorkItemQuerySet:
        return self.exclude(state__in=SETTLED)

    def with_names(self) -> WorkItemQuerySet:
        """What a list shows, in one query."""
        return self.select_related("party__organisation", "accepted_by", "milestone")


class WorkItem(Record):
    """Something that a party of a project is to reach or hand over by a day."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="work_items", verbose_name=_("project"))
    kind = models.CharField(_("kind"), max_length=20, choices=WorkKind.choices, default=WorkKind.DELIVERABLE)
    milestone = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="deliverables", verbose_name=_("milestone")
    )
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True)
    party = models.ForeignKey(
        "collab.ProjectParty", models.PROTECT, related_name="work_items", verbose_name=_("responsible")
    )
    due_on = models.DateField(_("due on"))
    criteria = models.TextField(
        _("acceptance criteria"), max_length=4000, blank=True, validators=[PlainTextValidator()]
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in WorkState], default=WorkState.PLANNED
    )
    evidence = models.TextField(_("evidence"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    evidence_url = models.URLField(_("link to the evidence"), max_length=500, blank=True)
    note = models.TextField(_("remark"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    submitted_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("submitted by")
    )
    accepted_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )
    settled_at = models.DateTimeField(_("settled at"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("milestone or deliverable")
        verbose_name_plural = _("milestones and deliverables")
        ordering = ["due_on", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in WorkState]), name="work_item_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(accepted_by__isnull=False, settled_at__isnull=False),
                name="work_item_is_accepted_by_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | ~Q(evidence="") | ~Q(evidence_url=""),
                name="work_item_submitted_has_evidence",
            ),
            models.CheckConstraint(condition=Q(milestone=None) | Q(kind="deliverable"), name="milestone_stands_alone"),
        ]
        indexes = [models.Index(fields=["project", "due_on"], name="work_item_by_day")]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:work_item", args=[self.project.slug, self.pk])

    @property
    def is_late(self) -> bool:
        return self.state not in SETTLED and self.due_on < timezone.localdate()
