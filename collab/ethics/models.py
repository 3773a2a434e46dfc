"""Ethics: questionnaires with versions, committees, applications and what becomes of them, self-assessments."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Value
from django.db.models.lookups import GreaterThan
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.ethics.questions import Carried, carry
from collab.ethics.states import (
    AREA_WORDS,
    GRANTED,
    HOLDING,
    PENDING,
    ROUTE_WORDS,
    WON,
    Area,
    AssessmentState,
    CaseState,
    ReportState,
    ReviewState,
    Route,
    Worklist,
)
from collab.inbox.states import OPINION_WORDS, Opinion
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models import ConflictOfInterest
from collab.projects.models.review import in_language
from collab.projects.states import ConflictState

if TYPE_CHECKING:
    from collab.access.policy import Person


def _known(states: Any) -> list[tuple[str, str]]:
    return [(s.value, s.value) for s in states]


def _person(label: Any, *, empty: bool = True) -> models.ForeignKey:
    return models.ForeignKey(
        "collab.User", models.PROTECT, null=empty, blank=empty, related_name="+", verbose_name=label
    )


def _text(label: Any, most: int, *, blank: bool = False) -> models.TextField:
    return models.TextField(label, max_length=most, blank=blank, validators=[PlainTextValidator()])


class Purpose(models.TextChoices):
    REVIEW = "review", _("Application to an ethics committee")
    ASSESSMENT = "assessment", _("Self-assessment")
    CHECKLIST = "checklist", _("Checklist")


class Kind(models.TextChoices):
    INITIAL = "initial", _("First application")
    AMENDMENT = "amendment", _("Amendment")
    RENEWAL = "renewal", _("Renewal")
    AGAIN = "again", _("Application on new grounds")


# --- questionnaires
class EthicsForm(Record):
    """A questionnaire; its questions live in versions. Without an organisation it comes with Tandem."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("organisation")
    )
    code = models.SlugField(_("code"), max_length=60, unique=True)
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    note = _text(_("note"), 2000, blank=True)
    note_zh = _text(_("Chinese note"), 2000, blank=True)
    created_by = _person(_("written by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("ethics questionnaire")
        verbose_name_plural = _("ethics questionnaires")
        ordering = ["purpose", "name"]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:ethics_form", args=[self.pk])

    @property
    def shown_note(self) -> str:
        return in_language(self.note, self.note_zh)


class EthicsFormVersion(Record):
    """The questions and rules as they stood; a version never changes, so answers keep their meaning."""

    form = models.ForeignKey(EthicsForm, models.PROTECT, related_name="versions", verbose_name=_("questionnaire"))
    number = models.PositiveIntegerField(_("version"))
    questions = models.JSONField(_("questions"), default=list)
    rules = models.JSONField(_("rules of triage"), default=list, blank=True)
    created_by = _person(_("written by"))

    class Meta:
        verbose_name = _("version of an ethics questionnaire")
        verbose_name_plural = _("versions of ethics questionnaires")
        ordering = ["form", "-number"]
        constraints = [models.UniqueConstraint(fields=["form", "number"], name="ethics_form_version_once")]

    def __str__(self) -> str:
        return f"{self.form} v{self.number}"


class EthicsCommittee(Record):
    """The ethics committee of an organisation and how it works. Who sits on it, roles in the organisation say."""

    organisation = models.OneToOneField(
        "collab.Organisation", models.PROTECT, related_name="ethics_committee", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    reviewers_see_all = models.BooleanField(
        _("reviewers see all cases"), default=False, help_text=_("Otherwise only those they were asked to review.")
    )
    shows_reviewers = models.BooleanField(
        _("applicants see who reviewed"), default=False,
        help_text=_("With what was advised, once it is decided. Otherwise they read neither."),
    )  # fmt: skip
    seals_reviews = models.BooleanField(
        _("reviews are sealed"), default=False,
        help_text=_("Reviewers read each other's only once all of the round are in."),
    )  # fmt: skip
    minimum_reviews = models.PositiveSmallIntegerField(_("fewest reviews on the full route"), default=2)
    short_days = models.PositiveSmallIntegerField(_("days to decide on the short route"), default=10)
    full_days = models.PositiveSmallIntegerField(_("days to decide on the full route"), default=40)
    validity_months = models.PositiveSmallIntegerField(_("months that an approval usually holds"), default=24)
    holds_jobs = models.BooleanField(_("training waits for the decision"), default=False)
    holds_releases = models.BooleanField(_("downloads of models wait for the decision"), default=False)
    holds_data = models.BooleanField(_("data waits for the decision"), default=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("ethics committee")
        verbose_name_plural = _("ethics committees")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(short_days__gte=1, full_days__gte=1, validity_months__gte=1),
                name="ethics_committee_takes_its_time",
            )
        ]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:ethics_committee", args=[self.organisation.slug])


# --- answers
class Answered(Record):
    """Answers that stay with the version of the questionnaire they were given to."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="%(class)ss", verbose_name=_("project"))
    form_version = models.ForeignKey(
        EthicsFormVersion, models.PROTECT, related_name="+", verbose_name=_("questionnaire")
    )
    carried_from = models.ForeignKey(
        EthicsFormVersion, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("carried over from")
    )
    answers = models.JSONField(_("answers"), default=dict, blank=True)
    begun_by = _person(_("begun by"), empty=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    @property
    def questions(self) -> list[dict[str, Any]]:
        return self.form_version.questions

    @property
    def carried(self) -> Carried | None:
        """What is new since the version from which the answers were carried over."""
        if self.carried_from is None:
            return None
        return carry(self.carried_from.questions, self.questions, self.answers)

    def newer_version(self) -> EthicsFormVersion | None:
        """A version of the questionnaire that came after the one answered."""
        rows = EthicsFormVersion.objects.filter(form=self.form_version.form_id, number__gt=self.form_version.number)
        return rows.select_related("form").order_by("-number").first()


def blocking_q(area: str, at: datetime) -> Q:
    """Cases that block an area at a moment: no approval holds that the committee asks for.

    The last day of an approval counts whole, in the installation's time zone.
    """
    stands = Q(state=CaseState.APPEALED, appeals_conditions=True)
    expired = (Q(state=CaseState.APPROVED) | stands) & Q(valid_until__lt=timezone.localdate(at))
    return Q(**{f"blocks_{area}": True}) & (Q(state__in=sorted(HOLDING)) & ~stands | expired)


class Days(models.Func):
    """A number of days as a span of time."""

    function = "make_interval"
    template = "%(function)s(days => (%(expressions)s)::integer)"
    output_field = models.DurationField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="((%(expressions)s) * 86400000000)", **context
        )  # microseconds


# How long a committee gives itself.
OWN_DAYS = Days(
    models.Case(models.When(route=Route.FULL.value, then=F("committee__full_days")), default=F("committee__short_days"))
)
_TAKEN = ExpressionWrapper(F("first_decided_at") - F("submitted_at"), models.DurationField())


def worklist_q(name: str, at: datetime) -> Q:
    """The cases behind one figure of a committee, at a moment."""
    today = timezone.localdate(at)
    pending, undecided = Q(state__in=sorted(PENDING)), Q(state__in=sorted(PENDING), first_decided_at=None)
    waits = ExpressionWrapper(Value(at, models.DateTimeField()) - F("submitted_at"), models.DurationField())
    # an appeal is the last thing that is asked about a case, so the request of the case tells of it
    appealed = Q(appealed_at__isnull=False, request__decided_at__isnull=False)
    reports = EthicsReport.objects.filter(case=OuterRef("pk"), state=ReportState.OPEN)
    lists = {
        Worklist.WAITING: pending,
        Worklist.UNDECIDED: undecided,
        Worklist.OVERDUE: pending & Q(request__state="open", request__due_at__lt=at),
        Worklist.OVER_ITS_DAYS: undecided & Q(GreaterThan(waits, OWN_DAYS)),
        Worklist.DECIDED: Q(first_decided_at__isnull=False),
        Worklist.LATE: Q(GreaterThan(_TAKEN, OWN_DAYS), first_decided_at__isnull=False),
        Worklist.APPEALS: Q(state=CaseState.APPEALED),
        Worklist.APPEALS_DECIDED: appealed,
        Worklist.APPEALS_WON: appealed & Q(request__state__in=WON),
        Worklist.CONDITIONS: Q(Exists(EthicsCondition.objects.open().filter(case=OuterRef("pk")))),
        Worklist.REPORTS: Q(Exists(reports)),
        Worklist.REPORTS_DUE: Q(state__in=sorted(GRANTED), monitor_on__lt=today, valid_until__gte=today),
    }
    return Q(submitted_at__isnull=False) & lists[Worklist(name)]


class CaseQuerySet(models.QuerySet["EthicsCase"]):
    def visible_to(self, user: Person, word: str = "ethics.view") -> CaseQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def pending(self) -> CaseQuerySet:
        return self.filter(state__in=sorted(PENDING))

    def blocking(self, area: str, at: datetime) -> CaseQuerySet:
        return self.filter(blocking_q(area, at))

    def in_worklist(self, name: str, at: datetime | None = None) -> CaseQuerySet:
        return self.filter(worklist_q(name, at or timezone.now()))

    def with_names(self) -> CaseQuerySet:
        return self.select_related(
            "project", "committee__organisation", "form_version__form", "carried_from", "begun_by", "submitted_by",
            "decided_by", "request", "previous",
        )  # fmt: skip


class EthicsCase(Answered):
    """An application to a committee, and what the committee decided. Nobody's silence decides it."""

    committee = models.ForeignKey(EthicsCommittee, models.PROTECT, related_name="cases", verbose_name=_("committee"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices, default=Kind.INITIAL)
    previous = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="followers", verbose_name=_("follows")
    )
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    state = models.CharField(_("state"), max_length=20, choices=_known(CaseState), default=CaseState.DRAFT)
    route = models.CharField(_("route"), max_length=10, choices=list(ROUTE_WORDS.items()), blank=True)
    reasons = models.JSONField(_("reasons for the route"), default=list, blank=True)
    round = models.PositiveIntegerField(_("round"), default=0)
    request = models.OneToOneField(
        "collab.Request", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("in the inbox")
    )
    submitted_by = _person(_("submitted by"))
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    decided_by = _person(_("decided by"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    first_decided_at = models.DateTimeField(_("first decided at"), null=True, blank=True)
    decision_reason = _text(_("reason"), 5000, blank=True)
    appealed_at = models.DateTimeField(_("appealed at"), null=True, blank=True)
    appeal_text = _text(_("ground of the appeal"), 5000, blank=True)
    appeals_conditions = models.BooleanField(
        _("the appeal is against conditions"), default=False, help_text=_("The approval stands until it is decided.")
    )
    blocks_jobs = models.BooleanField(_("training needs the approval"), default=False)
    blocks_releases = models.BooleanField(_("downloads of models need the approval"), default=False)
    blocks_data = models.BooleanField(_("data needs the approval"), default=False)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    monitor_months = models.PositiveSmallIntegerField(_("months between reports"), null=True, blank=True)
    monitor_on = models.DateField(_("next report due"), null=True, blank=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("ethics application")
        verbose_name_plural = _("ethics applications")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in CaseState]), name="ethics_case_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=[CaseState.DRAFT.value, CaseState.WITHDRAWN.value])
                | Q(submitted_by__isnull=False, submitted_at__isnull=False, route__in=["short", "full"]),
                name="ethics_case_submitted_has_who_when_route",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=sorted(s.value for s in GRANTED | {CaseState.REJECTED, CaseState.REVOKED}))
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="ethics_case_is_decided_by_a_person",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=sorted(s.value for s in GRANTED)) | Q(valid_until__isnull=False),
                name="ethics_case_approval_has_an_end",
            ),
            models.UniqueConstraint(
                fields=["previous"], condition=Q(state__in=sorted(s.value for s in PENDING | {CaseState.DRAFT})),
                name="ethics_case_one_follower_at_a_time",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["project", "state"], name="ethics_case_by_project"),
            models.Index(fields=["committee", "state", "-submitted_at"], name="ethics_case_by_committee"),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("collab:ethics_case", args=[self.pk])

    @property
    def is_expired(self) -> bool:
        return self.stands and self.valid_until is not None and self.valid_until < timezone.localdate()

    def round_read(self, *, applies: bool) -> int | None:
        """The round that one reads by itself; None for the application as it stands.

        What those who apply change since changes were asked for is theirs until they submit it, also once they have
        withdrawn it instead: others read the last round.
        """
        unsent = self.state in {CaseState.CHANGES_REQUESTED, CaseState.WITHDRAWN} and self.round > 0
        return self.round if unsent and not applies else None

    @property
    def stands(self) -> bool:
        """Approved, whether or not an appeal against its conditions is going on; the last day is another matter."""
        return self.state == CaseState.APPROVED or (self.state == CaseState.APPEALED and self.appeals_conditions)

    @property
    def shown_state(self) -> str:
        """The state for people: “expired” once the last day of an approval is over."""
        return "expired" if self.is_expired else self.state

    @property
    def blocks(self) -> list[str]:
        return [area.value for area in Area if getattr(self, f"blocks_{area}")]

    @property
    def block_words(self) -> list[Any]:
        return [AREA_WORDS[Area(area)] for area in self.blocks]

    @property
    def days(self) -> int | None:
        """Whole days from the first submission to the first decision, or to now."""
        if self.submitted_at is None or (self.first_decided_at is None and self.state not in PENDING):
            return None
        return ((self.first_decided_at or timezone.now()) - self.submitted_at).days

    @property
    def is_late(self) -> bool:
        return self.state in PENDING and self.request is not None and self.request.is_overdue


