"""Review of a proposal: steps, versioned questionnaires, reviews, conflicts of interest, approvals of parties."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.states import ApprovalState, ConflictState, ReviewState, StepState


def in_language(text: str, text_zh: str) -> str:
    """The Chinese text for readers of Chinese, where there is one."""
    return text_zh if text_zh and (get_language() or "").startswith("zh") else text


class Questionnaire(Record):
    """What reviewers are asked, on behalf of an organisation. The questions live in versions."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="questionnaires", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))

    class Meta:
        verbose_name = _("questionnaire")
        verbose_name_plural = _("questionnaires")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["organisation", "name"], name="questionnaire_name_once")]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:questionnaire", args=[self.pk])


class QuestionnaireVersion(Record):
    """The questions as they stood; a version never changes, so answers keep their meaning."""

    questionnaire = models.ForeignKey(
        Questionnaire, models.PROTECT, related_name="versions", verbose_name=_("questionnaire")
    )
    number = models.PositiveIntegerField(_("version"))
    questions = models.JSONField(_("questions"), default=list)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))

    class Meta:
        verbose_name = _("questionnaire version")
        verbose_name_plural = _("questionnaire versions")
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["questionnaire", "number"], name="questionnaire_version_once")]

    def __str__(self) -> str:
        return f"{self.questionnaire} v{self.number}"


class ReviewStep(Record):
    """One step of a review: of a project, or of an organisation's template that its new projects copy."""

    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="review_steps", verbose_name=_("project")
    )
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="review_steps",
        verbose_name=_("template of"),
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    questionnaire = models.ForeignKey(
        QuestionnaireVersion, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("questionnaire")
    )
    chair = models.ForeignKey("collab.User", models.PROTECT, related_name="chaired_steps", verbose_name=_("chair"))
    reviewers = models.ManyToManyField("collab.User", related_name="+", blank=True, verbose_name=_("reviewers"))
    blind = models.BooleanField(
        _("blind"), default=False, help_text=_("Reviewers do not learn who proposes, nor anybody who reviews.")
    )
    minimum_reviews = models.PositiveSmallIntegerField(_("fewest reviews"), default=1)
    minimum_score = models.DecimalField(_("lowest mean score"), max_digits=4, decimal_places=1, null=True, blank=True)
    due_days = models.PositiveSmallIntegerField(_("days to review"), default=14)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in StepState], default=StepState.WAITING
    )
    due_on = models.DateField(_("due on"), null=True, blank=True)
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    decision_reason = models.TextField(_("reason"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("review step")
        verbose_name_plural = _("review steps")
        ordering = ["position", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(project__isnull=False, organisation=None) | Q(project=None, organisation__isnull=False),
                name="review_step_has_one_home",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in StepState]), name="review_step_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["passed", "refused", "returned"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="review_step_is_decided_by_a_person",
            ),
            models.CheckConstraint(condition=Q(minimum_reviews__gte=1), name="review_step_needs_a_review"),
            models.CheckConstraint(
                condition=Q(minimum_score=None) | Q(minimum_score__gte=0, minimum_score__lte=10),
                name="review_step_score_in_range",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:review_step", args=[self.pk])

    @property
    def is_late(self) -> bool:
        return self.state == StepState.OPEN and self.due_on is not None and self.due_on < timezone.localdate()


class Recommendation(models.TextChoices):
    APPROVE = "approve", _("Approve")
    APPROVE_WITH_CHANGES = "approve_with_changes", _("Approve with changes")
    REJECT = "reject", _("Reject")


class Review(Record):
    """One reviewer's answers in one step, pinned to the questions they began with."""

    step = models.ForeignKey(ReviewStep, models.PROTECT, related_name="reviews", verbose_name=_("step"))
    reviewer = models.ForeignKey("collab.User", models.PROTECT, related_name="reviews", verbose_name=_("reviewer"))
    round = models.PositiveIntegerField(_("round"), default=1)
    questionnaire = models.ForeignKey(
        QuestionnaireVersion, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("questionnaire")
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ReviewState], default=ReviewState.ASKED
    )
    answers = models.JSONField(_("answers"), default=dict, blank=True)
    score = models.DecimalField(_("score"), max_digits=4, decimal_places=1, null=True, blank=True)
    recommendation = models.CharField(_("recommendation"), max_length=30, choices=Recommendation.choices, blank=True)
    comment = models.TextField(_("comment"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    due_on = models.DateField(_("due on"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["step", "reviewer", "round"], name="review_once_per_step"),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False) & ~Q(recommendation=""),
                name="review_submitted_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(score=None) | Q(score__gte=0, score__lte=10), name="review_score_in_range"
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "state"], name="review_by_reviewer")]

    def __str__(self) -> str:
        return str(self.step)

    def get_absolute_url(self) -> str:
        return reverse("collab:review", args=[self.pk])

    @property
    def questions(self) -> list[dict[str, Any]]:
        return self.questionnaire.questions if self.questionnaire else []


class ConflictOfInterest(Record):
    """What a reviewer declared, and what the step's chair made of it."""

    class Kind(models.TextChoices):
        PERSONAL = "personal", _("Family or friendship")
        PROFESSIONAL = "professional", _("Works or worked together")
        FINANCIAL = "financial", _("Money")
        COMPETING = "competing", _("Competes")
        OTHER = "other", _("Other")

    review = models.ForeignKey(Review, models.PROTECT, related_name="conflicts", verbose_name=_("review"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    text = models.TextField(_("what it is"), max_length=2000, validators=[PlainTextValidator()])
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ConflictState], default=ConflictState.DECLARED
    )
    plan = models.TextField(_("plan"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("conflict of interest")
        verbose_name_plural = _("conflicts of interest")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="declared") | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="conflict_is_decided_by_a_person",
            ),
            models.CheckConstraint(condition=~Q(state="waived") | ~Q(plan=""), name="conflict_waived_with_a_plan"),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())


class PartyApproval(Record):
    """The answer of one party to a proposal, in the round in which it was asked."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="approvals", verbose_name=_("project"))
    party = models.ForeignKey("collab.ProjectParty", models.PROTECT, related_name="approvals", verbose_name=_("party"))
    round = models.PositiveIntegerField(_("round"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ApprovalState], default=ApprovalState.OPEN
    )
    reason = models.TextField(_("reason"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("answered by")
    )
    decided_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("approval of a party")
        verbose_name_plural = _("approvals of parties")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["project", "party", "round"], name="approval_once_per_round"),
            models.CheckConstraint(
                condition=Q(state__in=["open", "withdrawn"]) | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="approval_is_given_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party.organisation} · {self.project}"


def due_after(days: int) -> date:
    """The day so many days from today."""
    return timezone.localdate() + timedelta(days=days)
