"""Agreements: versions, signatures, and the coverage that an executed version gives."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import roles_with
from collab.accounts.models import Membership
from collab.agreements.states import VersionState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import Organisation, User


class AgreementKind(models.TextChoices):
    COLLABORATION = "collaboration", _("Collaboration agreement")
    DATA_USE = "data_use", _("Data use agreement")
    NDA = "nda", _("Non-disclosure agreement")


class Purpose(models.TextChoices):
    """What coverage lets a party do with data of the project."""

    DATA_ACCESS = "data_access", _("read the data")
    TRAINING = "training", _("train models on the data")


class AgreementQuerySet(models.QuerySet["Agreement"]):
    def visible_to(self, user: Person, word: str = "agreement.view") -> AgreementQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_versions(self) -> AgreementQuerySet:
        """Loads the versions that count today with their parties and signatures."""
        standing = AgreementVersion.objects.exclude(state=VersionState.WITHDRAWN).with_signatures()
        return self.prefetch_related(models.Prefetch("versions", standing, to_attr="standing"))


class Agreement(Record):
    """What the parties of a project agree on. Its text lives in versions."""

    project = models.ForeignKey("collab.Project", models.PROTECT, related_name="agreements", verbose_name=_("project"))
    reference = models.CharField(
        _("reference"),
        max_length=40,
        unique=True,
        validators=[DisplayNameValidator()],
        help_text=_("For example DUA-3."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=AgreementKind.choices)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("drafted by"))

    objects = AgreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        title = self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title
        return f"{self.reference} · {title}"

    def get_absolute_url(self) -> str:
        return reverse("collab:agreement", args=[self.pk])


class VersionQuerySet(models.QuerySet["AgreementVersion"]):
    def visible_to(self, user: Person, word: str = "agreement.view") -> VersionQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_signatures(self) -> VersionQuerySet:
        """Loads who must sign and who has signed."""
        return self.select_related("created_by").prefetch_related("parties__organisation", "signatures__signer")

    def with_terms(self) -> VersionQuerySet:
        """Loads all that a page of the version shows."""
        return self.with_signatures().select_related("agreement__project").prefetch_related("coverage__party")

    def awaiting(self, user: User, at: datetime | None = None) -> VersionQuerySet:
        """Out for signature, and the person is a signatory of a party that has not signed."""
        mine = Membership.objects.filter(user=user, project=None, role__in=roles_with("agreement.sign")).active(at)
        unsigned = AgreementParty.objects.filter(
            version=OuterRef("pk"), organisation__in=mine.values("organisation")
        ).exclude(organisation__in=Signature.objects.filter(version=OuterRef(OuterRef("pk"))).values("party"))
        return self.filter(Exists(unsigned), state=VersionState.OUT_FOR_SIGNATURE)

    def to_renew(self, by_day: date) -> VersionQuerySet:
        """Executed ones that expire until that day (or have), while no newer version is under way."""
        newer = AgreementVersion.objects.filter(
            agreement=OuterRef("agreement"), state__in=[VersionState.DRAFT, VersionState.OUT_FOR_SIGNATURE]
        )
        return self.filter(~Exists(newer), state=VersionState.EXECUTED, expires_on__lte=by_day)

    def in_force(self, at: datetime) -> VersionQuerySet:
        """Executed, begun and not yet expired; the day of expiry is the first day without effect."""
        today = timezone.localdate(at)
        return self.filter(
            Q(expires_on=None) | Q(expires_on__gt=today),
            state=VersionState.EXECUTED,
            effective_on__lte=today,
        )


class AgreementVersion(Record):
    """One text, its dates and coverage. From sending on, not a byte changes: signatures bind to its hash."""

    agreement = models.ForeignKey(Agreement, models.PROTECT, related_name="versions", verbose_name=_("agreement"))
    number = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"), max_length=200_000, validators=[PlainTextValidator()])
    text_zh = models.TextField(_("Chinese text"), max_length=200_000, blank=True, validators=[PlainTextValidator()])
    effective_on = models.DateField(_("in force from"))
    expires_on = models.DateField(_("expires on"), null=True, blank=True)
    requires_acceptance = models.BooleanField(
        _("each person accepts it"),
        default=False,
        help_text=_("What it covers opens to a person only once they have accepted this version themselves."),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in VersionState], default=VersionState.DRAFT
    )
    document_sha256 = models.CharField(_("document hash"), max_length=64, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent for signature"), null=True, blank=True, editable=False)
    executed_at = models.DateTimeField(_("executed"), null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("drafted by"))

    objects = VersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement version")
        verbose_name_plural = _("agreement versions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "number"], name="agreement_version_number_once"),
            models.UniqueConstraint(
                fields=["agreement"], condition=Q(state="executed"), name="agreement_has_one_executed_version"
            ),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gt=F("effective_on")),
                name="agreement_version_expires_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "withdrawn"]) | ~Q(document_sha256=""),
                name="agreement_version_hash_once_sent",
            ),
            models.CheckConstraint(
                condition=~Q(state="executed") | Q(executed_at__isnull=False), name="agreement_version_executed_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement.reference} v{self.number}"

    def get_absolute_url(self) -> str:
        return f"{self.agreement.get_absolute_url()}#v{self.number}"

    @property
    def text_shown(self) -> str:
        return self.text_zh if self.text_zh and (get_language() or "").startswith("zh") else self.text

    @property
    def shown_state(self) -> str:
        """The state that people read: an executed version whose time is over has expired."""
        over = self.state == VersionState.EXECUTED and self.has_expired(timezone.localdate())
        return "expired" if over else self.state

    def unsigned(self) -> list[Organisation]:
        """The parties that have not signed, from what `with_signatures` loaded."""
        signed = {signature.party_id for signature in self.signatures.all()}
        return [party.organisation for party in self.parties.all() if party.organisation_id not in signed]

    def has_expired(self, today: date) -> bool:
        return self.expires_on is not None and self.expires_on <= today

    def document(self) -> dict[str, object]:
        """Exactly what is signed: both texts, the dates, the parties and the coverage."""
        return {
            "agreement": self.agreement.reference,
            "kind": self.agreement.kind,
            "project": self.agreement.project.slug,
            "version": self.number,
            "title": [self.agreement.title, self.agreement.title_zh],
            "text": [self.text, self.text_zh],
            "effective_on": self.effective_on.isoformat(),
            "expires_on": self.expires_on.isoformat() if self.expires_on else None,
            "each_person_accepts": self.requires_acceptance,
            "parties": sorted(str(pk) for pk in self.parties.values_list("organisation_id", flat=True)),
            "coverage": sorted([str(c.party_id), c.purpose, str(c.asset_id or "")] for c in self.coverage.all()),
        }

    def document_hash(self) -> str:
        """sha256 of the canonical JSON of `document()`."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


