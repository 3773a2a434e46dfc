"""Agreements and their versions: drafted, sent, signed in the browser, withdrawn, terminated."""

from __future__ import annotations

import difflib
from typing import Any

import django_filters
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation, User
from collab.agreements.approvals import Approval, ApprovalState, ApprovalStep
from collab.agreements.approving import add_step, edit_step, retire_step, submit_version
from collab.agreements.assets import assets_named
from collab.agreements.background import (
    EDITABLE,
    BackgroundItem,
    declare_background,
    edit_background,
    withdraw_background,
)
from collab.agreements.comments import VersionComment
from collab.agreements.differences import term_changes
from collab.agreements.duties import DutyTerm, SurvivingDuty
from collab.agreements.ip import IP_FIELDS, AccessCondition, IPTerms
from collab.agreements.library import AgreementTemplate, TemplateVersion
from collab.agreements.models import (
    Agreement,
    AgreementKind,
    AgreementVersion,
    Coverage,
    Purpose,
    Signature,
)
from collab.agreements.negotiating import comment_on_version
from collab.agreements.own_templates import publish_own, retire_template
from collab.agreements.particulars import open_kinds
from collab.agreements.sealed import SealedDocument
from collab.agreements.sealing import ensure_sealed, open_sealed, verify_url
from collab.agreements.services import (
    CoverageTerm,
    counter_version,
    decline_version,
    draft_agreement,
    draft_from_template,
    draft_version,
    edit_agreement,
    edit_version,
    negotiate_version,
    parties_to_sign_for,
    resume_version,
    send_for_signature,
    sign_version,
    stop_renewal,
    suspend_version,
    terminate_version,
    withdraw_version,
)
from collab.agreements.states import VERSION_MOVES, VersionState
from collab.kernel.errors import NotFoundError
from collab.projects.models import Project
from collab.web.api import (
    SLUG_PATTERN,
    DayField,
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictModelSerializer,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)
from collab.web.downloads import attachment
from collab.web.negotiation import AnythingNegotiation

IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, required=True, description="ETag of what you read"
)

# Moves that somebody makes; the others follow from a decision, a signature or another version.
_VERBS = {"edit", "negotiate", "submit", "counter", "send", "sign", "decline", "withdraw"}
_VERBS |= {"suspend", "resume", "terminate"}


class CoverageSerializer(serializers.ModelSerializer):
    """The party may use the asset (null: every dataset of the project) for the purpose."""

    party = serializers.SlugField(source="party.slug", read_only=True)

    class Meta:
        model = Coverage
        fields = ["party", "purpose", "asset_id"]


class SignatureSerializer(serializers.ModelSerializer):
    party = OrganisationRef(read_only=True)
    signer = PersonSerializer(read_only=True)

    class Meta:
        model = Signature
        fields = ["party", "signer", "typed_name", "capacity", "document_sha256", "signed_at"]


class SealedSerializer(serializers.ModelSerializer):
    """The PDF of an executed version: made once, named by its hash."""

    document_sha256 = serializers.CharField(source="version.document_sha256", read_only=True)
    verify_url = serializers.SerializerMethodField()

    class Meta:
        model = SealedDocument
        fields = ["sha256", "document_sha256", "size_bytes", "created_at", "verify_url"]

    def get_verify_url(self, sealed: SealedDocument) -> str:
        """Where anybody may ask whether it was executed."""
        return verify_url(sealed.version.document_sha256)


class VersionRow(serializers.ModelSerializer):
    """A version in a list."""

    agreement = serializers.CharField(source="agreement.reference", read_only=True)
    shown_state = serializers.CharField(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(VersionState), read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = AgreementVersion
        fields = [
            "id",
            "agreement",
            "number",
            "version",
            "state",
            "shown_state",
            "effective_on",
            "expires_on",
            "lapses_on",
            "replaced_on",
            "document_sha256",
            "sent_at",
            "executed_at",
            "suspended_at",
            "ended_at",
            "ended_as",
            "reason",
            "url",
        ]


class IPSerializer(serializers.ModelSerializer):
    """Who owns results, and who may use what."""

    class Meta:
        model = IPTerms
        fields = IP_FIELDS


class DutySerializer(serializers.ModelSerializer):
    """A duty that outlives the agreement; without a party it binds all."""

    party = serializers.SerializerMethodField()

    class Meta:
        model = SurvivingDuty
        fields = ["party", "text", "text_zh", "until", "months", "added_at_end"]

    def get_party(self, duty: SurvivingDuty) -> str | None:
        return duty.party.slug if duty.party else None


class ApprovalSerializer(serializers.ModelSerializer):
    """One step inside a party; it is answered through the inbox."""

    step = serializers.CharField(source="step.name", read_only=True)
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    decided_by = PersonSerializer(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ApprovalState), read_only=True)

    class Meta:
        model = Approval
        fields = ["id", "step", "organisation", "round", "position", "state", "reason", "decided_by", "decided_at"]


