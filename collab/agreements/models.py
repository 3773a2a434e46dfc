"""Agreements: versions, signatures, and the coverage that an executed version gives."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.access.roles import roles_with
from collab.accounts.models import Membership
from collab.agreements.background import BackgroundItem
from collab.agreements.states import STANDING, UNDER_WAY, VersionState
from collab.kernel.months import add_months
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record

if TYPE_CHECKING:
    from collab.access.policy import Person
    from collab.accounts.models import Organisation, User


class AgreementKind(models.TextChoices):
    NDA = "nda", _("Non-disclosure agreement")
    COLLABORATION = "collaboration", _("Collaboration agreement")
    CONSORTIUM = "consortium", _("Consortium agreement")
    DATA_USE = "data_use", _("Data use agreement")
    MATERIAL_TRANSFER = "material_transfer", _("Material transfer agreement")
    OPTION = "option", _("Option agreement")
    LICENCE = "licence", _("Licence agreement")
    INTERNSHIP = "internship", _("Internship agreement")
    AMENDMENT = "amendment", _("Amendment")


class EndedAs(models.TextChoices):
    """How a version that was never executed came to its end."""

    WITHDRAWN = "withdrawn", _("taken back")
    DECLINED = "declined", _("not signed")
    COUNTERED = "countered", _("answered with a counter-version")


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
        validators=[DisplayNameValidator()],
        help_text=_("For example DUA-3."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=AgreementKind.choices)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("under the agreement"),
        help_text=_("The agreement that this one belongs to, such as a collaboration."),
    )
    amends = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="amendments", verbose_name=_("amends")
    )
    confidential = models.BooleanField(
        _("confidential"),
        default=False,
        help_text=_("Only those who draft, approve, sign or end it for one of its parties may read it."),
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("drafted by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="amendment", amends__isnull=False) | (~Q(kind="amendment") & Q(amends=None)),
                name="agreement_amendment_names_what_it_changes",
            ),
            # Of its project alone: that another project has one of this name is nobody's business.
            models.UniqueConstraint(fields=["project", "reference"], name="agreement_reference_once"),
        ]

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
        return (
            self.with_signatures()
            .select_related(
                "agreement__project", "agreement__parent", "agreement__amends", "ip_terms", "proposed_by", "replaced_by"
            )
            .prefetch_related("coverage__party", "duties__party")
        )

    def with_talk(self) -> VersionQuerySet:
        """Loads approvals and comments."""
        return self.prefetch_related(
            "approvals__step", "approvals__organisation", "approvals__decided_by", "comments__party", "comments__author"
        )

    def awaiting(self, user: User, at: datetime | None = None) -> VersionQuerySet:
        """Out for signature, and the person is a signatory of a party that has not signed."""
        mine = Membership.objects.filter(user=user, project=None, role__in=roles_with("agreement.sign")).active(at)
        turn = AgreementParty.objects.filter(
            version=OuterRef("pk"), organisation__in=mine.values("organisation")
        ).whose_turn()
        return self.filter(Exists(turn), state=VersionState.OUT_FOR_SIGNATURE)

    def to_renew(self, by_day: date) -> VersionQuerySet:
        """Executed ones that expire until that day (or have), while no newer version is under way.

        A learning agreement ends with its placement, which is extended on its own page.
        """
        newer = AgreementVersion.objects.filter(agreement=OuterRef("agreement"), state__in=UNDER_WAY)
        return self.filter(
            ~Exists(newer), state__in=STANDING, expires_on__lte=by_day, auto_renews=False, replaced_on=None,
            agreement__placements=None,
        )  # fmt: skip

    def ending_until(self, day: date) -> VersionQuerySet:
        """Standing ones whose last day, renewed or not, is not after that day."""
        lapses = Q(lapses_on__lte=day) | Q(auto_renews=False, expires_on__lte=day) | Q(replaced_on__lte=day)
        return self.standing().filter(lapses)

    def in_force(self, at: datetime) -> VersionQuerySet:
        """Executed, begun, not replaced and not yet expired; the day of expiry is the first day without effect.

        One that renews itself goes on after that day until a party has said no in time.
        """
        today = timezone.localdate(at)
        renewed = Q(auto_renews=True) & (Q(lapses_on=None) | Q(lapses_on__gt=today))
        return self.filter(
            Q(expires_on=None) | Q(expires_on__gt=today) | renewed,
            Q(replaced_on=None) | Q(replaced_on__gt=today),
            state=VersionState.EXECUTED,
            effective_on__lte=today,
        )

    def under_way(self) -> VersionQuerySet:
        return self.filter(state__in=UNDER_WAY)

    def standing(self) -> VersionQuerySet:
        """Signed by all and not ended, be it in force today or not."""
        return self.filter(state__in=STANDING)


class AgreementVersion(Record):
    """One text, its dates and terms. From sending on, not a byte changes: signatures bind to its hash."""

    agreement = models.ForeignKey(Agreement, models.PROTECT, related_name="versions", verbose_name=_("agreement"))
    number = models.PositiveIntegerField(_("version"))
    text = models.TextField(_("text"), max_length=200_000, validators=[PlainTextValidator()])
    text_zh = models.TextField(_("Chinese text"), max_length=200_000, blank=True, validators=[PlainTextValidator()])
    effective_on = models.DateField(_("in force from"))
    expires_on = models.DateField(_("expires on"), null=True, blank=True)
    governing_law = models.CharField(_("governing law"), max_length=120, blank=True, validators=[PlainTextValidator()])
    confidentiality_months = models.PositiveSmallIntegerField(
        _("months of confidentiality after the end"), null=True, blank=True
    )
    auto_renews = models.BooleanField(_("renews itself"), default=False)
    renewal_months = models.PositiveSmallIntegerField(_("months of a renewal"), null=True, blank=True)
    notice_days = models.PositiveSmallIntegerField(_("days of notice before the end of a term"), null=True, blank=True)
    proposed_by = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("proposed by"),
        help_text=_("The party whose drafters wrote it."),
    )
    based_on = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("based on version")
    )
    template_version = models.ForeignKey(
        "collab.TemplateVersion",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("written from template"),
    )
    template_values = models.JSONField(_("values of the template"), default=dict, blank=True)
    background = models.JSONField(_("background as it was sent"), default=list, blank=True, editable=False)
    particulars = models.JSONField(_("particular terms"), default=dict, blank=True, editable=False)
    names = models.JSONField(_("names as they were sent"), default=dict, blank=True, editable=False)
    format = models.PositiveSmallIntegerField(default=3, editable=False)  # of document(): what was signed stays so
    requires_acceptance = models.BooleanField(
        _("each person accepts it"),
        default=False,
        help_text=_("What it covers opens to a person only once they have accepted this version themselves."),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in VersionState], default=VersionState.DRAFT
    )
    document_sha256 = models.CharField(_("document hash"), max_length=64, blank=True, editable=False)
    negotiated_at = models.DateTimeField(_("negotiation began"), null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent for signature"), null=True, blank=True, editable=False)
    executed_at = models.DateTimeField(_("executed"), null=True, blank=True, editable=False)
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)
    ended_as = models.CharField(_("ended as"), max_length=20, choices=EndedAs.choices, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True, validators=[PlainTextValidator()])
    lapses_on = models.DateField(_("is not renewed after"), null=True, blank=True, editable=False)
    replaced_on = models.DateField(_("replaced on"), null=True, blank=True, editable=False)
    replaced_by = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("replaced by"), editable=False
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("drafted by"))
    version = models.PositiveIntegerField(default=1, editable=False)  # counts edits

    objects = VersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement version")
        verbose_name_plural = _("agreement versions")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "number"], name="agreement_version_number_once"),
            # One that is replaced on a later day stands beside the one that replaces it.
            models.UniqueConstraint(
                fields=["agreement"],
                condition=Q(state__in=["executed", "suspended"], replaced_on=None),
                name="agreement_has_one_standing_version",
            ),
            models.UniqueConstraint(
                fields=["agreement"],
                condition=Q(state__in=["draft", "internal_review", "negotiation", "agreed", "out_for_signature"]),
                name="agreement_has_one_version_under_way",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in VersionState]), name="agreement_version_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(expires_on=None) | Q(expires_on__gt=F("effective_on")),
                name="agreement_version_expires_after_start",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "internal_review", "negotiation", "agreed", "withdrawn"])
                | ~Q(document_sha256=""),
                name="agreement_version_hash_once_sent",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["executed", "suspended"]) | Q(executed_at__isnull=False),
                name="agreement_version_executed_at",
            ),
            models.CheckConstraint(
                condition=Q(auto_renews=False) | Q(expires_on__isnull=False, renewal_months__gt=0),
                name="agreement_version_renewal_has_its_term",
            ),
            models.CheckConstraint(
                condition=Q(replaced_on=None, replaced_by=None)
                | Q(replaced_on__isnull=False, replaced_by__isnull=False),
                name="agreement_version_replaced_on_and_by",
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
        """The state that people read: one that was signed may have been replaced, or its time may be over."""
        today = timezone.localdate()
        if self.state not in STANDING:
            return self.state
        if self.replaced_on is not None and self.replaced_on <= today:
            return VersionState.SUPERSEDED
        return "expired" if self.has_expired(today) else self.state

    def unsigned(self) -> list[Organisation]:
        """The parties that have not signed, from what `with_signatures` loaded."""
        signed = {signature.party_id for signature in self.signatures.all()}
        return [party.organisation for party in self.parties.all() if party.organisation_id not in signed]

    def whose_turn(self) -> list[Organisation]:
        """The parties that may sign now: those of the lowest place in the order that have not. As loaded."""
        signed = {signature.party_id for signature in self.signatures.all()}
        left = [party for party in self.parties.all() if party.organisation_id not in signed]
        first = min((party.signing_order for party in left), default=0)
        return [party.organisation for party in left if party.signing_order == first]

    def has_expired(self, today: date) -> bool:
        last = self.last_day(today)
        return last is not None and last <= today

    def last_day(self, today: date) -> date | None:
        """The first day without effect, as far as it is known today: the end of the term, renewed or not."""
        return self.lapses_on or self.term_end(today)

    def term_end(self, today: date) -> date | None:
        """The end of the term that runs today."""
        end, count = self.expires_on, 0
        while end is not None and self.auto_renews and self.renewal_months and end <= today and count < 1200:
            count += 1
            end = add_months(self.expires_on, count * self.renewal_months)  # type: ignore[arg-type]
        return end

    def notice_by(self, today: date) -> date | None:
        """The last day on which a party may say that it does not want another term."""
        end = self.term_end(today)
        if end is None or self.notice_days is None:
            return None
        return end - timedelta(days=self.notice_days)

    def background_shown(self) -> list[dict[str, Any]]:
        """The background register: as it was sent, or as it is today while the version is under way."""
        if self.sent_at is not None:
            return self.background
        owners = self.parties.values_list("organisation_id", flat=True)
        items = BackgroundItem.objects.declared().filter(project=self.agreement.project_id, owner__in=owners)
        return sorted((item.facts() for item in items), key=lambda item: (item["owner"], item["id"]))

    def names_shown(self) -> dict[str, Any]:
        """What the project and the parties are called: as it was sent, or as it is today while it is under way."""
        return self.names_now() if self.sent_at is None else self.names

    def names_now(self) -> dict[str, Any]:
        project = self.agreement.project
        parties = self.parties.values_list("organisation_id", "organisation__name", "organisation__name_zh")
        return {
            "project": [project.title, project.title_zh],
            "parties": {str(key): [name, name_zh] for key, name, name_zh in parties},
        }

    def document(self) -> dict[str, object]:
        """Exactly what is signed: both texts, dates, parties, names, coverage, IP, background and duties."""
        signed: dict[str, object] = {
            "agreement": self.agreement.reference,
            "kind": self.agreement.kind,
            "project": self.agreement.project.slug,
            "version": self.number,
            "title": [self.agreement.title, self.agreement.title_zh],
            "text": [self.text, self.text_zh],
            "effective_on": self.effective_on.isoformat(),
            "expires_on": self.expires_on.isoformat() if self.expires_on else None,
            "parties": sorted(str(pk) for pk in self.parties.values_list("organisation_id", flat=True)),
            "coverage": sorted([str(c.party_id), c.purpose, str(c.asset_id or "")] for c in self.coverage.all()),
        }
        return signed if self.format == 1 else signed | self._terms()

    def _terms(self) -> dict[str, object]:
        parent, amends, template = self.agreement.parent, self.agreement.amends, self.template_version
        ip = getattr(self, "ip_terms", None)
        return {
            "format": self.format,
            "each_person_accepts": self.requires_acceptance,
            "under": parent.reference if parent else None,
            "amends": amends.reference if amends else None,
            "confidential": self.agreement.confidential,
            "governing_law": self.governing_law,
            "confidentiality_months": self.confidentiality_months,
            "renewal": [self.auto_renews, self.renewal_months, self.notice_days],
            "signing_order": sorted([str(p.organisation_id), p.signing_order] for p in self.parties.all()),
            "ip": ip.facts() if ip else None,
            "background": self.background_shown(),
            "duties": sorted(
                (duty.facts() for duty in self.duties.all() if not duty.added_at_end),
                key=lambda duty: json.dumps(duty, sort_keys=True),
            ),
            "template": [template.template.code, template.number, self.template_values] if template else None,
            **({"names": self.names_shown()} if self.format > 2 else {}),
        } | ({"particulars": self.particulars} if self.particulars else {})

    def document_hash(self) -> str:
        """sha256 of the canonical JSON of `document()`."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


class PartyQuerySet(models.QuerySet["AgreementParty"]):
    def unsigned(self) -> PartyQuerySet:
        given = Signature.objects.filter(version=OuterRef("version"), party=OuterRef("organisation"))
        return self.filter(~Exists(given))

    def whose_turn(self) -> PartyQuerySet:
        """Unsigned ones before whom nobody else has to sign."""
        before = AgreementParty.objects.filter(
            version=OuterRef("version"), signing_order__lt=OuterRef("signing_order")
        ).unsigned()
        return self.unsigned().filter(~Exists(before))


class AgreementParty(Record):
    """An organisation that must sign this version."""

    version = models.ForeignKey(AgreementVersion, models.CASCADE, related_name="parties", verbose_name=_("version"))
    organisation = models.ForeignKey("collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("party"))
    signing_order = models.PositiveSmallIntegerField(
        _("place in the order of signing"), default=0, help_text=_("Parties of the same place sign in any order.")
    )

    objects = PartyQuerySet.as_manager()

    class Meta:
        verbose_name = _("party to an agreement")
        verbose_name_plural = _("parties to agreements")
        ordering = ["signing_order", "created_at"]
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
