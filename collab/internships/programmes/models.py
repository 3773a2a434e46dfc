"""Programmes of a university, their cohorts with dates and check-points, and what companies and labs offer in them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.internships.programmes.questions import criteria_are_good, default_criteria, questions_are_good
from collab.internships.programmes.states import CohortState, PostingState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.kernel.words import with_words

if TYPE_CHECKING:
    from collab.access.policy import Person

YEARS = range(2000, 2101)


def in_chinese() -> bool:
    return (get_language() or "").startswith("zh")


def sensible(**days: Any) -> None:
    """Days and moments of a year that somebody plans for; raises ValidationError naming the field."""
    wrong = {
        name: _("Write a year between 2000 and 2100.") for name, day in days.items() if day and day.year not in YEARS
    }
    if wrong:
        raise ValidationError(wrong)


class Programme(Record):
    """What a university runs year after year: who coordinates it, what is evaluated and how it is weighted."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="programmes", verbose_name=_("university")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    about = models.TextField(_("about"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    criteria = models.JSONField(_("criteria of evaluation"), default=default_criteria, validators=[criteria_are_good])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("begun by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("internship programme")
        verbose_name_plural = _("internship programmes")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="programme_name_once")]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and in_chinese() else self.name

    def get_absolute_url(self) -> str:
        return reverse("collab:internships")


class Cohort(Record):
    """One season: from the day postings are shown to the day the last intern goes."""

    programme = models.ForeignKey(Programme, models.PROTECT, related_name="cohorts", verbose_name=_("programme"))
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    publishes_at = models.DateTimeField(_("postings are shown from"))
    opens_at = models.DateTimeField(_("applications from"))
    closes_at = models.DateTimeField(_("applications until"))
    ranking_ends_at = models.DateTimeField(_("ranking until"))
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"))
    choices_max = models.PositiveSmallIntegerField(
        _("choices a student may rank"), default=5, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    offer_days = models.PositiveSmallIntegerField(
        _("days to answer an offer"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in CohortState], default=CohortState.DRAFT
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("begun by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("cohort")
        verbose_name_plural = _("cohorts")
        ordering = ["-starts_on", "name"]
        constraints = [
            models.UniqueConstraint(fields=["programme", "name"], name="cohort_name_once"),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in CohortState]), name="cohort_state_is_known"),
            models.CheckConstraint(
                condition=Q(
                    opens_at__gte=F("publishes_at"), closes_at__gt=F("opens_at"), ranking_ends_at__gte=F("closes_at")
                ),
                name="cohort_dates_in_order",
            ),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="cohort_ends_after_start"),
        ]

    def __str__(self) -> str:
        return self.name_zh if self.name_zh and in_chinese() else self.name

    def get_absolute_url(self) -> str:
        return reverse("collab:cohort", args=[self.pk])

    def clean(self) -> None:
        moments = ("publishes_at", "opens_at", "closes_at", "ranking_ends_at", "starts_on", "ends_on")
        sensible(**{name: getattr(self, name) for name in moments})
        if self.opens_at < self.publishes_at:
            raise ValidationError({"opens_at": _("Nobody applies before postings are shown.")})
        if self.closes_at <= self.opens_at:
            raise ValidationError({"closes_at": _("It would end before it begins.")})
        if self.ranking_ends_at < self.closes_at:
            raise ValidationError({"ranking_ends_at": _("Ranking goes on at least until applications end.")})
        if self.ends_on <= self.starts_on:
            raise ValidationError({"ends_on": _("It would end before it begins.")})

    def takes_applications(self, at: datetime) -> bool:
        """The last second counts: what comes a second later is late."""
        return self.state == CohortState.PUBLISHED and self.opens_at <= at <= self.closes_at

    def takes_rankings(self, at: datetime) -> bool:
        return self.state == CohortState.PUBLISHED and self.opens_at <= at <= self.ranking_ends_at


class CheckKind(models.TextChoices):
    CHECK_IN = "check_in", _("Check-in")
    FEEDBACK = "feedback", _("Milestone feedback")
    EVALUATION = "evaluation", _("Evaluation")