class VersionCommentSerializer(serializers.ModelSerializer):
    party = serializers.SlugField(source="party.slug", read_only=True)
    author = PersonSerializer(read_only=True)

    class Meta:
        model = VersionComment
        fields = ["id", "party", "author", "text", "created_at"]


class VersionDetail(VersionRow):
    """A version whole: exactly what is signed, by whom it was signed, and what is possible now."""

    parties = serializers.SerializerMethodField()
    signing_order = serializers.SerializerMethodField()
    whose_turn = serializers.SerializerMethodField()
    proposed_by = serializers.SerializerMethodField()
    ip = serializers.SerializerMethodField()
    background = serializers.SerializerMethodField()
    duties = DutySerializer(many=True, read_only=True)
    approvals = ApprovalSerializer(many=True, read_only=True)
    comments = VersionCommentSerializer(many=True, read_only=True)
    signatures = SignatureSerializer(many=True, read_only=True)
    coverage = CoverageSerializer(many=True, read_only=True)
    document = serializers.SerializerMethodField()
    moves = serializers.SerializerMethodField()
    sign_for = serializers.SerializerMethodField()

    class Meta(VersionRow.Meta):
        fields = [
            *VersionRow.Meta.fields,
            "text",
            "text_zh",
            "governing_law",
            "confidentiality_months",
            "auto_renews",
            "renewal_months",
            "notice_days",
            "requires_acceptance",
            "proposed_by",
            "parties",
            "signing_order",
            "whose_turn",
            "coverage",
            "ip",
            "background",
            "duties",
            "approvals",
            "comments",
            "signatures",
            "document",
            "moves",
            "sign_for",
        ]

    def get_parties(self, version: AgreementVersion) -> list[str]:
        """Short names of the organisations that must sign."""
        return [party.organisation.slug for party in version.parties.all()]

    def get_signing_order(self, version: AgreementVersion) -> list[str]:
        """Who signs first; empty when the order does not matter."""
        parties = list(version.parties.all())
        return [p.organisation.slug for p in parties] if any(p.signing_order for p in parties) else []

    def get_whose_turn(self, version: AgreementVersion) -> list[str]:
        """Short names of the parties that sign next."""
        out = version.state == VersionState.OUT_FOR_SIGNATURE
        return [party.slug for party in version.whose_turn()] if out else []

    def get_proposed_by(self, version: AgreementVersion) -> str | None:
        return version.proposed_by.slug if version.proposed_by else None

    @extend_schema_field(IPSerializer(allow_null=True))
    def get_ip(self, version: AgreementVersion) -> dict[str, Any] | None:
        """The terms of intellectual property, if the version has any."""
        terms = getattr(version, "ip_terms", None)
        return terms.facts() if terms else None

    def get_background(self, version: AgreementVersion) -> list[dict[str, Any]]:
        """The background register: as it was sent, or as it is today."""
        return version.background_shown()

    def get_document(self, version: AgreementVersion) -> dict[str, Any]:
        """What the hash is made of."""
        return version.document()

    def get_moves(self, version: AgreementVersion) -> list[str]:
        """What its state allows now."""
        return [move for move in VERSION_MOVES.open_from(version.state) if move in _VERBS]

    def get_sign_for(self, version: AgreementVersion) -> list[str]:
        """Short names of the parties for which you may sign now."""
        return [party.slug for party in parties_to_sign_for(self.context["request"].user, version)]


