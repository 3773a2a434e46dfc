"""Placements: approvals, learning agreement, log book, notes, evaluations, certificate."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.accounts.models import Organisation, User
from collab.agreements.models import Agreement, AgreementVersion
from collab.courses.certificates.api import BatchSerializer
from collab.courses.certificates.states import SIGNED
from collab.internships.api.shared import MoveInput
from collab.internships.models import CheckPoint, Evaluation, LogEntry, Placement, PlacementNote, StudentSignature
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import attest_placement, certificate_of
from collab.internships.placements.caring import answer_log, evaluate, settle_note, write_log, write_note
from collab.internships.placements.framing import open_frame
from collab.internships.placements.models import NoteKind, Side, Verdict
from collab.internships.placements.points import move_check_point, points_of
from collab.internships.placements.reminding import remind
from collab.internships.placements.required import next_for
from collab.internships.placements.services import (
    change_mentor,
    change_supervisor,
    edit_placement,
    move_placement,
    onboard,
)
from collab.internships.placements.signing import (
    draft_learning_agreement,
    propose_change,
    sign_as_student,
    signed_version,
    version_to_sign,
)
from collab.internships.placements.states import LogState, PlacementState
from collab.kernel.errors import ConflictError, NotFoundError
from collab.projects.models import Project
from collab.web.api import (
    IF_MATCH,
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class LogSerializer(serializers.ModelSerializer):
    state = serializers.ChoiceField(choices=choices_of(LogState), read_only=True)

    class Meta:
        model = LogEntry
        fields = ["id", "day", "hours", "text", "state", "remark"]


class NoteSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=NoteKind.choices, read_only=True)
    verdict = serializers.ChoiceField(choices=Verdict.choices, read_only=True)
    author = PersonSerializer(read_only=True)

    class Meta:
        model = PlacementNote
        fields = ["id", "kind", "author", "text", "verdict", "weeks", "paid", "settled_at", "settlement", "created_at"]


class EvaluationSerializer(serializers.ModelSerializer):
    side = serializers.ChoiceField(choices=Side.choices, read_only=True)
    scores = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Evaluation
        fields = ["id", "side", "scores", "comment", "total", "published_at"]


class PlacementSerializer(serializers.ModelSerializer):
    student = PersonSerializer(read_only=True)
    host = serializers.SlugField(source="host.slug", read_only=True)
    university = serializers.SlugField(source="university.slug", read_only=True)
    mentor = PersonSerializer(read_only=True, allow_null=True)
    supervisor = PersonSerializer(read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(PlacementState), read_only=True)
    pending = serializers.DictField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Placement
        fields = [
            "id", "posting", "cohort", "student", "host", "university", "mentor", "supervisor", "starts_on", "ends_on",
            "dates_reason", "hours", "credits", "pay", "currency", "tasks", "outcomes", "monitoring", "gives_access",
            "insurer", "insured_until", "pending", "state", "reason", "version",
        ]  # fmt: skip
        read_only_fields = ["posting", "cohort"]


class PlacementDetail(PlacementSerializer):
    """`certificate`: where anybody checks it, for those who may see it; null before it is issued."""

    certificate = serializers.SerializerMethodField()

    class Meta(PlacementSerializer.Meta):
        fields = [*PlacementSerializer.Meta.fields, "certificate"]

    def get_certificate(self, row: Placement) -> str | None:
        issued = certificate_of(row).filter(state__in=sorted(SIGNED))
        found = issued.visible_to(self.context["request"].user).first()
        return found.public_url if found else None


class PlacementEdit(StrictSerializer):
    """Each person writes their own part; fields that are left out stay as they are."""

    tasks = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    hours = serializers.IntegerField(min_value=1, max_value=60, required=False)
    pay = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=0, required=False)
    outcomes = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    monitoring = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    credits = serializers.IntegerField(min_value=0, max_value=120, required=False)
    starts_on = DayField(required=False)
    ends_on = DayField(required=False)
    dates_reason = serializers.CharField(max_length=500, required=False, allow_blank=True)
    insurer = serializers.CharField(max_length=120, required=False, allow_blank=True)
    insured_until = DayField(required=False, allow_null=True)
    contact_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    contact_phone = serializers.CharField(max_length=30, required=False, allow_blank=True)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    mentor = ScopedRelatedField(word="person.view", model=User, required=False)
    supervisor = ScopedRelatedField(word="person.view", model=User, required=False)
    project = ScopedRelatedField(word="project.view", model=Project, slug_field="slug", required=False, allow_null=True)
    gives_access = serializers.BooleanField(required=False)
    host_agreement = ScopedRelatedField(word="agreement.view", model=Agreement, required=False, allow_null=True)


class ApproveInput(StrictSerializer):
    organisation = ScopedRelatedField(word="placement.approve", model=Organisation, slug_field="slug")
    approve = serializers.BooleanField()
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class MentorInput(StrictSerializer):
    mentor = ScopedRelatedField(word="person.view", model=User)
    reason = serializers.CharField(max_length=1000)


class SupervisorInput(StrictSerializer):
    supervisor = ScopedRelatedField(word="person.view", model=User)
    reason = serializers.CharField(max_length=1000)


class PointInput(StrictSerializer):
    """Another day of a check-point for this intern; the day of the cohort takes it back."""

    check_point = ScopedRelatedField(word="programme.view", model=CheckPoint)
    due_on = DayField()
    reason = serializers.CharField(max_length=500)


class PointSerializer(serializers.Serializer):
    """A check-point on the day on which it is due for this intern; with the reason where it was moved."""

    id = serializers.UUIDField(source="pk", read_only=True)
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    due_on = serializers.DateField(source="day", read_only=True)
    reason = serializers.CharField(source="moved_to.reason", read_only=True, default="")


class FrameSerializer(serializers.Serializer):
    """The project in which host and university keep their agreements."""

    project = serializers.SlugField(source="slug", read_only=True)


class LogInput(StrictSerializer):
    day = DayField()
    hours = serializers.DecimalField(max_digits=4, decimal_places=2, min_value=0, max_value=16)
    text = serializers.CharField(max_length=2000)


class NoteInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=[NoteKind.CHECK_IN.value, NoteKind.FEEDBACK.value, NoteKind.INCIDENT.value])
    text = serializers.CharField(max_length=4000)
    verdict = serializers.ChoiceField(choices=Verdict.choices, required=False)
    weeks = serializers.IntegerField(min_value=1, max_value=52, required=False, allow_null=True)
    paid = serializers.BooleanField(required=False, allow_null=True)


class EvaluateInput(StrictSerializer):
    scores = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=5))
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class LogAnswerInput(StrictSerializer):
    """The mentor's answer to a day of the log book; what is sent back has a remark."""

    day = DayField()
    confirm = serializers.BooleanField()
    remark = serializers.CharField(max_length=500, required=False, allow_blank=True)


