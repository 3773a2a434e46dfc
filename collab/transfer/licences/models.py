"""Options and licences: what of whose is granted to whom, in which field and territory, until when, and for what.

The agreement says what was signed; these rows are its terms as tables, so that conflicts and rights are found in SQL.
While a version is under way they follow it, from execution on the version that all parties signed.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.agreements.models import AgreementVersion
from collab.agreements.states import STANDING, VersionState
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.models import in_language
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.states import (
    SHUTTING,
    AssetKind,
    Costs,
    CostsOf,
    Exclusivity,
    Frequency,
    LicenceState,
    RoyaltyBasis,
    SharesBy,
    Span,
    SublicenceState,
    Sublicensing,
)

if TYPE_CHECKING:
    from collab.access.policy import Person

MONEY_MAX = 10**12
_MONEY: dict[str, Any] = {"max_digits": 17, "decimal_places": 4, "validators": [MinValueValidator(0)]}
_PERCENT: dict[str, Any] = {
    "max_digits": 7,
    "decimal_places": 4,
    "validators": [MinValueValidator(0), MaxValueValidator(100)],
}


def _money(label: Any, **more: Any) -> models.DecimalField:
    return models.DecimalField(label, null=True, blank=True, **_MONEY, **more)


def _percent(label: Any, **more: Any) -> models.DecimalField:
    return models.DecimalField(label, null=True, blank=True, **_PERCENT, **more)


def _within(most: int, *names: str) -> Q:
    found = Q()
    for name in names:
        found &= Q(**{name: None}) | Q(**{f"{name}__gte": 0, f"{name}__lte": most})
    return found


class LicenceQuerySet(models.QuerySet["Licence"]):
    def visible_to(self, user: Person, word: str = "licence.view") -> LicenceQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_state(self, at: datetime | None = None) -> LicenceQuerySet:
        """Adds `now`: the state at the moment, from the agreement, the dates and the breaches."""
        return self.annotate(now=state_case(at or timezone.now()))

    def with_parties(self) -> LicenceQuerySet:
        """Loads what a line of a list tells."""
        return self.select_related("agreement__project", "licensor", "licensee").prefetch_related(
            "assets", "fields_of_use", "territories"
        )

    def with_all(self) -> LicenceQuerySet:
        """Loads what the page and the API tell."""
        return self.with_parties().prefetch_related(
            "co_licensors", "shares__organisation", "tiers", "milestones", "diligence", "breaches"
        )

    def in_force(self, at: datetime | None = None) -> LicenceQuerySet:
        """Those that grant rights at this moment."""
        return self.filter(in_force_q("", at or timezone.now()))


def _versions(path: str) -> Any:
    return AgreementVersion.objects.filter(agreement=OuterRef(f"{path}agreement"))


def _open_breach(path: str) -> Exists:
    return Exists(Breach.objects.filter(licence=OuterRef(f"{path}pk"), cured_on=None))


def in_force_q(path: str, at: datetime) -> Q:
    """True where the licence that `path` leads to grants rights: signed by all, begun, not over, not in breach."""
    versions = AgreementVersion.objects.in_force(at).filter(agreement=OuterRef(f"{path}agreement"))
    return Q(Exists(versions)) & ~Q(_open_breach(path))


def state_case(at: datetime, path: str = "") -> Case:
    """The state as an expression."""
    today = timezone.localdate(at)
    rows = _versions(path)
    standing = rows.filter(state__in=STANDING)
    in_force = AgreementVersion.objects.in_force(at).filter(agreement=OuterRef(f"{path}agreement"))

    def when(found: Any, state: LicenceState) -> When:
        return When(found if isinstance(found, Q) else Q(Exists(found)), then=Value(state.value))

    return Case(
        when(Q(Exists(in_force)) & Q(_open_breach(path)), LicenceState.IN_BREACH),
        when(in_force, LicenceState.ACTIVE),
        when(standing.filter(state=VersionState.SUSPENDED), LicenceState.SUSPENDED),
        when(standing.filter(effective_on__gt=today), LicenceState.SIGNED),
        when(standing, LicenceState.EXPIRED),
        when(rows.filter(state=VersionState.TERMINATED), LicenceState.TERMINATED),
        when(rows.filter(state__in=[VersionState.AGREED, VersionState.OUT_FOR_SIGNATURE]), LicenceState.APPROVED),
        when(rows.filter(state__in=[VersionState.NEGOTIATION, VersionState.INTERNAL_REVIEW]), LicenceState.NEGOTIATION),
        when(rows.filter(state=VersionState.DRAFT), LicenceState.TERM_SHEET),
        default=Value(LicenceState.WITHDRAWN.value),
        output_field=CharField(),
    )


class Licence(Record):
    """An option or a licence: one agreement of that kind, with its terms as columns."""

    agreement = models.OneToOneField(
        "collab.Agreement", models.PROTECT, related_name="licence", verbose_name=_("agreement")
    )
    case = models.ForeignKey(
        "collab.TransferCase", models.PROTECT, null=True, blank=True, related_name="licences", verbose_name=_("case")
    )
    option = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="licences", verbose_name=_("from the option")
    )
    licensor = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="licences_given", verbose_name=_("licensor")
    )
    co_licensors = models.ManyToManyField(
        "collab.Organisation", related_name="+", blank=True, verbose_name=_("further licensors")
    )
    licensee = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="licences_held", verbose_name=_("licensee")
    )
    exclusivity = models.CharField(_("exclusivity"), max_length=20, choices=Exclusivity.choices)
    fields_of_use = models.ManyToManyField(FieldOfUse, related_name="+", verbose_name=_("fields of use"))
    territories = models.ManyToManyField(Territory, related_name="+", verbose_name=_("territories"))
    field_note = models.CharField(
        _("the field in words"), max_length=500, blank=True, validators=[PlainTextValidator()]
    )
    commercial = models.BooleanField(_("commercial use"), default=True)
    sublicensing = models.CharField(
        _("sublicences"), max_length=20, choices=Sublicensing.choices, default=Sublicensing.NONE
    )
    academic_use = models.BooleanField(_("the licensor goes on teaching and doing research with it"), default=True)
    starts_on = models.DateField(_("in force from"))
    ends_on = models.DateField(_("ends on"), null=True, blank=True, help_text=_("The first day without effect."))
    # --- money
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    issue_fee = _money(_("issue fee"))
    issue_fee_days = models.PositiveSmallIntegerField(_("days to pay the issue fee"), default=30)
    annual_minimum = _money(_("annual minimum"))
    minimum_creditable = models.BooleanField(_("royalties count towards the minimum"), default=True)
    minimum_from = models.DateField(_("annual minimum from"), null=True, blank=True)
    royalty_basis = models.CharField(
        _("running royalty on"), max_length=20, choices=RoyaltyBasis.choices, default=RoyaltyBasis.NONE
    )
    tiers_by = models.CharField(_("tiers count over"), max_length=20, choices=Span.choices, default=Span.YEAR)
    royalty_cap = _money(_("royalties at most"))
    cap_by = models.CharField(_("the most counts over"), max_length=20, choices=Span.choices, default=Span.YEAR)
    sublicence_percent = _percent(_("share of sublicence income, per cent"))
    equity_percent = _percent(_("equity, per cent"))
    equity_note = models.CharField(_("equity in words"), max_length=300, blank=True, validators=[PlainTextValidator()])
    costs = models.CharField(
        _("costs of protection that the licensee repays"), max_length=20, choices=Costs.choices, default=Costs.NONE
    )
    costs_of = models.CharField(_("costs are those"), max_length=20, choices=CostsOf.choices, default=CostsOf.CASES)
    costs_percent = _percent(_("part of the costs that is repaid, per cent"))  # empty: all of it
    costs_cap = _money(_("costs repaid at most"))
    costs_days = models.PositiveSmallIntegerField(_("days to repay a cost"), default=30)
    late_interest_percent = _percent(_("late interest, per cent a year"))
    shares_by = models.CharField(
        _("receipts are shared"), max_length=20, choices=SharesBy.choices, default=SharesBy.ASSETS
    )
    share_days = models.PositiveSmallIntegerField(_("days to pass on the part of another licensor"), default=30)
    # --- duties
    report_frequency = models.CharField(_("reports"), max_length=20, choices=Frequency.choices, default=Frequency.NONE)
    report_days = models.PositiveSmallIntegerField(_("days to report and pay after a period"), default=45)
    audit_right = models.BooleanField(_("the licensor may have the books examined"), default=True)
    audit_notice_days = models.PositiveSmallIntegerField(_("days of notice before an examination"), default=30)
    audit_cost_percent = _percent(_("the licensee bears the cost of an audit that finds more than, per cent"))
    convertible = models.BooleanField(
        _("may be made non-exclusive when a diligence milestone is missed"), default=False
    )
    negotiation_days = models.PositiveSmallIntegerField(
        _("days to negotiate once an option is exercised"), null=True, blank=True
    )
    # --- what happened
    exercised_on = models.DateField(_("option exercised on"), null=True, blank=True, editable=False)
    converted_on = models.DateField(_("non-exclusive since"), null=True, blank=True, editable=False)
    seen_obstacles = models.JSONField(_("what stands in the way, as seen"), default=list, blank=True, editable=False)
    seen_by = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("seen by"),
        editable=False,
    )
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("drafted by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = LicenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("licence")
        verbose_name_plural = _("licences")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=~Q(licensor=F("licensee")), name="licence_is_between_two"),
            models.CheckConstraint(
                condition=Q(exclusivity__in=Exclusivity.values), name="licence_exclusivity_is_known"
            ),
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=F("starts_on")), name="licence_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=_within(MONEY_MAX, "issue_fee", "annual_minimum", "royalty_cap", "costs_cap"),
                name="licence_money_is_sound",
            ),
            models.CheckConstraint(
                condition=_within(
                    100,
                    "sublicence_percent",
                    "equity_percent",
                    "late_interest_percent",
                    "costs_percent",
                    "audit_cost_percent",
                ),
                name="licence_percentages_are_sound",
            ),
            models.CheckConstraint(
                condition=~Q(currency="")
                | Q(issue_fee=None, annual_minimum=None, royalty_cap=None, royalty_basis=RoyaltyBasis.NONE.value),
                name="licence_money_has_its_currency",
            ),
        ]
        indexes = [
            models.Index(fields=["licensee"], name="licence_by_licensee"),
            models.Index(fields=["licensor", "-created_at"], name="licence_by_licensor"),
        ]

    def __str__(self) -> str:
        return str(self.agreement)

    def get_absolute_url(self) -> str:
        return reverse("collab:licence", args=[self.pk])

    @property
    def reference(self) -> str:
        return self.agreement.reference

    @property
    def kind(self) -> str:
        """`option` or `licence`."""
        return self.agreement.kind

    @property
    def is_option(self) -> bool:
        return self.agreement.kind == "option"

    @property
    def state(self) -> str:
        """The state now; loaded by `with_state`, or asked for."""
        known = self.__dict__.get("now")
        return known or str(Licence.objects.with_state().get(pk=self.pk).__dict__["now"])

    @property
    def is_shutting(self) -> bool:
        """Leaves no room for another licensee."""
        return self.exclusivity in SHUTTING

    def licensors(self) -> list[Any]:
        return [self.licensor, *self.co_licensors.all()]


class LicensedThing(Record):
    """Something that licences are about, once. Whoever executes a licence holds this row, so two cannot at once."""

    name = models.CharField(_("key"), max_length=140, unique=True)  # subject_type:subject_id
    label = models.CharField(_("name"), max_length=200)
    label_zh = models.CharField(_("Chinese name"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("licensed thing")
        verbose_name_plural = _("licensed things")
        ordering = ["name"]

    def __str__(self) -> str:
        return in_language(self.label, self.label_zh)


class AssetQuerySet(models.QuerySet["LicensedAsset"]):
    def visible_to(self, user: Person, word: str = "release.view") -> AssetQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def downloadable_kinds(self) -> AssetQuerySet:
        return self.filter(kind__in=[AssetKind.MODEL_VERSION, AssetKind.DATASET_VERSION])


class LicensedAsset(Record):
    """One asset of a licence and its part of the money. Parts make one hundred per cent."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="assets", verbose_name=_("licence"))
    thing = models.ForeignKey(LicensedThing, models.PROTECT, related_name="assets", verbose_name=_("thing"))
    kind = models.CharField(_("kind"), max_length=20, choices=AssetKind.choices)
    subject_type = models.CharField(_("kind of row"), max_length=60)
    subject_id = models.CharField(_("row"), max_length=64)
    label = models.CharField(_("asset"), max_length=200, validators=[DisplayNameValidator()])
    label_zh = models.CharField(_("asset in Chinese"), max_length=200, blank=True, validators=[PlainTextValidator()])
    project = models.ForeignKey(
        "collab.Project", models.PROTECT, null=True, blank=True, related_name="+", editable=False,
        verbose_name=_("other project it came out of"),
    )  # fmt: skip
    allocation_percent = models.DecimalField(_("part of the money, per cent"), **_PERCENT)
    position = models.PositiveSmallIntegerField(default=0)

    objects = AssetQuerySet.as_manager()

    class Meta:
        verbose_name = _("licensed asset")
        verbose_name_plural = _("licensed assets")
        ordering = ["licence", "position"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "thing"], name="licensed_asset_once"),
            models.CheckConstraint(
                condition=Q(allocation_percent__gte=0, allocation_percent__lte=100), name="licensed_asset_part_is_sound"
            ),
        ]
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="licensed_asset_by_subject")]

    def __str__(self) -> str:
        return in_language(self.label, self.label_zh)