class EthicsSubmission(Record):
    """What was submitted in one round, as it was; the next one is compared with it."""

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="submissions", verbose_name=_("application"))
    number = models.PositiveIntegerField(_("round"))
    form_version = models.ForeignKey(
        EthicsFormVersion, models.PROTECT, related_name="+", verbose_name=_("questionnaire")
    )
    answers = models.JSONField(_("answers"), default=dict)
    reasons = models.JSONField(_("reasons for the route"), default=list, blank=True)
    note = _text(_("what was changed"), 4000, blank=True)
    by = _person(_("submitted by"), empty=False)

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        ordering = ["case", "-number"]
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="ethics_submission_once")]

    def __str__(self) -> str:
        return f"{self.case} · {self.number}"

    @property
    def questions(self) -> list[dict[str, Any]]:
        return self.form_version.questions

    @property
    def carried(self) -> Carried | None:
        """What was taken over from an older version is told of the application alone."""
        return None


class FileQuerySet(models.QuerySet["EthicsFile"]):
    def now(self) -> FileQuerySet:
        return self.filter(last_round=None)

    def sent(self) -> FileQuerySet:
        """Those that were laid before the committee in some round."""
        lasted = Q(last_round=None) | Q(last_round__gte=F("first_round"))
        return self.filter(lasted, first_round__lte=F("case__round"))


