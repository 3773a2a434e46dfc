"""Placements, the student's signature, log book, notes of those who care for it, and evaluations of both sides."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, F, Q, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.internships.placements.states import OPEN, LogState, PlacementState
from collab.internships.programmes.models import sensible
from collab.internships.programmes.questions import said_label
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person

PHONE = RegexValidator(r"\A\+?[0-9][0-9 ()/-]{4,28}\Z", _("Write a telephone number: digits, spaces and dashes."))


class PlacementQuerySet(models.QuerySet["Placement"]):
    def visible_to(self, user: Person, word: str = "placement.view") -> PlacementQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_names(self) -> PlacementQuerySet:
        return self.select_related(
            "student", "university", "host", "mentor", "supervisor", "posting__cohort__programme", "project",
            "agreement", "host_agreement", "approved_by_host", "approved_by_university",
        )  # fmt: skip

    def going_on(self) -> PlacementQuerySet:
        return self.filter(state__in=[state.value for state in OPEN])

    def ended(self) -> PlacementQuerySet:
        return self.exclude(state__in=[state.value for state in OPEN])

    def named(self, word: str) -> PlacementQuerySet:
        """In which the name of the student, of a guide or of the host has the word."""
        word = word.strip()[:80].replace("\x00", "")
        names = ("student__name", "mentor__name", "supervisor__name", "host__name")
        return self.filter(reduce(or_, (Q(**{f"{name}__icontains": word}) for name in names)))


class Placement(Record):
    """A student at a host for a time. Each step needs what the step before has left open."""

    application = models.OneToOneField(
        "collab.Application", models.PROTECT, related_name="placement", verbose_name=_("application")
    )
    posting = models.ForeignKey("collab.Posting", models.PROTECT, related_name="placements", verbose_name=_("posting"))
    cohort = models.ForeignKey("collab.Cohort", models.PROTECT, related_name="placements", verbose_name=_("cohort"))
    student = models.ForeignKey("collab.User", models.PROTECT, related_name="placements", verbose_name=_("student"))
    university = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("university")
    )
    host = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("host"))
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="placements",
        verbose_name=_("joint project"),
        help_text=_("Where the learning agreement is kept; without one, in a frame of host and university."),
    )  # fmt: skip
    gives_access = models.BooleanField(
        _("access to the project"), default=False, help_text=_("As intern, from the first day to the last.")
    )
    mentor = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="mentored", verbose_name=_("mentor")
    )
    supervisor = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="supervised", verbose_name=_("supervisor")
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("last day"))
    dates_reason = models.CharField(
        _("why other dates than the cohort's"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    hours = models.PositiveSmallIntegerField(
        _("hours a week"), default=35, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    credits = models.PositiveSmallIntegerField(_("credits"), default=0, validators=[MaxValueValidator(120)])
    pay = models.DecimalField(
        _("pay a month"), max_digits=10, decimal_places=2, default=0, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    outcomes = models.TextField(_("learning outcomes"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    tasks = models.TextField(_("tasks"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    monitoring = models.TextField(_("monitoring"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    insurer = models.CharField(_("insured with"), max_length=120, blank=True, validators=[PlainTextValidator()])
    insured_until = models.DateField(_("insured until"), null=True, blank=True)
    contact_name = models.CharField(
        _("emergency contact"), max_length=120, blank=True, validators=[PlainTextValidator()]
    )
    contact_phone = models.CharField(_("telephone of the contact"), max_length=30, blank=True, validators=[PHONE])
    host_agreement = models.ForeignKey(
        "collab.Agreement", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("host agreement"),
        help_text=_("Under which the host takes interns of this university."),
    )  # fmt: skip
    agreement = models.ForeignKey(
        "collab.Agreement", models.PROTECT, null=True, blank=True, related_name="placements",
        verbose_name=_("learning agreement"),
    )  # fmt: skip
    membership = models.ForeignKey(
        "collab.Membership", models.PROTECT, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("role in the project"),
    )  # fmt: skip
    pending = models.JSONField(_("changes that wait for all signatures"), default=dict, blank=True, editable=False)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in PlacementState], default=PlacementState.PROPOSED
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    approved_by_host = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved for the host by"),
    )
    approved_by_university = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+",
        verbose_name=_("approved for the university by"),
    )  # fmt: skip
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = PlacementQuerySet.as_manager()

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        ordering = ["starts_on", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in PlacementState]), name="placement_state_is_known"
            ),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="placement_ends_after_start"),
            models.CheckConstraint(
                condition=(Q(mentor=None) | ~Q(mentor=F("student")))
                & (Q(supervisor=None) | ~Q(supervisor=F("student"))),
                name="placement_nobody_guides_themselves",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "cancelled"]) | Q(approved_by_host__isnull=False),
                name="placement_host_approved_first",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "host_approved", "cancelled"])
                | Q(approved_by_university__isnull=False),
                name="placement_approved_by_both",
            ),
            models.CheckConstraint(
                condition=Q(approved_by_host=None)
                | Q(approved_by_university=None)
                | ~Q(approved_by_host=F("approved_by_university")),
                name="placement_approved_by_two",
            ),
        ]
        indexes = [models.Index(fields=["cohort", "state"], name="placement_by_cohort")]

    def __str__(self) -> str:
        return f"{self.student} · {self.host}"

    def get_absolute_url(self) -> str:
        return reverse("collab:placement", args=[self.pk])

    def clean(self) -> None:
        sensible(starts_on=self.starts_on, ends_on=self.ends_on, insured_until=self.insured_until)
        if self.ends_on <= self.starts_on:
            raise ValidationError({"ends_on": _("It would end before it begins.")})
        for name in ("mentor", "supervisor"):
            if getattr(self, f"{name}_id") == self.student_id:
                raise ValidationError({name: _("Nobody guides themselves.")})

    @property
    def begins_at(self) -> datetime:
        """The first second of the first day."""
        return _midnight(self.starts_on)

    @property
    def is_over_at(self) -> datetime:
        """The first second after the last day."""
        return _midnight(self.ends_on + timedelta(days=1))

    def runs(self, at: datetime) -> bool:
        return self.state == PlacementState.ONBOARDED and self.begins_at <= at < self.is_over_at

    @property
    def shown_state(self) -> str:
        """An onboarded intern is at work between the dates; after them the evaluations are waited for."""
        if self.state != PlacementState.ONBOARDED:
            return self.state
        now = timezone.now()
        if now < self.begins_at:
            return "onboarded"
        return "in_progress" if now < self.is_over_at else "evaluation"


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class MovedCheckPoint(Record):
    """Another day for one intern than the check-point has for the cohort, and why."""

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="moved_points", verbose_name=_("placement"))
    check_point = models.ForeignKey(
        "collab.CheckPoint", models.PROTECT, related_name="moved", verbose_name=_("check-point")
    )
    due_on = models.DateField(_("due on"))
    reason = models.CharField(_("reason"), max_length=500, validators=[PlainTextValidator()])
    moved_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("moved by"))

    class Meta:
        verbose_name = _("check-point moved for an intern")
        verbose_name_plural = _("check-points moved for interns")
        ordering = ["due_on"]
        constraints = [
            models.UniqueConstraint(fields=["placement", "check_point"], name="check_point_moved_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="check_point_moved_for_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.check_point} · {self.due_on}"

    def get_absolute_url(self) -> str:
        return f"{self.placement.get_absolute_url()}#check-points"

    def clean(self) -> None:
        sensible(due_on=self.due_on)


class StudentSignature(Record):
    """The student's name under exactly what the two organisations sign."""

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="signatures", verbose_name=_("placement"))
    version_signed = models.OneToOneField(
        "collab.AgreementVersion", models.PROTECT, related_name="student_signature", verbose_name=_("version")
    )
    typed_name = models.CharField(_("typed name"), max_length=120, validators=[DisplayNameValidator()])
    document_sha256 = models.CharField(_("document hash"), max_length=64)

    class Meta:
        verbose_name = _("signature of a student")
        verbose_name_plural = _("signatures of students")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.typed_name} · {self.document_sha256[:12]}"


