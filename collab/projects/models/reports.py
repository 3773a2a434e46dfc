"""Progress reports: planned by the schedule of the project, written by one party, accepted by another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from collab.projects.states import ReportState


class ReportKind(models.TextChoices):
    PROGRESS = "progress", _("Progress report")
    FINAL = "final", _("Final report")


class ProgressReport(Record):
    """What was done in a period. `facts` are taken from the records when the writing begins."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="reports", verbose_name=_("project"))
    kind = models.CharField(_("kind"), max_length=20, choices=ReportKind.choices, default=ReportKind.PROGRESS)
    starts_on = models.DateField(_("period from"))
    ends_on = models.DateField(_("period until"))
    due_on = models.DateField(_("due on"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ReportState], default=ReportState.PLANNED
    )
    facts = models.JSONField(_("figures of the period"), default=list, blank=True)
    summary = models.TextField(_("what was done"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    deviations = models.TextField(
        _("what went otherwise than planned"), max_length=8000, blank=True, validators=[PlainTextValidator()]
    )
    outlook = models.TextField(_("what comes next"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    note = models.TextField(_("remark"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    party = models.ForeignKey(
        "collab.ProjectParty", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("written for")
    )
    written_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("written by")
    )
    accepted_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("progress report")
        verbose_name_plural = _("progress reports")
        ordering = ["ends_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "ends_on"], name="report_once_per_period"),
            models.UniqueConstraint(fields=["project"], condition=Q(kind="final"), name="final_report_once"),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="report_period_in_order"),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(accepted_by__isnull=False), name="report_is_accepted_by_a_person"
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(written_by__isnull=False, submitted_at__isnull=False),
                name="report_submitted_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        if self.kind == ReportKind.FINAL:
            return _now("Final report")
        return _now("Report %(start)s to %(end)s") % {"start": self.starts_on, "end": self.ends_on}

    def get_absolute_url(self) -> str:
        return reverse("collab:report", args=[self.project.slug, self.pk])

    @property
    def is_late(self) -> bool:
        waits = {ReportState.PLANNED, ReportState.DRAFT, ReportState.RETURNED}
        return self.state in waits and self.due_on < timezone.localdate()
