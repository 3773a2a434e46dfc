"""Certificates: what is attested of a person, the signed credential, and batches that wait for approval."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.courses.certificates.states import LIVE, SIGNED, BatchState, CertificateState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.kernel.words import with_words

if TYPE_CHECKING:
    from collab.access.policy import Person

LIST_BITS = 131_072  # the least that the W3C's status list allows, so that one person does not stand out


class CertificateKind(models.TextChoices):
    """What was achieved; the values are achievement types of Open Badges 3.0."""

    COURSE = "Course", _("Course")
    PLACEMENT = "Fieldwork", _("Placement")
    OTHER = "CertificateOfCompletion", _("Other achievement")


class IssuerKey(Record):
    """A public key that certificates were signed with; it stays, so that old ones can be checked after a change."""

    kid = models.CharField(_("thumbprint"), max_length=43, unique=True)
    public_jwk = models.JSONField(_("public key"))

    class Meta:
        verbose_name = _("key of the issuer")
        verbose_name_plural = _("keys of the issuer")
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.kid

    @property
    def url(self) -> str:
        return settings.BASE_URL + reverse("collab:issuer_key", args=[self.kid])


class CertificateBatch(Record):
    """Certificates that are proposed together and issued with one approval."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("organisation")
    )
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in BatchState], default=BatchState.WAITING
    )
    proposed_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("proposed by"))
    decided_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch of certificates")
        verbose_name_plural = _("batches of certificates")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in BatchState]), name="batch_state_is_known"),
            models.CheckConstraint(
                condition=Q(state=BatchState.WAITING.value, decided_at=None)
                | (~Q(state=BatchState.WAITING.value) & Q(decided_at__isnull=False)),
                name="batch_decided_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return f"{reverse('collab:certificates')}?batch={self.pk}"


class CertificateQuerySet(models.QuerySet["Certificate"]):
    def visible_to(self, user: Person, word: str = "certificate.view") -> CertificateQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def matching(self, text: str) -> CertificateQuerySet:
        """Those in which every word of the text occurs somewhere: name as printed, title, organisation."""
        return with_words(
            self, text, ("recipient_name", "title", "title_zh", "organisation__name", "organisation__name_zh")
        )

    def with_names(self) -> CertificateQuerySet:
        return self.select_related("person", "organisation", "batch", "issued_by", "key")


class Certificate(Record):
    """One person's certificate. Once issued, what it says never changes; it can only be suspended or revoked."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="certificates", verbose_name=_("organisation")
    )
    person = models.ForeignKey("collab.User", models.PROTECT, related_name="certificates", verbose_name=_("recipient"))
    recipient_name = models.CharField(_("name as printed"), max_length=200, validators=[DisplayNameValidator()])
    kind = models.CharField(_("kind"), max_length=30, choices=CertificateKind.choices)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    description = models.TextField(_("what was done"), max_length=2000, validators=[PlainTextValidator()])
    description_zh = models.TextField(
        _("what was done, in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    criteria = models.TextField(_("what it is given for"), max_length=2000, validators=[PlainTextValidator()])
    criteria_zh = models.TextField(
        _("what it is given for, in Chinese"), max_length=2000, blank=True, validators=[PlainTextValidator()]
    )
    evidence = models.JSONField(_("evidence"), default=list, blank=True)
    source_type = models.CharField(_("source"), max_length=60, blank=True)
    source_id = models.CharField(_("id of the source"), max_length=40, blank=True)
    batch = models.ForeignKey(
        CertificateBatch, models.PROTECT, null=True, blank=True, related_name="certificates", verbose_name=_("batch")
    )
    state = models.CharField(
        _("state"),
        max_length=20,
        choices=[(s.value, s.value) for s in CertificateState],
        default=CertificateState.PENDING,
    )
    issued_at = models.DateTimeField(_("issued"), null=True, blank=True)
    issued_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("issued by")
    )
    valid_until = models.DateTimeField(_("valid until"), null=True, blank=True, help_text=_("Empty: it never expires."))
    key = models.ForeignKey(
        IssuerKey, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("signed with")
    )
    credential = models.TextField(_("signed credential"), blank=True)
    list_number = models.PositiveIntegerField(_("status list"), null=True, blank=True)
    list_index = models.PositiveIntegerField(_("place in the status list"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    changed_at = models.DateTimeField(_("suspended or revoked"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        verbose_name = _("certificate")
        verbose_name_plural = _("certificates")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in CertificateState]), name="certificate_state_is_known"
            ),
            models.CheckConstraint(
                condition=(
                    Q(state__in=sorted(s.value for s in SIGNED), issued_at__isnull=False, key__isnull=False)
                    & Q(list_number__isnull=False, list_index__lt=LIST_BITS)
                    & ~Q(credential="")
                )
                | (~Q(state__in=sorted(s.value for s in SIGNED)) & Q(issued_at=None, credential="", list_index=None)),
                name="certificate_issued_is_signed",
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(issued_at=None) | Q(valid_until__gt=F("issued_at")),
                name="certificate_ends_after_it_was_issued",
            ),
            models.UniqueConstraint(fields=["list_number", "list_index"], name="certificate_place_in_list_once"),
            models.UniqueConstraint(
                fields=["source_type", "source_id"],
                condition=Q(state__in=sorted(s.value for s in LIVE)) & ~Q(source_id=""),
                name="certificate_once_per_source",
            ),
        ]
        indexes = [models.Index(fields=["person", "state"], name="certificate_by_person")]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    def get_absolute_url(self) -> str:
        return reverse("collab:certificate", args=[self.pk])

    @property
    def public_url(self) -> str:
        """Where anybody checks it."""
        return settings.BASE_URL + reverse("collab:credential", args=[self.pk])

    def has_expired(self, at: datetime | None = None) -> bool:
        return self.valid_until is not None and self.valid_until <= (at or timezone.now())

    @property
    def shown_state(self) -> str:
        """The state for people: one that is issued and past its end shows as expired."""
        return "expired" if self.state == CertificateState.ISSUED and self.has_expired() else self.state


def in_language(text: str, text_zh: str) -> str:
    """The text in the language of whoever reads it."""
    return text_zh if text_zh and (get_language() or "").startswith("zh") else text


def own(user: Any, at: datetime) -> Q:
    """The certificates of the person."""
    return Q(person=user.pk)