class AgreementParty(Record):
    """An organisation that must sign this version."""

    version = models.ForeignKey(AgreementVersion, models.CASCADE, related_name="parties", verbose_name=_("version"))
    organisation = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))

    class Meta:
        verbose_name = _("party to an agreement")
        verbose_name_plural = _("parties to agreements")
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(fields=["version", "organisation"], name="agreement_party_once"),
        ]

    def __str__(self) -> str:
        return str(self.organisation)


class Signature(Record):
    """One signatory of one party signed exactly this hash."""

    version = models.ForeignKey(AgreementVersion, models.PROTECT, related_name="signatures", verbose_name=_("version"))
    party = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    signer = models.ForeignKey("collab.User", models.PROTECT, related_name="signatures", verbose_name=_("signed by"))
    capacity = models.CharField(_("capacity"), max_length=120, validators=[DisplayNameValidator()])
    typed_name = models.CharField(_("name as typed"), max_length=120, validators=[DisplayNameValidator()])
    document_sha256 = models.CharField(_("document hash"), max_length=64)
    signed_at = models.DateTimeField(_("signed at"), default=timezone.now)

    class Meta:
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = ["signed_at"]
        constraints = [models.UniqueConstraint(fields=["version", "party"], name="signature_once_per_party")]

    def __str__(self) -> str:
        return f"{self.typed_name} · {self.party}"


class CoverageQuerySet(models.QuerySet["Coverage"]):
    def in_force(self, at: datetime) -> CoverageQuerySet:
        return self.filter(version__in=AgreementVersion.objects.in_force(at).values("pk"))

    def for_asset(self, project_id: object, asset_id: object) -> CoverageQuerySet:
        """What covers this asset: by name, or together with all of the project."""
        mine = Q(asset_id=None) | Q(asset_id=asset_id)
        return self.filter(mine, version__agreement__project=project_id)


class Coverage(Record):
    """An executed version lets a party use an asset of the project (or all of them) for a purpose."""

    version = models.ForeignKey(AgreementVersion, models.CASCADE, related_name="coverage", verbose_name=_("version"))
    party = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    purpose = models.CharField(_("purpose"), max_length=20, choices=Purpose.choices)
    asset_id = models.UUIDField(
        _("asset"), null=True, blank=True, help_text=_("One dataset; empty covers every dataset of the project.")
    )

    objects = CoverageQuerySet.as_manager()

    class Meta:
        verbose_name = _("coverage")
        verbose_name_plural = _("coverage")
        constraints = [
            # Two, because to a database no asset is never the same as another time no asset.
            models.UniqueConstraint(fields=["version", "party", "purpose", "asset_id"], name="coverage_once"),
            models.UniqueConstraint(
                fields=["version", "party", "purpose"], condition=Q(asset_id=None), name="coverage_of_all_once"
            ),
        ]
        indexes = [models.Index(fields=["party", "purpose"], name="coverage_by_party")]

    def __str__(self) -> str:
        return f"{self.party}: {self.get_purpose_display()}"
