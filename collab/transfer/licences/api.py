"""Options and licences as JSON. Texts, approvals and signatures are those of `agreement-versions`."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import allowed, get_or_404, visible_to
from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation
from collab.agreements.library import TemplateVersion
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.transfer.disclosures.models import TransferCase
from collab.transfer.licences.forms import KINDS
from collab.transfer.licences.models import (
    Breach,
    Diligence,
    Licence,
    LicensedAsset,
    LicensorShare,
    MilestonePayment,
    RoyaltyTier,
    Sublicence,
)
from collab.transfer.licences.places import FieldOfUse, Territory
from collab.transfer.licences.services import (
    cure_breach,
    current_version,
    draft_licence,
    edit_terms,
    end_licence,
    exercise_option,
    give_breach,
    make_non_exclusive,
    meet_diligence,
    name_case,
    open_obstacles,
    see_obstacles,
)
from collab.transfer.licences.states import Exclusivity, LicenceState, SublicenceState
from collab.transfer.licences.sublicensing import end_sublicence, register_sublicence
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    tagged,
)


class LicensedAssetSerializer(serializers.ModelSerializer):
    class Meta:
        model = LicensedAsset
        fields = ["id", "kind", "subject_type", "subject_id", "label", "label_zh", "allocation_percent"]


class LicensorShareSerializer(serializers.ModelSerializer):
    """The part of one of several licensors in the receipts."""

    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = LicensorShare
        fields = ["organisation", "percent"]


class TierSerializer(serializers.ModelSerializer):
    class Meta:
        model = RoyaltyTier
        fields = ["from_amount", "rate_percent", "per_unit"]


class MilestonePaymentSerializer(serializers.ModelSerializer):
    class Meta:
        model = MilestonePayment
        fields = ["id", "title", "title_zh", "amount", "due_on", "met_on", "version"]


class DiligenceSerializer(serializers.ModelSerializer):
    class Meta:
        model = Diligence
        fields = ["id", "title", "title_zh", "due_on", "met_on", "note", "version"]


class BreachSerializer(serializers.ModelSerializer):
    noticed_by = PersonSerializer(read_only=True)

    class Meta:
        model = Breach
        fields = ["id", "reason", "noticed_on", "cure_by", "cured_on", "noticed_by"]


class ObstacleSerializer(serializers.Serializer):
    """Something to weigh before the licence is approved."""

    key = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    sentence = serializers.CharField(read_only=True)
    url = serializers.CharField(read_only=True)


class LicenceRow(serializers.ModelSerializer):
    """An option or licence in a list."""

    reference = serializers.CharField(source="agreement.reference", read_only=True)
    title = serializers.CharField(source="agreement.title", read_only=True)
    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    project = serializers.SlugField(source="agreement.project.slug", read_only=True)
    agreement = serializers.UUIDField(source="agreement_id", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(LicenceState), read_only=True)
    licensor = OrganisationRef(read_only=True)
    licensee = OrganisationRef(read_only=True)
    exclusivity = serializers.ChoiceField(choices=Exclusivity.choices, read_only=True)
    fields_of_use = serializers.SlugRelatedField(slug_field="code", many=True, read_only=True)
    territories = serializers.SlugRelatedField(slug_field="code", many=True, read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Licence
        fields = [
            "id", "reference", "title", "kind", "project", "agreement", "state", "licensor", "licensee", "exclusivity",
            "fields_of_use", "territories", "starts_on", "ends_on", "currency", "version", "url",
        ]  # fmt: skip


class LicenceSerializer(LicenceRow):
    """A licence with all its terms. `terms_edit` is the edit of the agreement version on the table."""

    co_licensors = OrganisationRef(many=True, read_only=True)
    assets = LicensedAssetSerializer(many=True, read_only=True)
    shares = LicensorShareSerializer(many=True, read_only=True)
    tiers = TierSerializer(many=True, read_only=True)
    milestones = MilestonePaymentSerializer(many=True, read_only=True)
    diligence = DiligenceSerializer(many=True, read_only=True)
    breaches = BreachSerializer(many=True, read_only=True)
    case = serializers.SerializerMethodField()
    terms = serializers.SerializerMethodField()
    agreement_version = serializers.SerializerMethodField()

    class Meta(LicenceRow.Meta):
        fields = [
            *LicenceRow.Meta.fields, "case", "co_licensors", "option", "assets", "field_note", "commercial",
            "sublicensing", "academic_use", "issue_fee", "issue_fee_days", "annual_minimum", "minimum_creditable",
            "minimum_from", "royalty_basis", "tiers_by", "tiers", "royalty_cap", "cap_by", "sublicence_percent",
            "equity_percent", "equity_note", "costs", "costs_of", "costs_percent", "costs_cap", "costs_days",
            "late_interest_percent", "shares_by", "shares", "share_days", "milestones", "diligence", "report_frequency",
            "report_days", "audit_right", "audit_notice_days", "audit_cost_percent", "convertible", "negotiation_days",
            "exercised_on", "converted_on", "breaches", "agreement_version", "terms",
        ]  # fmt: skip

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_case(self, licence: Licence) -> Any:
        """Only for those who may see the case: it is its owner's, and confidential."""
        if licence.case is None or not allowed(self.context["request"].user, licence.case, "case.view"):
            return None
        return licence.case_id

    def get_terms(self, licence: Licence) -> dict[str, Any]:
        """The terms on the table, as a PATCH takes them."""
        version = current_version(licence)
        return version.particulars if version else {}

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_agreement_version(self, licence: Licence) -> Any:
        version = current_version(licence)
        return version.pk if version else None


