"""Deadlines and what produces them: dated rule sets of offices and funders. They are data, and no legal advice.

A version of a rule set never changes. A new one takes its place from a day on, and what was counted by the old one for
dates before that day stays as it was.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from collab.access.policy import visible_to
from collab.inbox.states import OBLIGATION_WORDS, ObligationKind
from collab.kernel.names import DisplayNameValidator, PlainTextValidator
from collab.kernel.records import Record
from collab.transfer.disclosures.models import in_language
from collab.transfer.protection.models import JURISDICTION, Protection
from collab.transfer.protection.states import BASE_WORDS, BaseDate, DeadlineState, ProtectionStatus

if TYPE_CHECKING:
    from collab.access.policy import Person


class Authority(models.TextChoices):
    OFFICE = "office", _("Office")
    FUNDER = "funder", _("Funder")


class RuleSetQuerySet(models.QuerySet["DeadlineRuleSet"]):
    def visible_to(self, user: Person, word: str = "organisation.view") -> RuleSetQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def on(self, day: date) -> RuleSetQuerySet:
        """Those that count for a date of that day."""
        return self.filter(Q(effective_to=None) | Q(effective_to__gt=day), effective_from__lte=day)

    def of(self, organisation: Any) -> RuleSetQuerySet:
        """Those that an organisation counts by: shipped ones, and its own."""
        return self.filter(Q(organisation=None) | Q(organisation=organisation))


class DeadlineRuleSet(Record):
    """A version of the rules of one office or funder, for dates from a day until another."""

    code = models.SlugField(_("code"), max_length=40)
    number = models.PositiveSmallIntegerField(_("version"))
    organisation = models.ForeignKey(
        "collab.Organisation",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("of the organisation"),
        help_text=_("Empty: for all. An organisation's own counts instead of the one for all with the same code."),
    )
    authority = models.CharField(_("kind"), max_length=10, choices=Authority.choices)
    jurisdiction = models.CharField(
        _("jurisdiction"), max_length=2, blank=True, validators=[JURISDICTION], help_text=_("Of an office.")
    )
    name = models.CharField(_("name"), max_length=160, validators=[DisplayNameValidator()])
    name_zh = models.CharField(_("Chinese name"), max_length=160, blank=True, validators=[PlainTextValidator()])
    source = models.CharField(_("where it stands"), max_length=500, blank=True, validators=[PlainTextValidator()])
    is_example = models.BooleanField(
        _("an example"), default=False, help_text=_("To be checked with counsel before anybody relies on it.")
    )
    effective_from = models.DateField(_("in force from"))
    effective_to = models.DateField(_("until before"), null=True, blank=True)
    published_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("published by")
    )

    objects = RuleSetQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule set of deadlines")
        verbose_name_plural = _("rule sets of deadlines")
        ordering = ["authority", "code", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["code", "number"], condition=Q(organisation=None), name="rule_set_for_all_number_once"
            ),
            models.UniqueConstraint(
                fields=["code", "organisation", "number"],
                condition=Q(organisation__isnull=False),
                name="rule_set_of_organisation_number_once",
            ),
            models.UniqueConstraint(
                fields=["code"], condition=Q(organisation=None, effective_to=None), name="rule_set_for_all_one_latest"
            ),
            models.UniqueConstraint(
                fields=["code", "organisation"],
                condition=Q(organisation__isnull=False, effective_to=None),
                name="rule_set_of_organisation_one_latest",
            ),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_to__gt=F("effective_from")),
                name="rule_set_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=(Q(authority="office") & ~Q(jurisdiction="")) | Q(authority="funder", jurisdiction=""),
                name="rule_set_of_an_office_names_it",
            ),
        ]

    def __str__(self) -> str:
        return f"{in_language(self.name, self.name_zh)} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("collab:rule_set", args=[self.pk])


class DeadlineRule(Record):
    """So many months and days from a date, once or again and again."""

    rule_set = models.ForeignKey(DeadlineRuleSet, models.CASCADE, related_name="rules", verbose_name=_("rule set"))
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    code = models.SlugField(_("code"), max_length=40)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    kinds = models.JSONField(
        _("for these kinds"), default=list, blank=True, help_text=_("Of protection; none: for all of the office.")
    )
    base = models.CharField(_("counted from"), max_length=20, choices=[(b.value, BASE_WORDS[b]) for b in BaseDate])
    months = models.PositiveSmallIntegerField(_("months"), default=0)
    days = models.SmallIntegerField(_("days"), default=0)
    every_months = models.PositiveSmallIntegerField(_("again every so many months"), null=True, blank=True)
    until_months = models.PositiveSmallIntegerField(
        _("for the last time after so many months"), null=True, blank=True, help_text=_("Counted from the same date.")
    )
    obligation = models.CharField(
        _("what falls due"),
        max_length=20,
        choices=[(k.value, OBLIGATION_WORDS[k]) for k in ObligationKind],
        default=ObligationKind.NOTICE,
    )
    met_by = models.JSONField(
        _("met when the family has"),
        default=list,
        blank=True,
        help_text=_("Kinds of protection that were filed in time."),
    )
    met_by_date = models.CharField(
        _("met by the date"), max_length=20, blank=True, choices=[(b.value, BASE_WORDS[b]) for b in BaseDate]
    )
    escalate_days = models.PositiveSmallIntegerField(_("days before, the admins are told as well"), default=14)
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])
    note_zh = models.CharField(_("Chinese remark"), max_length=500, blank=True, validators=[PlainTextValidator()])

    class Meta:
        verbose_name = _("rule for a deadline")
        verbose_name_plural = _("rules for deadlines")
        ordering = ["rule_set", "position", "code"]
        constraints = [
            models.UniqueConstraint(fields=["rule_set", "code"], name="deadline_rule_once"),
            models.CheckConstraint(condition=Q(base__in=[b.value for b in BaseDate]), name="deadline_rule_base_known"),
            models.CheckConstraint(
                condition=Q(months__lte=1200) & Q(days__range=(-366, 3660)), name="deadline_rule_span_is_sound"
            ),
            models.CheckConstraint(
                condition=Q(every_months=None, until_months=None) | Q(every_months__range=(1, 600)),
                name="deadline_rule_repeats_or_not",
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    @property
    def note_text(self) -> str:
        return in_language(self.note, self.note_zh)


class FunderRules(Record):
    """The rules of a funder count for a case, with the two dates that only they ask for."""

    case = models.ForeignKey("collab.TransferCase", models.PROTECT, related_name="funder_rules", verbose_name=_("case"))
    code = models.SlugField(_("rule set"), max_length=40)
    award = models.CharField(_("award number"), max_length=80, blank=True, validators=[PlainTextValidator()])
    reported_on = models.DateField(_("reported to the funder on"), null=True, blank=True)
    elected_on = models.DateField(_("title elected on"), null=True, blank=True)
    ended_at = models.DateTimeField(_("no longer counts since"), null=True, blank=True, editable=False)
    added_by = models.ForeignKey("collab.User", models.PROTECT, related_name="+", verbose_name=_("chosen by"))
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        verbose_name = _("rules of a funder for a case")
        verbose_name_plural = _("rules of funders for cases")
        ordering = ["case", "code"]
        constraints = [
            models.UniqueConstraint(fields=["case", "code"], condition=Q(ended_at=None), name="funder_rules_once"),
            models.CheckConstraint(
                condition=Q(elected_on=None) | Q(reported_on=None) | Q(elected_on__gte=F("reported_on")),
                name="funder_elected_after_report",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case.docket} · {self.code}"


class DeadlineQuerySet(models.QuerySet["Deadline"]):
    def visible_to(self, user: Person, word: str = "case.view") -> DeadlineQuerySet:
        return visible_to(user, word, self)  # type: ignore[return-value]

    def open(self) -> DeadlineQuerySet:
        return self.filter(state=DeadlineState.OPEN)

    def shown(self) -> DeadlineQuerySet:
        return self.exclude(state=DeadlineState.VOID)

    def with_names(self) -> DeadlineQuerySet:
        return self.select_related(
            "case__organisation", "case__disclosure", "protection__family__case", "rule__rule_set"
        )


class Deadline(Record):
    """A day by which something must be done, counted by a rule or entered by hand."""

    case = models.ForeignKey("collab.TransferCase", models.PROTECT, related_name="deadlines", verbose_name=_("case"))
    protection = models.ForeignKey(
        Protection, models.PROTECT, null=True, blank=True, related_name="deadlines", verbose_name=_("protection")
    )
    rule = models.ForeignKey(
        DeadlineRule, models.PROTECT, null=True, blank=True, related_name="deadlines", verbose_name=_("rule")
    )
    occurrence = models.PositiveSmallIntegerField(_("occurrence"), default=1)
    title = models.CharField(_("title"), max_length=160, validators=[DisplayNameValidator()])
    title_zh = models.CharField(_("Chinese title"), max_length=160, blank=True, validators=[PlainTextValidator()])
    obligation = models.CharField(
        _("what falls due"), max_length=20, choices=[(k.value, OBLIGATION_WORDS[k]) for k in ObligationKind]
    )
    base = models.CharField(
        _("counted from"), max_length=20, blank=True, choices=[(b.value, BASE_WORDS[b]) for b in BaseDate]
    )
    base_on = models.DateField(_("of the day"), null=True, blank=True)
    due_on = models.DateField(_("due on"))
    escalate_days = models.PositiveSmallIntegerField(_("days before, the admins are told as well"), default=14)
    escalated_on = models.DateField(_("admins told on"), null=True, blank=True, editable=False)
    state = models.CharField(
        _("state"), max_length=20, choices=[(s.value, s.value) for s in DeadlineState], default=DeadlineState.OPEN
    )
    settled_on = models.DateField(_("settled on"), null=True, blank=True)
    settled_by = models.ForeignKey(
        "collab.User", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("settled by")
    )
    by_rule = models.BooleanField(_("settled by what was filed"), default=False, editable=False)
    note = models.CharField(_("remark"), max_length=500, blank=True, validators=[PlainTextValidator()])
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = DeadlineQuerySet.as_manager()

    class Meta:
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")
        ordering = ["due_on", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in DeadlineState]), name="deadline_state_is_known"
            ),
            models.UniqueConstraint(
                fields=["protection", "rule", "occurrence"],
                condition=Q(protection__isnull=False, rule__isnull=False),
                name="deadline_of_protection_once",
            ),
            models.UniqueConstraint(
                fields=["case", "rule", "occurrence"],
                condition=Q(protection=None, rule__isnull=False),
                name="deadline_of_case_once",
            ),
            models.CheckConstraint(
                condition=Q(rule=None, base_on=None) | Q(rule__isnull=False, base_on__isnull=False),
                name="deadline_of_a_rule_says_from_when",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["met", "waived"], settled_on__isnull=False)
                | (~Q(state__in=["met", "waived"]) & Q(settled_on=None)),
                name="deadline_settled_has_its_day",
            ),
        ]
        indexes = [models.Index(fields=["due_on"], condition=Q(state="open"), name="deadline_open_by_day")]

    def __str__(self) -> str:
        return in_language(self.title, self.title_zh)

    @property
    def is_overdue(self) -> bool:
        return self.state == DeadlineState.OPEN and self.due_on < timezone.localdate()

    @property
    def shown_state(self) -> str:
        return "overdue" if self.is_overdue else self.state

    @property
    def about(self) -> str:
        """What it is about, in one name."""
        return str(self.protection) if self.protection_id else str(self.case)

    @property
    def is_of_a_plan(self) -> bool:
        return bool(self.protection and self.protection.status == ProtectionStatus.PLANNED)

    def get_absolute_url(self) -> str:
        if self.protection is not None:
            return self.protection.get_absolute_url()
        return reverse("collab:case_protection", args=[self.case_id])