class EthicsFile(Record):
    """A file that goes with an application, kept by its hash. A file that replaces another is its next edition.

    It belongs to the rounds from `first_round` to `last_round`; without the latter it still goes with it.
    """

    class Kind(models.TextChoices):
        PROTOCOL = "protocol", _("Protocol")
        CONSENT = "consent", _("Consent form")
        INFORMATION = "information", _("Information for those who take part")
        DATA_PROTECTION = "data_protection", _("Data-protection statement")
        OTHER = "other", _("Other document")

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="files", verbose_name=_("application"))
    number = models.PositiveSmallIntegerField(_("number"))
    edition = models.PositiveSmallIntegerField(_("edition"), default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    file_name = models.CharField(_("file name"), max_length=150)
    content_type = models.CharField(_("kind of file"), max_length=100)
    sha256 = models.CharField(_("hash"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))
    by = _person(_("added by"), empty=False)
    first_round = models.PositiveIntegerField(_("from round"))
    last_round = models.PositiveIntegerField(_("until round"), null=True, blank=True)

    objects = FileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file of an ethics application")
        verbose_name_plural = _("files of ethics applications")
        ordering = ["case", "number", "edition"]
        constraints = [
            models.UniqueConstraint(fields=["case", "number", "edition"], name="ethics_file_edition_once"),
            models.UniqueConstraint(
                fields=["case", "number"], condition=Q(last_round=None), name="ethics_file_one_edition_counts"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    def was_in(self, number: int) -> bool:
        """Whether it went with the application in that round."""
        return self.first_round <= number and (self.last_round is None or self.last_round >= number)

    def was_sent(self, rounds: int) -> bool:
        """Whether it was laid before the committee in one of so many rounds."""
        return self.first_round <= rounds and (self.last_round is None or self.last_round >= self.first_round)


class EthicsReview(Record):
    """What one reviewer advises in one round, and whether something might sway them. Reviewers never decide."""

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="reviews", verbose_name=_("application"))
    reviewer = _person(_("reviewer"), empty=False)
    round = models.PositiveIntegerField(_("round"))
    state = models.CharField(_("state"), max_length=20, choices=_known(ReviewState), default=ReviewState.ASKED)
    opinion = models.CharField(
        _("advice"), max_length=20, choices=[(o.value, OPINION_WORDS[o]) for o in Opinion], blank=True
    )
    text = _text(_("text"), 8000, blank=True)
    due_on = models.DateField(_("due on"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    conflict_kind = models.CharField(
        _("conflict of interest"), max_length=20, choices=ConflictOfInterest.Kind.choices, blank=True
    )
    conflict_text = _text(_("what it is"), 2000, blank=True)
    conflict_state = models.CharField(_("conflict"), max_length=20, choices=_known(ConflictState), blank=True)
    conflict_plan = _text(_("plan"), 2000, blank=True)
    conflict_decided_by = _person(_("conflict decided by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("ethics review")
        verbose_name_plural = _("ethics reviews")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["case", "reviewer", "round"], name="ethics_review_once"),
            models.CheckConstraint(
                condition=~Q(state="submitted") | Q(submitted_at__isnull=False) & ~Q(opinion=""),
                name="ethics_review_submitted_is_complete",
            ),
            models.CheckConstraint(
                condition=Q(conflict_state="", conflict_kind="") | ~Q(conflict_state="") & ~Q(conflict_kind=""),
                name="ethics_conflict_has_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(conflict_state__in=["", "declared"]) | Q(conflict_decided_by__isnull=False),
                name="ethics_conflict_is_decided_by_a_person",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "state"], name="ethics_review_by_person")]

    def __str__(self) -> str:
        return str(self.case)

    def get_absolute_url(self) -> str:
        return reverse("collab:ethics_review", args=[self.pk])


class EthicsQuestion(Record):
    """A question of the committee about the application, and the answer of those who apply."""

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="asked", verbose_name=_("application"))
    about_key = models.CharField(_("about the question"), max_length=40, blank=True)
    text = _text(_("question"), 4000)
    by = _person(_("asked by"), empty=False)
    answer = _text(_("answer"), 4000, blank=True)
    answered_by = _person(_("answered by"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("question of the committee")
        verbose_name_plural = _("questions of the committee")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="", answered_at=None) | (~Q(answer="") & Q(answered_at__isnull=False)),
                name="ethics_question_answered_has_when",
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class ConditionQuerySet(models.QuerySet["EthicsCondition"]):
    def open(self) -> ConditionQuerySet:
        return self.filter(condition__met_at=None, lifted_at=None)

    def blocking(self, area: str, at: datetime) -> ConditionQuerySet:
        """Open ones that stop an area now: at once, or once their day is over."""
        due = Q(due_on=None) | Q(due_on__lt=timezone.localdate(at))
        granted = Q(case__state__in=sorted({*GRANTED, CaseState.SUPERSEDED}))
        granted |= Q(case__state=CaseState.APPEALED, case__appeals_conditions=True)
        return self.open().filter(due, granted, **{f"blocks_{area}": True})


class EthicsCondition(Record):
    """A condition of a decision: the inbox says whether it is met, this row what it blocks until then."""

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="conditions", verbose_name=_("application"))
    condition = models.OneToOneField(
        "collab.Condition", models.PROTECT, related_name="ethics", verbose_name=_("in the inbox")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    blocks_jobs = models.BooleanField(_("blocks training jobs"), default=False)
    blocks_releases = models.BooleanField(_("blocks downloads of models"), default=False)
    blocks_data = models.BooleanField(_("blocks data"), default=False)
    due_on = models.DateField(
        _("to be met by"),
        null=True,
        blank=True,
        help_text=_("It blocks after this day; without one it blocks at once."),
    )
    evidence = _text(_("evidence of the applicants"), 5000, blank=True)
    claimed_by = _person(_("given by"))
    claimed_at = models.DateTimeField(_("given at"), null=True, blank=True)
    lifted_at = models.DateTimeField(_("lifted on appeal at"), null=True, blank=True)

    objects = ConditionQuerySet.as_manager()

    class Meta:
        verbose_name = _("condition of an ethics decision")
        verbose_name_plural = _("conditions of ethics decisions")
        ordering = ["case", "number"]
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="ethics_condition_number_once"),
            models.CheckConstraint(
                condition=Q(evidence="", claimed_at=None) | (~Q(evidence="") & Q(claimed_at__isnull=False)),
                name="ethics_condition_claim_has_when",
            ),
        ]

    def __str__(self) -> str:
        return self.condition.text

    @property
    def is_met(self) -> bool:
        return self.condition.is_met

    @property
    def is_open(self) -> bool:
        return not self.is_met and self.lifted_at is None

    @property
    def blocks(self) -> list[str]:
        return [area.value for area in Area if getattr(self, f"blocks_{area}")]

    @property
    def block_words(self) -> list[Any]:
        return [AREA_WORDS[Area(area)] for area in self.blocks]

    @property
    def blocks_now(self) -> bool:
        day: date | None = self.due_on
        return self.is_open and bool(self.block_words) and (day is None or day < timezone.localdate())


class EthicsRefusal(Record):
    """A claim that a condition is met which the committee did not accept: what was given, and why it is not enough."""

    condition = models.ForeignKey(
        EthicsCondition, models.PROTECT, related_name="refusals", verbose_name=_("condition of an ethics decision")
    )
    evidence = _text(_("evidence of the applicants"), 5000)
    claimed_by = _person(_("given by"), empty=False)
    claimed_at = models.DateTimeField(_("given at"))
    reason = _text(_("why it is not enough"), 4000)
    by = _person(_("answered by"), empty=False)

    class Meta:
        verbose_name = _("claim that was not enough")
        verbose_name_plural = _("claims that were not enough")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return str(self.condition)


class EthicsCorrection(Record):
    """A slip of a decision put right: why, and what stood there before. `changes` are `{what, number, before, after}`.

    `number` is that of a condition; None for the decision itself.
    """

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="corrections", verbose_name=_("application"))
    reason = _text(_("reason"), 4000)
    changes = models.JSONField(_("changes"))
    by = _person(_("corrected by"), empty=False)

    class Meta:
        verbose_name = _("correction of an ethics decision")
        verbose_name_plural = _("corrections of ethics decisions")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.case)


