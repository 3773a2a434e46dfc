"""Requests and their answers, notifications, and the calendar of what falls due."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.inbox.kinds import Kind, kind_of
from collab.inbox.standing import answerable_q
from collab.inbox.states import OBLIGATION_WORDS, OPINION_WORDS, Level, Mail, ObligationKind, Opinion, RequestState
from collab.inbox.topics import Topic, codes_where, topic_of
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import User

_DECIDED = [s.value for s in RequestState if s not in (RequestState.OPEN, RequestState.WITHDRAWN)]


class Titled(Record):
    """A row with a title in both languages, and the page that it is about."""

    title = models.CharField(_("title"), max_length=240)
    title_zh = models.CharField(_("Chinese title"), max_length=240, blank=True)
    url = models.CharField(_("page"), max_length=400, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title


class RequestQuerySet(models.QuerySet["Request"]):
    def visible_to(self, user: Person, word: str = "request.view") -> RequestQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def open(self) -> RequestQuerySet:
        return self.filter(state=RequestState.OPEN)

    def closed(self) -> RequestQuerySet:
        return self.exclude(state=RequestState.OPEN)

    def waiting_for(self, user: User, at: datetime | None = None) -> RequestQuerySet:
        """Open ones that the person may decide, and those on which their advice is asked."""
        asked = Reviewer.objects.filter(user=user, opinion="").values("request")
        return self.open().filter(answerable_q(user, at or timezone.now()) | Q(pk__in=asked))

    def on_dashboard_of(self, user: User) -> RequestQuerySet:
        """What waits for the person, without what the dashboard tells them in a line of its own."""
        advice = Reviewer.objects.filter(user=user, opinion="").values("request")
        told = codes_where(lambda topic: not topic.on_dashboard)
        return self.waiting_for(user).exclude(Q(topic__in=told) & ~Q(pk__in=advice))

    def asked_by(self, user: User) -> RequestQuerySet:
        return self.filter(asked_by=user)

    def decided_by(self, user: User) -> RequestQuerySet:
        return self.filter(decided_by=user)

    def overdue(self, at: datetime | None = None) -> RequestQuerySet:
        return self.open().filter(due_at__lt=at or timezone.now())

    def with_names(self) -> RequestQuerySet:
        """What a list shows, in one query."""
        return self.select_related("asked_by", "receiver", "organisation", "project", "decided_by", "decided_for")

    def locked(self) -> RequestQuerySet:
        """For a verb: the row is held until the transaction ends.

        Without joins: a row that was waited for is read again, but what was joined to it is not.
        """
        return self.select_for_update()


class Request(Titled):
    """One question that somebody must answer: an approval, a review, a consent, a change.

    Whoever holds `word` in `organisation` (or, without one, in `project`) answers it, or the named `receiver`.
    """

    topic = models.CharField(_("topic"), max_length=60)
    subject_type = models.CharField(_("kind of object"), max_length=60)
    subject_id = models.CharField(_("object"), max_length=40)
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="requests", verbose_name=_("project")
    )
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="requests",
        verbose_name=_("who answers"),
    )
    word = models.CharField(_("word that lets a person answer"), max_length=40, blank=True)
    receiver = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked in person")
    )
    asked_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("asked by"))
    state = models.CharField(
        _("state"), max_length=30, choices=[(s.value, s.value) for s in RequestState], default=RequestState.OPEN
    )
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_for = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided for")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason = models.TextField(_("reason"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    data = models.JSONField(_("details"), default=dict, blank=True)
    reminded_at = models.DateTimeField(_("last reminder"), null=True, blank=True)
    nobody_since = models.DateTimeField(_("nobody can answer since"), null=True, blank=True)
    escalated_to = models.CharField(
        _("escalated to"), max_length=10, choices=[(level.value, level.value) for level in Level], blank=True
    )
    escalated_at = models.DateTimeField(_("escalated at"), null=True, blank=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in RequestState]), name="request_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=_DECIDED, decided_by__isnull=False, decided_at__isnull=False)
                | (~Q(state__in=_DECIDED) & Q(decided_by=None, decided_at=None)),
                name="request_decided_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[RequestState.REJECTED, RequestState.RETURNED]) | ~Q(reason=""),
                name="request_refused_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(receiver__isnull=False)
                | (~Q(word="") & (Q(organisation__isnull=False) | Q(project__isnull=False))),
                name="request_names_who_answers",
            ),
            models.CheckConstraint(
                condition=Q(escalated_to="", escalated_at=None) | (~Q(escalated_to="") & Q(escalated_at__isnull=False)),
                name="request_escalated_has_when",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "due_at"], name="request_by_due"),
            models.Index(fields=["organisation", "state", "-created_at"], name="request_by_organisation"),
            models.Index(fields=["project", "state", "-created_at"], name="request_by_project"),
            models.Index(fields=["receiver", "state"], name="request_by_receiver"),
            models.Index(fields=["asked_by", "-created_at"], name="request_by_asker"),
            models.Index(fields=["decided_by", "-decided_at"], name="request_by_decider"),
            models.Index(fields=["subject_type", "subject_id"], name="request_by_subject"),
        ]

    def get_absolute_url(self) -> str:
        return reverse("collab:request", args=[self.pk])

    @property
    def told(self) -> dict[str, str]:
        """What the room that asked lets the history say beside the title."""
        return self.data.get("told", {})

    @property
    def spec(self) -> Topic:
        """What its topic says."""
        return topic_of(self.topic)

    @property
    def is_open(self) -> bool:
        return self.state == RequestState.OPEN

    @property
    def told_reason(self) -> str:
        """The reason to show: one that we gave, not a person, in the language of the reader."""
        return gettext(self.reason) if self.reason and self.state == RequestState.WITHDRAWN else self.reason

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.due_at is not None and self.due_at < timezone.now()


class Reviewer(Record):
    """Somebody whose advice is asked; they advise and never decide."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="reviewers", verbose_name=_("request"))
    user = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("reviewer"))
    asked_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("asked by"))
    opinion = models.CharField(
        _("advice"), max_length=20, choices=[(o.value, OPINION_WORDS[o]) for o in Opinion], blank=True
    )
    text = models.TextField(_("text"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    advised_at = models.DateTimeField(_("advised at"), null=True, blank=True)

    class Meta:
        verbose_name = _("reviewer")
        verbose_name_plural = _("reviewers")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["request", "user"], name="reviewer_once"),
            models.CheckConstraint(
                condition=Q(opinion="", advised_at=None) | (~Q(opinion="") & Q(advised_at__isnull=False)),
                name="reviewer_advice_has_when",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.request}"


class Comment(Record):
    """What somebody said about a request; never changed, never removed."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="comments", verbose_name=_("request"))
    user = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("by"))
    text = models.TextField(_("text"), max_length=5000, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("comment")
        verbose_name_plural = _("comments")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.user} · {self.request}"


class Condition(Record):
    """Something an approval asks for; open until it is met, with its evidence."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="conditions", verbose_name=_("request"))
    number = models.PositiveSmallIntegerField(_("number"))
    text = models.CharField(_("condition"), max_length=500, validators=[PlainTextValidator()])
    evidence = models.TextField(_("evidence"), max_length=5000, blank=True, validators=[PlainTextValidator()])
    met_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("met, says")
    )
    met_at = models.DateTimeField(_("met at"), null=True, blank=True)

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        ordering = ["request", "number"]
        constraints = [
            models.UniqueConstraint(fields=["request", "number"], name="condition_number_once"),
            models.CheckConstraint(
                condition=Q(met_at=None, met_by=None, evidence="")
                | (Q(met_at__isnull=False, met_by__isnull=False) & ~Q(evidence="")),
                name="condition_met_has_who_when_evidence",
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_met(self) -> bool:
        return self.met_at is not None


class HandOver(Record):
    """A request that somebody gave to another person to answer: once, for this one request."""

    request = models.ForeignKey(Request, models.PROTECT, related_name="hand_overs", verbose_name=_("request"))
    by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("by"))
    to = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("to"))
    reason = models.CharField(_("reason"), max_length=500, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.by} → {self.to}"


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of(self, user: Person) -> NotificationQuerySet:
        return visible_to(user, "notification.view", self)  # type: ignore[return-value]

    def unread(self) -> NotificationQuerySet:
        return self.filter(read_at=None)

    def to_mail(self, how: str) -> NotificationQuerySet:
        """Unread, of people who are still here, and not sent yet."""
        return self.filter(mail=how, mailed_at=None, read_at=None, person__is_active=True)