class LicenceInput(StrictSerializer):
    """A new term sheet. `terms` as the documentation lists them; every one at fault is named.

    With a `template` its blanks are filled from parties and terms, and with `values` what those do not say.
    """

    project = ScopedRelatedField(word="agreement.draft", model=Project, slug_field="slug")
    case = serializers.UUIDField(required=False, allow_null=True)
    option = serializers.UUIDField(required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=KINDS)
    reference = serializers.CharField(max_length=40)
    title = serializers.CharField(max_length=160)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    licensor = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    co_licensors = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    licensee = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    effective_on = DayField()
    expires_on = DayField(required=False, allow_null=True)
    text = serializers.CharField(max_length=200_000, required=False, allow_blank=True)
    text_zh = serializers.CharField(max_length=200_000, required=False, allow_blank=True)
    governing_law = serializers.CharField(max_length=120, required=False, allow_blank=True)
    template = serializers.SlugField(max_length=40, required=False)
    values = serializers.DictField(child=serializers.CharField(max_length=2000, allow_blank=True), required=False)
    terms = serializers.DictField()


class TermsInput(StrictSerializer):
    """Terms that change; what is left out stays. Without `effective_on` the days stay too."""

    terms = serializers.DictField(required=False, default=dict)
    effective_on = DayField(required=False)
    expires_on = DayField(required=False, allow_null=True)


class SeenInput(StrictSerializer):
    keys = serializers.ListField(child=serializers.CharField(max_length=200), max_length=200)


class CaseInput(StrictSerializer):
    case = ScopedRelatedField(word="case.view", model=TransferCase)


class LicenceReason(StrictSerializer):
    reason = serializers.CharField(max_length=1000)


class BreachInput(LicenceReason):
    cure_by = DayField()


class MeetInput(StrictSerializer):
    diligence = serializers.UUIDField()
    version = serializers.IntegerField(min_value=1)
    met_on = DayField(required=False)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True)


class LicenceFilter(django_filters.FilterSet):
    project = ProjectFilter(path="agreement__project")
    case = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(field_name="now", choices=choices_of(LicenceState))
    kind = django_filters.ChoiceFilter(field_name="agreement__kind", choices=KINDS)
    licensee = django_filters.CharFilter(field_name="licensee__slug")
    licensor = django_filters.CharFilter(field_name="licensor__slug")


