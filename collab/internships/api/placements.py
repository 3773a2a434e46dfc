"""Placements: approvals, learning agreement, log book, notes, evaluations, certificate."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import visible_to
from collab.courses.certificates.api import BatchSerializer
from collab.internships.api.placement_shapes import (
    ApproveInput,
    ChangeInput,
    DeclineInput,
    EvaluateInput,
    EvaluationSerializer,
    FrameSerializer,
    LearningInput,
    LogAnswerInput,
    LogDaysInput,
    LogInput,
    LogSerializer,
    MentorInput,
    NextSerializer,
    NoteInput,
    NoteSerializer,
    PlacementDetail,
    PlacementEdit,
    PlacementSerializer,
    PointInput,
    PointSerializer,
    RemindedSerializer,
    SettleInput,
    SignedSerializer,
    SigningSerializer,
    StudentSignatureSerializer,
    StudentSignInput,
    SupervisorInput,
)
from collab.internships.api.shared import MoveInput
from collab.internships.models import Evaluation, Placement
from collab.internships.placements.approving import answer_placement
from collab.internships.placements.attesting import attest_placement
from collab.internships.placements.caring import answer_log, confirm_days, evaluate, settle_note, write_log, write_note
from collab.internships.placements.framing import open_frame
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
    decline_as_student,
    draft_learning_agreement,
    propose_change,
    sign_as_student,
    signed_version,
    take_back_agreement,
    version_to_sign,
)
from collab.internships.placements.states import PlacementState
from collab.internships.standing import takes_part
from collab.kernel.errors import ConflictError, NotFoundError
from collab.web.api import (
    IF_MATCH,
    ScopedViewSet,
    TruthFilter,
    choices_of,
    etag_of,
    require_match,
    standing,
    tagged,
)


class PlacementFilter(django_filters.FilterSet):
    """`open`: whether it has not ended. `search`: a part of the name of student, mentor, supervisor or host."""

    state = django_filters.ChoiceFilter(choices=choices_of(PlacementState))
    cohort = django_filters.UUIDFilter()
    open = TruthFilter(method="is_open")
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
        "decline": "placement.sign",
        "take_back": "placement.manage",
        "next": "placement.view",
        "entries": "placement.view",
        "answer_log": "placement.confirm",
        "confirm_log": "placement.confirm",
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
        row = self.get_object()
        if not takes_part(request.user, row):
            raise NotFoundError
        version = version_to_sign(row)
        if version is None:
            raise ConflictError(_("There is no learning agreement yet."))
        return self.shown(version, SigningSerializer)

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

    @extend_schema(
        summary="Decline as the student, in a session of the browser", request=DeclineInput, responses=PlacementDetail
    )
    @action(detail=True, methods=["post"], url_path="agreement/decline")
    def decline(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        decline_as_student(placement=row, by=request.user, **self.parsed(DeclineInput))
        return self._told(row)

    @extend_schema(
        summary="Take back the agreement that came back from an approval", request=None, responses=PlacementDetail
    )
    @action(detail=True, methods=["post"], url_path="agreement/take-back")
    def take_back(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        take_back_agreement(placement=row, by=request.user)
        return self._told(row)

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

    @extend_schema(
        summary="Confirm days of the log book at once", request=LogDaysInput, responses=LogSerializer(many=True)
    )
    @action(detail=True, methods=["post"], url_path="log/confirm", filterset_class=None)
    def confirm_log(self, request: Request, pk: str) -> Response:
        made = confirm_days(placement=self.get_object(), by=request.user, **self.parsed(LogDaysInput))
        return Response(LogSerializer(made, many=True).data)

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

    def _told(self, row: Placement) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, PlacementDetail), etag_of(row.pk, row.version))
