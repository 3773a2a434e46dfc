"""What an owner says data may be used for: numbered sets of codes, of which one counts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from collab.accounts.models import Membership, OrganisationKind
from collab.kernel.names import PlainTextValidator
from collab.kernel.records import Record
from registry.uses.vocabulary import CODES, Code, Use

if TYPE_CHECKING:
    from collab.accounts.models import User

NOT_FOR_PROFIT = (OrganisationKind.UNIVERSITY, OrganisationKind.PUBLIC_BODY)


class UseTerms(Record):
    """One set of codes for a dataset. A change makes the next set; earlier ones stay on record."""

    dataset = models.ForeignKey("registry.Dataset", models.PROTECT, related_name="use_terms", verbose_name=_("dataset"))
    number = models.PositiveIntegerField(_("number"))
    current = models.BooleanField(_("counts now"), default=True)
    set_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("set by"))

    class Meta:
        verbose_name = _("data-use terms")
        verbose_name_plural = _("data-use terms")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="use_terms_number_once"),
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(current=True), name="use_terms_one_counts_per_dataset"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} #{self.number}"


class UseCodeQuerySet(models.QuerySet["UseCode"]):
    def current(self) -> UseCodeQuerySet:
        return self.filter(terms__current=True)

    def with_names(self) -> UseCodeQuerySet:
        return self.prefetch_related("organisations", "people")

    def closed_to(self, user: User, at: datetime) -> UseCodeQuerySet:
        """Those about who and when that stand against this person. The owner's people are bound by the date alone."""
        acting = Membership.objects.filter(user=user, project=OuterRef("terms__dataset__project")).active(at)
        own = acting.filter(organisation=OuterRef("terms__dataset__organisation"))
        named = UseCode.organisations.through.objects.filter(usecode=OuterRef(OuterRef("pk")))
        stranger = Q(code=Use.NOT_FOR_PROFIT) & ~Q(Exists(acting.filter(organisation__kind__in=NOT_FOR_PROFIT)))
        stranger |= Q(code=Use.INSTITUTION_SPECIFIC) & ~Q(
            Exists(acting.filter(organisation__in=named.values("organisation")))
        )
        stranger |= Q(code=Use.USER_SPECIFIC) & ~Q(
            Exists(UseCode.people.through.objects.filter(usecode=OuterRef("pk"), user=user))
        )
        over = Q(code=Use.TIME_LIMIT, until__lte=timezone.localdate(at))
        return self.filter(over | (stranger & ~Q(Exists(own))))


class UseCode(Record):
    """One code with its parameter."""

    terms = models.ForeignKey(UseTerms, models.CASCADE, related_name="codes", verbose_name=_("data-use terms"))
    code = models.CharField(_("code"), max_length=40, choices=[(c.use.value, c.label) for c in CODES.values()])
    until = models.DateField(_("until"), null=True, blank=True)
    territories = models.JSONField(_("territories"), default=list, blank=True)
    text = models.TextField(_("description"), max_length=2000, blank=True, validators=[PlainTextValidator()])
    organisations = models.ManyToManyField(
        "collab.Organisation", related_name="+", blank=True, verbose_name=_("organisations")
    )
    people = models.ManyToManyField("collab.User", related_name="+", blank=True, verbose_name=_("people"))

    objects = UseCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("data-use code")
        verbose_name_plural = _("data-use codes")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(fields=["terms", "code"], name="use_code_once_per_terms"),
            models.CheckConstraint(condition=Q(code__in=list(CODES)), name="use_code_is_known"),
            models.CheckConstraint(
                condition=~Q(code="time_limit") | Q(until__isnull=False), name="use_code_time_limit_has_day"
            ),
        ]

    def __str__(self) -> str:
        return str(self.spec.label)

    @property
    def spec(self) -> Code:
        return CODES[self.code]

    @property
    def parameter(self) -> str:
        """What the code names: the day, the countries, the people."""
        if self.until:
            return _now("until %(day)s, when that day begins (%(zone)s)") % {
                "day": date_format(self.until),
                "zone": timezone.get_current_timezone_name(),
            }
        names: list[Any] = list(self.territories)
        if self.code == Use.INSTITUTION_SPECIFIC:
            names = list(self.organisations.all())
        elif self.code == Use.USER_SPECIFIC:
            names = list(self.people.all())
        return _now(", ").join(map(str, names)) or self.text


def open_to(user: User, at: datetime, *, asset_path: str = "pk") -> Q:
    """True for the datasets none of whose codes about who and when stands against the person."""
    against = UseCode.objects.current().filter(terms__dataset=OuterRef(asset_path)).closed_to(user, at)
    return ~Q(Exists(against))