@extend_schema_view(
    list=extend_schema(summary="Options and licences", responses=LicenceRow(many=True)),
    retrieve=extend_schema(summary="One option or licence, with its terms"),
)
class LicenceViewSet(ScopedViewSet):
    words = {
        "list": "licence.view",
        "retrieve": "licence.view",
        "create": "licence.draft",
        "partial_update": "agreement.draft",
        "obstacles": "licence.draft",
        "weigh": "licence.draft",
        "name_case": "licence.draft",
        "breach": "licence.end",
        "cure": "licence.end",
        "end": "licence.end",
        "convert": "licence.end",
        "exercise": "licence.exercise",
        "meet": "licence.end",
    }
    rows = Licence.objects.with_all()
    serializer_class = LicenceSerializer
    filterset_class = LicenceFilter

    def get_queryset(self) -> Any:
        return super().get_queryset().with_state()

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), LicenceRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Draft an option or licence", request=LicenceInput, responses={201: LicenceSerializer})
    def create(self, request: Request) -> Response:
        given = self.parsed(LicenceInput)
        user: Any = request.user
        if key := given.pop("case", None):
            given["case"] = get_or_404(user, "case.view", TransferCase.objects.all(), pk=key)
        if key := given.pop("option", None):
            given["option"] = get_or_404(user, "licence.view", Licence.objects.all(), pk=key)
        if code := given.pop("template", None):
            rows = visible_to(user, "organisation.view", TemplateVersion.objects.filter(template__is_active=True))
            rows = rows.filter(template__code=code).order_by("-number")
            given["template_version"] = rows.select_related("template").first()
            if given["template_version"] is None:
                raise NotFoundError
        return self._told(draft_licence(by=user, **given), 201)

    @extend_schema(
        summary="Change terms, or answer those of the other side",
        request=TermsInput,
        responses=LicenceSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        licence = self.get_object()
        version = current_version(licence)
        require_match(request, etag_of(licence.pk, licence.version), now=version.particulars if version else {})
        edit = version.version if version else 0
        edit_terms(licence=licence, edit=edit, by=request.user, **self.parsed(TermsInput))  # type: ignore[arg-type]
        return self._told(licence)

    @extend_schema(summary="What stands in the way", responses=ObstacleSerializer(many=True))
    @action(detail=True)
    def obstacles(self, request: Request, pk: str) -> Response:
        return Response(ObstacleSerializer(open_obstacles(self.get_object()), many=True).data)

    @extend_schema(
        summary="Say that one has weighed what stands in the way", request=SeenInput, responses=LicenceSerializer
    )
    @action(detail=True, methods=["post"])
    def weigh(self, request: Request, pk: str) -> Response:
        keys = self.parsed(SeenInput)["keys"]
        return self._told(see_obstacles(licence=self.get_object(), keys=keys, by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Name the case of one without", request=CaseInput, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def name_case(self, request: Request, pk: str) -> Response:
        return self._told(name_case(licence=self.get_object(), by=request.user, **self.parsed(CaseInput)))  # type: ignore[arg-type]

    @extend_schema(summary="Call out a breach", request=BreachInput, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def breach(self, request: Request, pk: str) -> Response:
        licence = self.get_object()
        give_breach(licence=licence, by=request.user, **self.parsed(BreachInput))  # type: ignore[arg-type]
        return self._told(licence)

    @extend_schema(summary="Find the breach cured", request=None, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def cure(self, request: Request, pk: str) -> Response:
        return self._told(cure_breach(licence=self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Terminate", request=LicenceReason, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        return self._told(end_licence(licence=self.get_object(), by=request.user, **self.parsed(LicenceReason)))  # type: ignore[arg-type]

    @extend_schema(summary="Make it non-exclusive", request=LicenceReason, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def convert(self, request: Request, pk: str) -> Response:
        given = self.parsed(LicenceReason)
        return self._told(make_non_exclusive(licence=self.get_object(), by=request.user, **given))  # type: ignore[arg-type]

    @extend_schema(summary="Exercise an option", request=None, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def exercise(self, request: Request, pk: str) -> Response:
        return self._told(exercise_option(option=self.get_object(), by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Find a diligence milestone reached", request=MeetInput, responses=LicenceSerializer)
    @action(detail=True, methods=["post"])
    def meet(self, request: Request, pk: str) -> Response:
        licence = self.get_object()
        given = self.parsed(MeetInput)
        found = Diligence.objects.filter(licence=licence, pk=given.pop("diligence")).first()
        if found is None:
            raise NotFoundError
        meet_diligence(diligence=found, by=request.user, **given)  # type: ignore[arg-type]
        return self._told(licence)

    def _told(self, licence: Licence, status: int = 200) -> Response:
        row = self.rows.with_state().get(pk=licence.pk)
        return tagged(self.shown(row, LicenceSerializer, status), etag_of(row.pk, row.version))


class SublicenceSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    fields_of_use = serializers.SlugRelatedField(slug_field="code", read_only=True, many=True)
    territories = serializers.SlugRelatedField(slug_field="code", read_only=True, many=True)
    state = serializers.ChoiceField(choices=choices_of(SublicenceState), read_only=True)
    registered_by = PersonSerializer(read_only=True)

    class Meta:
        model = Sublicence
        fields = [
            "id", "licence", "organisation", "name", "fields_of_use", "territories", "starts_on", "ends_on", "state",
            "registered_by", "version",
        ]  # fmt: skip


class SublicenceInput(StrictSerializer):
    """Whom the licensee grants what: an `organisation` of Tandem, or a `name`."""

    licence = ScopedRelatedField(word="sublicence.register", model=Licence)
    organisation = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )
    name = serializers.CharField(max_length=200, required=False, allow_blank=True)
    fields_of_use = ScopedRelatedField(
        word="organisation.view", model=FieldOfUse, slug_field="code", many=True, source="fields"
    )
    territories = ScopedRelatedField(word="organisation.view", model=Territory, slug_field="code", many=True)
    starts_on = DayField()
    ends_on = DayField(required=False, allow_null=True)


class SublicenceFilter(django_filters.FilterSet):
    licence = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(SublicenceState))


@extend_schema_view(list=extend_schema(summary="Sublicences"), retrieve=extend_schema(summary="One sublicence"))
class SublicenceViewSet(ScopedViewSet):
    words = {
        "list": "licence.view",
        "retrieve": "licence.view",
        "create": "sublicence.register",
        "end": "sublicence.register",
    }
    rows = Sublicence.objects.with_all()
    serializer_class = SublicenceSerializer
    filterset_class = SublicenceFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), SublicenceSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Register a sublicence", request=SublicenceInput, responses={201: SublicenceSerializer})
    def create(self, request: Request) -> Response:
        given = self.parsed(SublicenceInput)
        return self._told(register_sublicence(by=request.user, **given), 201)  # type: ignore[arg-type]

    @extend_schema(summary="End a sublicence", request=None, responses=SublicenceSerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        return self._told(end_sublicence(sublicence=self.get_object(), by=request.user))  # type: ignore[arg-type]

    def _told(self, row: Sublicence, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, SublicenceSerializer, status), etag_of(row.pk, row.version))


class PlaceSerializer(serializers.Serializer):
    """A node of a tree; `path` holds the codes from the root."""

    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    name_zh = serializers.CharField(read_only=True)
    path = serializers.CharField(read_only=True)


class _PlaceViewSet(ScopedViewSet):
    words = {"list": "organisation.view"}
    serializer_class = PlaceSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PlaceSerializer)


@extend_schema_view(list=extend_schema(summary="Fields of use, as a tree"))
class FieldOfUseViewSet(_PlaceViewSet):
    rows = FieldOfUse.objects.all()


@extend_schema_view(list=extend_schema(summary="Territories, as a tree"))
class TerritoryViewSet(_PlaceViewSet):
    rows = Territory.objects.all()
