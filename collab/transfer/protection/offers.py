"""Offers of technologies: what everybody reads, what only those bound to confidence, and who is interested."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Count, Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.agreements.models import AgreementParty, AgreementVersion
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.models import in_language
from collab.transfer.disclosures.states import ENDED, PURSUED
from collab.transfer.protection.states import InterestState, OfferState

if TYPE_CHECKING:
    from collab.access.policy import Person


class OfferQuerySet(models.QuerySet["Offer"]):
    def visible_to(self, user: Person, word: str = "offer.view") -> OfferQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def published(self) -> OfferQuerySet:
        """What everybody may read."""
        return self.filter(self.public_q())

    @staticmethod
    def public_q() -> Q:
        """Published, and its case has not ended."""
        return Q(state=OfferState.PUBLISHED) & ~Q(case__state__in=[state.value for state in ENDED])

    def with_names(self) -> OfferQuerySet:
        return self.select_related("case__organisation", "case__disclosure", "case__officer", "contact")

    def with_interest(self) -> OfferQuerySet:
        """Adds how many companies are interested, and how many nobody has looked after yet."""
        going_on = ~Q(interests__state=InterestState.DECLINED)
        return self.annotate(
            interested=Count("interests", filter=going_on & Q(interests__isnull=False)),
            fresh=Count("interests", filter=Q(interests__state=InterestState.NEW)),
        ).order_by("-published_on", "-created_at")


class Offer(Record):
    """A technology that is offered. `more` is confidential; everything else is written for everybody."""

    case = models.ForeignKey("collab.TransferCase", models.PROTECT, related_name="offers", verbose_name=_("case"))
    slug = models.SlugField(_("short name"), max_length=60, unique=True)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    field = models.CharField(_("field"), max_length=120, blank=True, validators=[PlainTextValidator()])
    field_zh = models.CharField(_("field in Chinese"), max_length=120, blank=True, validators=[PlainTextValidator()])
    text = models.TextField(
        _("what it is"),
        max_length=6000,
        validators=[PlainTextValidator()],
        help_text=_("Everybody reads this: what it does and what it is good for, never how."),
    )
    text_zh = models.TextField(
        _("what it is, in Chinese"), max_length=6000, blank=True, validators=[PlainTextValidator()]
    )
    advantages = models.TextField(
        _("advantages"),
        max_length=3000,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("One on each line."),
    )
    advantages_zh = models.TextField(
        _("advantages in Chinese"), max_length=3000, blank=True, validators=[PlainTextValidator()]
    )
    readiness = models.PositiveSmallIntegerField(
        _("readiness level"), null=True, blank=True, help_text=_("TRL, from 1 to 9.")
    )
    sought = models.CharField(_("what is sought"), max_length=200, blank=True, validators=[PlainTextValidator()])
    sought_zh = models.CharField(
        _("what is sought, in Chinese"), max_length=200, blank=True, validators=[PlainTextValidator()]
    )
    more = models.TextField(
        _("confidential part"),
        max_length=20_000,
        blank=True,
        validators=[PlainTextValidator()],
        help_text=_("Shown to people of a company only while a non-disclosure agreement with it is in force."),
    )
    contact = models.ForeignKey(
        "collab.User",
        models.PROTECT,
        related_name="+",
        verbose_name=_("contact"),
        help_text=_("Told of every company that is interested. The public page names only the organisation."),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in OfferState], default=OfferState.DRAFT
    )
    published_on = models.DateField(_("published on"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("written by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("technology offer")
        verbose_name_plural = _("technology offers")
        ordering = ["-published_on", "-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=[s.value for s in OfferState]), name="offer_state_is_known"),
            models.CheckConstraint(
                condition=Q(state="draft") | Q(published_on__isnull=False), name="offer_published_has_its_day"
            ),
            models.CheckConstraint(
                condition=Q(readiness=None) | Q(readiness__range=(1, 9)), name="offer_readiness_from_1_to_9"
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    @property
    def text_shown(self) -> str:
        return in_language(self.text, self.text_zh)

    @property
    def field_shown(self) -> str:
        return in_language(self.field, self.field_zh)

    @property
    def sought_shown(self) -> str:
        return in_language(self.sought, self.sought_zh)

    @property
    def advantage_lines(self) -> list[str]:
        text = in_language(self.advantages, self.advantages_zh)
        return [line.strip() for line in text.splitlines() if line.strip()]

    def get_absolute_url(self) -> str:
        return reverse("collab:offer", args=[self.pk])

    def get_public_url(self) -> str:
        return reverse("collab:technology", args=[self.slug])


class InterestQuerySet(models.QuerySet["Interest"]):
    def visible_to(self, user: Person, word: str = "offer.manage") -> InterestQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def going_on(self) -> InterestQuerySet:
        return self.exclude(state=InterestState.DECLINED)

    def under_nda(self, at: datetime | None = None) -> InterestQuerySet:
        """Those whose organisation is bound to confidence towards the one that offers, at this moment."""
        return self.filter(Exists(nda_versions("offer__case__organisation", "organisation", at)))


def nda_versions(owner: str, company: str, at: datetime | None = None) -> Any:
    """Non-disclosure agreements in force between the two organisations that these paths of the outer row lead to."""
    rows = AgreementVersion.objects.in_force(at or timezone.now()).filter(agreement__kind="nda")
    parties = AgreementParty.objects.filter(version=OuterRef("pk"))
    return rows.filter(
        Exists(parties.filter(organisation=OuterRef(OuterRef(owner)))),
        Exists(parties.filter(organisation=OuterRef(OuterRef(company)))),
    )


class Interest(Record):
    """A company would like to know more about an offer. `organisation`: which one on this platform it is."""

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="interests", verbose_name=_("offer"))
    company = models.CharField(_("company"), max_length=160, validators=[DisplayNameValidator()])
    name = models.CharField(_("name"), max_length=120, validators=[DisplayNameValidator()])
    email = models.EmailField(_("e-mail"))
    country = models.CharField(_("country"), max_length=2, blank=True)
    message = models.TextField(_("message"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    person = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="interests",
        verbose_name=_("organisation here"),
    )
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in InterestState], default=InterestState.NEW
    )
    note = models.TextField(_("remark of the office"), max_length=4000, blank=True, validators=[PlainTextValidator()])
    handled_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("looked after by")
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = InterestQuerySet.as_manager()

    class Meta:
        verbose_name = _("interested company")
        verbose_name_plural = _("interested companies")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in InterestState]), name="interest_state_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="under_nda") | Q(organisation__isnull=False), name="interest_under_nda_names_who"
            ),
            models.UniqueConstraint(
                fields=["offer", "email"], condition=~Q(state="declined"), name="interest_once_per_address"
            ),
        ]

    def __str__(self) -> str:
        return self.company

    @property
    def may_become_licence(self) -> bool:
        """One still talks with the company, and its case is used and goes on."""
        case = self.offer.case
        return self.state != InterestState.DECLINED and case.decision in PURSUED and case.state not in ENDED
