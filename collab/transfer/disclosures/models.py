"""A disclosure and its case: what was made, by whom, under whose money, and what the office made of it."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.agreements.ip import PartnerRight
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.states import (
    CASE_DECISION_WORDS,
    ENDED,
    UNDECIDED,
    WRITABLE,
    AssessmentState,
    CaseDecision,
    CaseState,
)

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import User

WHOLE = Decimal(100)
LONG_DAYS = 60  # in one stage: the board says so
_UNDECIDED = sorted(state.value for state in UNDECIDED)  # in one order, so that the constraint stays the same


def in_language(english: str, chinese: str) -> str:
    """The Chinese text for those who read Chinese, where there is one."""
    return chinese if chinese and (get_language() or "").startswith("zh") else english


class DisclosureKind(models.TextChoices):
    PATENTABLE = "patentable", _("Patentable invention")
    SOFTWARE = "software", _("Software")
    DATASET = "dataset", _("Dataset")
    TRAINED_MODEL = "trained_model", _("Trained model")
    MARK = "mark", _("Mark")
    KNOW_HOW = "know_how", _("Know-how")


class CaseQuerySet(models.QuerySet["TransferCase"]):
    def visible_to(self, user: Person, word: str = "disclosure.view") -> CaseQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def going_on(self) -> CaseQuerySet:
        return self.exclude(state__in=ENDED)

    def mine(self, user: User) -> CaseQuerySet:
        """Those in which the person is an inventor, or which they began."""
        named = Inventor.objects.filter(person=user).values("disclosure__case")
        return self.filter(Q(created_by=user) | Q(pk__in=named))

    def with_rows(self) -> CaseQuerySet:
        """Loads what a line of a list or a card of the board tells."""
        return self.select_related("organisation", "project", "officer", "disclosure")

    def with_all(self) -> CaseQuerySet:
        """Loads what the page and the API tell."""
        return self.with_rows().select_related("created_by", "decided_by", "unit").prefetch_related(
            "disclosure__inventors__person", "disclosure__inventors__employer", "disclosure__funding__sponsor",
            "disclosure__funding__agreement__agreement", "disclosure__prior_art", "results", "stages__by",
        )  # fmt: skip


class TransferCase(Record):
    """What an organisation's office does with one disclosed result, from the first draft to its end.

    Confidential: the organisation's officers and admins see it, and its inventors; no licensee ever does.
    """

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="transfer_cases", verbose_name=_("organisation")
    )
    docket = models.CharField(
        _("docket number"), max_length=30, blank=True, validators=[PlainTextValidator()], editable=False
    )
    project = models.ForeignKey(
        "collab.Project",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="transfer_cases",
        verbose_name=_("project"),
    )
    unit = models.ForeignKey(
        "collab.OrganisationUnit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("unit")
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in CaseState], default=CaseState.DRAFT
    )
    stage_since = models.DateTimeField(_("in this stage since"), default=timezone.now)
    officer = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="led_cases",
        verbose_name=_("officer in charge"),
    )
    disclosed_on = models.DateField(_("disclosed on"), null=True, blank=True)
    decide_by = models.DateField(_("to be decided by"), null=True, blank=True)
    returned_reason = models.TextField(
        _("what is missing"), max_length=4000, blank=True, validators=[PlainTextValidator()]
    )
    round = models.PositiveIntegerField(_("times submitted"), default=0, editable=False)
    decision = models.CharField(
        _("decision"), max_length=20, blank=True, choices=[(d.value, CASE_DECISION_WORDS[d]) for d in CaseDecision]
    )
    decision_reason = models.TextField(_("reason"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("begun by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("transfer case")
        verbose_name_plural = _("transfer cases")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "docket"], condition=~Q(docket=""), name="case_docket_once_per_organisation"
            ),
            models.CheckConstraint(condition=Q(state__in=[s.value for s in CaseState]), name="case_state_is_known"),
            models.CheckConstraint(
                condition=Q(decision__in=["", *(d.value for d in CaseDecision)]), name="case_decision_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=_UNDECIDED, decision="", decided_by=None, decided_at=None)
                | (~Q(state__in=_UNDECIDED) & ~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="case_is_decided_by_a_person",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | (~Q(docket="") & Q(disclosed_on__isnull=False)),
                name="case_submitted_has_its_docket",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "state", "stage_since"], name="case_by_stage")]

    def __str__(self) -> str:
        disclosure = getattr(self, "disclosure", None)
        return " · ".join(part for part in (self.docket, str(disclosure) if disclosure else "") if part)

    def get_absolute_url(self) -> str:
        return reverse("collab:transfer_case", args=[self.pk])

    @property
    def is_writable(self) -> bool:
        return self.state in WRITABLE

    @property
    def days_in_stage(self) -> int:
        return max((timezone.now() - self.stage_since).days, 0)

    @property
    def is_long(self) -> bool:
        """In one stage for longer than usual work takes."""
        return self.state not in ENDED and self.days_in_stage > LONG_DAYS


class Disclosure(Record):
    """What the inventors say they made. Each signs exactly this, by its hash; a change asks for all signatures anew."""

    case = models.OneToOneField(TransferCase, models.PROTECT, related_name="disclosure", verbose_name=_("case"))
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    summary = models.TextField(
        _("non-confidential summary"),
        max_length=4000,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("What it does and what it is good for, without how. It may be shown to companies."),
    )
    description = models.TextField(
        _("confidential description"),
        max_length=20000,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_(
            "How it works, what is new about it, what else was tried. Only the office and the inventors read it."
        ),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=DisclosureKind.choices)
    conception_on = models.DateField(_("conceived on"), null=True, blank=True)
    public_disclosure_on = models.DateField(
        _("first made public on"),
        null=True,
        blank=True,
        help_text=_("A paper, a talk, a preprint, a public repository: anything others could read. Empty: not yet."),
    )
    planned_disclosure_on = models.DateField(_("shall be made public on"), null=True, blank=True)
    public_disclosure_note = models.CharField(_("where"), max_length=300, blank=True, validators=[PlainTextValidator()])
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("disclosure")
        verbose_name_plural = _("disclosures")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=DisclosureKind.values), name="disclosure_kind_is_known"),
            models.CheckConstraint(
                condition=Q(conception_on=None)
                | Q(public_disclosure_on=None)
                | Q(public_disclosure_on__gte=F("conception_on")),
                name="disclosure_conceived_before_it_was_public",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:transfer_case", args=[self.case_id])

    def document(self) -> dict[str, Any]:
        """What is signed: every word that the inventors give, and who they are with which shares."""
        return {
            "title": self.title,
            "title_zh": self.title_zh,
            "summary": self.summary,
            "description": self.description,
            "kind": self.kind,
            **{name: _iso(getattr(self, name)) for name in _DATES},
            "public_disclosure_note": self.public_disclosure_note,
            "organisation": str(self.case.organisation_id),
            "project": str(self.case.project_id) if self.case.project_id else None,
            "inventors": sorted((row.facts() for row in self.inventors.all()), key=lambda row: row["id"]),
            "funding": sorted((row.facts() for row in self.funding.all()), key=_canonical),
            "prior_art": sorted((row.facts() for row in self.prior_art.all()), key=_canonical),
            "results": sorted((row.facts() for row in self.case.results.all()), key=_canonical),
        }

    def document_text(self) -> str:
        return _canonical(self.document())

    def document_sha256(self) -> str:
        return hashlib.sha256(self.document_text().encode()).hexdigest()


_DATES = ("conception_on", "public_disclosure_on", "planned_disclosure_on")


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Inventor(Record):
    """Who made it, employed by whom at that time, with which share. Whoever has signed is not taken out by others."""

    disclosure = models.ForeignKey(Disclosure, models.PROTECT, related_name="inventors", verbose_name=_("disclosure"))
    person = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="inventions", verbose_name=_("person")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    email = models.EmailField(_("e-mail"), blank=True)
    employer = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("employer at that time"),
    )
    employer_name = models.CharField(
        _("another employer at that time"), max_length=160, blank=True, validators=[PlainTextValidator()]
    )
    share_percent = models.DecimalField(_("share, per cent"), max_digits=7, decimal_places=4)
    contribution = models.CharField(
        _("what they contributed"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    signed_at = models.DateTimeField(_("signed at"), null=True, blank=True)
    signed_hash = models.CharField(_("hash of what was signed"), max_length=64, blank=True)
    first_signed_at = models.DateTimeField(_("first signed at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("inventor")
        verbose_name_plural = _("inventors")
        ordering = ["-share_percent", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(share_percent__gt=0, share_percent__lte=100), name="inventor_share_is_a_percentage"
            ),
            models.UniqueConstraint(
                fields=["disclosure", "person"], condition=Q(person__isnull=False), name="inventor_once_per_disclosure"
            ),
            models.CheckConstraint(
                condition=Q(signed_at=None, signed_hash="")
                | (Q(signed_at__isnull=False, first_signed_at__isnull=False) & ~Q(signed_hash="")),
                name="inventor_signed_with_a_hash",
            ),
            models.CheckConstraint(
                condition=Q(employer__isnull=False) | ~Q(employer_name=""), name="inventor_has_an_employer"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def employer_label(self) -> str:
        return str(self.employer) if self.employer_id else self.employer_name

    def facts(self) -> dict[str, str]:
        return {
            "id": str(self.person_id or self.pk),
            "name": self.name,
            "employer": self.employer.name if self.employer else self.employer_name,
            "share_percent": str(self.share_percent.quantize(Decimal("0.0001"))),
            "contribution": self.contribution,
        }


class DisclosureSignature(Record):
    """One signature, with the text that was signed. It is kept though a later change asks for another one."""

    inventor = models.ForeignKey(Inventor, models.PROTECT, related_name="signatures", verbose_name=_("inventor"))
    document = models.TextField(_("what was signed"))
    document_sha256 = models.CharField(_("hash"), max_length=64)
    typed_name = models.CharField(_("name as typed"), max_length=120, validators=[DisplayNameValidator()])
    paper = models.CharField(
        _("where the signed paper is"), max_length=300, blank=True, validators=[PlainTextValidator()]
    )
    by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("signature on a disclosure")
        verbose_name_plural = _("signatures on disclosures")
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["inventor", "document_sha256"], name="disclosure_signed_once_per_text")
        ]

    def __str__(self) -> str:
        return f"{self.inventor} · {self.document_sha256[:8]}"


class Funding(Record):
    """Who paid, and what right that gives: found in the project's agreements, or written down by hand."""

    disclosure = models.ForeignKey(Disclosure, models.CASCADE, related_name="funding", verbose_name=_("disclosure"))
    sponsor = models.ForeignKey(
        "collab.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("sponsor")
    )
    sponsor_name = models.CharField(_("another sponsor"), max_length=160, blank=True, validators=[PlainTextValidator()])
    award = models.CharField(_("award number"), max_length=80, blank=True, validators=[PlainTextValidator()])
    agreement = models.ForeignKey(
        "collab.AgreementVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("under the agreement"),
    )
    right = models.CharField(
        _("right of the sponsor"), max_length=20, choices=PartnerRight.choices, default=PartnerRight.NONE
    )
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("funding of a disclosure")
        verbose_name_plural = _("funding of disclosures")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(sponsor__isnull=False) | ~Q(sponsor_name=""), name="funding_has_a_sponsor"
            ),
            models.UniqueConstraint(
                fields=["disclosure", "sponsor", "agreement"],
                condition=Q(agreement__isnull=False),
                name="funding_found_once",
            ),
        ]

    def __str__(self) -> str:
        return self.sponsor_label

    @property
    def sponsor_label(self) -> str:
        return str(self.sponsor) if self.sponsor_id else self.sponsor_name

    def facts(self) -> dict[str, str | None]:
        return {
            "sponsor": self.sponsor.name if self.sponsor else self.sponsor_name,
            "award": self.award,
            "agreement": str(self.agreement_id) if self.agreement_id else None,
            "right": self.right,
            "note": self.note,
        }