class AgreementSerializer(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    parent = serializers.UUIDField(source="parent_id", read_only=True)
    amends = serializers.UUIDField(source="amends_id", read_only=True)
    versions = VersionRow(many=True, read_only=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Agreement
        fields = [
            "id",
            "reference",
            "project",
            "kind",
            "title",
            "title_zh",
            "parent",
            "amends",
            "confidential",
            "version",
            "versions",
            "created_at",
            "url",
        ]


class AgreementInput(StrictSerializer):
    """Begin an agreement; its text comes with the first version."""

    project = ScopedRelatedField(word="agreement.draft", model=Project, slug_field="slug")
    reference = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=AgreementKind.choices)
    title = serializers.CharField(max_length=160)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    parent = ScopedRelatedField(word="agreement.view", model=Agreement, required=False, allow_null=True)
    amends = ScopedRelatedField(word="agreement.view", model=Agreement, required=False, allow_null=True)
    confidential = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Without the kinds that rooms above begin; they register when all are loaded."""
        return super().get_fields() | {"kind": serializers.ChoiceField(choices=open_kinds())}


class AgreementEdit(StrictSerializer):
    """What may change until a version is sent; fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    title_zh = serializers.CharField(max_length=160, required=False, allow_blank=True)
    parent = ScopedRelatedField(word="agreement.view", model=Agreement, required=False, allow_null=True)
    confidential = serializers.BooleanField(required=False)


class CoverageInput(StrictSerializer):
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    asset_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class IPInput(StrictModelSerializer):
    class Meta:
        model = IPTerms
        fields = IP_FIELDS


class DutyInput(StrictSerializer):
    """Until a day, or for some months after the end; neither: for ever."""

    party = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", required=False, allow_null=True
    )
    text = serializers.CharField(max_length=300)
    text_zh = serializers.CharField(max_length=300, required=False, allow_blank=True)
    until = DayField(required=False, allow_null=True)
    months = serializers.IntegerField(min_value=0, max_value=1200, required=False, allow_null=True)


class VersionEdit(StrictSerializer):
    """What a version says; fields that are left out stay as they are."""

    text = serializers.CharField(max_length=200_000, required=False)
    text_zh = serializers.CharField(max_length=200_000, required=False, allow_blank=True)
    effective_on = DayField(required=False)
    expires_on = DayField(required=False, allow_null=True)
    governing_law = serializers.CharField(max_length=120, required=False, allow_blank=True)
    confidentiality_months = serializers.IntegerField(min_value=0, max_value=1200, required=False, allow_null=True)
    auto_renews = serializers.BooleanField(required=False)
    renewal_months = serializers.IntegerField(min_value=1, max_value=1200, required=False, allow_null=True)
    notice_days = serializers.IntegerField(min_value=0, max_value=3650, required=False, allow_null=True)
    requires_acceptance = serializers.BooleanField(required=False)
    parties = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    signing_order = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    coverage = CoverageInput(many=True, required=False)
    ip = IPInput(required=False, allow_null=True)
    duties = DutyInput(many=True, required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if "coverage" in data:
            data["coverage"] = [CoverageTerm(**term) for term in data["coverage"]]
        if "duties" in data:
            data["duties"] = [DutyTerm(**term) for term in data["duties"]]
        return data


class VersionInput(VersionEdit):
    """Write a version; parties default to those of the project."""

    text = serializers.CharField(max_length=200_000)
    effective_on = DayField()


class FromTemplateInput(StrictSerializer):
    """Write a version from a template: the values of its blanks by name, and the dates."""

    template = serializers.SlugField(max_length=40)
    values = serializers.DictField(child=serializers.CharField(max_length=2000, allow_blank=True))
    effective_on = DayField()
    expires_on = DayField(required=False, allow_null=True)


class AgreementReason(StrictSerializer):
    reason = serializers.CharField(max_length=500)


class DeclineInput(AgreementReason):
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")


class EndInput(StrictSerializer):
    """Why it ends, and the duties that the parties agree on at its end."""

    reason = serializers.CharField(max_length=500)
    duties = DutyInput(many=True, required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        return data | {"duties": [DutyTerm(**term) for term in data.get("duties", ())]}


class VersionCommentInput(StrictSerializer):
    text = serializers.CharField(max_length=4000)
    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug", required=False)


class SignInput(StrictSerializer):
    """Sign exactly the document with this hash."""

    party = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    typed_name = serializers.CharField(max_length=120)
    capacity = serializers.CharField(max_length=120)
    document_sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class Differences:
    """What the later of two versions says that the other did not."""

    def __init__(self, before: AgreementVersion, after: AgreementVersion, user: User) -> None:
        self.before, self.after = before.number, after.number
        keys = [row.asset_id for version in (before, after) for row in version.coverage.all()]
        names = {str(key): asset.name for key, asset in assets_named(user, keys).items()}
        self.terms = term_changes(before, after, names)
        self.text = _unified(before.text, after.text)
        self.text_zh = _unified(before.text_zh, after.text_zh)


def _unified(before: str, after: str) -> list[str]:
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))