class EthicsReport(Record):
    """What the applicants report after the decision: how it goes, on its day; or an incident, at once."""

    class Kind(models.TextChoices):
        MONITORING = "monitoring", _("Monitoring report")
        INCIDENT = "incident", _("Incident report")

    class Severity(models.TextChoices):
        MINOR = "minor", _("Minor")
        SERIOUS = "serious", _("Serious")

    case = models.ForeignKey(EthicsCase, models.PROTECT, related_name="reports", verbose_name=_("application"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    severity = models.CharField(_("severity"), max_length=20, choices=Severity.choices, blank=True)
    happened_on = models.DateField(_("happened on"), null=True, blank=True)
    text = _text(_("report"), 8000)
    by = _person(_("reported by"), empty=False)
    state = models.CharField(_("state"), max_length=10, choices=_known(ReportState), default=ReportState.OPEN)
    outcome = _text(_("what the committee says"), 4000, blank=True)
    closed_by = _person(_("closed by"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("ethics report")
        verbose_name_plural = _("ethics reports")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="incident", happened_on__isnull=False) & ~Q(severity="")
                | Q(kind="monitoring", severity="", happened_on=None),
                name="ethics_incident_has_its_day_and_severity",
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None)
                | Q(state="closed", closed_by__isnull=False, closed_at__isnull=False),
                name="ethics_report_closed_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.case}"


class EthicsAssessment(Answered):
    """Answers that a project gives itself: scores and advice, and nobody decides."""

    state = models.CharField(_("state"), max_length=10, choices=_known(AssessmentState), default=AssessmentState.DRAFT)
    finished_by = _person(_("finished by"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("self-assessment")
        verbose_name_plural = _("self-assessments")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="draft", finished_at=None)
                | Q(state="done", finished_at__isnull=False, finished_by__isnull=False),
                name="ethics_assessment_done_has_who_and_when",
            )
        ]

    def __str__(self) -> str:
        return str(self.form_version.form)

    def get_absolute_url(self) -> str:
        return reverse("collab:ethics_assessment", args=[self.pk])
