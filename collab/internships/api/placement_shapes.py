"""What the API of placements takes and tells."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from collab.accounts.models import Organisation, User
from collab.agreements.models import Agreement, AgreementVersion
from collab.courses.certificates.models import Certificate
from collab.internships.models import CheckPoint, Evaluation, LogEntry, Placement, PlacementNote, StudentSignature
from collab.internships.placements.attesting import certificates_seen
from collab.internships.placements.models import NoteKind, Side, Verdict
from collab.internships.placements.services import contact_seen
from collab.internships.placements.states import LogState, PlacementState
from collab.internships.standing import projects_told
from collab.projects.models import Project
from collab.web.api import (
    DayField,
    PersonSerializer,
    ScopedRelatedField,
    StrictSerializer,
    choices_of,
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
        fields = [
            "id", "kind", "author", "text", "confidential", "verdict", "weeks", "paid", "settled_at", "settlement",
            "created_at",
        ]  # fmt: skip


class EvaluationSerializer(serializers.ModelSerializer):
    side = serializers.ChoiceField(choices=Side.choices, read_only=True)
    scores = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = Evaluation
        fields = ["id", "side", "scores", "comment", "total", "published_at"]


class PlacementSerializer(serializers.ModelSerializer):
    """`shown_state` is the state by the dates: in progress, or waiting for the evaluations.

    Agreements are told by their reference; `project` to those who take part or may see it.
    """

    student = PersonSerializer(read_only=True)
    host = serializers.SlugField(source="host.slug", read_only=True)
    university = serializers.SlugField(source="university.slug", read_only=True)
    mentor = PersonSerializer(read_only=True, allow_null=True)
    supervisor = PersonSerializer(read_only=True, allow_null=True)
    state = serializers.ChoiceField(choices=choices_of(PlacementState), read_only=True)
    pending = serializers.DictField(child=serializers.CharField(), read_only=True)
    project = serializers.SerializerMethodField()
    host_agreement = serializers.CharField(
        source="host_agreement.reference", read_only=True, allow_null=True, default=None
    )
    agreement = serializers.CharField(source="agreement.reference", read_only=True, allow_null=True, default=None)
    approved_by_host = PersonSerializer(read_only=True, allow_null=True)
    approved_by_university = PersonSerializer(read_only=True, allow_null=True)
    shown_state = serializers.CharField(read_only=True)

    class Meta:
        model = Placement
        fields = [
            "id", "posting", "cohort", "student", "host", "university", "mentor", "supervisor", "starts_on", "ends_on",
            "dates_reason", "hours", "credits", "pay", "currency", "tasks", "outcomes", "monitoring", "gives_access",
            "insurer", "insured_until", "pending", "project", "host_agreement", "agreement", "approved_by_host",
            "approved_by_university", "state", "shown_state", "reason", "version",
        ]  # fmt: skip
        read_only_fields = ["posting", "cohort"]

    def get_project(self, row: Placement) -> str | None:
        if row.project is None:
            return None
        return row.project.slug if row.pk in self._project_told else None

    @cached_property
    def _project_told(self) -> set[UUID]:
        asked = projects_told(self.context["request"].user).filter(pk__in=[row.pk for row in self._told])
        return set(asked.values_list("pk", flat=True))

    @property
    def _told(self) -> list[Placement]:
        """All the rows that are told, so that each is asked for and all at once."""
        return list(self.instance) if isinstance(self.parent, serializers.ListSerializer) else [self.instance]


class PlacementDetail(PlacementSerializer):
    """`certificate`: where anybody checks it, for those who may see it; null before it is issued.

    The emergency contact is for the intern, those who guide them and those who lead the placement; null for others.
    """

    certificate = serializers.SerializerMethodField()
    contact_name = serializers.SerializerMethodField()
    contact_phone = serializers.SerializerMethodField()

    class Meta(PlacementSerializer.Meta):
        fields = [*PlacementSerializer.Meta.fields, "contact_name", "contact_phone", "certificate"]

    def get_contact_name(self, row: Placement) -> str | None:
        return row.contact_name if row.pk in self._contact_seen else None

    def get_contact_phone(self, row: Placement) -> str | None:
        return row.contact_phone if row.pk in self._contact_seen else None

    def get_certificate(self, row: Placement) -> str | None:
        found = self._certificates.get(str(row.pk))
        return found.public_url if found else None

    @cached_property
    def _contact_seen(self) -> set[UUID]:
        return contact_seen(self.context["request"].user, self._told)

    @cached_property
    def _certificates(self) -> dict[str, Certificate]:
        return certificates_seen(self.context["request"].user, self._told)


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
    """A check-point on the day on which it is due for this intern; why it was moved, for those who take part."""

    id = serializers.UUIDField(source="pk", read_only=True)
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    due_on = serializers.DateField(source="day", read_only=True)
    reason = serializers.CharField(source="moved_reason", read_only=True)


class FrameSerializer(serializers.Serializer):
    """The project in which host and university keep their agreements."""

    project = serializers.SlugField(source="slug", read_only=True)


class LogInput(StrictSerializer):
    day = DayField()
    hours = serializers.DecimalField(max_digits=4, decimal_places=2, min_value=0, max_value=16)
    text = serializers.CharField(max_length=2000)


class NoteInput(StrictSerializer):
    """`confidential`, of an incident: only its author and the coordinators of the student's university read it."""

    kind = serializers.ChoiceField(choices=[NoteKind.CHECK_IN.value, NoteKind.FEEDBACK.value, NoteKind.INCIDENT.value])
    text = serializers.CharField(max_length=4000)
    verdict = serializers.ChoiceField(choices=Verdict.choices, required=False)
    weeks = serializers.IntegerField(min_value=1, max_value=52, required=False, allow_null=True)
    paid = serializers.BooleanField(required=False, allow_null=True)
    confidential = serializers.BooleanField(required=False, default=False)


class EvaluateInput(StrictSerializer):
    scores = serializers.DictField(child=serializers.IntegerField(min_value=1, max_value=5))
    comment = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class LogAnswerInput(StrictSerializer):
    """The mentor's answer to a day of the log book; what is sent back has a remark."""

    day = DayField()
    confirm = serializers.BooleanField()
    remark = serializers.CharField(max_length=500, required=False, allow_blank=True)


class LogDaysInput(StrictSerializer):
    """Days that the mentor has read and confirms; what does not wait for it stays as it is."""

    days = serializers.ListField(child=DayField(), min_length=1, max_length=366)


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


class DeclineInput(StrictSerializer):
    """Why the student does not sign; all three read it."""

    reason = serializers.CharField(max_length=500)


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