class PriorArtKind(models.TextChoices):
    PUBLICATION = "publication", _("Publication")
    PATENT = "patent", _("Patent")
    PRODUCT = "product", _("Product")
    SOFTWARE = "software", _("Software or model")
    OTHER = "other", _("Other")


class PriorArt(Record):
    """What was known before."""

    disclosure = models.ForeignKey(Disclosure, models.CASCADE, related_name="prior_art", verbose_name=_("disclosure"))
    kind = models.CharField(_("kind"), max_length=20, choices=PriorArtKind.choices)
    reference = models.CharField(_("reference"), max_length=500, validators=[DisplayNameValidator()])
    link = models.URLField(_("link"), max_length=500, blank=True)
    difference = models.CharField(_("how this differs"), max_length=1000, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("prior art")
        verbose_name_plural = _("prior art")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.reference

    def facts(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in ("kind", "reference", "link", "difference")}


class DisclosedResult(Record):
    """A row of another room that is disclosed: a model version, a dataset. The label is kept as it was then."""

    case = models.ForeignKey(TransferCase, models.CASCADE, related_name="results", verbose_name=_("case"))
    kind = models.CharField(_("kind"), max_length=20)
    subject_type = models.CharField(_("table"), max_length=60)
    subject_id = models.UUIDField(_("row"))
    label = models.CharField(_("name"), max_length=200)
    url = models.CharField(_("address"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("disclosed result")
        verbose_name_plural = _("disclosed results")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "subject_type", "subject_id"], name="result_disclosed_once_per_case"
            )
        ]
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="disclosed_result_by_row")]

    def __str__(self) -> str:
        return self.label

    def facts(self) -> dict[str, str]:
        return {"kind": self.kind, "id": str(self.subject_id), "label": self.label}