class SettleInput(StrictSerializer):
    """`follow`: whether a feedback that asks for it extends or ends the placement."""

    note = serializers.UUIDField()
    settlement = serializers.CharField(max_length=1000)
    follow = serializers.BooleanField(required=False, default=True)


class LearningInput(StrictSerializer):
    governing_law = serializers.CharField(max_length=120)


class ChangeInput(StrictSerializer):
    """Terms that are left out stay as they are. It counts once all three have signed it."""

    starts_on = DayField(required=False)
    ends_on = DayField(required=False)
    hours = serializers.IntegerField(min_value=1, max_value=60, required=False)
    pay = serializers.DecimalField(max_digits=10, decimal_places=2, min_value=0, required=False)
    credits = serializers.IntegerField(min_value=0, max_value=120, required=False)
    tasks = serializers.CharField(max_length=2000, required=False)
    outcomes = serializers.CharField(max_length=2000, required=False)
    monitoring = serializers.CharField(max_length=2000, required=False)
    reason = serializers.CharField(max_length=500)


class StudentSignInput(StrictSerializer):
    typed_name = serializers.CharField(max_length=120)
    document_sha256 = serializers.RegexField("^[0-9a-f]{64}$")


class MissingSerializer(serializers.Serializer):
    code = serializers.CharField(read_only=True)
    text = serializers.CharField(source="sentence", read_only=True)


class NextSerializer(serializers.Serializer):
    """The next step, empty when none is left, and what is missing before it."""

    move = serializers.CharField(read_only=True)
    missing = MissingSerializer(many=True, read_only=True)