class LicensorShare(Record):
    """What part of the receipts belongs to one of several licensors. Parts make one hundred per cent."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="shares", verbose_name=_("licence"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="+", verbose_name=_("licensor")
    )
    percent = models.DecimalField(_("part of the receipts, per cent"), **_PERCENT)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("part of a licensor")
        verbose_name_plural = _("parts of licensors")
        ordering = ["licence", "position"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "organisation"], name="licensor_share_once"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="licensor_share_is_sound"),
        ]

    def __str__(self) -> str:
        return f"{self.organisation} · {self.percent.normalize():f} %"


class Grant(Record):
    """A licence spelled out: one row for each asset, field and territory, which conflicts are searched in."""

    licence = models.ForeignKey(Licence, models.CASCADE, related_name="grants", verbose_name=_("licence"))
    thing = models.ForeignKey(LicensedThing, models.PROTECT, related_name="grants", verbose_name=_("thing"))
    field_of_use = models.ForeignKey(FieldOfUse, models.PROTECT, related_name="+", verbose_name=_("field of use"))
    territory = models.ForeignKey(Territory, models.PROTECT, related_name="+", verbose_name=_("territory"))
    shuts = models.BooleanField(_("leaves no room for another"))
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until before"), null=True, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            models.UniqueConstraint(fields=["licence", "thing", "field_of_use", "territory"], name="grant_once"),
        ]
        indexes = [models.Index(fields=["thing", "field_of_use", "territory"], name="grant_by_place")]

    def __str__(self) -> str:
        return f"{self.thing} · {self.field_of_use} · {self.territory}"


class RoyaltyTier(Record):
    """From this much of the basis on, this rate, or this amount for each unit."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="tiers", verbose_name=_("licence"))
    from_amount = models.DecimalField(_("from"), max_digits=17, decimal_places=4, default=0)
    rate_percent = _percent(_("rate, per cent"))
    per_unit = _money(_("for each unit"))

    class Meta:
        verbose_name = _("royalty tier")
        verbose_name_plural = _("royalty tiers")
        ordering = ["licence", "from_amount"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "from_amount"], name="royalty_tier_once"),
            models.CheckConstraint(
                condition=Q(rate_percent__gte=0, rate_percent__lte=100, per_unit=None)
                | Q(per_unit__gte=0, per_unit__lte=MONEY_MAX, rate_percent=None),
                name="royalty_tier_is_a_rate_or_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(from_amount__gte=0, from_amount__lte=MONEY_MAX), name="royalty_tier_begins_somewhere"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_amount:f}: {self.rate_percent or self.per_unit}"


class _Due(Record):
    """Something that is to happen by a day."""

    title = models.CharField(_("title"), max_length=200, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=200, blank=True, validators=[PlainTextValidator()])
    due_on = models.DateField(_("due on"), null=True, blank=True)
    met_on = models.DateField(_("reached on"), null=True, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title

    @property
    def is_late(self) -> bool:
        return self.met_on is None and self.due_on is not None and self.due_on < timezone.localdate()


class MilestonePayment(_Due):
    """So much is paid when this is reached."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="milestones", verbose_name=_("licence"))
    amount = models.DecimalField(_("amount"), **_MONEY)

    class Meta:
        verbose_name = _("milestone payment")
        verbose_name_plural = _("milestone payments")
        ordering = ["licence", "due_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "title"], name="milestone_payment_once"),
            models.CheckConstraint(
                condition=Q(amount__gte=0, amount__lte=MONEY_MAX), name="milestone_payment_is_sound"
            ),
        ]


class Diligence(_Due):
    """What the licensee does with the asset by a day."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="diligence", verbose_name=_("licence"))
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("diligence milestone")
        verbose_name_plural = _("diligence milestones")
        ordering = ["licence", "due_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["licence", "title"], name="diligence_once"),
            models.CheckConstraint(condition=Q(due_on__isnull=False), name="diligence_has_its_day"),
        ]


class Breach(Record):
    """The licensor says that the licensee broke a duty. Until it is cured nothing is granted."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="breaches", verbose_name=_("licence"))
    reason = models.CharField(_("reason"), max_length=1000, validators=[PlainTextValidator()])
    noticed_on = models.DateField(_("told on"), default=timezone.localdate)
    cure_by = models.DateField(_("to be cured by"))
    cured_on = models.DateField(_("cured on"), null=True, blank=True)
    noticed_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("told by"))
    cured_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("found cured by")
    )

    class Meta:
        verbose_name = _("breach of a licence")
        verbose_name_plural = _("breaches of licences")
        ordering = ["-noticed_on", "-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["licence"], condition=Q(cured_on=None), name="one_open_breach_per_licence"),
            models.CheckConstraint(condition=Q(cure_by__gte=F("noticed_on")), name="breach_leaves_time_to_cure"),
            models.CheckConstraint(
                condition=Q(cured_on=None, cured_by=None) | Q(cured_on__isnull=False, cured_by__isnull=False),
                name="breach_cured_on_and_by",
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class SublicenceQuerySet(models.QuerySet["Sublicence"]):
    def visible_to(self, user: Person, word: str = "licence.view") -> SublicenceQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def in_force(self, first: date, last: date) -> SublicenceQuerySet:
        """Those that were granted, and held on one day at least from the first to the last."""
        began = self.filter(granted_on__isnull=False, starts_on__lte=last)
        return began.filter(Q(ends_on=None) | Q(ends_on__gt=first))

    def with_all(self) -> SublicenceQuerySet:
        return self.select_related("licence__agreement", "organisation", "registered_by").prefetch_related(
            "fields_of_use", "territories"
        )


class Sublicence(Record):
    """Whom the licensee grants a part of what it holds."""

    licence = models.ForeignKey(Licence, models.PROTECT, related_name="sublicences", verbose_name=_("licence"))
    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("organisation")
    )
    name = models.CharField(_("sublicensee"), max_length=200, validators=[DisplayNameValidator()])
    fields_of_use = models.ManyToManyField(FieldOfUse, related_name="+", verbose_name=_("fields of use"))
    territories = models.ManyToManyField(Territory, related_name="+", verbose_name=_("territories"))
    starts_on = models.DateField(_("in force from"))
    ends_on = models.DateField(_("ends on"), null=True, blank=True, help_text=_("The first day without effect."))
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in SublicenceState], editable=False
    )
    granted_on = models.DateField(_("granted on"), null=True, blank=True, editable=False)  # never while it is asked
    registered_by = models.ForeignKey(
        "collab.User", models.PROTECT, related_name="+", verbose_name=_("registered by"), editable=False
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = SublicenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("sublicence")
        verbose_name_plural = _("sublicences")
        ordering = ["licence", "-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on=None) | Q(ends_on__gt=F("starts_on")), name="sublicence_ends_after_its_start"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in SublicenceState]), name="sublicence_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{self.licence.get_absolute_url()}#sublicences"
