"""Applications with their documents and history, the review board, interviews, and rounds of matching."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.internships.applications.states import (
    ENDED,
    HOLDS_SEAT,
    TAKEN,
    ApplicationState,
    Outcome,
    said_reason,
)
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person

ATTEMPTS_MAX = 2
_STATES = [(s.value, s.value) for s in ApplicationState]


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, user: Person, word: str = "application.view") -> ApplicationQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def sent(self) -> ApplicationQuerySet:
        return self.exclude(submitted_at=None)

    def holding_seats(self, at: datetime) -> ApplicationQuerySet:
        """Offers that can still be accepted, and places that are taken."""
        return self.filter(
            Q(state__in=[s.value for s in TAKEN]) | Q(state=ApplicationState.OFFERED, offer_ends_at__gte=at)
        )

    def with_names(self) -> ApplicationQuerySet:
        return self.select_related(
            "candidate", "university", "posting__organisation", "posting__cohort__programme__organisation", "cohort"
        )


class Application(Record):
    """A student's wish for a place. Rivals never see it; the host sees it once it is sent."""

    posting = models.ForeignKey(
        "collab.Posting", models.PROTECT, related_name="applications", verbose_name=_("posting")
    )
    cohort = models.ForeignKey("collab.Cohort", models.PROTECT, related_name="applications", verbose_name=_("cohort"))
    candidate = models.ForeignKey("collab.User", models.PROTECT, related_name="applications", verbose_name=_("student"))
    university = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("university of the student")
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1, editable=False)
    statement = models.TextField(_("why this place"), max_length=6000, blank=True, validators=[PlainTextValidator()])
    answers = models.JSONField(_("answers"), default=dict, blank=True)
    questions = models.JSONField(_("questions answered"), default=list, blank=True, editable=False)
    state = models.CharField(_("state"), max_length=20, choices=_STATES, default=ApplicationState.DRAFT)
    submitted_at = models.DateTimeField(_("sent"), null=True, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    choice = models.PositiveSmallIntegerField(_("choice of the student"), null=True, blank=True)
    rank = models.PositiveSmallIntegerField(_("rank given by the host"), null=True, blank=True)
    seat = models.PositiveSmallIntegerField(_("seat"), null=True, blank=True, editable=False)
    offer_ends_at = models.DateTimeField(_("offer valid until"), null=True, blank=True, editable=False)
    outcome = models.CharField(
        _("outcome of the matching"), max_length=20, blank=True, choices=[(o.value, o.value) for o in Outcome],
        editable=False,
    )  # fmt: skip
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        verbose_name = _("application")
        verbose_name_plural = _("applications")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in ApplicationState]), name="application_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["posting", "candidate"],
                condition=~Q(state=ApplicationState.WITHDRAWN.value),
                name="application_once",
            ),
            models.UniqueConstraint(fields=["posting", "candidate", "attempt"], name="application_attempt_once"),
            models.CheckConstraint(condition=Q(attempt__range=(1, ATTEMPTS_MAX)), name="application_again_once"),
            models.UniqueConstraint(fields=["cohort", "candidate", "choice"], name="choice_once"),
            models.UniqueConstraint(fields=["posting", "rank"], name="rank_once"),
            models.UniqueConstraint(fields=["posting", "seat"], name="seat_once"),
            models.UniqueConstraint(
                fields=["cohort", "candidate"],
                condition=Q(state__in=sorted(s.value for s in TAKEN)),
                name="one_place_for_each_student",
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(s.value for s in HOLDS_SEAT), seat__isnull=False)
                | (~Q(state__in=sorted(s.value for s in HOLDS_SEAT)) & Q(seat=None)),
                name="application_seat_while_it_holds_one",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[ApplicationState.DRAFT.value, ApplicationState.WITHDRAWN.value])
                | Q(submitted_at__isnull=False),
                name="application_sent_has_its_time",
            ),
        ]
        indexes = [models.Index(fields=["cohort", "state"], name="application_by_cohort")]

    def __str__(self) -> str:
        return f"{self.candidate} → {self.posting}"

    def get_absolute_url(self) -> str:
        return reverse("collab:application", args=[self.pk])

    @property
    def shown_state(self) -> str:
        """An offer that nobody answered in time is over, though nobody has written it down yet."""
        late = self.state == ApplicationState.OFFERED and self.offer_ends_at and self.offer_ends_at < timezone.now()
        return ApplicationState.OFFER_EXPIRED if late else self.state

    @property
    def said_reason(self) -> str:
        return said_reason(self.reason)

    @property
    def is_over(self) -> bool:
        return self.state in ENDED


