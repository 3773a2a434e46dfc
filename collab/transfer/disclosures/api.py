"""Disclosures, cases and assessments as JSON. Every edit names the state it was made from in If-Match."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, OrganisationUnit, User
from collab.agreements.ip import PartnerRight
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.transfer.disclosures.assessing import (
    add_criterion,
    ask_assessor,
    declare_conflict,
    edit_criterion,
    recuse_assessor,
    retire_criterion,
    waive_conflict,
    write_assessment,
)
from collab.transfer.disclosures.board import searched, stage_figures
from collab.transfer.disclosures.models import (
    Assessment,
    AssessmentScore,
    CaseStage,
    Criterion,
    DisclosedResult,
    DisclosureKind,
    Funding,
    Inventor,
    NoveltyRule,
    PriorArt,
    PriorArtKind,
    TransferCase,
)
from collab.transfer.disclosures.novelty import warnings_of
from collab.transfer.disclosures.prefill import ResultTerm, prefill_of, subject_of
from collab.transfer.disclosures.rights import rights_of
from collab.transfer.disclosures.services import (
    assign_case,
    checks_of,
    decide_case,
    move_case,
    pass_check,
    propose_decision,
    reconsider_case,
    reopen_case,
    resume_case,
    return_case,
    standing_of,
    submit_disclosure,
    take_up,
    withdraw_disclosure,
    withdraw_proposal,
)
from collab.transfer.disclosures.states import ENDED, PIPELINE, AssessmentState, CaseDecision, CaseState
from collab.transfer.disclosures.writing import (
    FIELDS,
    FundingTerm,
    InventorTerm,
    PriorArtTerm,
    disclose,
    edit_disclosure,
    equal_shares,
    find_funding,
    set_funding,
    set_inventors,
    set_prior_art,
    set_results,
    sign_disclosure,
    sign_on_paper,
    step_back,
)
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    TruthFilter,
    choices_of,
    etag_of,
    require_match,
    tagged,
)

STAGES = [(state.value, state.name) for state in (*PIPELINE[1:], *sorted(ENDED - {CaseState.WITHDRAWN}))]


# --- what is read
class InventorSerializer(serializers.ModelSerializer):
    """`signed`: this person has signed the text as it is now."""

    person = PersonSerializer(read_only=True, allow_null=True)
    employer = serializers.SlugField(source="employer.slug", read_only=True, allow_null=True, default=None)
    signed = serializers.SerializerMethodField()

    class Meta:
        model = Inventor
        fields = [
            "id", "person", "name", "employer", "employer_name", "share_percent", "contribution", "signed",
            "signed_at", "first_signed_at",
        ]  # fmt: skip

    def get_signed(self, row: Inventor) -> bool:
        return bool(row.signed_hash) and row.signed_hash == self.context.get("document_sha256", row.signed_hash)


class FundingSerializer(serializers.ModelSerializer):
    sponsor = serializers.SlugField(source="sponsor.slug", read_only=True, allow_null=True, default=None)
    agreement = serializers.UUIDField(source="agreement_id", read_only=True, allow_null=True)
    right = serializers.ChoiceField(choices=PartnerRight.choices, read_only=True)

    class Meta:
        model = Funding
        fields = ["sponsor", "sponsor_name", "award", "agreement", "right", "note"]


class PriorArtSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=PriorArtKind.choices, read_only=True)

    class Meta:
        model = PriorArt
        fields = ["kind", "reference", "link", "difference"]


class ResultSerializer(serializers.ModelSerializer):
    class Meta:
        model = DisclosedResult
        fields = ["kind", "subject_type", "subject_id", "label"]


class StageSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(CaseState), read_only=True)
    by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = CaseStage
        fields = ["state", "entered_at", "left_at", "by", "reason"]


class CheckSerializer(serializers.Serializer):
    """One line of the completeness check."""

    code = serializers.CharField(read_only=True)
    done = serializers.BooleanField(read_only=True)
    needed = serializers.BooleanField(read_only=True)
    sentence = serializers.CharField(read_only=True)


class WarningSerializer(serializers.Serializer):
    """What making it public destroys."""

    code = serializers.CharField(read_only=True)
    sentence = serializers.CharField(read_only=True)
    jurisdictions = serializers.SerializerMethodField()

    def get_jurisdictions(self, warning: Any) -> list[str]:
        return [loss.rule.jurisdiction for loss in warning.losses]


class CaseRow(serializers.ModelSerializer):
    """A case in a list."""

    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    project = serializers.SlugField(source="project.slug", read_only=True, allow_null=True, default=None)
    title = serializers.CharField(source="disclosure.title", read_only=True)
    title_zh = serializers.CharField(source="disclosure.title_zh", read_only=True)
    kind = serializers.ChoiceField(choices=DisclosureKind.choices, source="disclosure.kind", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(CaseState), read_only=True)
    decision = serializers.ChoiceField(choices=choices_of(CaseDecision), read_only=True, allow_blank=True)
    officer = PersonSerializer(read_only=True, allow_null=True)
    unit = serializers.UUIDField(source="unit_id", read_only=True, allow_null=True)

    class Meta:
        model = TransferCase
        fields = [
            "id", "docket", "organisation", "unit", "project", "title", "title_zh", "kind", "state", "stage_since",
            "disclosed_on", "decide_by", "decision", "officer", "version",
        ]  # fmt: skip


class CaseSerializer(CaseRow):
    """The whole disclosure; `document_sha256` is what one signs."""

    summary = serializers.CharField(source="disclosure.summary", read_only=True)
    description = serializers.CharField(source="disclosure.description", read_only=True)
    conception_on = serializers.DateField(source="disclosure.conception_on", read_only=True)
    public_disclosure_on = serializers.DateField(source="disclosure.public_disclosure_on", read_only=True)
    planned_disclosure_on = serializers.DateField(source="disclosure.planned_disclosure_on", read_only=True)
    public_disclosure_note = serializers.CharField(source="disclosure.public_disclosure_note", read_only=True)
    document_sha256 = serializers.CharField(source="disclosure.document_sha256", read_only=True)
    inventors = serializers.SerializerMethodField()
    funding = FundingSerializer(source="disclosure.funding", many=True, read_only=True)
    prior_art = PriorArtSerializer(source="disclosure.prior_art", many=True, read_only=True)
    results = ResultSerializer(many=True, read_only=True)
    stages = StageSerializer(many=True, read_only=True)
    checks = serializers.SerializerMethodField()
    warnings = serializers.SerializerMethodField()
    decided_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = TransferCase
        fields = [
            *CaseRow.Meta.fields, "summary", "description", "conception_on", "public_disclosure_on",
            "planned_disclosure_on", "public_disclosure_note", "document_sha256", "inventors", "funding", "prior_art",
            "results", "stages", "checks", "warnings", "returned_reason", "decision_reason", "decided_by", "decided_at",
        ]  # fmt: skip

    @extend_schema_field(InventorSerializer(many=True))
    def get_inventors(self, case: TransferCase) -> list[dict[str, Any]]:
        context = self.context | {"document_sha256": case.disclosure.document_sha256()}
        return InventorSerializer(case.disclosure.inventors.all(), many=True, context=context).data

    @extend_schema_field(CheckSerializer(many=True))
    def get_checks(self, case: TransferCase) -> list[dict[str, Any]]:
        return CheckSerializer(checks_of(case), many=True).data

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, case: TransferCase) -> list[dict[str, Any]]:
        return WarningSerializer(warnings_of(case.disclosure, timezone.localdate()), many=True).data


class RightSerializer(serializers.Serializer):
    """What another party may claim, by an agreement in force."""

    party = serializers.SlugField(source="party.slug", read_only=True)
    agreement = serializers.UUIDField(source="version.pk", read_only=True)
    right = serializers.ChoiceField(choices=PartnerRight.choices, read_only=True)
    stands_in_the_way = serializers.BooleanField(read_only=True)
    sentence = serializers.CharField(read_only=True)


class StageFiguresSerializer(serializers.Serializer):
    state = serializers.CharField(read_only=True)
    now = serializers.IntegerField(read_only=True)
    passed = serializers.IntegerField(read_only=True)
    mean_days = serializers.IntegerField(read_only=True, allow_null=True)
    longest = serializers.IntegerField(read_only=True, allow_null=True)


# --- what is sent
def _text(most: int, **more: Any) -> serializers.CharField:
    return serializers.CharField(max_length=most, required=False, allow_blank=True, **more)


def _house(**more: Any) -> ScopedRelatedField:
    return ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug", **more)


def _person(**more: Any) -> ScopedRelatedField:
    return ScopedRelatedField(word="person.view", model=User, **more)


class InventorInput(StrictSerializer):
    """A person here by id, or anybody by name."""

    person = _person(required=False, allow_null=True)
    name = _text(120)
    email = serializers.EmailField(required=False, allow_blank=True)
    employer = _house(required=False, allow_null=True)
    employer_name = _text(160)
    share_percent = serializers.DecimalField(max_digits=7, decimal_places=4)
    contribution = _text(500)


class FundingInput(StrictSerializer):
    sponsor = _house(required=False, allow_null=True)
    sponsor_name = _text(160)
    award = _text(80)
    right = serializers.ChoiceField(choices=PartnerRight.choices, required=False)
    note = _text(500)


class PriorArtInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=PriorArtKind.choices)
    reference = serializers.CharField(max_length=500)
    link = serializers.URLField(max_length=500, required=False, allow_blank=True)
    difference = _text(1000)


class _Facts(StrictSerializer):
    title_zh = _text(200)
    summary = _text(4000)
    description = _text(20000)
    conception_on = DayField(required=False, allow_null=True)
    public_disclosure_on = DayField(required=False, allow_null=True)
    planned_disclosure_on = DayField(required=False, allow_null=True)
    public_disclosure_note = _text(300)


class DisclosureEdit(_Facts):
    """Fields that are left out stay as they are."""

    title = serializers.CharField(max_length=200, required=False)
    kind = serializers.ChoiceField(choices=DisclosureKind.choices, required=False)


class BeginInput(_Facts):
    organisation = ScopedRelatedField(word="disclosure.begin", model=Organisation, slug_field="slug")
    unit = ScopedRelatedField(word="organisation.view", model=OrganisationUnit, required=False, allow_null=True)
    title = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(choices=DisclosureKind.choices)


class DisclosureInput(_Facts):
    """`subject` names a row to disclose, as `registry.modelversion:<id>`; what is left out is filled in from it."""

    project = ScopedRelatedField(word="disclosure.create", model=Project, slug_field="slug")
    organisation = _house()
    unit = ScopedRelatedField(word="organisation.view", model=OrganisationUnit, required=False, allow_null=True)
    title = serializers.CharField(max_length=200, required=False)
    kind = serializers.ChoiceField(choices=DisclosureKind.choices, required=False)
    inventors = InventorInput(many=True, required=False)
    subject = serializers.CharField(max_length=120, required=False)


class InventorsInput(StrictSerializer):
    inventors = InventorInput(many=True)


class FundingsInput(StrictSerializer):
    funding = FundingInput(many=True)


class ResultsInput(StrictSerializer):
    """Each as `registry.modelversion:<id>`; what is left out is disclosed with it no more."""

    results = serializers.ListField(child=serializers.CharField(max_length=120), max_length=100)


class PriorArtsInput(StrictSerializer):
    prior_art = PriorArtInput(many=True)


class SignDisclosureInput(StrictSerializer):
    typed_name = serializers.CharField(max_length=120)
    document_sha256 = serializers.CharField(max_length=64)


class PaperInput(StrictSerializer):
    inventor = serializers.UUIDField()
    paper = serializers.CharField(max_length=300)
    document_sha256 = serializers.CharField(max_length=64)


class CaseReasonInput(StrictSerializer):
    reason = serializers.CharField(max_length=4000)


class LeadInput(StrictSerializer):
    """A `unit` that is left out stays; null takes it away."""

    officer = _person(required=False)
    decide_by = DayField(required=False, allow_null=True)
    unit = ScopedRelatedField(word="organisation.view", model=OrganisationUnit, required=False, allow_null=True)


class AssignInput(LeadInput):
    officer = _person()


class AssessorInput(StrictSerializer):
    assessor = _person()
    due_on = DayField(required=False, allow_null=True)


class ProposeInput(CaseReasonInput):
    decision = serializers.ChoiceField(choices=choices_of(CaseDecision))


class DecideInput(StrictSerializer):
    agrees = serializers.BooleanField()
    reason = _text(1000)


class MoveCaseInput(StrictSerializer):
    stage = serializers.ChoiceField(choices=STAGES)
    reason = _text(4000)


class CaseFilterSet(django_filters.FilterSet):
    q = django_filters.CharFilter(method="search")
    project = ProjectFilter()
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    state = django_filters.ChoiceFilter(choices=choices_of(CaseState))
    decision = django_filters.ChoiceFilter(choices=choices_of(CaseDecision))
    kind = django_filters.ChoiceFilter(field_name="disclosure__kind", choices=DisclosureKind.choices)
    unit = django_filters.UUIDFilter(field_name="unit")

    def search(self, rows: Any, name: str, value: str) -> Any:
        return searched(rows, value[:200])


MANAGE = dict.fromkeys(
    (
        "paper",
        "take_up",
        "assign",
        "return_",
        "complete",
        "assessors",
        "propose",
        "take_back",
        "resume",
        "reconsider",
        "reopen",
        "move",
    ),
    "case.manage",
)
EDIT = dict.fromkeys(
    ("partial_update", "inventors", "funding", "find_funding", "prior_art", "results", "submit", "withdraw"),
    "disclosure.edit",
)


@extend_schema_view(
    list=extend_schema(summary="Cases of technology transfer", responses=CaseRow(many=True)),
    retrieve=extend_schema(summary="One case with its disclosure, signatures, checks and warnings"),
)
class CaseViewSet(ScopedViewSet):
    words = {
        "list": "disclosure.view",
        "retrieve": "disclosure.view",
        "create": "disclosure.create",
        "begin": "disclosure.begin",
        "sign": "disclosure.sign",
        "step_back": "disclosure.sign",
        "rights": "case.view",
        "decide": "case.decide",
        "figures": "transfer.report",
        **EDIT,
        **MANAGE,
    }
    rows = TransferCase.objects.with_all()
    serializer_class = CaseSerializer
    filterset_class = CaseFilterSet

    def list(self, request: Request) -> Response:
        rows = self.filtered().prefetch_related(None)
        return self.listed(rows, CaseRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Disclose a result of a project", request=DisclosureInput, responses={201: CaseSerializer})
    def create(self, request: Request) -> Response:
        given = self.parsed(DisclosureInput)
        people = _inventors(given.pop("inventors", []))
        subject = given.pop("subject", "")
        results: tuple[Any, ...] = ()
        if subject:
            known = _known(request.user, subject)
            if known.project.pk != given["project"].pk:
                raise NotFoundError
            results = known.results
            for name in ("title", "summary", "description", "kind"):
                given.setdefault(name, getattr(known, name))
            if not people:
                shares = equal_shares(len(known.contributors))
                pairs = zip(shares, known.contributors, strict=True)
                people = [InventorTerm(share, person=person) for share, person in pairs]
        lacking = {name: ["This field is required."] for name in ("title", "kind") if name not in given}
        if lacking:
            raise serializers.ValidationError(lacking)
        return self._told(disclose(by=request.user, inventors=people, results=results, **given), 201)

    @extend_schema(
        summary="Disclose something made outside of any project", request=BeginInput, responses={201: CaseSerializer}
    )
    @action(detail=False, methods=["post"])
    def begin(self, request: Request) -> Response:
        return self._told(disclose(by=request.user, **self.parsed(BeginInput)), 201)

    @extend_schema(
        summary="Change what it says", request=DisclosureEdit, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        now = {name: getattr(case.disclosure, name) for name in FIELDS}
        require_match(request, etag_of(case.pk, case.version), now=now)
        given = self.parsed(DisclosureEdit)
        return self._told(edit_disclosure(case=case, by=request.user, version=case.version, **given))

    @extend_schema(
        summary="Write down the inventors", request=InventorsInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def inventors(self, request: Request, pk: str) -> Response:
        return self._edited(
            request,
            lambda case: set_inventors(
                case=case, by=request.user, version=case.version,
                inventors=_inventors(self.parsed(InventorsInput)["inventors"]),
            ),
        )  # fmt: skip

    @extend_schema(
        summary="Write down who paid", request=FundingsInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def funding(self, request: Request, pk: str) -> Response:
        return self._edited(
            request,
            lambda case: set_funding(
                case=case, by=request.user, version=case.version,
                funding=[FundingTerm(**row) for row in self.parsed(FundingsInput)["funding"]],
            ),
        )  # fmt: skip

    @extend_schema(
        summary="Read sponsors' rights from the agreements again", request=None, responses=CaseSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="find-funding")
    def find_funding(self, request: Request, pk: str) -> Response:
        return self._edited(request, lambda case: find_funding(case=case, by=request.user, version=case.version))

    @extend_schema(
        summary="Write down the prior art", request=PriorArtsInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"], url_path="prior-art")
    def prior_art(self, request: Request, pk: str) -> Response:
        return self._edited(
            request,
            lambda case: set_prior_art(
                case=case, by=request.user, version=case.version,
                prior_art=[PriorArtTerm(**row) for row in self.parsed(PriorArtsInput)["prior_art"]],
            ),
        )  # fmt: skip

    @extend_schema(
        summary="Write down the models and datasets disclosed with it", request=ResultsInput, responses=CaseSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def results(self, request: Request, pk: str) -> Response:
        return self._edited(
            request,
            lambda case: set_results(
                case=case, by=request.user, version=case.version,
                results=_results(request.user, case, self.parsed(ResultsInput)["results"]),
            ),
        )  # fmt: skip

    @extend_schema(summary="Sign it as an inventor", request=SignDisclosureInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        sign_disclosure(case=case, by=request.user, **self.parsed(SignDisclosureInput))
        return self._told(case)

    @extend_schema(summary="Say that one is no inventor of it", request=CaseReasonInput, responses={204: None})
    @action(detail=True, methods=["post"], url_path="step-back")
    def step_back(self, request: Request, pk: str) -> Response:
        step_back(case=self.get_object(), by=request.user, **self.parsed(CaseReasonInput))
        return Response(status=204)

    @extend_schema(summary="Submit it to the office", request=None, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self._told(submit_disclosure(case=self.get_object(), by=request.user))

    @extend_schema(summary="Withdraw it", request=CaseReasonInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._told(withdraw_disclosure(case=self.get_object(), by=request.user, **self.parsed(CaseReasonInput)))

    # --- the office
    @extend_schema(summary="Enter a signature on paper", request=PaperInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def paper(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        given = self.parsed(PaperInput)
        key = given.pop("inventor")
        inventor = next((row for row in case.disclosure.inventors.all() if row.pk == key), None)
        if inventor is None:
            raise NotFoundError
        sign_on_paper(case=case, inventor=inventor, by=request.user, **given)
        return self._told(case)

    @extend_schema(summary="Take it up", request=LeadInput, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"], url_path="take-up")
    def take_up(self, request: Request, pk: str) -> Response:
        return self._led(request, take_up, LeadInput)

    @extend_schema(summary="Assign it", request=AssignInput, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        return self._led(request, assign_case, AssignInput)

    @extend_schema(
        summary="Return it for information", request=CaseReasonInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"], url_path="return")
    def return_(self, request: Request, pk: str) -> Response:
        return self._led(request, return_case, CaseReasonInput)

    @extend_schema(summary="Find it complete", request=None, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: str) -> Response:
        return self._led(request, pass_check)

    @extend_schema(summary="Ask for an assessment", request=AssessorInput, responses={201: CaseSerializer})
    @action(detail=True, methods=["post"])
    def assessors(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        ask_assessor(case=case, by=request.user, **self.parsed(AssessorInput))
        return self._told(case, 201)

    @extend_schema(summary="Propose a decision", request=ProposeInput, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def propose(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        self._led(request, propose_decision, ProposeInput)
        return self._told(case)

    @extend_schema(summary="Take a proposal back", request=None, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, pk: str) -> Response:
        return self._led(request, withdraw_proposal)

    @extend_schema(
        summary="Decide what was proposed", request=DecideInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        return self._led(request, decide_case, DecideInput)

    @extend_schema(summary="Take up what was on hold", request=None, responses=CaseSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._led(request, resume_case)

    @extend_schema(
        summary="Assess anew what was decided", request=CaseReasonInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def reconsider(self, request: Request, pk: str) -> Response:
        return self._led(request, reconsider_case, CaseReasonInput)

    @extend_schema(
        summary="Take back that it ended", request=CaseReasonInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        return self._led(request, reopen_case, CaseReasonInput)

    @extend_schema(
        summary="Move it to another stage", request=MoveCaseInput, responses=CaseSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._led(request, move_case, MoveCaseInput)

    @extend_schema(
        summary="What other parties may claim, by the agreements in force", responses=RightSerializer(many=True)
    )
    @action(detail=True)
    def rights(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        rows = rights_of(case.project_id, case.organisation_id, request.user)
        return Response(RightSerializer(rows, many=True).data)

    @extend_schema(summary="Cases and days per stage", responses=StageFiguresSerializer(many=True))
    @action(detail=False, url_path="stages")
    def figures(self, request: Request) -> Response:
        houses = visible_to(request.user, "transfer.report", Organisation.objects.all())
        rows = stage_figures(TransferCase.objects.filter(organisation__in=houses))
        return Response(StageFiguresSerializer(rows, many=True).data)

    # --- what the actions share
    def _edited(self, request: Request, verb: Callable[[TransferCase], TransferCase]) -> Response:
        case = self.get_object()
        require_match(request, etag_of(case.pk, case.version), now=standing_of(case))
        return self._told(verb(case))

    def _led(
        self, request: Request, verb: Callable[..., object], body: type[StrictSerializer] | None = None
    ) -> Response:
        case = self.get_object()
        require_match(request, etag_of(case.pk, case.version), now=standing_of(case))
        given = self.parsed(body) if body else {}
        verb(case=case, by=request.user, version=case.version, **given)
        return self._told(case)

    def _told(self, case: TransferCase, status: int = 200) -> Response:
        case = self.rows.get(pk=case.pk)
        return tagged(self.shown(case, CaseSerializer, status), etag_of(case.pk, case.version))


def _inventors(rows: list[dict[str, Any]]) -> list[InventorTerm]:
    return [InventorTerm(**row) for row in rows]


def _known(user: Any, subject: str) -> Any:
    return prefill_of(user, *subject_of(subject))


def _results(user: Any, case: TransferCase, subjects: list[str]) -> list[ResultTerm]:
    """Those that are there already stay as they are named; the others must be there for the person to see."""
    kept = {
        (row.subject_type, row.subject_id): ResultTerm(row.kind, row.subject_type, row.subject_id, row.label, row.url)
        for row in case.results.all()
    }
    keys = [subject_of(one) for one in subjects]
    return [term for key in keys for term in ([kept[key]] if key in kept else prefill_of(user, *key).results)]


# --- assessments
class ScoreSerializer(serializers.ModelSerializer):
    criterion = serializers.UUIDField(source="criterion_id", read_only=True)
    name = serializers.CharField(source="criterion.name", read_only=True)

    class Meta:
        model = AssessmentScore
        fields = ["criterion", "name", "weight", "score", "comment"]


class AssessmentSerializer(serializers.ModelSerializer):
    case = serializers.UUIDField(source="case_id", read_only=True)
    assessor = PersonSerializer(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(AssessmentState), read_only=True)
    recommendation = serializers.ChoiceField(choices=choices_of(CaseDecision), read_only=True, allow_blank=True)
    scores = ScoreSerializer(many=True, read_only=True)

    class Meta:
        model = Assessment
        fields = [
            "id", "case", "assessor", "round", "state", "due_on", "conflict", "conflict_plan", "recommendation",
            "comment", "score", "scores", "submitted_at", "version",
        ]  # fmt: skip


class ScoreInput(StrictSerializer):
    criterion = serializers.UUIDField()
    score = serializers.IntegerField(min_value=0, max_value=10, allow_null=True)
    comment = _text(1000)


class AssessmentInput(StrictSerializer):
    """`submit` gives the assessment; without it, it is kept and may be changed."""

    scores = ScoreInput(many=True, required=False)
    recommendation = serializers.ChoiceField(choices=choices_of(CaseDecision), required=False, allow_blank=True)
    comment = _text(8000)
    submit = serializers.BooleanField(required=False)


class ConflictInput(StrictSerializer):
    """Empty: nothing ties one to the case."""

    conflict = serializers.CharField(max_length=2000, allow_blank=True)


class PlanInput(StrictSerializer):
    plan = serializers.CharField(max_length=2000)


class AssessmentFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter(field_name="case")
    state = django_filters.ChoiceFilter(choices=choices_of(AssessmentState))


@extend_schema_view(
    list=extend_schema(summary="Assessments", responses=AssessmentSerializer(many=True)),
    retrieve=extend_schema(summary="One assessment"),
)
class AssessmentViewSet(ScopedViewSet):
    words = {
        "list": "assessment.view",
        "retrieve": "assessment.view",
        "partial_update": "assessment.give",
        "declare": "assessment.give",
        "step_back": "assessment.give",
        "waive": "case.manage",
        "dismiss": "case.manage",
    }
    rows = Assessment.objects.select_related("assessor").prefetch_related("scores__criterion")
    serializer_class = AssessmentSerializer
    filterset_class = AssessmentFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AssessmentSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Score and recommend", request=AssessmentInput, responses=AssessmentSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        now = {"recommendation": row.recommendation, "comment": row.comment}
        require_match(request, etag_of(row.pk, row.version), now=now)
        given = self.parsed(AssessmentInput)
        scores = {one["criterion"]: (one["score"], one.get("comment", "")) for one in given.pop("scores", [])}
        return self._told(
            write_assessment(assessment=row, scores=scores, by=request.user, version=row.version, **(now | given))
        )

    @extend_schema(summary="Say whether anything ties one to it", request=ConflictInput, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"])
    def declare(self, request: Request, pk: str) -> Response:
        return self._told(declare_conflict(assessment=self.get_object(), by=request.user, **self.parsed(ConflictInput)))

    @extend_schema(summary="Not assess it", request=None, responses={204: None})
    @action(detail=True, methods=["post"], url_path="step-back")
    def step_back(self, request: Request, pk: str) -> Response:
        recuse_assessor(assessment=self.get_object(), by=request.user)
        return Response(status=204)

    @extend_schema(summary="Waive a declared conflict by a plan", request=PlanInput, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"])
    def waive(self, request: Request, pk: str) -> Response:
        return self._told(waive_conflict(assessment=self.get_object(), by=request.user, **self.parsed(PlanInput)))

    @extend_schema(summary="Let the assessor go", request=None, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        return self._told(recuse_assessor(assessment=self.get_object(), by=request.user))

    def _told(self, row: Assessment) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, AssessmentSerializer), etag_of(row.pk, row.version))


# --- criteria and rules
class CriterionSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = Criterion
        fields = ["id", "organisation", "name", "name_zh", "guidance", "guidance_zh", "weight", "retired_at", "version"]


class CriterionInput(StrictSerializer):
    organisation = ScopedRelatedField(word="case.manage", model=Organisation, slug_field="slug")
    name = serializers.CharField(max_length=120)
    name_zh = _text(120)
    guidance = _text(500)
    guidance_zh = _text(500)
    weight = serializers.DecimalField(max_digits=6, decimal_places=2)


class WeightInput(StrictSerializer):
    weight = serializers.DecimalField(max_digits=6, decimal_places=2)


class CriterionFilter(django_filters.FilterSet):
    organisation = django_filters.CharFilter(field_name="organisation__slug")
    in_use = TruthFilter(field_name="retired_at", lookup_expr="isnull")


@extend_schema_view(list=extend_schema(summary="Criteria of assessment", responses=CriterionSerializer(many=True)))
class CriterionViewSet(ScopedViewSet):
    words = {
        "list": "assessment.view",
        "create": "case.manage",
        "partial_update": "case.manage",
        "retire": "case.manage",
    }
    rows = Criterion.objects.select_related("organisation")
    serializer_class = CriterionSerializer
    filterset_class = CriterionFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CriterionSerializer)

    @extend_schema(summary="Add a criterion", request=CriterionInput, responses={201: CriterionSerializer})
    def create(self, request: Request) -> Response:
        return self._told(add_criterion(by=request.user, **self.parsed(CriterionInput)), 201)

    @extend_schema(summary="Weigh it anew", request=WeightInput, responses=CriterionSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now={"weight": row.weight})
        return self._told(
            edit_criterion(criterion=row, by=request.user, version=row.version, **self.parsed(WeightInput))
        )

    @extend_schema(summary="Use it no more", request=None, responses=CriterionSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        return self._told(retire_criterion(criterion=self.get_object(), by=request.user))

    def _told(self, row: Criterion, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, CriterionSerializer, status), etag_of(row.pk, row.version))


class NoveltyRuleSerializer(serializers.ModelSerializer):
    class Meta:
        model = NoveltyRule
        fields = [
            "id", "jurisdiction", "name", "name_zh", "grace_months", "condition", "condition_zh", "source",
            "valid_from", "valid_until",
        ]  # fmt: skip


@extend_schema_view(
    list=extend_schema(
        summary="What a publication does to a patent, by jurisdiction", responses=NoveltyRuleSerializer(many=True)
    )
)
class NoveltyRuleViewSet(ScopedViewSet):
    words = {"list": "organisation.view"}
    rows = NoveltyRule.objects.all()
    serializer_class = NoveltyRuleSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), NoveltyRuleSerializer)