class ChangeSerializer(serializers.Serializer):
    label = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class DifferencesSerializer(serializers.Serializer):
    """Terms that changed, and both texts as unified differences."""

    before = serializers.IntegerField()
    after = serializers.IntegerField()
    terms = ChangeSerializer(many=True)
    text = serializers.ListField(child=serializers.CharField())
    text_zh = serializers.ListField(child=serializers.CharField())


class TemplateSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=AgreementKind.choices, read_only=True)
    organisation = serializers.SlugRelatedField(slug_field="slug", read_only=True)
    version = serializers.SerializerMethodField()
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = AgreementTemplate
        fields = ["code", "organisation", "kind", "name", "name_zh", "is_active", "version", "url"]

    def get_version(self, template: AgreementTemplate) -> int:
        """The number of the newest version."""
        return max((version.number for version in template.versions.all()), default=0)


class TemplateDetail(TemplateSerializer):
    """A template with both texts of its newest version and the blanks to fill."""

    text = serializers.SerializerMethodField()
    text_zh = serializers.SerializerMethodField()
    blanks = serializers.SerializerMethodField()

    class Meta(TemplateSerializer.Meta):
        fields = [*TemplateSerializer.Meta.fields, "text", "text_zh", "blanks"]

    def get_text(self, template: AgreementTemplate) -> str:
        return template.versions.all()[0].text

    def get_text_zh(self, template: AgreementTemplate) -> str:
        return template.versions.all()[0].text_zh

    def get_blanks(self, template: AgreementTemplate) -> list[dict[str, Any]]:
        """Name, type and label of each blank."""
        return template.versions.all()[0].fields


class TemplateInput(StrictSerializer):
    """An organisation's own template; its code gets the organisation's short name in front."""

    organisation = ScopedRelatedField(word="organisation.manage", model=Organisation, slug_field="slug")
    code = serializers.SlugField(max_length=40)
    kind = serializers.ChoiceField(choices=AgreementKind.choices)
    name = serializers.CharField(max_length=160)
    name_zh = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    text = serializers.CharField(max_length=200_000)
    text_zh = serializers.CharField(max_length=200_000)
    blanks = serializers.ListField(child=serializers.DictField(), required=False, default=list, max_length=200)


class BackgroundSerializer(serializers.ModelSerializer):
    """What a party brings along into a project."""

    project = serializers.SlugField(source="project.slug", read_only=True)
    owner = serializers.SlugField(source="owner.slug", read_only=True)

    class Meta:
        model = BackgroundItem
        fields = ["id", "project", "owner", *EDITABLE, "declared_on", "withdrawn_on", "version"]


class BackgroundEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    title = serializers.CharField(max_length=160, required=False)
    description = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    asset_id = serializers.UUIDField(required=False, allow_null=True)
    reference = serializers.URLField(max_length=400, required=False, allow_blank=True)
    restrictions = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    usable_in_project = serializers.BooleanField(required=False)
    exploitation = serializers.ChoiceField(choices=AccessCondition.choices, required=False, allow_blank=True)


class BackgroundInput(BackgroundEdit):
    project = ScopedRelatedField(word="background.declare", model=Project, slug_field="slug")
    owner = ScopedRelatedField(word="organisation.view", model=Organisation, slug_field="slug")
    title = serializers.CharField(max_length=160)
    declared_on = DayField(required=False)


class BackgroundFilter(django_filters.FilterSet):
    project = ProjectFilter()


class StepSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)
    receiver = PersonSerializer(read_only=True)
    kind = serializers.ChoiceField(choices=AgreementKind.choices, read_only=True, allow_blank=True)

    class Meta:
        model = ApprovalStep
        fields = [
            "id",
            "organisation",
            "kind",
            "name",
            "name_zh",
            "position",
            "receiver",
            "due_days",
            "is_active",
            "version",
        ]


class StepInput(StrictSerializer):
    """A step that agreements of an organisation pass before they are signed."""

    organisation = ScopedRelatedField(word="organisation.manage", model=Organisation, slug_field="slug")
    name = serializers.CharField(max_length=80)
    name_zh = serializers.CharField(max_length=80, required=False, allow_blank=True)
    kind = serializers.ChoiceField(choices=AgreementKind.choices, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=1, max_value=50, required=False)
    due_days = serializers.IntegerField(min_value=1, max_value=365, required=False)


