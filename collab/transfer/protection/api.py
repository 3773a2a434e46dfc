"""Families, protections, deadlines, costs, counsel, rule sets and offers as JSON."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.models import Organisation, User
from collab.inbox.states import ObligationKind
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.protection.models import CostKind, Counsel, Family, Protection, ProtectionCost
from collab.transfer.protection.offering import (
    add_interest,
    edit_interest,
    edit_offer,
    move_interest,
    open_more,
    publish_offer,
    withdraw_offer,
    write_offer,
)
from collab.transfer.protection.offers import Interest, Offer
from collab.transfer.protection.rules import Authority, Deadline, DeadlineRule, DeadlineRuleSet, FunderRules
from collab.transfer.protection.ruling import RULES_MAX, publish_rule_set
from collab.transfer.protection.services import (
    add_cost,
    add_counsel,
    add_deadline,
    add_protection,
    begin_family,
    cancel_cost,
    change_deadline,
    choose_funder_rules,
    correct_protection,
    drop_funder_rules,
    edit_counsel,
    edit_family,
    edit_funder_rules,
    edit_protection,
    meet_deadline,
    move_protection,
    pay_cost,
    reopen_deadline,
    waive_deadline,
)
from collab.transfer.protection.states import (
    INTEREST_MOVES,
    PROTECTION_MOVES,
    BaseDate,
    DeadlineState,
    InterestState,
    OfferState,
    ProtectionKind,
    ProtectionStatus,
)
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    choices_of,
    etag_of,
    require_match,
    tagged,
)

KINDS = choices_of(ProtectionKind)
OBLIGATIONS = choices_of(ObligationKind)
_AMOUNT = {"max_digits": 17, "decimal_places": 4}


def _line(most: int, **more: Any) -> serializers.CharField:
    return serializers.CharField(max_length=most, **({"required": False, "allow_blank": True} | more))


def _day(**more: Any) -> DayField:
    return DayField(**({"required": False, "allow_null": True} | more))


def _managed(model: type[Any], word: str = "protection.manage", **more: Any) -> ScopedRelatedField:
    return ScopedRelatedField(word=word, model=model, **more)


# --- what is told
class CaseName(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    docket = serializers.CharField(read_only=True)


class ProtectionRow(serializers.ModelSerializer):
    family = serializers.UUIDField(source="family_id", read_only=True)
    case = CaseName(source="family.case", read_only=True)
    parent = serializers.UUIDField(source="parent_id", read_only=True, allow_null=True)
    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    status = serializers.ChoiceField(choices=choices_of(ProtectionStatus), read_only=True)
    counsel = serializers.UUIDField(source="counsel_id", read_only=True, allow_null=True)

    class Meta:
        model = Protection
        fields = [
            "id", "family", "case", "kind", "jurisdiction", "parent", "title", "status", "application_number",
            "publication_number", "grant_number", "instrument", "priority_on", "filed_on", "published_on", "granted_on",
            "expires_on", "ended_on", "reason", "counsel", "counsel_reference", "version",
        ]  # fmt: skip


class DeadlineSerializer(serializers.ModelSerializer):
    """`rule_set` is null for a deadline that was entered by hand."""

    case = CaseName(read_only=True)
    protection = serializers.UUIDField(source="protection_id", read_only=True, allow_null=True)
    rule = serializers.SlugField(source="rule.code", read_only=True, allow_null=True)
    rule_set = serializers.UUIDField(source="rule.rule_set_id", read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(DeadlineState), read_only=True)
    obligation = serializers.ChoiceField(choices=OBLIGATIONS, read_only=True)

    class Meta:
        model = Deadline
        fields = [
            "id", "case", "protection", "rule", "rule_set", "occurrence", "title", "title_zh", "obligation", "base",
            "base_on", "due_on", "escalate_days", "escalated_on", "state", "settled_on", "by_rule", "note", "version",
        ]  # fmt: skip


class ProtectionCostSerializer(serializers.ModelSerializer):
    protection = serializers.UUIDField(source="protection_id", read_only=True)
    counsel = serializers.UUIDField(source="counsel_id", read_only=True, allow_null=True)
    kind = serializers.ChoiceField(choices=CostKind.choices, read_only=True)

    class Meta:
        model = ProtectionCost
        fields = [
            "id", "protection", "kind", "amount", "currency", "incurred_on", "paid_on", "counsel", "reference", "note",
            "repaid_amount", "repaid", "cancelled_at", "cancel_reason", "version",
        ]  # fmt: skip


class FamilySerializer(serializers.ModelSerializer):
    case = CaseName(read_only=True)
    reference = serializers.CharField(read_only=True)
    members = ProtectionRow(many=True, read_only=True)

    class Meta:
        model = Family
        fields = ["id", "case", "number", "reference", "title", "title_zh", "note", "members", "version"]


class CounselSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = Counsel
        fields = [
            "id", "organisation", "name", "firm", "email", "phone", "jurisdictions", "note", "is_active", "version",
        ]  # fmt: skip


class RuleSerializer(serializers.ModelSerializer):
    class Meta:
        model = DeadlineRule
        fields = [
            "code", "title", "title_zh", "kinds", "base", "months", "days", "every_months", "until_months",
            "obligation", "met_by", "met_by_date", "escalate_days", "note", "note_zh",
        ]  # fmt: skip
        extra_kwargs = {name: {"read_only": True} for name in ("base", "obligation", "met_by_date")}


class RuleSetSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True, allow_null=True)
    authority = serializers.ChoiceField(choices=Authority.choices, read_only=True)
    rules = RuleSerializer(many=True, read_only=True)

    class Meta:
        model = DeadlineRuleSet
        fields = [
            "id", "code", "number", "organisation", "authority", "jurisdiction", "name", "name_zh", "source",
            "is_example", "effective_from", "effective_to", "rules",
        ]  # fmt: skip


class FunderRulesSerializer(serializers.ModelSerializer):
    case = CaseName(read_only=True)

    class Meta:
        model = FunderRules
        fields = ["id", "case", "code", "award", "reported_on", "elected_on", "ended_at", "version"]


class OfferInterestSerializer(serializers.ModelSerializer):
    offer = serializers.UUIDField(source="offer_id", read_only=True)
    organisation = serializers.SlugField(source="organisation.slug", read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(InterestState), read_only=True)
    handled_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Interest
        fields = [
            "id", "offer", "company", "name", "email", "country", "message", "organisation", "state", "note",
            "handled_by", "created_at", "version",
        ]  # fmt: skip


class OfferSerializer(serializers.ModelSerializer):
    """What everybody may read of an offer; the confidential part is asked for by itself."""

    organisation = serializers.SlugField(source="case.organisation.slug", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(OfferState), read_only=True)

    class Meta:
        model = Offer
        fields = [
            "id", "slug", "organisation", "title", "title_zh", "field", "field_zh", "text", "text_zh", "advantages",
            "advantages_zh", "readiness", "sought", "sought_zh", "state", "published_on", "version",
        ]  # fmt: skip


class MoreSerializer(serializers.Serializer):
    more = serializers.CharField(read_only=True)


# --- what is taken
class FamilyInput(StrictSerializer):
    case = _managed(TransferCase)
    title = serializers.CharField(max_length=200)
    title_zh = _line(200)
    note = _line(4000)


class FamilyEdit(StrictSerializer):
    title = serializers.CharField(max_length=200, required=False)
    title_zh = _line(200)
    note = _line(4000)


class _Facts(StrictSerializer):
    jurisdiction = _line(2)
    parent = _managed(Protection, required=False, allow_null=True)
    title = _line(200)
    application_number = _line(60)
    publication_number = _line(60)
    grant_number = _line(60)
    instrument = _line(160)
    priority_on = _day()
    filed_on = _day()
    published_on = _day()
    granted_on = _day()
    expires_on = _day()
    counsel = _managed(Counsel, required=False, allow_null=True)
    counsel_reference = _line(60)


class ProtectionInput(_Facts):
    family = _managed(Family)
    kind = serializers.ChoiceField(choices=KINDS)


class ProtectionEdit(_Facts):
    """Fields that are left out stay as they are."""


class MoveInput(StrictSerializer):
    move = serializers.ChoiceField(choices=[(name, name) for name in PROTECTION_MOVES.table])
    on = DayField()
    number = _line(60)
    reason = _line(1000)
    expires_on = _day()


class CostInput(StrictSerializer):
    protection = _managed(Protection)
    kind = serializers.ChoiceField(choices=CostKind.choices)
    amount = serializers.DecimalField(**_AMOUNT)
    currency = serializers.CharField(max_length=3)
    incurred_on = DayField()
    paid_on = _day()
    counsel = _managed(Counsel, required=False, allow_null=True)
    reference = _line(60)
    note = _line(300)


class PayInput(StrictSerializer):
    paid_on = DayField()


class CancelCostInput(StrictSerializer):
    reason = serializers.CharField(max_length=300)


class CounselEdit(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    firm = _line(160)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = _line(40)
    jurisdictions = _line(120)
    note = _line(500)
    is_active = serializers.BooleanField(required=False)


class CounselInput(CounselEdit):
    organisation = _managed(Organisation, slug_field="slug")
    name = serializers.CharField(max_length=120)


class DeadlineEdit(StrictSerializer):
    title = serializers.CharField(max_length=160, required=False)
    title_zh = _line(160)
    due_on = DayField(required=False)
    obligation = serializers.ChoiceField(choices=OBLIGATIONS, required=False)
    escalate_days = serializers.IntegerField(min_value=0, max_value=400, required=False)
    note = _line(500)


class DeadlineInput(DeadlineEdit):
    case = _managed(TransferCase)
    protection = _managed(Protection, required=False, allow_null=True)
    title = serializers.CharField(max_length=160)
    due_on = DayField()


class MeetInput(StrictSerializer):
    on = DayField(required=False)
    note = _line(500)


class WaiveInput(StrictSerializer):
    note = serializers.CharField(max_length=500)


class FunderEdit(StrictSerializer):
    award = _line(80)
    reported_on = _day()
    elected_on = _day()


class FunderInput(FunderEdit):
    case = _managed(TransferCase)
    code = serializers.SlugField(max_length=40)


class CorrectInput(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class RuleInput(StrictSerializer):
    code = serializers.SlugField(max_length=40)
    title = serializers.CharField(max_length=160)
    title_zh = _line(160)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=KINDS), required=False, max_length=10)
    base = serializers.ChoiceField(choices=choices_of(BaseDate))
    months = serializers.IntegerField(min_value=0, max_value=1200, required=False)
    days = serializers.IntegerField(min_value=-366, max_value=3660, required=False)
    every_months = serializers.IntegerField(min_value=1, max_value=600, required=False)
    until_months = serializers.IntegerField(min_value=1, max_value=1200, required=False)
    obligation = serializers.ChoiceField(choices=OBLIGATIONS, required=False)
    met_by = serializers.ListField(child=serializers.ChoiceField(choices=KINDS), required=False, max_length=10)
    met_by_date = serializers.ChoiceField(choices=choices_of(BaseDate), required=False, allow_blank=True)
    escalate_days = serializers.IntegerField(min_value=0, max_value=400, required=False)
    note = _line(500)
    note_zh = _line(500)


class RuleSetInput(StrictSerializer):
    """A version of one's own organisation."""

    organisation = _managed(Organisation, slug_field="slug")
    code = serializers.SlugField(max_length=40)
    authority = serializers.ChoiceField(choices=Authority.choices)
    jurisdiction = _line(2)
    name = serializers.CharField(max_length=160)
    name_zh = _line(160)
    source = _line(500)
    effective_from = DayField()
    rules = RuleInput(many=True, max_length=RULES_MAX)


