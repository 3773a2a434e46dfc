"""Publication notices: what a party wants to publish, its manuscripts, and what the other parties object."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.projects.models.outputs import DOI
from collab.publications.states import FREE, GOING_ON, NoticeState, ObjectionState

if TYPE_CHECKING:
    from collab.access.policy import Person


class PublicationKind(models.TextChoices):
    ARTICLE = "article", _("Journal article")
    CONFERENCE = "conference", _("Conference paper")
    PREPRINT = "preprint", _("Preprint")
    TALK = "talk", _("Talk or poster")
    THESIS = "thesis", _("Thesis")
    BOOK = "book", _("Book or chapter")
    OTHER = "other", _("Other")


class Ground(models.TextChoices):
    CONFIDENTIAL = "confidential", _("it tells confidential information")
    PROTECTION = "ip_protection", _("results must be protected first")
    BACKGROUND = "background", _("it tells background of ours")
    PERSONAL_DATA = "personal_data", _("it holds personal data")


# The one ground that time settles. What may not be told may not be told later either: it is taken out.
DELAYING = Ground.PROTECTION


class NoticeQuerySet(models.QuerySet["PublicationNotice"]):
    def visible_to(self, user: Person, word: str = "publication.view") -> NoticeQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def going_on(self) -> NoticeQuerySet:
        return self.filter(state__in=GOING_ON)

    def with_answers(self) -> NoticeQuerySet:
        """Loads what a line of a list tells, and when one may publish."""
        return self.select_related("project", "organisation", "given_by").prefetch_related("objections__party")

    def with_all(self) -> NoticeQuerySet:
        """Loads what the page and the API tell."""
        return self.with_answers().prefetch_related(
            "objections__by", "objections__settled_by", "manuscripts__created_by", "outputs__project",
            "background__owner",
        )  # fmt: skip


class PublicationNotice(Record):
    """A party tells the others what it wants to publish, and when. Who is silent has answered nothing."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="notices", verbose_name=_("project"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("publishing party")
    )
    agreement = models.ForeignKey(
        "collab.AgreementVersion",
        models.PROTECT,
        related_name="notices",
        verbose_name=_("under the agreement"),
        help_text=_("The one in force that asks for the longest notice."),
    )
    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    authors = models.TextField(_("authors"), max_length=2000, validators=[PlainTextValidator()])
    kind = models.CharField(_("kind"), max_length=20, choices=PublicationKind.choices)
    venue = models.CharField(_("where it shall appear"), max_length=200, blank=True, validators=[PlainTextValidator()])
    abstract = models.TextField(_("abstract"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    outputs = models.ManyToManyField("collab.Output", related_name="+", blank=True, verbose_name=_("outputs in it"))
    products = models.JSONField(_("models and datasets in it"), default=list, blank=True)
    background = models.ManyToManyField(
        "collab.BackgroundItem", related_name="+", blank=True, verbose_name=_("background touched")
    )
    submit_on = models.DateField(_("planned submission"))
    given_on = models.DateField(_("notice given on"))
    notice_days = models.PositiveSmallIntegerField(_("days of notice"))
    days_agreed = models.BooleanField(_("the agreement names the days"), default=True)
    delay_days_max = models.PositiveSmallIntegerField(_("days that an objection may delay it, at most"))
    notice_ends_on = models.DateField(_("end of the notice"), help_text=_("The first day after it."))
    earliest_on = models.DateField(_("may be published from"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in NoticeState], default=NoticeState.NOTIFIED
    )
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    published_on = models.DateField(_("published on"), null=True, blank=True)
    doi = models.CharField(_("DOI"), max_length=200, blank=True, validators=[DOI])
    output = models.ForeignKey(
        "collab.Output", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("recorded as output")
    )
    given_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("given by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("publication notice")
        verbose_name_plural = _("publication notices")
        ordering = ["-given_on", "-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in NoticeState]), name="notice_state_is_known"),
            models.CheckConstraint(
                condition=Q(notice_ends_on__gte=F("given_on")) & Q(earliest_on__gte=F("given_on")),
                name="notice_ends_after_it_was_given",
            ),
            models.CheckConstraint(
                condition=Q(state=NoticeState.PUBLISHED.value, published_on__gte=F("earliest_on"))
                | (~Q(state=NoticeState.PUBLISHED.value) & Q(published_on=None)),
                name="notice_published_not_before_its_day",
            ),
            models.CheckConstraint(condition=Q(doi="") | Q(doi__startswith="10."), name="notice_doi_looks_like_one"),
        ]
        indexes = [models.Index(fields=["project", "state"], name="notice_by_project")]

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title

    def get_absolute_url(self) -> str:
        return reverse("collab:publication", args=[self.pk])

    @property
    def delay_ends_on(self) -> date:
        """The latest day to which an objection may delay it."""
        return self.notice_ends_on + timedelta(days=self.delay_days_max)

    @property
    def open_objections(self) -> list[PublicationObjection]:
        """From what `with_answers` loaded."""
        return [row for row in self.objections.all() if row.state == ObjectionState.OPEN]

    @property
    def free_on(self) -> date | None:
        """The first day on which the agreement lets it be published; None while an objection must be settled first."""
        days = [self.earliest_on]
        for objection in self.open_objections:
            if objection.delay_until is None:
                return None
            days.append(objection.delay_until)
        return max(days)

    def is_free(self, day: date) -> bool:
        return self.state in GOING_ON and self.free_on is not None and self.free_on <= day

    @property
    def shown_state(self) -> str:
        """The state for people: “free” when it is going on and its day has come."""
        return FREE if self.is_free(timezone.localdate()) else self.state

    @property
    def author_line(self) -> str:
        return ", ".join(line.strip() for line in self.authors.splitlines() if line.strip())


class Manuscript(Record):
    """What was laid before the others: a file, or where it is. A revised one is a further number."""

    notice = models.ForeignKey(
        PublicationNotice, models.PROTECT, related_name="manuscripts", verbose_name=_("publication notice")
    )
    number = models.PositiveIntegerField(_("number"))
    file_name = models.CharField(_("file name"), max_length=150, blank=True)
    sha256 = models.CharField(_("hash"), max_length=64, blank=True)
    size_bytes = models.PositiveIntegerField(_("size in bytes"), default=0)
    link = models.URLField(_("link"), max_length=500, blank=True)
    note = models.TextField(_("what is different"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("laid before by"))

    class Meta:
        verbose_name = _("manuscript")
        verbose_name_plural = _("manuscripts")
        ordering = ["notice", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["notice", "number"], name="manuscript_number_once"),
            models.CheckConstraint(
                condition=(~Q(sha256="") & ~Q(file_name="") & Q(size_bytes__gt=0)) | (Q(sha256="") & ~Q(link="")),
                name="manuscript_is_a_file_or_a_link",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice} · {self.number}"


class PublicationObjection(Record):
    """A party objects on a ground that the agreement knows. To protect results it asks for a delay within the limit."""

    notice = models.ForeignKey(
        PublicationNotice, models.PROTECT, related_name="objections", verbose_name=_("publication notice")
    )
    party = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("raised by"))
    ground = models.CharField(_("ground"), max_length=20, choices=Ground.choices)
    text = models.TextField(_("what must change or wait"), max_length=4000, validators=[PlainTextValidator()])
    delay_until = models.DateField(_("not before"), null=True, blank=True)
    manuscript = models.PositiveIntegerField(_("manuscript it is about"))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in ObjectionState], default=ObjectionState.OPEN
    )
    outcome = models.TextField(
        _("remark on the outcome"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    settled_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("settled by")
    )
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("objection to a publication")
        verbose_name_plural = _("objections to publications")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "party"], condition=Q(state="open"), name="one_open_objection_per_party"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in ObjectionState]), name="objection_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="open", settled_at=None) | (~Q(state="open") & Q(settled_at__isnull=False)),
                name="objection_settled_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(ground=DELAYING.value, delay_until__isnull=False)
                | (~Q(ground=DELAYING.value) & Q(delay_until=None)),
                name="objection_only_protection_waits_for_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party}: {self.get_ground_display()}"

    @property
    def only_delays(self) -> bool:
        return self.ground == DELAYING
