"""Milestones, budget, reports, outputs and parties as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation, User
from collab.kernel.errors import NotFoundError
from collab.projects.models import (
    Budget,
    BudgetLine,
    Contribution,
    ContributionKind,
    CostCategory,
    CostEntry,
    Output,
    OutputKind,
    OutputShare,
    ProgressReport,
    Project,
    ProjectParty,
    ReportKind,
    TrainingRate,
    WorkItem,
    WorkKind,
)
from collab.projects.review_api import IF_MATCH, people_named
from collab.projects.services import (
    acting_for,
    add_contribution,
    add_line,
    book_cost,
    edit_lines,
    edit_output,
    edit_party,
    edit_work,
    leave_party,
    move_report,
    move_work,
    plan_work,
    record_output,
    remove_party,
    set_budget,
    set_training_rate,
    write_report,
)
from collab.projects.states import ReportState, WorkState
from collab.web.api import (
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 2}


class _Rows(ScopedViewSet):
    """Lists and single rows of one noun, tagged with their version."""

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), self.serializer_class)  # type: ignore[arg-type]

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.told(self.get_object())

    def told(self, row: Any, status: int = 200) -> Response:
        return tagged(self.shown(row, self.serializer_class, status), etag_of(row.pk, row.version))  # type: ignore[arg-type]

    def fresh(self) -> Any:
        """The row, if the asker has read it as it is now."""
        row = self.get_object()
        require_match(self.request, etag_of(row.pk, row.version), now=standing(self.request, row))
        return row


def party_for(project: Project, organisation: Organisation) -> ProjectParty:
    """The party of a project; NotFoundError when the organisation is none."""
    party = ProjectParty.objects.filter(project=project, organisation=organisation).first()
    if party is None:
        raise NotFoundError
    party.organisation = organisation
    return party


# --- milestones and deliverables
class WorkItemSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    party = OrganisationRef(source="party.organisation", read_only=True)
    kind = serializers.ChoiceField(choices=WorkKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(WorkState), read_only=True)
    accepted_by = PersonSerializer(read_only=True)

    class Meta:
        model = WorkItem
        fields = [
            "id", "project", "kind", "milestone", "title", "title_zh", "party", "due_on", "criteria", "state",
            "evidence", "evidence_url", "note", "accepted_by", "settled_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class WorkFacts(StrictSerializer):
    title = serializers.CharField(max_length=160, required=False)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    due_on = DayField(required=False)
    criteria = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class WorkInput(WorkFacts):
    project = ScopedRelatedField(word="project.edit", model=Project, slug_field="slug")
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    kind = serializers.ChoiceField(choices=WorkKind.choices, default=WorkKind.DELIVERABLE)
    milestone = ScopedRelatedField(word="project.view", model=WorkItem, required=False, allow_null=True)
    title = serializers.CharField(max_length=160)
    due_on = DayField()


class WorkMove(StrictSerializer):
    move = serializers.ChoiceField(choices=["start", "submit", "accept", "return", "drop"])
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    evidence = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    evidence_url = serializers.URLField(max_length=500, required=False, allow_blank=True)


class WorkFilter(django_filters.FilterSet):
    project = ProjectFilter()
    kind = django_filters.ChoiceFilter(choices=WorkKind.choices)
    state = django_filters.ChoiceFilter(choices=choices_of(WorkState))


@extend_schema_view(
    list=extend_schema(summary="Milestones and deliverables"), retrieve=extend_schema(summary="One of them")
)
class WorkItemViewSet(_Rows):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "project.edit",
        "partial_update": "project.edit",
        "move": "work.deliver",
    }
    rows = WorkItem.objects.select_related("project", "party__organisation", "accepted_by")
    serializer_class = WorkItemSerializer
    filterset_class = WorkFilter

    @extend_schema(summary="Plan one", request=WorkInput, responses={201: WorkItemSerializer})
    def create(self, request: Request) -> Response:
        data = self.parsed(WorkInput)
        data["party"] = party_for(data["project"], data["party"])
        return self.told(plan_work(by=request.user, **data), 201)

    @extend_schema(summary="Change the plan", request=WorkFacts, responses=WorkItemSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        item = self.fresh()
        return self.told(edit_work(item=item, by=request.user, version=item.version, **self.parsed(WorkFacts)))

    @extend_schema(summary="Begin, submit, accept, return or drop it", request=WorkMove, responses=WorkItemSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self.told(move_work(item=self.get_object(), by=request.user, **self.parsed(WorkMove)))


# --- budget
class BudgetSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    thresholds = serializers.ListField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Budget
        fields = ["id", "project", "currency", "thresholds", "version"]


class BudgetEdit(StrictSerializer):
    currency = serializers.CharField(max_length=3, required=False)
    thresholds = serializers.ListField(child=serializers.IntegerField(), required=False, max_length=5)


class RateSerializer(serializers.ModelSerializer):
    class Meta:
        model = TrainingRate
        fields = ["id", "per_cpu_hour", "valid_from"]


class RateInput(StrictSerializer):
    per_cpu_hour = serializers.DecimalField(max_digits=12, decimal_places=4, min_value=0)
    valid_from = DayField()


class BudgetFilter(django_filters.FilterSet):
    project = ProjectFilter()


@extend_schema_view(list=extend_schema(summary="Budgets"), retrieve=extend_schema(summary="One budget"))
class BudgetViewSet(_Rows):
    words = {
        "list": "budget.view",
        "retrieve": "budget.view",
        "partial_update": "budget.edit",
        "rates": "budget.view",
        "set_rate": "budget.edit",
    }
    rows = Budget.objects.select_related("project")
    serializer_class = BudgetSerializer
    filterset_class = BudgetFilter

    @extend_schema(summary="Change its settings", request=BudgetEdit, responses=BudgetSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        budget = self.fresh()
        kept = {"currency": budget.currency, "thresholds": budget.thresholds}
        given = kept | self.parsed(BudgetEdit)
        return self.told(set_budget(project=budget.project, by=request.user, version=budget.version, **given))

    @extend_schema(summary="Prices of training, by day", responses=RateSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def rates(self, request: Request, pk: str) -> Response:
        return self.listed(TrainingRate.objects.filter(budget=self.get_object()), RateSerializer)

    @extend_schema(summary="Set a price from a day on", request=RateInput, responses={201: RateSerializer})
    @rates.mapping.post
    def set_rate(self, request: Request, pk: str) -> Response:
        rate = set_training_rate(project=self.get_object().project, by=request.user, **self.parsed(RateInput))
        return self.shown(rate, RateSerializer, 201)


class CostSerializer(serializers.ModelSerializer):
    source = serializers.ChoiceField(choices=CostEntry.Source.choices, read_only=True)

    class Meta:
        model = CostEntry
        fields = ["id", "on", "amount", "source", "reference", "note"]
        read_only_fields = fields


class LineSerializer(serializers.ModelSerializer):
    project = serializers.CharField(source="budget.project.slug", read_only=True)
    currency = serializers.CharField(source="budget.currency", read_only=True)
    party = OrganisationRef(source="party.organisation", read_only=True)
    category = serializers.ChoiceField(choices=CostCategory.choices, read_only=True)

    class Meta:
        model = BudgetLine
        fields = [
            "id", "project", "party", "category", "starts_on", "ends_on", "currency", "planned", "committed", "actual",
            "note",
        ]  # fmt: skip
        read_only_fields = fields


class LineEdit(StrictSerializer):
    planned = serializers.DecimalField(min_value=0, required=False, **MONEY)
    committed = serializers.DecimalField(min_value=0, required=False, **MONEY)


class LineInput(LineEdit):
    project = ScopedRelatedField(word="budget.edit", model=Project, slug_field="slug")
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    category = serializers.ChoiceField(choices=CostCategory.choices)
    starts_on = DayField()
    ends_on = DayField()
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class CostInput(StrictSerializer):
    amount = serializers.DecimalField(**MONEY)
    on = DayField()
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class LineFilter(django_filters.FilterSet):
    project = ProjectFilter("budget__project")
    category = django_filters.ChoiceFilter(choices=CostCategory.choices)


@extend_schema_view(list=extend_schema(summary="Lines of budgets"), retrieve=extend_schema(summary="One line"))
class BudgetLineViewSet(_Rows):
    words = {
        "list": "budget.view",
        "retrieve": "budget.view",
        "create": "budget.edit",
        "partial_update": "budget.edit",
        "costs": "budget.view",
        "book": "budget.edit",
    }
    rows = BudgetLine.objects.select_related("budget__project", "party__organisation")
    serializer_class = LineSerializer
    filterset_class = LineFilter

    @extend_schema(summary="Add a line", request=LineInput, responses={201: LineSerializer})
    def create(self, request: Request) -> Response:
        data = self.parsed(LineInput)
        data["party"] = party_for(data["project"], data["party"])
        return self.told(add_line(by=request.user, **data), 201)

    @extend_schema(
        summary="Change what it plans and commits", request=LineEdit, responses=LineSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        line = self.fresh()
        changes: dict[Any, dict[str, Decimal]] = {line.pk: self.parsed(LineEdit)}
        edit_lines(project=line.budget.project, changes=changes, by=request.user, version=line.version)
        return self.told(self.rows.get(pk=line.pk))

    @extend_schema(summary="What was spent on it", responses=CostSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def costs(self, request: Request, pk: str) -> Response:
        return self.listed(CostEntry.objects.filter(line=self.get_object()), CostSerializer)

    @extend_schema(summary="Book a cost", request=CostInput, responses={201: CostSerializer})
    @costs.mapping.post
    def book(self, request: Request, pk: str) -> Response:
        return self.shown(
            book_cost(line=self.get_object(), by=request.user, **self.parsed(CostInput)), CostSerializer, 201
        )


# --- reports
class ReportSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    kind = serializers.ChoiceField(choices=ReportKind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ReportState), read_only=True)
    facts = serializers.JSONField(read_only=True)
    written_by = PersonSerializer(read_only=True)
    accepted_by = PersonSerializer(read_only=True)

    class Meta:
        model = ProgressReport
        fields = [
            "id", "project", "kind", "starts_on", "ends_on", "due_on", "state", "facts", "summary", "deviations",
            "outlook", "note", "written_by", "accepted_by", "submitted_at", "version",
        ]  # fmt: skip
        read_only_fields = fields


class ReportInput(StrictSerializer):
    summary = serializers.CharField(max_length=8000, required=False, allow_blank=True)
    deviations = serializers.CharField(max_length=8000, required=False, allow_blank=True)
    outlook = serializers.CharField(max_length=8000, required=False, allow_blank=True)


class ReportMove(StrictSerializer):
    move = serializers.ChoiceField(choices=["submit", "accept", "return"])
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class ReportFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(ReportState))


@extend_schema_view(list=extend_schema(summary="Progress reports"), retrieve=extend_schema(summary="One report"))
class ReportViewSet(_Rows):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "partial_update": "work.deliver",
        "move": "work.deliver",
    }
    rows = ProgressReport.objects.select_related("project", "party__organisation", "written_by", "accepted_by")
    serializer_class = ReportSerializer
    filterset_class = ReportFilter

    @extend_schema(summary="Write at it", request=ReportInput, responses=ReportSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        report = self.fresh()
        kept = {name: getattr(report, name) for name in ("summary", "deviations", "outlook")}
        given = kept | self.parsed(ReportInput)
        return self.told(write_report(report=report, by=request.user, version=report.version, **given))

    @extend_schema(summary="Submit, accept or return it", request=ReportMove, responses=ReportSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self.told(move_report(report=self.get_object(), by=request.user, **self.parsed(ReportMove)))


# --- outputs
class ShareSerializer(serializers.ModelSerializer):
    party = OrganisationRef(source="party.organisation", read_only=True)

    class Meta:
        model = OutputShare
        fields = ["party", "percent"]


class OutputSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    kind = serializers.ChoiceField(choices=OutputKind.choices, read_only=True)
    shares = ShareSerializer(many=True, read_only=True)
    creators = PersonSerializer(many=True, read_only=True)

    class Meta:
        model = Output
        fields = [
            "id", "project", "kind", "title", "title_zh", "description", "made_on", "confidential", "doi", "link",
            "row_id", "shares", "creators", "other_creators", "version",
        ]  # fmt: skip
        read_only_fields = fields


class ShareInput(StrictSerializer):
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    percent = serializers.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100)


class OutputFacts(StrictSerializer):
    title = serializers.CharField(max_length=200, required=False)
    title_zh = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    made_on = DayField(required=False)
    confidential = serializers.BooleanField(required=False)
    doi = serializers.CharField(max_length=200, required=False, allow_blank=True)
    link = serializers.CharField(max_length=500, required=False, allow_blank=True)
    shares = ShareInput(many=True, required=False)
    creators = serializers.ListField(child=serializers.EmailField(), required=False, max_length=100)
    other_creators = serializers.CharField(max_length=300, required=False, allow_blank=True)


class OutputInput(OutputFacts):
    project = ScopedRelatedField(word="output.edit", model=Project, slug_field="slug")
    kind = serializers.ChoiceField(choices=OutputKind.choices)
    title = serializers.CharField(max_length=200)
    shares = ShareInput(many=True)
    row_id = serializers.UUIDField(required=False, allow_null=True)


class OutputFilter(django_filters.FilterSet):
    project = ProjectFilter()
    kind = django_filters.ChoiceFilter(choices=OutputKind.choices)


@extend_schema_view(list=extend_schema(summary="Outputs"), retrieve=extend_schema(summary="One output"))
class OutputViewSet(_Rows):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "create": "output.edit",
        "partial_update": "output.edit",
    }
    rows = Output.objects.select_related("project").prefetch_related("shares__party__organisation", "creators")
    serializer_class = OutputSerializer
    filterset_class = OutputFilter

    @extend_schema(summary="Record an output", request=OutputInput, responses={201: OutputSerializer})
    def create(self, request: Request) -> Response:
        data = self.parsed(OutputInput)
        return self.told(record_output(by=request.user, **_owned(data["project"], data)), 201)

    @extend_schema(summary="Change it", request=OutputFacts, responses=OutputSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        output = self.fresh()
        data = _owned(output.project, self.parsed(OutputFacts))
        data.setdefault("shares", {share.party: share.percent for share in output.shares.all()})
        creators: list[User] = list(output.creators.all())
        data.setdefault("creators", creators)
        edit_output(output=output, by=request.user, version=output.version, **data)
        return self.told(self.rows.get(pk=output.pk))


def _owned(project: Project, data: dict[str, Any]) -> dict[str, Any]:
    if "shares" in data:
        data["shares"] = {party_for(project, share["party"]): share["percent"] for share in data["shares"]}
    if "creators" in data:
        data["creators"] = people_named(data["creators"], "creators")
    return data


# --- parties
class ContributionSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=ContributionKind.choices, read_only=True)

    class Meta:
        model = Contribution
        fields = ["id", "kind", "description", "amount", "currency", "created_at"]
        read_only_fields = fields


class ContributionInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=ContributionKind.choices)
    amount = serializers.DecimalField(**MONEY)
    currency = serializers.CharField(max_length=3, required=False)
    description = serializers.CharField(max_length=300, required=False, allow_blank=True)


class PartyDetailSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    organisation = OrganisationRef(read_only=True)
    lead = serializers.StringRelatedField(read_only=True)
    surviving_duties = serializers.JSONField(read_only=True)

    class Meta:
        model = ProjectParty
        fields = [
            "id", "project", "organisation", "role", "lead", "joined_on", "left_on", "accession_note",
            "surviving_duties", "version",
        ]  # fmt: skip
        read_only_fields = fields


class PartyEdit(StrictSerializer):
    """Who leads its work, by e-mail address, and what is noted; what is left out stays."""

    lead = serializers.EmailField(required=False, allow_blank=True)
    accession_note = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class PartyFilter(django_filters.FilterSet):
    project = ProjectFilter()


@extend_schema_view(list=extend_schema(summary="Parties of projects"), retrieve=extend_schema(summary="One party"))
class PartyViewSet(_Rows):
    words = {
        "list": "project.view",
        "retrieve": "project.view",
        "partial_update": "project.edit",
        "contributions": "project.view",
        "contribute": "project.edit",
        "remove": "project.edit",
        "leave": "project.edit",
    }
    rows = ProjectParty.objects.select_related("project", "organisation", "lead")
    serializer_class = PartyDetailSerializer
    filterset_class = PartyFilter

    @extend_schema(
        summary="Change who leads its work, or its accession note",
        request=PartyEdit,
        responses=PartyDetailSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        party = self.fresh()
        given = self.parsed(PartyEdit)
        if "lead" in given:
            given["lead"] = acting_for(party.organisation, given["lead"], "lead")
        return self.told(edit_party(party=party, by=request.user, version=party.version, **given))

    @extend_schema(summary="What it brings in", responses=ContributionSerializer(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def contributions(self, request: Request, pk: str) -> Response:
        return self.listed(Contribution.objects.filter(party=self.get_object()), ContributionSerializer)

    @extend_schema(summary="Record a contribution", request=ContributionInput, responses={201: ContributionSerializer})
    @contributions.mapping.post
    def contribute(self, request: Request, pk: str) -> Response:
        made = add_contribution(party=self.get_object(), by=request.user, **self.parsed(ContributionInput))
        return self.shown(made, ContributionSerializer, 201)

    @extend_schema(summary="Remove a party that owes nothing", request=None, responses=PartyDetailSerializer)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: str) -> Response:
        return self.told(remove_party(party=self.get_object(), by=request.user))

    @extend_schema(summary="Let a party leave with its duties", request=None, responses=PartyDetailSerializer)
    @action(detail=True, methods=["post"])
    def leave(self, request: Request, pk: str) -> Response:
        return self.told(leave_party(party=self.get_object(), by=request.user))