class OfferEdit(StrictSerializer):
    title = serializers.CharField(max_length=160, required=False)
    title_zh = _line(160)
    field = _line(120)
    field_zh = _line(120)
    text = serializers.CharField(max_length=6000, required=False)
    text_zh = _line(6000)
    advantages = _line(3000)
    advantages_zh = _line(3000)
    readiness = serializers.IntegerField(min_value=1, max_value=9, required=False, allow_null=True)
    sought = _line(200)
    sought_zh = _line(200)
    more = _line(20_000)
    contact = ScopedRelatedField(word="person.view", model=User, required=False)


class OfferInput(OfferEdit):
    case = _managed(TransferCase, word="offer.manage")
    title = serializers.CharField(max_length=160)
    text = serializers.CharField(max_length=6000)


class InterestEdit(StrictSerializer):
    organisation = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )
    note = _line(4000)


class OfferInterestInput(StrictSerializer):
    offer = _managed(Offer, word="offer.manage")
    company = serializers.CharField(max_length=160)
    name = serializers.CharField(max_length=120)
    email = serializers.EmailField()
    country = _line(2)
    organisation = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )
    message = _line(4000)
    note = _line(4000)


class InterestMove(StrictSerializer):
    move = serializers.ChoiceField(choices=[(name, name) for name in INTEREST_MOVES.table])


