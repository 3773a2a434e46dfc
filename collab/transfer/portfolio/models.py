"""Start-ups that came out of an organisation, and who holds which part of them since when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.models import in_language
from collab.transfer.portfolio.states import EVENT_WORDS, EquityEvent, StartUpState

if TYPE_CHECKING:
    from collab.access.policy import Person

COUNTRY = RegexValidator(r"\A[A-Z]{2}\Z", _("Write the two letters of the country, such as DE, US or CN."))


def _not_before_founding(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(**{name: None}) | Q(**{f"{name}__gte": F("founded_on")}),
        name=f"startup_{name.removesuffix('_on')}_after_founding",
    )


class StartUpQuerySet(models.QuerySet["StartUp"]):
    def visible_to(self, user: Person, word: str = "startup.view") -> StartUpQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def with_rows(self) -> StartUpQuerySet:
        """Loads what a line of a list and the API tell."""
        return self.select_related("organisation", "platform").prefetch_related(
            "cases", "founders", "holdings__holder", "holdings__licence__agreement"
        )


class StartUp(Record):
    """A company founded on results of an organisation."""

    organisation = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="startups", verbose_name=_("came out of")
    )
    name = models.CharField(_("name"), max_length=200, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=200, blank=True, validators=[PlainTextValidator()])
    country = models.CharField(_("country"), max_length=2, validators=[COUNTRY])
    founded_on = models.DateField(_("founded on"))
    platform = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("its organisation here"),
        help_text=_("Where the start-up itself takes part, for example as a licensee."),
    )
    cases = models.ManyToManyField(
        "collab.TransferCase", related_name="startups", blank=True, verbose_name=_("builds on the cases")
    )
    founders = models.ManyToManyField("collab.User", related_name="+", blank=True, verbose_name=_("founders"))
    other_founders = models.CharField(
        _("founders without an account"),
        max_length=300,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("Names, with commas."),
    )
    note = models.TextField(_("remark"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in StartUpState], default=StartUpState.FOUNDED
    )
    active_on = models.DateField(_("does business since"), null=True, blank=True, editable=False)
    acquired_on = models.DateField(_("acquired on"), null=True, blank=True, editable=False)
    acquired_by = models.CharField(_("acquired by"), max_length=200, blank=True, validators=[PlainTextValidator()])
    closed_on = models.DateField(_("closed on"), null=True, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=1000, blank=True, validators=[PlainTextValidator()])
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = StartUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("start-up")
        verbose_name_plural = _("start-ups")
        ordering = ["-founded_on", "name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="startup_name_once"),
            models.UniqueConstraint(fields=["organisation", "platform"], name="startup_platform_once"),
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in StartUpState]), name="startup_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(platform=None) | ~Q(platform=F("organisation")), name="startup_is_not_its_origin"
            ),
            models.CheckConstraint(
                condition=~Q(state="founded") | Q(active_on=None, acquired_on=None, closed_on=None),
                name="startup_founded_has_no_other_day",
            ),
            models.CheckConstraint(
                condition=~Q(state="active") | Q(active_on__isnull=False, acquired_on=None, closed_on=None),
                name="startup_active_has_its_day",
            ),
            models.CheckConstraint(
                condition=~Q(state="acquired") | Q(acquired_on__isnull=False, closed_on=None),
                name="startup_acquired_has_its_day",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_on__isnull=False) | ~Q(state="closed") & Q(closed_on=None),
                name="startup_closed_has_its_day",
            ),
            models.CheckConstraint(
                condition=Q(acquired_on=None, acquired_by="") | Q(acquired_on__isnull=False) & ~Q(acquired_by=""),
                name="startup_acquired_by_somebody",
            ),
            _not_before_founding("active_on"),
            _not_before_founding("acquired_on"),
            _not_before_founding("closed_on"),
        ]
        indexes = [models.Index(fields=["organisation", "founded_on"], name="startup_by_day")]

    def __str__(self) -> str:
        return str(in_language(self.name, self.name_zh))

    def get_absolute_url(self) -> str:
        return reverse("collab:startup", args=[self.pk])

    def held(self, on: date | None = None) -> list[EquityHolding]:
        """Who holds a part on the day, or by the last entries: the largest first."""
        return shares_on(self.holdings.all(), on)

    @property
    def own_percent(self) -> Decimal:
        """What the organisation that it came out of holds now."""
        mine = [row for row in self.held() if row.holder_id == self.organisation_id]
        return mine[0].percent if mine else Decimal(0)

    @property
    def own_said(self) -> str:
        return plain(self.own_percent)


class EquityHolding(Record):
    """So many per cent belong to the holder from this day, until a later row of the same holder."""

    startup = models.ForeignKey(StartUp, models.PROTECT, related_name="holdings", verbose_name=_("start-up"))
    holder = models.ForeignKey(
        "collab.Organisation", models.PROTECT, related_name="equity_held", verbose_name=_("holder")
    )
    percent = models.DecimalField(
        _("per cent"),
        max_digits=7,
        decimal_places=4,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("All that it holds from this day; 0 when it holds nothing any more."),
    )
    from_on = models.DateField(_("from"))
    event = models.CharField(
        _("why"), max_length=20, choices=[(e.value, EVENT_WORDS[e]) for e in EquityEvent], default=EquityEvent.OTHER
    )
    licence = models.ForeignKey(
        "collab.Licence", models.PROTECT, null=True, blank=True, related_name="equity", verbose_name=_("licence")
    )
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])
    entered_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("entered by"))

    class Meta:
        verbose_name = _("equity held")
        verbose_name_plural = _("equity held")
        ordering = ["startup", "from_on", "created_at"]
        constraints = [
            models.UniqueConstraint(fields=["startup", "holder", "from_on"], name="equity_once_per_holder_and_day"),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="equity_percent_is_sound"),
            models.CheckConstraint(condition=Q(event__in=[e.value for e in EquityEvent]), name="equity_event_is_known"),
            models.CheckConstraint(
                condition=~Q(event="licence") | Q(licence__isnull=False), name="equity_of_a_licence_names_it"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder} · {self.said} %"

    @property
    def said(self) -> str:
        return plain(self.percent)


def plain(percent: Decimal) -> str:
    """As people write it: 12.5, not 12.5000."""
    return f"{percent.normalize():f}"


def shares_on(rows: Iterable[EquityHolding], on: date | None = None) -> list[EquityHolding]:
    """Of dated rows those that hold on the day (without one: the last of each holder), above zero."""
    last: dict[UUID, Any] = {}
    for row in sorted(rows, key=lambda row: row.from_on):
        if on is None or row.from_on <= on:
            last[row.holder_id] = row
    return sorted((row for row in last.values() if row.percent > 0), key=lambda row: -row.percent)