class StepEdit(StrictSerializer):
    """What may change of a step; fields that are left out stay as they are."""

    name = serializers.CharField(max_length=80, required=False)
    name_zh = serializers.CharField(max_length=80, required=False, allow_blank=True)
    position = serializers.IntegerField(min_value=1, max_value=50, required=False)
    due_days = serializers.IntegerField(min_value=1, max_value=365, required=False)


class AgreementFilter(django_filters.FilterSet):
    project = ProjectFilter()
    kind = django_filters.ChoiceFilter(choices=AgreementKind.choices)
    reference = django_filters.CharFilter()


@extend_schema_view(list=extend_schema(summary="Agreements"), retrieve=extend_schema(summary="One agreement"))
class AgreementViewSet(ScopedViewSet):
    words = {
        "list": "agreement.view",
        "retrieve": "agreement.view",
        "create": "agreement.draft",
        "partial_update": "agreement.draft",
        "versions": "agreement.view",
        "draft": "agreement.draft",
        "from_template": "agreement.draft",
    }
    rows = Agreement.objects.select_related("project").prefetch_related("versions__agreement")
    serializer_class = AgreementSerializer
    filterset_class = AgreementFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AgreementSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Begin an agreement", request=AgreementInput, responses={201: AgreementSerializer})
    def create(self, request: Request) -> Response:
        return self.shown(draft_agreement(by=request.user, **self.parsed(AgreementInput)), AgreementSerializer, 201)

    @extend_schema(
        summary="Change title, parent or confidentiality until a version is sent",
        request=AgreementEdit,
        responses=AgreementSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        agreement = self.get_object()
        require_match(request, etag_of(agreement.pk, agreement.version), now=standing(request, agreement))
        changes = self.parsed(AgreementEdit)
        return self._tagged(edit_agreement(agreement=agreement, version=agreement.version, by=request.user, **changes))

    @extend_schema(summary="Write a version from a template", request=FromTemplateInput, responses={201: VersionDetail})
    @action(detail=True, methods=["post"], url_path="from-template")
    def from_template(self, request: Request, pk: str) -> Response:
        agreement = self.get_object()
        data = self.parsed(FromTemplateInput)
        rows = TemplateVersion.objects.filter(template__is_active=True, template__code=data.pop("template"))
        seen = visible_to(request.user, "organisation.view", rows.select_related("template"))
        template = seen.order_by("-number").first()
        if template is None:
            raise NotFoundError
        version = draft_from_template(agreement=agreement, template_version=template, by=request.user, **data)
        return self.shown(version, VersionDetail, 201)

    def _tagged(self, agreement: Agreement) -> Response:
        return tagged(self.shown(agreement, AgreementSerializer), etag_of(agreement.pk, agreement.version))

    @extend_schema(summary="Versions of an agreement", responses=VersionRow(many=True))
    @action(detail=True, paged=True, filterset_class=None)
    def versions(self, request: Request, pk: str) -> Response:
        return self.listed(self.get_object().versions.select_related("agreement"), VersionRow)

    @extend_schema(summary="Write a version", request=VersionInput, responses={201: VersionDetail})
    @versions.mapping.post
    def draft(self, request: Request, pk: str) -> Response:
        agreement = self.get_object()
        data = self.parsed(VersionInput)
        return self.shown(draft_version(agreement=agreement, by=request.user, **data), VersionDetail, 201)


@extend_schema_view(retrieve=extend_schema(summary="One version of an agreement"))
class AgreementVersionViewSet(ScopedViewSet):
    words = {
        "retrieve": "agreement.view",
        "partial_update": "agreement.draft",
        "differences": "agreement.view",
        "negotiate": "agreement.draft",
        "counter": "agreement.draft",
        "comment": "agreement.comment",
        "submit": "agreement.draft",
        "send": "agreement.draft",
        "sign": "agreement.sign",
        "decline": "agreement.sign",
        "withdraw": "agreement.draft",
        "suspend": "agreement.end",
        "resume": "agreement.end",
        "stop_renewal": "agreement.end",
        "terminate": "agreement.end",
        "sealed": "agreement.view",
        "pdf": "agreement.view",
    }
    rows = AgreementVersion.objects.select_related(
        "agreement__project",
        "agreement__parent",
        "agreement__amends",
        "ip_terms",
        "proposed_by",
        "template_version__template",
    ).prefetch_related(
        "parties__organisation",
        "signatures__party",
        "signatures__signer",
        "coverage__party",
        "duties__party",
        "approvals__step",
        "approvals__organisation",
        "approvals__decided_by",
        "comments__party",
        "comments__author",
    )
    serializer_class = VersionDetail

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(
        summary="Change what it says, until it is sent; voids the approvals",
        request=VersionEdit,
        responses=VersionDetail,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        require_match(request, etag_of(version.pk, version.version), now=standing(request, version))
        changes = self.parsed(VersionEdit)
        return self._again(edit_version(version=version, edit=version.version, by=request.user, **changes))

    @extend_schema(
        summary="What differs from another version of the same agreement",
        responses=DifferencesSerializer,
        parameters=[OpenApiParameter("number", int, required=True, description="The other version")],
    )
    @action(detail=True, pagination_class=None, filterset_class=None, query=("number",))
    def differences(self, request: Request, pk: str) -> Response:
        after = self.get_object()
        number = self.number_of("number")
        before = self.rows.filter(agreement=after.agreement_id, number=number).first()
        if before is None:
            raise NotFoundError
        return self.shown(Differences(before, after, request.user), DifferencesSerializer)

    @extend_schema(summary="Lay it before the other parties", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def negotiate(self, request: Request, pk: str) -> Response:
        return self._again(negotiate_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="Answer with a counter-version", request=VersionEdit, responses={201: VersionDetail})
    @action(detail=True, methods=["post"])
    def counter(self, request: Request, pk: str) -> Response:
        made = counter_version(version=self.get_object(), by=request.user, **self.parsed(VersionEdit))
        return self._again(made, 201)

    @extend_schema(
        summary="Comment for a party", request=VersionCommentInput, responses={201: VersionCommentSerializer}
    )
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        made = comment_on_version(version=version, by=request.user, **self.parsed(VersionCommentInput))
        return self.shown(made, VersionCommentSerializer, 201)

    @extend_schema(summary="Submit it for the internal approvals", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        return self._again(submit_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="Send it for signature", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: str) -> Response:
        return self._again(send_for_signature(version=self.get_object(), by=request.user))

    @extend_schema(summary="Sign for a party (in the browser)", request=SignInput, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def sign(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        return self._again(sign_version(version=version, by=request.user, **self.parsed(SignInput)))

    @extend_schema(summary="Decline to sign for a party", request=DeclineInput, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        return self._again(decline_version(version=version, by=request.user, **self.parsed(DeclineInput)))

    @extend_schema(summary="Take it back", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._again(withdraw_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="Suspend it: what it covered is closed", request=AgreementReason, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def suspend(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        return self._again(suspend_version(version=version, by=request.user, **self.parsed(AgreementReason)))

    @extend_schema(summary="Let it have effect again", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        return self._again(resume_version(version=self.get_object(), by=request.user))

    @extend_schema(summary="Give notice that it is not renewed", request=None, responses=VersionDetail)
    @action(detail=True, methods=["post"], url_path="stop-renewal")
    def stop_renewal(self, request: Request, pk: str) -> Response:
        return self._again(stop_renewal(version=self.get_object(), by=request.user))

    @extend_schema(summary="End it now", request=EndInput, responses=VersionDetail)
    @action(detail=True, methods=["post"])
    def terminate(self, request: Request, pk: str) -> Response:
        version = self.get_object()
        return self._again(terminate_version(version=version, by=request.user, **self.parsed(EndInput)))

    @extend_schema(summary="About its sealed document", responses=SealedSerializer)
    @action(detail=True)
    def sealed(self, request: Request, pk: str) -> Response:
        return self.shown(ensure_sealed(self.get_object()), SealedSerializer)

    @extend_schema(
        summary="Its sealed document as PDF",
        responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="The file; its hash is in the ETag")},
    )
    @action(detail=True, content_negotiation_class=AnythingNegotiation)
    def pdf(self, request: Request, pk: str) -> HttpResponse:
        version = self.get_object()
        sealed, content = open_sealed(version=version, by=request.user)
        return attachment(content, f"{version.agreement.reference}-v{version.number}.pdf", sealed.sha256)

    def _again(self, version: AgreementVersion, status: int = 200) -> Response:
        """The version as it is now, with what hangs on it."""
        return self._tagged(self.rows.get(pk=version.pk), status)

    def _tagged(self, version: AgreementVersion, status: int = 200) -> Response:
        return tagged(self.shown(version, VersionDetail, status), etag_of(version.pk, version.version))


@extend_schema_view(
    list=extend_schema(summary="Templates of agreements"), retrieve=extend_schema(summary="One template")
)
class AgreementTemplateViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "retrieve": "organisation.view",
        "create": "organisation.manage",
        "retire": "organisation.manage",
    }
    rows = AgreementTemplate.objects.filter(is_active=True).select_related("organisation").prefetch_related("versions")
    serializer_class = TemplateSerializer
    lookup_field = "code"
    lookup_value_regex = SLUG_PATTERN

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), TemplateSerializer)

    def retrieve(self, request: Request, code: str) -> Response:
        return self.shown(self.get_object(), TemplateDetail)

    @extend_schema(
        summary="Publish an organisation's own template, or its next version",
        request=TemplateInput,
        responses={201: TemplateDetail},
    )
    def create(self, request: Request) -> Response:
        given = self.parsed(TemplateInput)
        made = publish_own(by=request.user, fields=given.pop("blanks"), **given)
        return self.shown(self.rows.get(pk=made.template_id), TemplateDetail, 201)

    @extend_schema(summary="Offer it no more", request=None, responses=TemplateSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, code: str) -> Response:
        return self.shown(retire_template(template=self.get_object(), by=request.user), TemplateSerializer)


@extend_schema_view(
    list=extend_schema(summary="Background register"), retrieve=extend_schema(summary="One entry of the register")
)
class BackgroundViewSet(ScopedViewSet):
    words = {
        "list": "agreement.view",
        "retrieve": "agreement.view",
        "create": "background.declare",
        "partial_update": "background.declare",
        "withdraw": "background.declare",
    }
    rows = BackgroundItem.objects.select_related("project", "owner")
    serializer_class = BackgroundSerializer
    filterset_class = BackgroundFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), BackgroundSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Declare an item", request=BackgroundInput, responses={201: BackgroundSerializer})
    def create(self, request: Request) -> Response:
        return self._tagged(declare_background(by=request.user, **self.parsed(BackgroundInput)), 201)

    @extend_schema(
        summary="Change an entry", request=BackgroundEdit, responses=BackgroundSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        item = self.get_object()
        require_match(request, etag_of(item.pk, item.version), now=standing(request, item))
        changes = self.parsed(BackgroundEdit)
        return self._tagged(edit_background(item=item, version=item.version, by=request.user, **changes))

    @extend_schema(summary="End an entry from today on", request=None, responses=BackgroundSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._tagged(withdraw_background(item=self.get_object(), by=request.user))

    def _tagged(self, item: BackgroundItem, status: int = 200) -> Response:
        return tagged(self.shown(item, BackgroundSerializer, status), etag_of(item.pk, item.version))


@extend_schema_view(
    list=extend_schema(summary="Approval steps of my organisations"), retrieve=extend_schema(summary="One step")
)
class ApprovalStepViewSet(ScopedViewSet):
    words = {
        "list": "organisation.manage",
        "retrieve": "organisation.manage",
        "create": "organisation.manage",
        "partial_update": "organisation.manage",
        "retire": "organisation.manage",
    }
    rows = ApprovalStep.objects.select_related("organisation", "receiver")
    serializer_class = StepSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), StepSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._tagged(self.get_object())

    @extend_schema(summary="Lay down a step", request=StepInput, responses={201: StepSerializer})
    def create(self, request: Request) -> Response:
        return self._tagged(add_step(by=request.user, **self.parsed(StepInput)), 201)

    @extend_schema(
        summary="Change a step from the next submission on",
        request=StepEdit,
        responses=StepSerializer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        step = self.get_object()
        require_match(request, etag_of(step.pk, step.version), now=standing(request, step))
        return self._tagged(edit_step(step=step, version=step.version, by=request.user, **self.parsed(StepEdit)))

    @extend_schema(summary="Ask for this step no more", request=None, responses=StepSerializer, parameters=[IF_MATCH])
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, pk: str) -> Response:
        step = self.get_object()
        require_match(request, etag_of(step.pk, step.version), now=standing(request, step))
        return self._tagged(retire_step(step=step, version=step.version, by=request.user))

    def _tagged(self, step: ApprovalStep, status: int = 200) -> Response:
        return tagged(self.shown(step, StepSerializer, status), etag_of(step.pk, step.version))