# --- filters
class ProtectionFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="family__case")
    family = django_filters.UUIDFilter(field_name="family")
    kind = django_filters.ChoiceFilter(choices=KINDS)
    status = django_filters.ChoiceFilter(choices=choices_of(ProtectionStatus))
    jurisdiction = django_filters.CharFilter(lookup_expr="iexact", max_length=2)


class DeadlineFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="case")
    protection = django_filters.UUIDFilter(field_name="protection")
    state = django_filters.ChoiceFilter(choices=choices_of(DeadlineState))
    due_until = django_filters.DateFilter(field_name="due_on", lookup_expr="lte")


class CostFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="protection__family__case")
    protection = django_filters.UUIDFilter(field_name="protection")
    repaid = TruthFilter()


class OfCaseFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="case")


class RuleSetFilter(django_filters.FilterSet):
    code = django_filters.CharFilter(max_length=40)
    authority = django_filters.ChoiceFilter(choices=Authority.choices)


class OfferFilter(OfCaseFilter):
    state = django_filters.ChoiceFilter(choices=choices_of(OfferState))


class InterestFilter(django_filters.FilterSet):
    offer = django_filters.UUIDFilter(field_name="offer")
    state = django_filters.ChoiceFilter(choices=choices_of(InterestState))


# --- views
class _Rows(ScopedViewSet):
    """Lists, one row, and what every verb answers with: the row as it is now, tagged with its version."""

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), self.serializer_class)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.told(self.get_object())

    def told(self, row: Any, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        shown = self.shown(row, self.serializer_class, status)
        return tagged(shown, etag_of(row.pk, row.version)) if hasattr(row, "version") else shown

    def matched(self, serializer: type[serializers.BaseSerializer]) -> tuple[Any, dict[str, Any]]:
        """The row and the changes, when they were made from what it is now."""
        row = self.get_object()
        given = self.parsed(serializer)
        now = {name: _plain(getattr(row, name, None)) for name in given}
        require_match(self.request, etag_of(row.pk, row.version), now=now)
        return row, given


def _plain(value: Any) -> Any:
    return str(value.pk) if hasattr(value, "pk") else value


_MANAGE = {"create": "protection.manage", "partial_update": "protection.manage"}
_READ = {"list": "case.view", "retrieve": "case.view"}


@extend_schema_view(list=extend_schema(summary="Families"), retrieve=extend_schema(summary="One family"))
class FamilyViewSet(_Rows):
    words = _READ | _MANAGE
    rows = Family.objects.with_all()
    serializer_class = FamilySerializer
    filterset_class = OfCaseFilter

    @extend_schema(summary="Begin a family", request=FamilyInput, responses={201: FamilySerializer})
    def create(self, request: Request) -> Response:
        return self.told(begin_family(by=request.user, **self.parsed(FamilyInput)), 201)

    @extend_schema(summary="Change it", request=FamilyEdit, responses=FamilySerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(FamilyEdit)
        return self.told(edit_family(family=row, by=request.user, version=row.version, **given))


@extend_schema_view(list=extend_schema(summary="Protections"), retrieve=extend_schema(summary="One protection"))
class ProtectionViewSet(_Rows):
    words = _READ | _MANAGE | {"move": "protection.manage", "correct": "protection.manage"}
    rows = Protection.objects.with_rows()
    serializer_class = ProtectionRow
    filterset_class = ProtectionFilter

    @extend_schema(summary="Add a member to a family", request=ProtectionInput, responses={201: ProtectionRow})
    def create(self, request: Request) -> Response:
        return self.told(add_protection(by=request.user, **self.parsed(ProtectionInput)), 201)

    @extend_schema(
        summary="Change numbers, days and counsel", request=ProtectionEdit, responses=ProtectionRow,
        parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(ProtectionEdit)
        return self.told(edit_protection(protection=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Say that it was filed, granted …", request=MoveInput, responses=ProtectionRow)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(move_protection(protection=row, by=request.user, **self.parsed(MoveInput)))

    @extend_schema(
        summary="Take back what was entered last", request=CorrectInput, responses=ProtectionRow, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: str) -> Response:
        row, given = self.matched(CorrectInput)
        return self.told(correct_protection(protection=row, by=request.user, version=row.version, **given))


@extend_schema_view(list=extend_schema(summary="Deadlines"), retrieve=extend_schema(summary="One deadline"))
class DeadlineViewSet(_Rows):
    words = _READ | _MANAGE | dict.fromkeys(("meet", "waive", "reopen"), "protection.manage")
    rows = Deadline.objects.with_names()
    serializer_class = DeadlineSerializer
    filterset_class = DeadlineFilter

    @extend_schema(summary="Enter one by hand", request=DeadlineInput, responses={201: DeadlineSerializer})
    def create(self, request: Request) -> Response:
        return self.told(add_deadline(by=request.user, **self.parsed(DeadlineInput)), 201)

    @extend_schema(
        summary="Change one that was entered by hand", request=DeadlineEdit, responses=DeadlineSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(DeadlineEdit)
        return self.told(change_deadline(deadline=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Say that it was done", request=MeetInput, responses=DeadlineSerializer)
    @action(detail=True, methods=["post"])
    def meet(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(meet_deadline(deadline=row, by=request.user, **self.parsed(MeetInput)))

    @extend_schema(summary="Decide not to do it", request=WaiveInput, responses=DeadlineSerializer)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(waive_deadline(deadline=row, by=request.user, **self.parsed(WaiveInput)))

    @extend_schema(summary="Open it again", request=None, responses=DeadlineSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        return self.told(reopen_deadline(deadline=self.get_object(), by=request.user))


@extend_schema_view(list=extend_schema(summary="Costs of protection"), retrieve=extend_schema(summary="One cost"))
class CostViewSet(_Rows):
    words = _READ | dict.fromkeys(("create", "pay", "cancel"), "protection.manage")
    rows = ProtectionCost.objects.select_related("protection", "counsel")
    serializer_class = ProtectionCostSerializer
    filterset_class = CostFilter

    @extend_schema(summary="Enter a cost", request=CostInput, responses={201: ProtectionCostSerializer})
    def create(self, request: Request) -> Response:
        return self.told(add_cost(by=request.user, **self.parsed(CostInput)), 201)

    @extend_schema(summary="Say that it is paid", request=PayInput, responses=ProtectionCostSerializer)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(pay_cost(cost=row, by=request.user, **self.parsed(PayInput)))

    @extend_schema(
        summary="Cancel one that was entered by mistake", request=CancelCostInput, responses=ProtectionCostSerializer
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(cancel_cost(cost=row, by=request.user, **self.parsed(CancelCostInput)))


@extend_schema_view(list=extend_schema(summary="Counsel"), retrieve=extend_schema(summary="One counsel"))
class CounselViewSet(_Rows):
    words = _READ | _MANAGE
    rows = Counsel.objects.select_related("organisation")
    serializer_class = CounselSerializer

    @extend_schema(summary="Enter counsel", request=CounselInput, responses={201: CounselSerializer})
    def create(self, request: Request) -> Response:
        return self.told(add_counsel(by=request.user, **self.parsed(CounselInput)), 201)

    @extend_schema(summary="Change it", request=CounselEdit, responses=CounselSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(CounselEdit)
        return self.told(edit_counsel(counsel=row, by=request.user, version=row.version, **given))


@extend_schema_view(
    list=extend_schema(summary="Rules of funders chosen for cases"), retrieve=extend_schema(summary="One of them")
)
class FunderRulesViewSet(_Rows):
    words = _READ | _MANAGE | {"drop": "protection.manage"}
    rows = FunderRules.objects.select_related("case__organisation", "case__disclosure")
    serializer_class = FunderRulesSerializer
    filterset_class = OfCaseFilter

    @extend_schema(summary="Choose rules for a case", request=FunderInput, responses={201: FunderRulesSerializer})
    def create(self, request: Request) -> Response:
        return self.told(choose_funder_rules(by=request.user, **self.parsed(FunderInput)), 201)

    @extend_schema(summary="Enter dates", request=FunderEdit, responses=FunderRulesSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(FunderEdit)
        return self.told(edit_funder_rules(chosen=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="They no longer count", request=None, responses=FunderRulesSerializer)
    @action(detail=True, methods=["post"])
    def drop(self, request: Request, pk: str) -> Response:
        return self.told(drop_funder_rules(chosen=self.get_object(), by=request.user))


@extend_schema_view(list=extend_schema(summary="Rule sets of deadlines"), retrieve=extend_schema(summary="One version"))
class RuleSetViewSet(_Rows):
    words = {"list": "organisation.view", "retrieve": "organisation.view", "create": "protection.manage"}
    rows = DeadlineRuleSet.objects.select_related("organisation").prefetch_related("rules")
    serializer_class = RuleSetSerializer
    filterset_class = RuleSetFilter

    @extend_schema(summary="Publish a version of one's own", request=RuleSetInput, responses={201: RuleSetSerializer})
    def create(self, request: Request) -> Response:
        return self.told(publish_rule_set(by=request.user, **self.parsed(RuleSetInput)), 201)


@extend_schema_view(
    list=extend_schema(summary="Offers: what is published, and those of one's own organisation"),
    retrieve=extend_schema(summary="One offer, as everybody reads it"),
)
class OfferViewSet(_Rows):
    words = {
        "list": "offer.view",
        "retrieve": "offer.view",
        "more": "offer.read",
        **dict.fromkeys(("create", "partial_update", "publish", "withdraw"), "offer.manage"),
    }
    rows = Offer.objects.with_names()
    serializer_class = OfferSerializer
    filterset_class = OfferFilter

    @extend_schema(summary="Write an offer; it is a draft", request=OfferInput, responses={201: OfferSerializer})
    def create(self, request: Request) -> Response:
        given = {"contact": request.user} | self.parsed(OfferInput)
        return self.told(write_offer(by=request.user, **given), 201)

    @extend_schema(summary="Change it", request=OfferEdit, responses=OfferSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(OfferEdit)
        return self.told(edit_offer(offer=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Let everybody read it", request=None, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        return self.told(publish_offer(offer=self.get_object(), by=request.user))

    @extend_schema(summary="Take it back", request=None, responses=OfferSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self.told(withdraw_offer(offer=self.get_object(), by=request.user))

    @extend_schema(summary="The confidential part; reading it is recorded", responses=MoreSerializer)
    @action(detail=True)
    def more(self, request: Request, pk: str) -> Response:
        offer = self.get_object()
        if request.method != "HEAD":
            open_more(offer=offer, by=request.user)
        return self.shown(offer, MoreSerializer)


@extend_schema_view(list=extend_schema(summary="Interested companies"), retrieve=extend_schema(summary="One company"))
class OfferInterestViewSet(_Rows):
    words = _READ | dict.fromkeys(("create", "partial_update", "move"), "offer.manage")
    rows = Interest.objects.select_related("offer__case__organisation", "organisation", "handled_by")
    serializer_class = OfferInterestSerializer
    filterset_class = InterestFilter

    @extend_schema(
        summary="Enter a company that asked the office",
        request=OfferInterestInput,
        responses={201: OfferInterestSerializer},
    )
    def create(self, request: Request) -> Response:
        return self.told(add_interest(by=request.user, **self.parsed(OfferInterestInput)), 201)

    @extend_schema(
        summary="Say which organisation it is",
        request=InterestEdit,
        responses=OfferInterestSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row, given = self.matched(InterestEdit)
        given = {"organisation": row.organisation, "note": row.note} | given
        return self.told(edit_interest(interest=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Say how far one is", request=InterestMove, responses=OfferInterestSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        return self.told(move_interest(interest=row, by=request.user, **self.parsed(InterestMove)))