class CaseStage(Record):
    """When a case came into a stage, and when it left it."""

    case = models.ForeignKey(TransferCase, models.CASCADE, related_name="stages", verbose_name=_("case"))
    state = models.CharField(_("stage"), max_length=20, choices=[(s.value, s.value) for s in CaseState])
    entered_at = models.DateTimeField(_("since"))
    left_at = models.DateTimeField(_("until"), null=True, blank=True)
    by = models.ForeignKey("collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by"))
    reason = models.TextField(_("reason"), max_length=4000, blank=True)

    class Meta:
        verbose_name = _("stage of a case")
        verbose_name_plural = _("stages of cases")
        ordering = ["entered_at", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["case"], condition=Q(left_at=None), name="case_is_in_one_stage"),
            models.CheckConstraint(
                condition=Q(left_at=None) | Q(left_at__gte=F("entered_at")), name="case_stage_ends_after_it_began"
            ),
        ]
        indexes = [models.Index(fields=["state", "entered_at"], name="case_stage_by_state")]

    def __str__(self) -> str:
        return f"{self.state}: {self.entered_at:%Y-%m-%d}"

    def lasted(self, now: datetime) -> int:
        """Days."""
        return max(((self.left_at or now) - self.entered_at).days, 0)


class Criterion(Record):
    """What an organisation's office assesses by, and with which weight. Without rows of its own, the usual ones."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="transfer_criteria", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    guidance = models.CharField(_("what to look at"), max_length=500, blank=True, validators=[PlainTextValidator()])
    guidance_zh = models.CharField(
        _("what to look at, in Chinese"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    weight = models.DecimalField(_("weight"), max_digits=6, decimal_places=2)
    position = models.PositiveSmallIntegerField(_("order"), default=1)
    retired_at = models.DateTimeField(_("out of use since"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("criterion of assessment")
        verbose_name_plural = _("criteria of assessment")
        ordering = ["position", "created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(weight__gt=0, weight__lte=1000), name="criterion_has_a_weight"),
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(retired_at=None), name="criterion_name_once"
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    @property
    def guidance_text(self) -> str:
        return in_language(self.guidance, self.guidance_zh)


class Assessment(Record):
    """One assessor's scores and recommendation, after they have said whether they have a conflict of interest."""

    case = models.ForeignKey(TransferCase, models.PROTECT, related_name="assessments", verbose_name=_("case"))
    round = models.PositiveIntegerField(_("round"), default=1)
    assessor = models.ForeignKey(
        "collab.User", models.PROTECT, related_name="transfer_assessments", verbose_name=_("assessor")
    )
    asked_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("asked by"))
    due_on = models.DateField(_("due on"), null=True, blank=True)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in AssessmentState], default=AssessmentState.ASKED
    )
    conflict = models.TextField(
        _("conflict of interest"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    conflict_plan = models.TextField(
        _("plan for the conflict"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    conflict_decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    recommendation = models.CharField(
        _("recommendation"),
        max_length=20,
        blank=True,
        choices=[(d.value, CASE_DECISION_WORDS[d]) for d in CaseDecision],
    )
    comment = models.TextField(_("comment"), max_length=8000, blank=True, validators=[PlainTextValidator()])
    score = models.DecimalField(_("weighted score"), max_digits=5, decimal_places=2, null=True, blank=True)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("assessment")
        verbose_name_plural = _("assessments")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["case", "assessor", "round"], name="assessment_once_per_round"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in AssessmentState]), name="assessment_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="submitted")
                | (Q(submitted_at__isnull=False, score__isnull=False) & ~Q(recommendation="")),
                name="assessment_submitted_is_complete",
            ),
            models.CheckConstraint(
                condition=~Q(state="conflict") | ~Q(conflict=""), name="assessment_conflict_says_what_it_is"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["open", "submitted"])
                | Q(conflict="")
                | (~Q(conflict_plan="") & Q(conflict_decided_by__isnull=False)),
                name="assessment_conflict_waived_with_a_plan",
            ),
        ]
        indexes = [models.Index(fields=["assessor", "state"], name="assessment_by_assessor")]

    def __str__(self) -> str:
        return f"{self.case} · {self.assessor}"

    def get_absolute_url(self) -> str:
        return reverse("collab:transfer_assessment", args=[self.pk])