class CheckPoint(Record):
    """A day by which every placement of the cohort has a check-in, a feedback, an evaluation."""

    cohort = models.ForeignKey(Cohort, models.PROTECT, related_name="check_points", verbose_name=_("cohort"))
    kind = models.CharField(_("kind"), max_length=20, choices=CheckKind.choices)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    due_on = models.DateField(_("due on"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("check-point")
        verbose_name_plural = _("check-points")
        ordering = ["due_on"]
        constraints = [models.UniqueConstraint(fields=["cohort", "kind", "due_on"], name="check_point_once")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        sensible(due_on=self.due_on)


class Audience(models.TextChoices):
    PUBLIC = "public", _("everybody: it stands on the public page")
    CHOSEN = "chosen", _("students of chosen universities")


_SEARCHED = ("title", "title_zh", "skills", "duties", "place", "organisation__name", "organisation__name_zh")


class PostingQuerySet(models.QuerySet["Posting"]):
    def visible_to(self, user: Person, word: str = "posting.view") -> PostingQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def shown(self, at: datetime) -> PostingQuerySet:
        """Published, in a cohort whose postings are shown by now."""
        return self.filter(
            state__in=[PostingState.PUBLISHED, PostingState.CLOSED],
            cohort__publishes_at__lte=at,
        ).exclude(cohort__state=CohortState.DRAFT)

    def public(self, at: datetime) -> PostingQuerySet:
        return self.shown(at).filter(audience=Audience.PUBLIC)

    def open_at(self, at: datetime) -> PostingQuerySet:
        """Those that take applications, as `Posting.takes_applications` says of one."""
        cohort = Q(cohort__state=CohortState.PUBLISHED, cohort__opens_at__lte=at, cohort__closes_at__gte=at)
        return self.filter(cohort, Q(closes_at=None) | Q(closes_at__gte=at), state=PostingState.PUBLISHED)

    def matching(self, text: str) -> PostingQuerySet:
        """Those in which every word of the text occurs somewhere, in either language."""
        return with_words(self, text, _SEARCHED)

    def with_names(self) -> PostingQuerySet:
        return self.select_related("organisation", "cohort__programme__organisation", "project")


class Posting(Record):
    """Places that a company or a lab offers in a cohort."""

    cohort = models.ForeignKey(Cohort, models.PROTECT, related_name="postings", verbose_name=_("cohort"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="postings", verbose_name=_("host")
    )
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="postings",
        verbose_name=_("joint project"), help_text=_("Interns then get access to it for the time of the placement."),
    )  # fmt: skip
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    duties = models.TextField(_("duties"), max_length=6000, validators=[PlainTextValidator()])
    skills = models.TextField(_("skills"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    eligibility = models.TextField(_("who may apply"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    places = models.PositiveSmallIntegerField(
        _("places"), default=1, validators=[MinValueValidator(1), MaxValueValidator(500)]
    )
    starts_on = models.DateField(_("starts on"))
    ends_on = models.DateField(_("ends on"))
    place = models.CharField(_("place of work"), max_length=120, validators=[DisplayNameValidator()])
    remote = models.BooleanField(_("may be done remotely"), default=False)
    pay = models.DecimalField(
        _("pay a month"), max_digits=10, decimal_places=2, default=0, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, default="EUR")
    hours = models.PositiveSmallIntegerField(
        _("hours a week"), default=35, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    credits = models.PositiveSmallIntegerField(_("credits"), default=0, validators=[MaxValueValidator(120)])
    closes_at = models.DateTimeField(
        _("applications until"), null=True, blank=True, help_text=_("Empty: as the cohort says.")
    )
    audience = models.CharField(_("for"), max_length=20, choices=Audience.choices, default=Audience.PUBLIC)
    universities = models.ManyToManyField(
        "collab.Organisation", related_name="+", blank=True, verbose_name=_("chosen universities")
    )
    questions = models.JSONField(
        _("questions to applicants"), default=list, blank=True, validators=[questions_are_good]
    )
    questions_version = models.PositiveIntegerField(default=1, editable=False)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in PostingState], default=PostingState.DRAFT
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = PostingQuerySet.as_manager()

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in PostingState]), name="posting_state_is_known"
            ),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="posting_ends_after_start"),
            models.CheckConstraint(condition=Q(places__gte=1), name="posting_has_a_place"),
            models.CheckConstraint(condition=Q(audience__in=Audience.values), name="posting_audience_is_known"),
        ]
        indexes = [models.Index(fields=["cohort", "state"], name="posting_by_cohort")]

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and in_chinese() else self.title

    def get_absolute_url(self) -> str:
        return reverse("collab:posting", args=[self.pk])

    def clean(self) -> None:
        sensible(starts_on=self.starts_on, ends_on=self.ends_on, closes_at=self.closes_at)
        if self.ends_on <= self.starts_on:
            raise ValidationError({"ends_on": _("It would end before it begins.")})
        if self.closes_at is not None and self.closes_at > self.cohort.closes_at:
            raise ValidationError({"closes_at": _("The cohort takes no applications any more by then.")})

    @property
    def last_moment(self) -> datetime:
        return self.closes_at or self.cohort.closes_at

    def takes_applications(self, at: datetime) -> bool:
        """The last second counts: what comes a second later is late."""
        return self.state == PostingState.PUBLISHED and self.cohort.takes_applications(at) and at <= self.last_moment

    def may_open_again(self, at: datetime) -> bool:
        """Whether applications could still come once it is published anew."""
        over = self.cohort.state in {CohortState.MATCHED, CohortState.CLOSED}
        return not over and at <= self.last_moment

    @property
    def shown_state(self) -> str:
        """Once its time is over it is closed, though nobody has closed it."""
        over = self.state == PostingState.PUBLISHED and not self.may_open_again(timezone.now())
        return PostingState.CLOSED if over else self.state

    @property
    def is_open(self) -> bool:
        return self.takes_applications(timezone.now())