class RemindedSerializer(serializers.Serializer):
    late = serializers.ListField(child=serializers.CharField(), read_only=True)


class SignatureSerializer(serializers.Serializer):
    name = serializers.CharField(source="typed_name", read_only=True)
    party = serializers.SlugField(source="party.slug", read_only=True)
    capacity = serializers.CharField(read_only=True)
    signed_at = serializers.DateTimeField(source="created_at", read_only=True)


class StudentSignatureSerializer(serializers.Serializer):
    name = serializers.CharField(source="typed_name", read_only=True)
    signed_at = serializers.DateTimeField(source="created_at", read_only=True)


class SignedSerializer(serializers.Serializer):
    """The learning agreement as all three have signed it."""

    reference = serializers.CharField(source="agreement.reference", read_only=True)
    number = serializers.IntegerField(read_only=True)
    text = serializers.CharField(source="text_shown", read_only=True)
    sha256 = serializers.CharField(source="document_sha256", read_only=True)
    signatures = SignatureSerializer(many=True, read_only=True)
    student = StudentSignatureSerializer(source="student_signature", read_only=True)


class SigningSerializer(serializers.Serializer):
    """The version of the learning agreement that counts now, and who has signed it.

    The student, who signs it here, reads its text; the organisations read and sign it as every other agreement.
    """

    version = serializers.UUIDField(source="pk", read_only=True)
    reference = serializers.CharField(source="agreement.reference", read_only=True)
    number = serializers.IntegerField(read_only=True)
    state = serializers.CharField(read_only=True)
    text = serializers.SerializerMethodField()
    sha256 = serializers.CharField(source="document_sha256", read_only=True)
    signatures = SignatureSerializer(many=True, read_only=True)
    student = serializers.SerializerMethodField()

    def get_text(self, version: AgreementVersion) -> str:
        mine = Placement.objects.filter(agreement=version.agreement_id, student=self.context["request"].user)
        return version.text_shown if mine.exists() else ""

    @extend_schema_field(StudentSignatureSerializer(allow_null=True))
    def get_student(self, version: AgreementVersion) -> dict[str, Any] | None:
        own = StudentSignature.objects.filter(version_signed=version).first()
        return StudentSignatureSerializer(own).data if own else None


class PlacementFilter(django_filters.FilterSet):
    """`open`: whether it has not ended. `search`: a part of the name of student, mentor, supervisor or host."""

    state = django_filters.ChoiceFilter(choices=choices_of(PlacementState))
    cohort = django_filters.UUIDFilter()
    open = django_filters.BooleanFilter(method="is_open")
    search = django_filters.CharFilter(method="named")

    def is_open(self, rows: Any, name: str, value: bool) -> Any:
        return rows.going_on() if value else rows.ended()

    def named(self, rows: Any, name: str, value: str) -> Any:
        return rows.named(value)