class AssessmentScore(Record):
    """The score on one criterion, with the weight that it had."""

    assessment = models.ForeignKey(Assessment, models.CASCADE, related_name="scores", verbose_name=_("assessment"))
    criterion = models.ForeignKey(Criterion, models.PROTECT, related_name="+", verbose_name=_("criterion"))
    weight = models.DecimalField(_("weight"), max_digits=6, decimal_places=2)
    score = models.PositiveSmallIntegerField(_("score"), null=True, blank=True)
    comment = models.CharField(_("comment"), max_length=1000, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("score")
        verbose_name_plural = _("scores")
        ordering = ["criterion__position", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["assessment", "criterion"], name="score_once_per_criterion"),
            models.CheckConstraint(condition=Q(score=None) | Q(score__range=(0, 10)), name="score_from_0_to_10"),
        ]

    def __str__(self) -> str:
        return f"{self.criterion}: {self.score if self.score is not None else '–'}"


class NoveltyRule(Record):
    """What making an invention public does to a patent in one jurisdiction: dated data, entered and kept by people."""

    jurisdiction = models.CharField(_("jurisdiction"), max_length=10)
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=120, blank=True, validators=[PlainTextValidator()])
    grace_months = models.PositiveSmallIntegerField(
        _("months of grace"),
        default=0,
        help_text=_("0: absolute novelty, the inventors' own publication counts at once."),
    )
    condition = models.CharField(_("condition"), max_length=500, blank=True, validators=[PlainTextValidator()])
    condition_zh = models.CharField(
        _("condition, in Chinese"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    source = models.CharField(_("source"), max_length=300, blank=True, validators=[PlainTextValidator()])
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    class Meta:
        verbose_name = _("rule on novelty")
        verbose_name_plural = _("rules on novelty")
        ordering = ["jurisdiction", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["jurisdiction", "valid_from"], name="novelty_rule_once_per_day"),
            models.CheckConstraint(condition=Q(grace_months__lte=60), name="novelty_rule_grace_is_short"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="novelty_rule_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.name, self.name_zh)

    @property
    def condition_text(self) -> str:
        return in_language(self.condition, self.condition_zh)


def disclosed(subject_type: str, subject_id: UUID) -> Any:
    """The cases in which this row of another room is disclosed."""
    return TransferCase.objects.filter(results__subject_type=subject_type, results__subject_id=subject_id)