class LogQuerySet(models.QuerySet["LogEntry"]):
    def waiting_first(self) -> LogQuerySet:
        """First the days that wait for the mentor, then the newest."""
        waits = Case(When(state=LogState.SUBMITTED, then=0), default=1)
        return self.order_by(waits, "-day")


class LogEntry(Record):
    """What the intern did on a day; the mentor confirms it or sends it back."""

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="log", verbose_name=_("placement"))
    day = models.DateField(_("day"))
    hours = models.DecimalField(
        _("hours"), max_digits=4, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(16)]
    )
    text = models.TextField(_("what was done"), max_length=2000, validators=[PlainTextValidator()])
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in LogState], default=LogState.SUBMITTED
    )
    remark = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])
    confirmed_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("confirmed by")
    )

    objects = LogQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of a log book")
        verbose_name_plural = _("entries of log books")
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["placement", "day"], name="log_entry_once_a_day"),
            models.CheckConstraint(condition=Q(hours__gte=0, hours__lte=16), name="log_entry_hours"),
            models.CheckConstraint(
                condition=Q(state="confirmed", confirmed_by__isnull=False)
                | (~Q(state="confirmed") & Q(confirmed_by=None)),
                name="log_entry_confirmed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} · {self.hours}"


class NoteKind(models.TextChoices):
    CHECK_IN = "check_in", _("Check-in")
    FEEDBACK = "feedback", _("Milestone feedback")
    INCIDENT = "incident", _("Incident")
    MENTOR = "mentor", _("Change of mentor")
    SUPERVISOR = "supervisor", _("Change of supervisor")
    DATES = "dates", _("Change of dates")


class Verdict(models.TextChoices):
    CONTINUE = "continue", _("goes on")
    EXTEND = "extend", _("is extended")
    END = "end", _("ends")


class NoteQuerySet(models.QuerySet["PlacementNote"]):
    def open_first(self) -> NoteQuerySet:
        """First what waits for the coordinators, then the newest."""
        waits = Q(settled_at=None) & (Q(kind=NoteKind.INCIDENT) | Q(verdict__in=[Verdict.EXTEND, Verdict.END]))
        return self.order_by(Case(When(waits, then=0), default=1), "-created_at")


class PlacementNote(Record):
    """A check-in, a feedback, an incident, a change: what happened on the way, and by whom it was written."""

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="notes", verbose_name=_("placement"))
    kind = models.CharField(_("kind"), max_length=20, choices=NoteKind.choices)
    author = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))
    text = models.TextField(_("text"), max_length=4000, validators=[PlainTextValidator()])
    verdict = models.CharField(_("the placement"), max_length=20, choices=Verdict.choices, blank=True)
    confidential = models.BooleanField(
        _("confidential"), default=False,
        help_text=_("Read by whoever wrote it and by the coordinators of the student's university, by nobody else."),
    )  # fmt: skip
    weeks = models.PositiveSmallIntegerField(_("weeks"), null=True, blank=True)
    paid = models.BooleanField(_("with pay"), null=True, blank=True)
    check_point = models.ForeignKey(
        "collab.CheckPoint", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("check-point")
    )
    settled_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("settled by")
    )
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True, editable=False)
    settlement = models.CharField(_("how"), max_length=1000, blank=True, validators=[PlainTextValidator()])

    objects = NoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("note on a placement")
        verbose_name_plural = _("notes on placements")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=NoteKind.values), name="placement_note_kind_is_known"),
            models.CheckConstraint(
                condition=(Q(kind="feedback") & ~Q(verdict="")) | (~Q(kind="feedback") & Q(verdict="")),
                name="placement_note_feedback_has_a_verdict",
            ),
            models.CheckConstraint(
                condition=Q(confidential=False) | Q(kind="incident"), name="placement_note_confidential_incident"
            ),
            models.CheckConstraint(
                condition=Q(verdict="extend", weeks__range=(1, 52)) | (~Q(verdict="extend") & Q(weeks=None)),
                name="placement_note_weeks_of_an_extension",
            ),
            models.CheckConstraint(
                condition=Q(settled_at=None, settled_by=None) | Q(settled_at__isnull=False, settled_by__isnull=False),
                name="placement_note_settled_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.placement}"


class Side(models.TextChoices):
    MENTOR = "mentor", _("of the intern, by the mentor")
    INTERN = "intern", _("of the host, by the intern")


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def published(self) -> EvaluationQuerySet:
        return self.exclude(published_at=None)


class Evaluation(Record):
    """What one side thinks of the other by weighted criteria. Nobody reads one before both are in."""

    placement = models.ForeignKey(Placement, models.PROTECT, related_name="evaluations", verbose_name=_("placement"))
    side = models.CharField(_("evaluation"), max_length=20, choices=Side.choices)
    author = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("given by"))
    criteria = models.JSONField(_("criteria"), default=list)
    scores = models.JSONField(_("scores"), default=dict)
    comment = models.TextField(_("comment"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    total = models.DecimalField(_("weighted score"), max_digits=4, decimal_places=2)
    published_at = models.DateTimeField(_("published"), null=True, blank=True, editable=False)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ["side"]
        constraints = [
            models.UniqueConstraint(fields=["placement", "side"], name="evaluation_once_a_side"),
            models.CheckConstraint(condition=Q(total__gte=1, total__lte=5), name="evaluation_total_in_range"),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()} · {self.total}"

    def rows(self) -> list[dict[str, Any]]:
        """Each criterion as one reads it, with its score."""
        return [row | {"label": said_label(row), "score": self.scores.get(row["key"])} for row in self.criteria]
