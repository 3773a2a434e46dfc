"""Data-use codes: the vocabulary, those of a dataset, and how a purpose fits them."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.rules import SIGNED_IN
from collab.accounts.api import OrganisationRef
from collab.accounts.models import Organisation, User
from collab.kernel.errors import NotFoundError
from collab.terms.matrix import people_of
from collab.web.api import (
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    etag_of,
    require_match,
    tagged,
)
from registry.datasets.models import Dataset
from registry.uses.matching import match, statement_of
from registry.uses.models import UseCode, UseTerms
from registry.uses.services import CodeTerm, set_uses
from registry.uses.vocabulary import CODES


class VocabularySerializer(serializers.Serializer):
    """One data-use code and what it means."""

    code = serializers.CharField(source="use", read_only=True)
    duo = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    explanation = serializers.CharField(read_only=True)
    takes = serializers.CharField(read_only=True)
    asks = serializers.CharField(read_only=True)


class UseCodeSerializer(serializers.ModelSerializer):
    label = serializers.CharField(source="spec.label", read_only=True)
    organisations = OrganisationRef(many=True, read_only=True)
    people = PersonSerializer(many=True, read_only=True)

    class Meta:
        model = UseCode
        fields = ["code", "label", "until", "territories", "text", "organisations", "people"]


class UsesSerializer(serializers.Serializer):
    """What a dataset may be used for now; without codes nobody has said."""

    dataset = serializers.UUIDField(source="pk", read_only=True)
    number = serializers.SerializerMethodField()
    codes = serializers.SerializerMethodField()

    def get_number(self, dataset: Dataset) -> int:
        """Which set of codes this is; 0: none yet."""
        return _number(dataset)

    @extend_schema(responses=UseCodeSerializer(many=True))
    def get_codes(self, dataset: Dataset) -> list[dict[str, Any]]:
        """The codes with their parameters."""
        rows = [code for terms in _current(dataset) for code in terms.codes.all()]
        return UseCodeSerializer(rows, many=True).data


class CodeInput(StrictSerializer):
    code = serializers.ChoiceField(choices=list(CODES))
    until = DayField(required=False, allow_null=True, default=None)
    territories = serializers.ListField(child=serializers.CharField(max_length=2), required=False, max_length=250)
    text = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    organisations = ScopedRelatedField(
        word="organisation.view", model=Organisation, slug_field="slug", many=True, required=False
    )
    people = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=200)


class UsesInput(StrictSerializer):
    """Every code that counts from now on."""

    codes = CodeInput(many=True, max_length=len(CODES))


class StatementInput(StrictSerializer):
    """What a job is for."""

    commercial = serializers.BooleanField(required=False, allow_null=True, default=None)
    methods = serializers.BooleanField(required=False, allow_null=True, default=None)
    publish = serializers.BooleanField(required=False, allow_null=True, default=None)
    collaborate = serializers.BooleanField(required=False, allow_null=True, default=None)
    give_back = serializers.BooleanField(required=False, allow_null=True, default=None)
    territory = serializers.CharField(max_length=2, required=False, allow_blank=True, default="")
    ethics = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    about = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class MatchSerializer(serializers.Serializer):
    """How one code takes the purpose: permit, refuse, or human (its owner is asked)."""

    code = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)
    verdict = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    mend = serializers.CharField(read_only=True)
    asks = serializers.CharField(read_only=True)


class UseCodeViewSet(ScopedViewSet):
    words = {"list": SIGNED_IN}
    rows = Dataset.objects.none()  # the same for everybody
    serializer_class = VocabularySerializer
    pagination_class = None

    @extend_schema(summary="The vocabulary of data-use codes", responses=VocabularySerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response(VocabularySerializer(CODES.values(), many=True).data)


@extend_schema_view(retrieve=extend_schema(summary="What a dataset may be used for"))
class UsesViewSet(ScopedViewSet):
    words = {"retrieve": "dataset.view", "update": "dataset.govern", "match": "dataset.view"}
    rows = Dataset.objects.select_related("project", "organisation").prefetch_related(
        Prefetch(
            "use_terms",
            UseTerms.objects.filter(current=True).prefetch_related("codes__organisations", "codes__people"),
            to_attr="counting",
        )
    )
    serializer_class = UsesSerializer

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._shown(self.get_object())

    @extend_schema(summary="Say anew what it may be used for", request=UsesInput, responses=UsesSerializer)
    def update(self, request: Request, pk: str) -> Response:
        dataset = self.get_object()
        require_match(request, etag_of(dataset.pk, _number(dataset)), now={"codes": _codes(dataset)})
        data = self.parsed(UsesInput)
        codes = [CodeTerm(**term | {"people": _people(dataset, term.get("people", ()))}) for term in data["codes"]]
        set_uses(dataset=dataset, codes=codes, version=_number(dataset), by=request.user)
        return self._shown(self.rows.get(pk=dataset.pk))

    @extend_schema(summary="How a purpose fits", request=StatementInput, responses=MatchSerializer(many=True))
    @action(detail=True, methods=["post"])
    def match(self, request: Request, pk: str) -> Response:
        dataset = self.get_object()
        statement = statement_of(self.parsed(StatementInput))
        return Response(MatchSerializer(match(dataset, statement, request.user), many=True).data)

    def _shown(self, dataset: Dataset) -> Response:
        return tagged(self.shown(dataset, UsesSerializer), etag_of(dataset.pk, _number(dataset)))


def _current(dataset: Dataset) -> list[UseTerms]:
    return getattr(dataset, "counting", [])


def _number(dataset: Dataset) -> int:
    return next((terms.number for terms in _current(dataset)), 0)


def _codes(dataset: Dataset) -> list[str]:
    return sorted(row.code for terms in _current(dataset) for row in terms.codes.all())


def _people(dataset: Dataset, keys: Any) -> list[User]:
    wanted = set(keys)
    found = list(people_of(dataset.project).filter(pk__in=wanted))
    if len(found) != len(wanted):
        raise NotFoundError
    return found