class Notification(Titled):
    """One line for one person. The row is the truth: an e-mail that failed is tried again from here."""

    person = models.ForeignKey("collab.User", models.CASCADE, related_name="notifications", verbose_name=_("person"))
    kind = models.CharField(_("kind"), max_length=30)
    project = models.ForeignKey(
        "collab.Project", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("project")
    )
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    mail = models.CharField(_("e-mail"), max_length=10, choices=[(m.value, m.value) for m in Mail], default=Mail.OFF)
    mailed_at = models.DateTimeField(_("e-mail sent"), null=True, blank=True)
    try_at = models.DateTimeField(_("next try"), default=timezone.now)
    tries = models.PositiveIntegerField(_("tries"), default=0)
    fault = models.CharField(_("last fault"), max_length=200, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["person", "-created_at"], name="notification_by_person"),
            models.Index(fields=["person"], condition=Q(read_at=None), name="notification_unread"),
            models.Index(
                fields=["mail", "try_at"], condition=Q(mailed_at=None, read_at=None), name="notification_to_mail"
            ),
        ]

    @property
    def spec(self) -> Kind:
        return kind_of(self.kind)


class NotificationSettings(Record):
    """How a person wants each kind by e-mail; a kind that is not named comes as it does by default."""

    person = models.OneToOneField(
        "collab.User", models.CASCADE, related_name="notification_settings", verbose_name=_("person")
    )
    choices = models.JSONField(_("choices"), default=dict, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("notification settings")
        verbose_name_plural = _("notification settings")

    def __str__(self) -> str:
        return str(self.person)

    def mail_of(self, code: str) -> str:
        return self.choices.get(code) or kind_of(code).mail


class ObligationQuerySet(models.QuerySet["Obligation"]):
    def visible_to(self, user: Person, word: str = "obligation.view") -> ObligationQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def open(self) -> ObligationQuerySet:
        return self.filter(settled_at=None)

    def between(self, first: date, last: date) -> ObligationQuerySet:
        return self.filter(due_on__gte=first, due_on__lte=last)

    def overdue(self, today: date | None = None) -> ObligationQuerySet:
        return self.open().filter(due_on__lt=today or timezone.localdate())

    def with_names(self) -> ObligationQuerySet:
        return self.select_related("project", "organisation", "person")


class Obligation(Titled):
    """Something that falls due on a day. The room it comes from sets and settles it."""

    source_type = models.CharField(_("kind of object"), max_length=60)
    source_id = models.CharField(_("object"), max_length=40)
    kind = models.CharField(_("kind"), max_length=20, choices=[(k.value, OBLIGATION_WORDS[k]) for k in ObligationKind])
    due_on = models.DateField(_("due on"))
    project = models.ForeignKey(
        "collab.Project", models.CASCADE, null=True, blank=True, related_name="obligations", verbose_name=_("project")
    )
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="obligations",
        verbose_name=_("organisation"),
    )
    person = models.ForeignKey(
        "collab.User", models.CASCADE, null=True, blank=True, related_name="obligations", verbose_name=_("person")
    )
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)
    reminded_on = models.DateField(_("last reminder"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = ObligationQuerySet.as_manager()

    class Meta:
        verbose_name = _("obligation")
        verbose_name_plural = _("obligations")
        ordering = ["due_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["source_type", "source_id", "kind"], name="obligation_once"),
            models.CheckConstraint(
                condition=Q(project__isnull=False) | Q(organisation__isnull=False) | Q(person__isnull=False),
                name="obligation_is_somebodys",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on"], condition=Q(settled_at=None), name="obligation_open_by_day"),
            models.Index(fields=["project", "settled_at", "due_on"], name="obligation_by_project"),
            models.Index(fields=["organisation", "settled_at", "due_on"], name="obligation_by_organisation"),
            models.Index(fields=["person", "settled_at", "due_on"], name="obligation_by_person"),
        ]

    @property
    def is_own(self) -> bool:
        """Added by hand in the calendar, and so changed and settled there."""
        return self.source_type == self._meta.label_lower

    @property
    def is_overdue(self) -> bool:
        return self.settled_at is None and self.due_on < timezone.localdate()


class CalendarLinkQuerySet(models.QuerySet["CalendarLink"]):
    def live(self) -> CalendarLinkQuerySet:
        return self.filter(revoked_at=None, person__is_active=True)


class CalendarLink(Record):
    """A private address at which a calendar program reads what a person may see. Kept hashed, shown once."""

    person = models.ForeignKey("collab.User", models.CASCADE, related_name="calendar_links", verbose_name=_("person"))
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = CalendarLinkQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar link")
        verbose_name_plural = _("calendar links")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["person"], condition=Q(revoked_at=None), name="calendar_link_one_live")
        ]

    def __str__(self) -> str:
        return f"{self.person} · {self.created_at:%Y-%m-%d}"
