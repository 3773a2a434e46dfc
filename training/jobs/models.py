"""Training jobs and their attempts. The row is the truth: the broker is only a doorbell."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator
from collab.kernel.records import Record
from registry.catalog.metrics import task_label
from training.jobs.states import ENDED, LIVE, REASONS, Desired, JobState

if TYPE_CHECKING:
    from collab.access.policy import Person


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: Person, word: str = "job.view") -> JobQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def live(self) -> JobQuerySet:
        """Somebody holds, or held, a lease."""
        return self.filter(state__in=LIVE)

    def unfinished(self) -> JobQuerySet:
        return self.exclude(state__in=ENDED)

    def halted(self, since: datetime) -> JobQuerySet:
        """Paused, or failed after `since`: somebody should look."""
        return self.filter(Q(state=JobState.PAUSED) | Q(state=JobState.FAILED, finished_at__gte=since))

    def with_names(self) -> JobQuerySet:
        """What a list shows, in one query."""
        return self.select_related(
            "project",
            "dataset_version__dataset__organisation",
            "submitted_by",
            "model_version__model",
            "start_version__model",
        )

    def abandoned(self, at: datetime) -> JobQuerySet:
        """Live, but the lease has run out."""
        return self.live().filter(lease_until__lt=at)

    def claimable(self, at: datetime) -> JobQuerySet:
        """Waiting jobs, the projects with fewest running ones first, so that no one starves the others."""
        running = (
            Job.objects.live().filter(project=OuterRef("project")).order_by().values("project").annotate(n=Count("pk"))
        )
        return (
            self.filter(Q(not_before=None) | Q(not_before__lte=at), state=JobState.QUEUED)
            .annotate(project_load=Coalesce(Subquery(running.values("n")[:1]), 0))
            .order_by("project_load", "queued_at")
        )


class Job(Record):
    """One training run: a spec on a dataset version, followed from submission to a registered model version."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="jobs", verbose_name=_("project"))
    name = models.CharField(_("name"), max_length=80, validators=[DisplayNameValidator()])
    dataset_version = models.ForeignKey(
        "registry.DatasetVersion", models.PROTECT, related_name="jobs", verbose_name=_("dataset")
    )
    start_version = models.ForeignKey(
        "registry.ModelVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="started_jobs",
        verbose_name=_("starts from"),
    )
    spec = models.JSONField(_("spec"))
    spec_sha256 = models.CharField(_("spec hash"), max_length=64)
    task = models.CharField(_("task"), max_length=40)
    purpose = models.JSONField(_("purpose"), default=dict, blank=True)
    terms = models.ManyToManyField(
        "collab.AgreementVersion", related_name="+", blank=True, verbose_name=_("submitted under")
    )
    submitted_by = models.ForeignKey("collab.User", models.PROTECT, related_name="jobs", verbose_name=_("submitted by"))
    runs_as = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        related_name="+",
        verbose_name=_("runs under the rights of"),
        help_text=_("Whoever submitted or last resumed it; their rights are asked for again while it runs."),
    )
    idempotency_key = models.CharField(max_length=80, blank=True, editable=False)

    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in JobState], default=JobState.QUEUED
    )
    desired = models.CharField(
        _("desired"), max_length=20, choices=[(d.value, d.value) for d in Desired], default=Desired.RUN
    )
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    reason_detail = models.CharField(_("detail"), max_length=500, blank=True)
    queued_at = models.DateTimeField(_("queued at"), default=timezone.now)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    fence = models.BigIntegerField(_("fence"), default=0)
    owner = models.CharField(_("supervisor"), max_length=120, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    attempt_count = models.PositiveIntegerField(_("attempts"), default=0)
    no_progress = models.PositiveIntegerField(_("attempts without progress"), default=0)

    progress = models.JSONField(_("progress"), default=dict)
    checkpoint_step = models.BigIntegerField(_("checkpoint at step"), null=True, blank=True)
    metrics = models.JSONField(_("metrics"), default=dict)
    baseline = models.JSONField(_("trivial baseline"), default=dict)
    mlflow_run_id = models.CharField(_("MLflow run"), max_length=64, blank=True)
    model_version = models.OneToOneField(
        "registry.ModelVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="job",
        verbose_name=_("model version"),
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("training job")
        verbose_name_plural = _("training jobs")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["submitted_by", "idempotency_key"], condition=~Q(idempotency_key=""), name="job_submitted_once"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=sorted(LIVE)) | Q(lease_until__isnull=False),
                name="job_live_has_lease",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=sorted(ENDED)) | Q(finished_at__isnull=False),
                name="job_ended_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=JobState.DONE) | Q(model_version__isnull=False), name="job_done_has_version"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "queued_at"], name="job_queue"),
            models.Index(fields=["project", "-created_at"], name="job_by_project"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("training:job", args=[self.pk])

    @property
    def reason_sentence(self) -> str:
        return str(REASONS.get(self.reason, ""))

    @property
    def task_label(self) -> str:
        """The task in the reader's language."""
        return task_label(self.task)

    @property
    def key(self) -> str:
        """The id as text, for addresses."""
        return str(self.pk)

    @property
    def seconds(self) -> float | None:
        """Time of all attempts together, in seconds; None before the first."""
        spans = [((a.ended_at or timezone.now()) - a.started_at).total_seconds() for a in self.attempts.all()]
        return sum(spans) if spans else None

    @property
    def percent(self) -> int:
        """Steps done of all steps, 0 to 100."""
        step, steps = self.progress.get("step") or 0, self.progress.get("steps") or 0
        if self.state == JobState.DONE:
            return 100
        return min(99, int(100 * step / steps)) if steps else 0

    @property
    def is_live(self) -> bool:
        return self.state in LIVE

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED

    def ended_facts(self) -> dict[str, Any]:
        return {"metrics": self.metrics, "baseline": self.baseline}


class Attempt(Record):
    """One try at a job: which process on which machine, and how it ended."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="attempts", verbose_name=_("job"))
    number = models.PositiveIntegerField(_("number"))
    fence = models.BigIntegerField(_("fence"))
    host = models.CharField(_("host"), max_length=120)
    boot_id = models.CharField(_("boot"), max_length=64, blank=True)
    engine_pid = models.IntegerField(_("engine process"), null=True, blank=True)
    engine_started = models.FloatField(_("engine process start"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    exit_code = models.IntegerField(_("exit code"), null=True, blank=True)
    peak_rss_bytes = models.BigIntegerField(_("peak memory, bytes"), null=True, blank=True)
    last_step = models.BigIntegerField(_("last step"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["job", "fence"], name="attempt_once_per_fence"),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")), name="attempt_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} #{self.number}"

    @property
    def reason_sentence(self) -> str:
        return str(REASONS.get(self.reason, ""))
