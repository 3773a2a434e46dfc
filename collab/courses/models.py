"""Courses in numbered versions, who takes them, attempts at their quizzes, training done elsewhere, and conditions."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.validators import URLValidator
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.accounts.models import Membership
from collab.courses.certificates.models import in_language
from collab.courses.certificates.states import CertificateState
from collab.courses.states import AttemptState, CourseState, EnrolmentState, TrainingState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.kernel.words import with_words

if TYPE_CHECKING:
    from collab.access.policy import Person

MONTHS_MAX = 240
LINK = URLValidator(schemes=["http", "https"])


class Audience(models.TextChoices):
    EVERYONE = "everyone", _("everybody who is signed in")
    ORGANISATION = "organisation", _("people of the organisation")


class CourseQuerySet(models.QuerySet["Course"]):
    def visible_to(self, user: Person, word: str = "course.view") -> CourseQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_versions(self) -> CourseQuerySet:
        return self.select_related("organisation").prefetch_related("versions")

    def matching(self, text: str) -> CourseQuerySet:
        """Those in which every word of the text occurs somewhere, in either language."""
        return with_words(self, text, ("title", "title_zh", "summary", "summary_zh"))


class Course(Record):
    """What one can learn, and prove that one has learnt it."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="courses", verbose_name=_("organisation")
    )
    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    summary = models.TextField(_("what one learns"), max_length=2000, validators=[PlainTextValidator()])
    summary_zh = models.TextField(
        _("what one learns, in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    audience = models.CharField(_("open to"), max_length=20, choices=Audience.choices, default=Audience.ORGANISATION)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("created by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = _("course")
        verbose_name_plural = _("courses")
        ordering = ["title"]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:course", args=[self.slug])

    @property
    def about(self) -> str:
        return in_language(self.summary, self.summary_zh)

    @property
    def published(self) -> CourseVersion | None:
        """From what `with_versions` loaded."""
        return next((row for row in self.versions.all() if row.state == CourseState.PUBLISHED), None)

    @property
    def draft(self) -> CourseVersion | None:
        """From what `with_versions` loaded."""
        return next((row for row in self.versions.all() if row.state == CourseState.DRAFT), None)

    @property
    def shown_state(self) -> str:
        return CourseState.PUBLISHED if self.published else CourseState.DRAFT if self.draft else CourseState.RETIRED


def open_to(user: Any, at: datetime, path: str = "") -> Q:
    """Courses that the person may take: published, for all or for people of the organisation. And those they take."""
    published = CourseVersion.objects.filter(course=OuterRef(f"{path}pk"), state=CourseState.PUBLISHED)
    inside = Membership.objects.filter(user=user, organisation=OuterRef(f"{path}organisation")).active(at)
    taken = Enrolment.objects.filter(course=OuterRef(f"{path}pk"), person=user)
    offered = Q(Exists(published)) & (Q(**{f"{path}audience": Audience.EVERYONE.value}) | Q(Exists(inside)))
    return offered | Q(Exists(taken))


class CourseVersionQuerySet(models.QuerySet["CourseVersion"]):
    def with_takers(self, at: datetime | None = None) -> CourseVersionQuerySet:
        """Adds how many take it now (`under_way`), have passed it (`passed`), and hold it today (`holding`)."""
        taken = Enrolment.objects.filter(edition=OuterRef("pk")).order_by()

        def many(rows: models.QuerySet[Enrolment]) -> Coalesce:
            return Coalesce(Subquery(rows.values("edition").annotate(n=Count("pk")).values("n")), 0)

        return self.annotate(
            under_way=many(taken.filter(state=EnrolmentState.ENROLLED)),
            passed=many(taken.filter(state=EnrolmentState.PASSED)),
            holding=many(taken.valid(at)),
        )


class CourseVersion(Record):
    """One edition. Whoever begins it stays with it, whatever is published later."""

    course = models.ForeignKey(Course, models.PROTECT, related_name="versions", verbose_name=_("course"))
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in CourseState], default=CourseState.DRAFT
    )
    pass_mark = models.PositiveSmallIntegerField(_("pass mark in percent"), default=70)
    asked_max = models.PositiveSmallIntegerField(
        _("questions in an attempt"), null=True, blank=True, help_text=_("Drawn from the bank. Empty: all of them.")
    )
    attempts_max = models.PositiveSmallIntegerField(
        _("attempts"), null=True, blank=True, help_text=_("Empty: as many as one likes.")
    )
    minutes = models.PositiveSmallIntegerField(
        _("minutes for an attempt"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    valid_months = models.PositiveSmallIntegerField(
        _("months for which it is valid"), null=True, blank=True, help_text=_("Empty: it never expires.")
    )
    note = models.CharField(_("what is new"), max_length=500, blank=True, validators=[PlainTextValidator()])
    note_zh = models.CharField(
        _("what is new, in Chinese"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    published_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("published by")
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CourseVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("version of a course")
        verbose_name_plural = _("versions of courses")
        ordering = ["course", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["course", "number"], name="course_number_once"),
            models.UniqueConstraint(fields=["course"], condition=Q(state="draft"), name="course_one_draft"),
            models.UniqueConstraint(fields=["course"], condition=Q(state="published"), name="course_one_published"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in CourseState]), name="course_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="draft", published_at=None) | (~Q(state="draft") & Q(published_at__isnull=False)),
                name="course_published_has_its_time",
            ),
            models.CheckConstraint(condition=Q(pass_mark__range=(1, 100)), name="course_pass_mark_is_a_percentage"),
            models.CheckConstraint(
                condition=(Q(asked_max=None) | Q(asked_max__range=(1, 200)))
                & (Q(attempts_max=None) | Q(attempts_max__range=(1, 100)))
                & (Q(minutes=None) | Q(minutes__range=(1, 600)))
                & (Q(valid_months=None) | Q(valid_months__range=(1, MONTHS_MAX))),
                name="course_limits_are_sensible",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.course} v{self.number}"

    @property
    def news(self) -> str:
        """What is new in this version."""
        return in_language(self.note, self.note_zh)


class ModuleKind(models.TextChoices):
    TEXT = "text", _("Text")
    IMAGE = "image", _("Image")
    VIDEO = "video", _("Video")
    FILE = "file", _("File")


class CourseModule(Record):
    """One thing to study: a text, an image, a video elsewhere, or a file.

    `origin`: the id of the module of the first version that it was copied from; empty where it began.
    """

    edition = models.ForeignKey(
        CourseVersion, models.CASCADE, related_name="modules", verbose_name=_("version of the course")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=10, choices=ModuleKind.choices)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    body = models.TextField(_("text"), max_length=20_000, blank=True, validators=[PlainTextValidator()])
    body_zh = models.TextField(_("Chinese text"), max_length=20_000, blank=True, validators=[PlainTextValidator()])
    link = models.URLField(_("link"), max_length=500, blank=True, validators=[LINK])
    file_name = models.CharField(_("file name"), max_length=150, blank=True)
    media_type = models.CharField(_("kind of file"), max_length=80, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    size_bytes = models.PositiveIntegerField(_("size in bytes"), default=0)
    origin = models.UUIDField(_("copied from"), null=True, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("module")
        verbose_name_plural = _("modules")
        ordering = ["edition", "position", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="text") & ~Q(body=""))
                | (Q(kind="video") & ~Q(link=""))
                | (Q(kind__in=["image", "file"]) & ~Q(sha256="") & ~Q(file_name="")),
                name="module_holds_what_it_is",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    @property
    def text(self) -> str:
        return in_language(self.body, self.body_zh)

    @property
    def stem(self) -> UUID:
        """What the copies of one module in several versions have in common."""
        return self.origin or self.pk

    @property
    def content(self) -> tuple[str, ...]:
        """What one studies: two modules with the same content are one and the same to a learner."""
        return (self.kind, self.title, self.title_zh, self.body, self.body_zh, self.link, self.sha256)


class QuizQuestion(Record):
    """One question of the bank: `options` are `{text, text_zh, right}`; with several right ones all must be chosen."""

    edition = models.ForeignKey(
        CourseVersion, models.CASCADE, related_name="questions", verbose_name=_("version of the course")
    )
    position = models.PositiveSmallIntegerField(_("position"))
    text = models.TextField(_("question"), max_length=2000, validators=[PlainTextValidator()])
    text_zh = models.TextField(_("question in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    options = models.JSONField(_("answers"))
    why = models.TextField(
        _("explanation, shown after a passed quiz"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    why_zh = models.TextField(
        _("explanation in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("question of a quiz")
        verbose_name_plural = _("questions of quizzes")
        ordering = ["edition", "position", "created_at"]

    def __str__(self) -> str:
        return in_language(self.text, self.text_zh)

    @property
    def reason(self) -> str:
        """Why the right answers are right."""
        return in_language(self.why, self.why_zh)

    @property
    def right(self) -> frozenset[int]:
        return frozenset(number for number, option in enumerate(self.options) if option["right"])


class EnrolmentQuerySet(models.QuerySet["Enrolment"]):
    def visible_to(self, user: Person, word: str = "enrolment.view") -> EnrolmentQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def valid(self, at: datetime | None = None) -> EnrolmentQuerySet:
        """Passed, not past its end (one without an end never is), and its certificate neither revoked nor suspended."""
        at = at or timezone.now()
        return self.filter(
            Q(valid_until=None) | Q(valid_until__gt=at),
            Q(certificate=None) | Q(certificate__state=CertificateState.ISSUED),
            state=EnrolmentState.PASSED,
        )

    def with_names(self) -> EnrolmentQuerySet:
        return self.select_related("course__organisation", "edition", "person", "certificate")

    def with_progress(self) -> EnrolmentQuerySet:
        """Adds `modules_count`, `done_count`, and `newest`: the number of the version that is published now."""
        newest = CourseVersion.objects.filter(course=OuterRef("course"), state=CourseState.PUBLISHED)
        modules = CourseModule.objects.filter(edition=OuterRef("edition")).order_by().values("edition")
        done = ModuleDone.objects.filter(enrolment=OuterRef("pk")).order_by().values("enrolment")
        return self.annotate(
            modules_count=Coalesce(Subquery(modules.annotate(n=Count("pk")).values("n")), 0),
            done_count=Coalesce(Subquery(done.annotate(n=Count("pk")).values("n")), 0),
            newest=Subquery(newest.values("number")[:1]),
        )


class Enrolment(Record):
    """A person takes a version of a course. Passing again, after it expired, is a further enrolment.

    So is moving to a newer version: `moved_from` is the one that was ended by it.
    """

    course = models.ForeignKey(Course, models.PROTECT, related_name="enrolments", verbose_name=_("course"))
    edition = models.ForeignKey(
        CourseVersion, models.PROTECT, related_name="enrolments", verbose_name=_("version of the course")
    )
    person = models.ForeignKey("collab.User", models.PROTECT, related_name="enrolments", verbose_name=_("person"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in EnrolmentState], default=EnrolmentState.ENROLLED
    )
    passed_at = models.DateTimeField(_("passed"), null=True, blank=True)
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True, help_text=_("Empty: it never expires."))
    score = models.DecimalField(_("score in percent"), max_digits=5, decimal_places=2, null=True, blank=True)
    attempts_extra = models.PositiveSmallIntegerField(_("further attempts granted"), default=0)
    moved_from = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="moved_to", verbose_name=_("goes on from")
    )
    certificate = models.OneToOneField(
        "collab.Certificate", models.PROTECT, null=True, blank=True, related_name="enrolment",
        verbose_name=_("certificate"),
    )  # fmt: skip

    objects = EnrolmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["course", "person"], condition=Q(state="enrolled"), name="enrolment_one_under_way"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in EnrolmentState]), name="enrolment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="passed", passed_at__isnull=False)
                | (~Q(state="passed") & Q(passed_at=None, valid_until=None, certificate=None)),
                name="enrolment_passed_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("passed_at")),
                name="enrolment_ends_after_it_was_passed",
            ),
        ]
        indexes = [models.Index(fields=["person", "course", "state"], name="enrolment_by_person")]

    def __str__(self) -> str:
        return f"{self.person} · {self.course}"

    def get_absolute_url(self) -> str:
        return reverse("collab:enrolment", args=[self.pk])

    @property
    def has_expired(self) -> bool:
        return self.valid_until is not None and self.valid_until <= timezone.now()

    @property
    def last_day(self) -> date | None:
        """The day on which its validity ends; None while it has none, or never ends."""
        return timezone.localdate(self.valid_until) if self.valid_until is not None else None

    @property
    def shown_state(self) -> str:
        if self.state != EnrolmentState.PASSED:
            return self.state
        if self.certificate is not None and self.certificate.state != CertificateState.ISSUED:
            return self.certificate.state
        return "expired" if self.has_expired else self.state


class ModuleDone(Record):
    """The person has studied a module."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="done", verbose_name=_("enrolment"))
    module = models.ForeignKey(CourseModule, models.PROTECT, related_name="+", verbose_name=_("module"))

    class Meta:
        verbose_name = _("module done")
        verbose_name_plural = _("modules done")
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["enrolment", "module"], name="module_done_once")]

    def __str__(self) -> str:
        return f"{self.enrolment} · {self.module}"


class QuizAttempt(Record):
    """One attempt: the questions drawn for it, in their order, and the answers, sent once and in time."""

    enrolment = models.ForeignKey(Enrolment, models.CASCADE, related_name="attempts", verbose_name=_("enrolment"))
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in AttemptState], default=AttemptState.OPEN
    )
    asked = models.JSONField(_("questions drawn"))
    due_at = models.DateTimeField(_("answers until"), null=True, blank=True)
    answers = models.JSONField(_("answers"), default=dict, blank=True)
    submitted_at = models.DateTimeField(_("answered"), null=True, blank=True)
    score = models.DecimalField(_("score in percent"), max_digits=5, decimal_places=2, null=True, blank=True)
    passed = models.BooleanField(_("passed"), default=False)

    class Meta:
        verbose_name = _("attempt at a quiz")
        verbose_name_plural = _("attempts at quizzes")
        ordering = ["enrolment", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["enrolment", "number"], name="quiz_attempt_number_once"),
            models.UniqueConstraint(fields=["enrolment"], condition=Q(state="open"), name="quiz_attempt_one_open"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in AttemptState]), name="quiz_attempt_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="submitted", submitted_at__isnull=False, score__isnull=False)
                | (~Q(state="submitted") & Q(submitted_at=None, score=None, passed=False)),
                name="quiz_attempt_answered_has_its_score",
            ),
            models.CheckConstraint(
                condition=Q(due_at=None) | Q(submitted_at=None) | Q(submitted_at__lte=F("due_at")),
                name="quiz_attempt_answered_in_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.enrolment} · {self.number}"

    @property
    def is_late(self) -> bool:
        return self.due_at is not None and self.due_at < timezone.now()


class TrainingRecordQuerySet(models.QuerySet["TrainingRecord"]):
    def visible_to(self, user: Person, word: str = "training.view") -> TrainingRecordQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def valid(self, at: datetime | None = None) -> TrainingRecordQuerySet:
        """Accepted, and its last day has not passed; one without a last day never expires."""
        today = timezone.localdate(at or timezone.now())
        return self.filter(Q(expires_on=None) | Q(expires_on__gt=today), state=TrainingState.ACCEPTED)

    def matching(self, text: str) -> TrainingRecordQuerySet:
        """Those in which every word of the text occurs somewhere: person, training, who gave it, or our course."""
        return with_words(self, text, ("person__name", "title", "provider", "course__title", "course__title_zh"))

    def with_names(self) -> TrainingRecordQuerySet:
        return self.select_related("person", "organisation", "course", "reviewed_by")


class TrainingRecord(Record):
    """A training done elsewhere, with the document that shows it. Once accepted it may count for a course of ours."""

    person = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("person"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("reviewed by people of")
    )
    course = models.ForeignKey(
        Course, models.PROTECT, null=True, blank=True, related_name="records", verbose_name=_("counts for the course")
    )
    title = models.CharField(_("training"), max_length=160, validators=[DisplayNameValidator()])
    provider = models.CharField(_("given by"), max_length=160, validators=[DisplayNameValidator()])
    completed_on = models.DateField(_("completed on"))
    expires_on = models.DateField(
        _("expires on"), null=True, blank=True, help_text=_("The first day on which it no longer counts. Empty: never.")
    )
    file_name = models.CharField(_("file name"), max_length=150)
    media_type = models.CharField(_("kind of file"), max_length=80)
    sha256 = models.CharField(_("hash"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in TrainingState], default=TrainingState.SUBMITTED
    )
    reviewed_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reviewed by")
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = TrainingRecordQuerySet.as_manager()

    class Meta:
        verbose_name = _("training done elsewhere")
        verbose_name_plural = _("trainings done elsewhere")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in TrainingState]), name="training_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gt=F("completed_on")),
                name="training_ends_after_it_was_done",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["accepted", "rejected", "revoked"]) | Q(reviewed_at__isnull=False),
                name="training_reviewed_has_its_time",
            ),
        ]
        indexes = [models.Index(fields=["person", "course", "state"], name="training_by_person")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("collab:training_record", args=[self.pk])

    @property
    def has_expired(self) -> bool:
        return self.expires_on is not None and self.expires_on <= timezone.localdate()

    @property
    def shown_state(self) -> str:
        return "expired" if self.state == TrainingState.ACCEPTED and self.has_expired else self.state


class ConditionScope(models.TextChoices):
    DATA = "data", _("reading data and training on it")
    JOBS = "jobs", _("submitting training jobs")


class CourseCondition(Record):
    """Who wants to work with the data of a project, or submit jobs in it, must hold a valid course."""

    project = models.ForeignKey(
        "collab.Project", models.PROTECT, related_name="course_conditions", verbose_name=_("project")
    )
    course = models.ForeignKey(Course, models.PROTECT, related_name="conditions", verbose_name=_("course"))
    needed_for = models.CharField(_("needed for"), max_length=10, choices=ConditionScope.choices)
    asset = models.UUIDField(_("dataset"), null=True, blank=True, help_text=_("Empty: every dataset of the project."))
    set_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("set by"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("ended by")
    )

    class Meta:
        verbose_name = _("course as a condition")
        verbose_name_plural = _("courses as conditions")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "course", "needed_for"],
                condition=Q(ended_at=None, asset=None),
                name="course_condition_once",
            ),
            models.UniqueConstraint(
                fields=["project", "course", "needed_for", "asset"],
                condition=Q(ended_at=None, asset__isnull=False),
                name="course_condition_once_per_dataset",
            ),
            models.CheckConstraint(
                condition=Q(asset=None) | Q(needed_for="data"), name="course_condition_jobs_name_no_dataset"
            ),
            models.CheckConstraint(condition=Q(needed_for__in=ConditionScope.values), name="course_condition_is_known"),
        ]
        indexes = [models.Index(fields=["project", "needed_for"], name="course_condition_by_project")]

    def __str__(self) -> str:
        return f"{self.course}: {self.get_needed_for_display()}"