@extend_schema_view(
    list=extend_schema(summary="Placements", responses=PlacementSerializer(many=True)),
    retrieve=extend_schema(summary="One placement"),
)
class PlacementViewSet(ScopedViewSet):
    words = {
        "list": "placement.view",
        "retrieve": "placement.view",
        "partial_update": "placement.write",
        "signed": "placement.view",
        "approve": "placement.approve",
        "onboard": "placement.manage",
        "move": "placement.manage",
        "log": "placement.intern",
        "notes": "placement.write",
        "evaluate": "placement.evaluate",
        "certificate": "placement.manage",
        "mentor": "placement.approve",
        "supervisor": "placement.manage",
        "frame": "placement.manage",
        "points": "placement.view",
        "move_point": "placement.manage",
        "agreement": "placement.view",
        "draft": "placement.manage",
        "change": "placement.manage",
        "sign": "placement.sign",
        "next": "placement.view",
        "entries": "placement.view",
        "answer_log": "placement.confirm",
        "noted": "placement.view",
        "settle": "placement.manage",
        "evaluations": "placement.view",
        "remind": "programme.manage",
    }
    rows = Placement.objects.with_names()
    serializer_class = PlacementDetail
    filterset_class = PlacementFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), PlacementSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Write down one's own part", request=PlacementEdit, responses=PlacementDetail, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now=standing(request, row))
        given = self.parsed(PlacementEdit)
        return self._told(edit_placement(placement=row, by=request.user, version=row.version, **given))

    @extend_schema(summary="Answer for one's organisation", request=ApproveInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._told(answer_placement(placement=self.get_object(), by=request.user, **self.parsed(ApproveInput)))

    @extend_schema(summary="The learning agreement as all three have signed it", responses=SignedSerializer)
    @action(detail=True)
    def signed(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        version = signed_version(row)
        if version is None or not self._seen(row.signatures.filter(version_signed=version)).exists():
            raise ConflictError(_("The learning agreement is not signed by all three yet."))
        return self.shown(version, SignedSerializer)

    @extend_schema(summary="The learning agreement that counts now, and who has signed it", responses=SigningSerializer)
    @action(detail=True)
    def agreement(self, request: Request, pk: str) -> Response:
        return self._signing(self.get_object())

    @extend_schema(
        summary="Draft the learning agreement for the three who sign it", request=LearningInput,
        responses={201: SigningSerializer},
    )  # fmt: skip
    @agreement.mapping.post
    def draft(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        version = draft_learning_agreement(placement=row, by=request.user, **self.parsed(LearningInput))
        return self.shown(version, SigningSerializer, 201)

    @extend_schema(
        summary="Propose other terms, which count once all three have signed", request=ChangeInput,
        responses={201: SigningSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="agreement/change")
    def change(self, request: Request, pk: str) -> Response:
        version = propose_change(placement=self.get_object(), by=request.user, **self.parsed(ChangeInput))
        return self.shown(version, SigningSerializer, 201)

    @extend_schema(
        summary="Sign as the student, in a session of the browser", request=StudentSignInput,
        responses={201: StudentSignatureSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"], url_path="agreement/sign")
    def sign(self, request: Request, pk: str) -> Response:
        made = sign_as_student(placement=self.get_object(), by=request.user, **self.parsed(StudentSignInput))
        return self.shown(made, StudentSignatureSerializer, 201)

    @extend_schema(summary="The next step, and what is missing before it", responses=NextSerializer)
    @action(detail=True)
    def next(self, request: Request, pk: str) -> Response:
        move, missing = next_for(self.get_object(), request.user)
        return self.shown({"move": move, "missing": missing}, NextSerializer)

    @extend_schema(summary="Let it begin", request=None, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def onboard(self, request: Request, pk: str) -> Response:
        return self._told(onboard(placement=self.get_object(), by=request.user))

    @extend_schema(
        summary="Suspend, resume, cancel, terminate, complete or fail it", request=MoveInput,
        responses=PlacementDetail,
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        return self._told(move_placement(placement=self.get_object(), by=request.user, **self.parsed(MoveInput)))

    @extend_schema(summary="Enter a day into the log book", request=LogInput, responses={201: LogSerializer})
    @action(detail=True, methods=["post"])
    def log(self, request: Request, pk: str) -> Response:
        made = write_log(placement=self.get_object(), by=request.user, **self.parsed(LogInput))
        return self.shown(made, LogSerializer, 201)

    @extend_schema(summary="The log book, newest day first", responses=LogSerializer(many=True))
    @log.mapping.get
    def entries(self, request: Request, pk: str) -> Response:
        return Response(LogSerializer(self._seen(self.get_object().log.all()), many=True).data)

    @extend_schema(
        summary="Confirm a day of the log book, or send it back", request=LogAnswerInput, responses=LogSerializer
    )
    @action(detail=True, methods=["post"], url_path="log/answer")
    def answer_log(self, request: Request, pk: str) -> Response:
        row, given = self.get_object(), self.parsed(LogAnswerInput)
        entry = row.log.select_related("placement").filter(day=given.pop("day")).first()
        if entry is None:
            raise NotFoundError
        return self.shown(answer_log(entry=entry, by=request.user, **given), LogSerializer)

    @extend_schema(summary="Write a check-in, feedback or incident", request=NoteInput, responses={201: NoteSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, pk: str) -> Response:
        made = write_note(placement=self.get_object(), by=request.user, **self.parsed(NoteInput))
        return self.shown(made, NoteSerializer, 201)

    @extend_schema(summary="Check-ins, feedbacks and incidents, newest first", responses=NoteSerializer(many=True))
    @notes.mapping.get
    def noted(self, request: Request, pk: str) -> Response:
        rows = self._seen(self.get_object().notes.select_related("author"))
        return Response(NoteSerializer(rows, many=True, context=self.get_serializer_context()).data)

    @extend_schema(summary="Settle an incident or a feedback", request=SettleInput, responses=NoteSerializer)
    @action(detail=True, methods=["post"], url_path="notes/settle")
    def settle(self, request: Request, pk: str) -> Response:
        row, given = self.get_object(), self.parsed(SettleInput)
        note = row.notes.select_related("placement", "author").filter(pk=given.pop("note")).first()
        if note is None:
            raise NotFoundError
        return self.shown(settle_note(note=note, by=request.user, **given), NoteSerializer)

    @extend_schema(summary="Evaluations that one may read", responses=EvaluationSerializer(many=True))
    @action(detail=True)
    def evaluations(self, request: Request, pk: str) -> Response:
        rows = Evaluation.objects.filter(placement=self.get_object())
        found = visible_to(request.user, "placement.view", rows)
        return Response(EvaluationSerializer(found, many=True).data)

    @extend_schema(summary="Remind of what is late", request=None, responses=RemindedSerializer)
    @action(detail=True, methods=["post"])
    def remind(self, request: Request, pk: str) -> Response:
        return self.shown({"late": remind(placement=self.get_object(), by=request.user)}, RemindedSerializer)

    @extend_schema(summary="Evaluate the other side", request=EvaluateInput, responses={201: EvaluationSerializer})
    @action(detail=True, methods=["post"])
    def evaluate(self, request: Request, pk: str) -> Response:
        made = evaluate(placement=self.get_object(), by=request.user, **self.parsed(EvaluateInput))
        return self.shown(made, EvaluationSerializer, 201)

    @extend_schema(
        summary="Propose the certificate of a completed placement", request=None, responses={201: BatchSerializer}
    )
    @action(detail=True, methods=["post"])
    def certificate(self, request: Request, pk: str) -> Response:
        return self.shown(attest_placement(placement=self.get_object(), by=request.user), BatchSerializer, 201)

    @extend_schema(summary="Name another mentor", request=MentorInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def mentor(self, request: Request, pk: str) -> Response:
        return self._told(change_mentor(placement=self.get_object(), by=request.user, **self.parsed(MentorInput)))

    @extend_schema(summary="Name another supervisor", request=SupervisorInput, responses=PlacementDetail)
    @action(detail=True, methods=["post"])
    def supervisor(self, request: Request, pk: str) -> Response:
        given = self.parsed(SupervisorInput)
        return self._told(change_supervisor(placement=self.get_object(), by=request.user, **given))

    @extend_schema(summary="Keep its agreements without a joint project", request=None, responses=FrameSerializer)
    @action(detail=True, methods=["post"])
    def frame(self, request: Request, pk: str) -> Response:
        return self.shown(open_frame(placement=self.get_object(), by=request.user), FrameSerializer)

    @extend_schema(summary="The check-points of this intern", responses=PointSerializer(many=True))
    @action(detail=True, url_path="check-points", filterset_class=None)
    def points(self, request: Request, pk: str) -> Response:
        return Response(PointSerializer(points_of(self.get_object()), many=True).data)

    @extend_schema(summary="Move a check-point", request=PointInput, responses=PointSerializer(many=True))
    @points.mapping.post
    def move_point(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        move_check_point(placement=row, by=request.user, **self.parsed(PointInput))
        return Response(PointSerializer(points_of(row), many=True).data)

    def _seen(self, rows: Any) -> Any:
        """Those rows of a placement that the person reads."""
        return visible_to(self.request.user, "placement.view", rows)

    def _signing(self, row: Placement) -> Response:
        version = version_to_sign(row)
        if version is None:
            raise ConflictError(_("There is no learning agreement yet."))
        return self.shown(version, SigningSerializer)

    def _told(self, row: Placement) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, PlacementDetail), etag_of(row.pk, row.version))