class DocumentKind(models.TextChoices):
    CV = "cv", _("CV")
    TRANSCRIPT = "transcript", _("Transcript of records")
    LETTER = "letter", _("Letter")
    OTHER = "other", _("Other document")


class ApplicationDocument(Record):
    """A file of an application, kept by its hash; only those who read the application read it."""

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="documents", verbose_name=_("application")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=DocumentKind.choices)
    file_name = models.CharField(_("file name"), max_length=150)
    content_type = models.CharField(_("kind of file"), max_length=100)
    sha256 = models.CharField(_("hash"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))

    class Meta:
        verbose_name = _("document of an application")
        verbose_name_plural = _("documents of applications")
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["application", "sha256"], name="application_document_once")]

    def __str__(self) -> str:
        return self.file_name


class ApplicationEvent(Record):
    """One line of an application's history, as both sides read it."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="events", verbose_name=_("application"))
    state = models.CharField(_("state"), max_length=20, choices=_STATES)
    by = models.ForeignKey("collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by"))
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("step of an application")
        verbose_name_plural = _("steps of applications")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.application_id} · {self.state}"

    @property
    def said_reason(self) -> str:
        return said_reason(self.reason)


class BoardReview(Record):
    """What a member of the host's review board thinks of an application. The student does not see it."""

    application = models.ForeignKey(Application, models.PROTECT, related_name="reviews", verbose_name=_("application"))
    reviewer = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("reviewer"))
    score = models.PositiveSmallIntegerField(
        _("score"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    comment = models.TextField(_("comment"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    given_at = models.DateTimeField(_("given"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("review of an application")
        verbose_name_plural = _("reviews of applications")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["application", "reviewer"], name="board_review_once"),
            models.CheckConstraint(
                condition=Q(score=None, given_at=None) | Q(score__range=(1, 10), given_at__isnull=False),
                name="board_review_score",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reviewer} · {self.score or '–'}"


class InterviewQuerySet(models.QuerySet["Interview"]):
    def waiting_of(self, application: Application) -> Interview | None:
        """The one for which the student has not chosen a time; there is one at most."""
        return self.filter(application=application, chosen_at=None).select_related("application").first()


class Interview(Record):
    """Times that the host proposes; the student chooses one of them."""

    application = models.ForeignKey(
        Application, models.PROTECT, related_name="interviews", verbose_name=_("application")
    )
    times = models.JSONField(_("proposed times"), default=list)
    where = models.CharField(_("where"), max_length=200, blank=True, validators=[PlainTextValidator()])
    chosen_at = models.DateTimeField(_("chosen time"), null=True, blank=True, editable=False)
    proposed_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("proposed by"))

    objects = InterviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("interview")
        verbose_name_plural = _("interviews")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["application"], condition=Q(chosen_at=None), name="one_interview_waits_for_its_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.application_id} · {self.chosen_at or '–'}"

    @property
    def moments(self) -> list[datetime]:
        return [datetime.fromisoformat(text) for text in self.times]


class PairRule(Record):
    """A student and a place that must, or must not, come together, with the reason."""

    cohort = models.ForeignKey("collab.Cohort", models.PROTECT, related_name="pair_rules", verbose_name=_("cohort"))
    posting = models.ForeignKey("collab.Posting", models.PROTECT, related_name="+", verbose_name=_("posting"))
    candidate = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("student"))
    forced = models.BooleanField(_("must come together"))
    reason = models.CharField(_("reason"), max_length=500, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("set by"))

    class Meta:
        verbose_name = _("rule for a pair")
        verbose_name_plural = _("rules for pairs")
        ordering = ["created_at"]
        constraints = [models.UniqueConstraint(fields=["posting", "candidate"], name="pair_rule_once")]

    def __str__(self) -> str:
        return f"{self.candidate} {'=' if self.forced else '≠'} {self.posting}"


class MatchRound(Record):
    """One run of the matching; its pairs become offers when a coordinator confirms it."""

    cohort = models.ForeignKey("collab.Cohort", models.PROTECT, related_name="rounds", verbose_name=_("cohort"))
    number = models.PositiveIntegerField(_("number"))
    pairs = models.JSONField(_("pairs"), default=list)  # ids of the applications that were matched
    students = models.PositiveIntegerField(_("students with choices"), default=0)
    seats = models.PositiveIntegerField(_("seats"), default=0)
    made_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("made by"))
    confirmed_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("confirmed by")
    )
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("round of matching")
        verbose_name_plural = _("rounds of matching")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["cohort", "number"], name="match_round_once"),
            models.CheckConstraint(
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="match_round_confirmed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cohort} · {self.number}"
