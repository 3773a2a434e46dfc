"""Ethics as JSON: questionnaires, committees, applications, reviews, self-assessments."""

from __future__ import annotations

from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import get_or_404
from collab.accounts.models import Organisation, User
from collab.ethics.correcting import correct_decision, refuse_claim, reopen_review
from collab.ethics.deciding import (
    ConditionTerm,
    ask_applicants,
    assign,
    close_report,
    confirm_condition,
    decide_case,
    declare_conflict,
    hold_case,
    settle_conflict,
    submit_review,
)
from collab.ethics.files import add_file, file_of, files_of, remove_file
from collab.ethics.models import (
    EthicsAssessment,
    EthicsCase,
    EthicsCommittee,
    EthicsCondition,
    EthicsCorrection,
    EthicsFile,
    EthicsForm,
    EthicsFormVersion,
    EthicsQuestion,
    EthicsRefusal,
    EthicsReport,
    EthicsReview,
    EthicsSubmission,
    Kind,
    Purpose,
)
from collab.ethics.questions import changed_keys, scores
from collab.ethics.reading import Given, counts_of, figures_of, given_of, loads_of, worklists_of
from collab.ethics.services import (
    add_form_version,
    answer_question,
    appeal_case,
    begin_assessment,
    begin_case,
    carry_over,
    claim_condition,
    condition_of,
    edit_committee,
    edit_form,
    finish_assessment,
    follow_case,
    found_committee,
    reopen_assessment,
    report,
    save_answers,
    submit_case,
    withdraw_case,
    write_form,
)
from collab.ethics.standing import Part, part_of
from collab.ethics.states import Area, AssessmentState, CaseState, ReportState, ReviewState, Route, Worklist
from collab.inbox.states import Decision, Opinion
from collab.kernel.blobs import blob_path
from collab.kernel.errors import NotFoundError
from collab.projects.models import ConflictOfInterest, Project
from collab.web.api import (
    IF_MATCH,
    UUID_PATTERN,
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
from collab.web.downloads import resumable
from collab.web.negotiation import AnythingNegotiation
from collab.web.parsers import WholeMultiPartParser

_AREAS = choices_of(Area)


# --- what is told
class FormVersionSerializer(serializers.ModelSerializer):
    questions = serializers.JSONField(read_only=True)
    rules = serializers.JSONField(read_only=True)

    class Meta:
        model = EthicsFormVersion
        fields = ["number", "questions", "rules", "created_at"]


class FormRow(serializers.ModelSerializer):
    """A questionnaire; without an organisation it comes with Tandem."""

    organisation = serializers.SlugField(source="organisation.slug", read_only=True, allow_null=True, default=None)
    purpose = serializers.ChoiceField(choices=Purpose.choices, read_only=True)

    class Meta:
        model = EthicsForm
        fields = ["id", "code", "purpose", "name", "name_zh", "note", "note_zh", "organisation", "version"]


class FormSerializer(FormRow):
    versions = FormVersionSerializer(many=True, read_only=True)

    class Meta(FormRow.Meta):
        fields = [*FormRow.Meta.fields, "versions"]


_COMMITTEE = [
    "name", "name_zh", "reviewers_see_all", "seals_reviews", "shows_reviewers", "minimum_reviews", "short_days",
    "full_days", "validity_months",
    "holds_jobs", "holds_releases", "holds_data",
]  # fmt: skip


class CommitteeSerializer(serializers.ModelSerializer):
    organisation = serializers.SlugField(source="organisation.slug", read_only=True)

    class Meta:
        model = EthicsCommittee
        fields = ["id", "organisation", *_COMMITTEE, "version"]
        read_only_fields = fields


class TurnaroundSerializer(serializers.Serializer):
    """First decisions of one route, in days since the first submission."""

    route = serializers.CharField(read_only=True)
    decided = serializers.IntegerField(source="count", read_only=True)
    median_days = serializers.FloatField(read_only=True, allow_null=True)
    longest_days = serializers.IntegerField(read_only=True, allow_null=True)
    late = serializers.IntegerField(source="over", read_only=True)


class YearTurnaroundSerializer(TurnaroundSerializer):
    """The same of the decisions of one year."""

    year = serializers.IntegerField(read_only=True)


class AgeSerializer(serializers.Serializer):
    """Cases of one route that wait for a first decision, in days; `over`: longer than the committee gives itself."""

    route = serializers.CharField(read_only=True)
    open = serializers.IntegerField(source="count", read_only=True)
    median_days = serializers.FloatField(read_only=True, allow_null=True)
    oldest_days = serializers.IntegerField(source="longest_days", read_only=True, allow_null=True)
    over = serializers.IntegerField(read_only=True)


class AppealsSerializer(serializers.Serializer):
    """Appeals that wait and that are decided, in days; `won`: those that were right, wholly or in part."""

    open = serializers.IntegerField(source="waiting.count", read_only=True)
    oldest_days = serializers.IntegerField(source="waiting.longest_days", read_only=True, allow_null=True)
    decided = serializers.IntegerField(source="decided.count", read_only=True)
    median_days = serializers.FloatField(source="decided.median_days", read_only=True, allow_null=True)
    longest_days = serializers.IntegerField(source="decided.longest_days", read_only=True, allow_null=True)
    won = serializers.IntegerField(read_only=True)


class ReviewerLoadSerializer(serializers.Serializer):
    """How many reviews somebody has open, and gave."""

    reviewer = serializers.CharField(source="reviewer__name", read_only=True)
    open = serializers.IntegerField(read_only=True)
    given = serializers.IntegerField(read_only=True)


class FiguresSerializer(serializers.Serializer):
    """Of the cases that you may see. `worklists`: how many cases each `?worklist=` of the applications has."""

    states = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    worklists = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    turnaround = TurnaroundSerializer(many=True, read_only=True)
    by_year = YearTurnaroundSerializer(many=True, read_only=True)
    ages = AgeSerializer(many=True, read_only=True)
    appeals = AppealsSerializer(read_only=True)
    reviewers = ReviewerLoadSerializer(many=True, read_only=True)


class ReasonSerializer(serializers.Serializer):
    code = serializers.CharField(read_only=True)
    question = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    reason_zh = serializers.CharField(read_only=True)


class EthicsRefusalSerializer(serializers.ModelSerializer):
    """What was given for a condition before, and why it was not enough."""

    claimed_by = PersonSerializer(read_only=True)
    by = PersonSerializer(read_only=True)

    class Meta:
        model = EthicsRefusal
        fields = ["evidence", "claimed_by", "claimed_at", "reason", "by", "created_at"]


class CorrectedSerializer(serializers.Serializer):
    """One thing that was put right; `number` is that of a condition, null for the decision itself."""

    what = serializers.ChoiceField(choices=["valid_until", "monitor_months", "blocks", "due_on"], read_only=True)
    number = serializers.IntegerField(read_only=True, allow_null=True)
    before = serializers.JSONField(read_only=True)
    after = serializers.JSONField(read_only=True)


class EthicsCorrectionSerializer(serializers.ModelSerializer):
    by = PersonSerializer(read_only=True)
    changes = CorrectedSerializer(many=True, read_only=True)

    class Meta:
        model = EthicsCorrection
        fields = ["id", "reason", "changes", "by", "created_at"]


class EthicsConditionSerializer(serializers.ModelSerializer):
    text = serializers.CharField(source="condition.text", read_only=True)
    met = serializers.BooleanField(source="is_met", read_only=True)
    met_at = serializers.DateTimeField(source="condition.met_at", read_only=True, allow_null=True)
    blocks_now = serializers.BooleanField(read_only=True)
    refusals = EthicsRefusalSerializer(many=True, read_only=True)

    class Meta:
        model = EthicsCondition
        fields = [
            "number", "text", "blocks_jobs", "blocks_releases", "blocks_data", "due_on", "evidence", "claimed_at",
            "met", "met_at", "lifted_at", "blocks_now", "refusals",
        ]  # fmt: skip


def _part(serializer: serializers.BaseSerializer) -> Part:
    """What the reader is to the cases: of the person, so a token that only reads tells neither more nor less."""
    context = serializer.context
    if "part" not in context:
        context["part"] = part_of(context["request"].user)
    return context["part"]


class EthicsQuestionSerializer(serializers.ModelSerializer):
    """`by` is told to the committee alone, unless it shows its reviewers."""

    key = serializers.CharField(source="about_key", read_only=True)
    by = serializers.SerializerMethodField()
    answered_by = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = EthicsQuestion
        fields = ["id", "key", "text", "by", "created_at", "answer", "answered_by", "answered_at"]

    @extend_schema_field(PersonSerializer(allow_null=True))
    def get_by(self, row: EthicsQuestion) -> Any:
        if not row.case.committee.shows_reviewers and not _part(self).sits_on(row.case):
            return None
        return PersonSerializer(row.by, context=self.context).data


class EthicsReportSerializer(serializers.ModelSerializer):
    kind = serializers.ChoiceField(choices=EthicsReport.Kind.choices, read_only=True)
    severity = serializers.ChoiceField(choices=[("", "none"), *EthicsReport.Severity.choices], read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ReportState), read_only=True)
    by = PersonSerializer(read_only=True)

    class Meta:
        model = EthicsReport
        fields = ["id", "kind", "severity", "happened_on", "text", "by", "created_at", "state", "outcome", "closed_at"]


class SubmissionSerializer(serializers.ModelSerializer):
    version = serializers.IntegerField(source="form_version.number", read_only=True)
    answers = serializers.JSONField(read_only=True)
    by = PersonSerializer(read_only=True)

    class Meta:
        model = EthicsSubmission
        fields = ["number", "version", "answers", "note", "by", "created_at"]


class EthicsFileSerializer(serializers.ModelSerializer):
    """`number` is that of the file, `edition` counts what replaced it; `current`: it goes with what you read here.

    It belongs to the rounds from `first_round` to `last_round`.
    """

    kind = serializers.ChoiceField(choices=EthicsFile.Kind.choices, read_only=True)
    by = PersonSerializer(read_only=True)
    current = serializers.SerializerMethodField()

    class Meta:
        model = EthicsFile
        fields = [
            "id", "number", "edition", "current", "kind", "file_name", "content_type", "sha256", "size_bytes",
            "first_round", "last_round", "by", "created_at",
        ]  # fmt: skip

    def get_current(self, row: EthicsFile) -> bool:
        return row.pk in self.context["current_files"]


class CaseRow(serializers.ModelSerializer):
    """An application; `expired` says that its approval is over."""

    project = serializers.SlugField(source="project.slug", read_only=True)
    committee = serializers.SlugField(source="committee.organisation.slug", read_only=True)
    kind = serializers.ChoiceField(choices=Kind.choices, read_only=True)
    state = serializers.ChoiceField(choices=choices_of(CaseState), read_only=True)
    expired = serializers.BooleanField(source="is_expired", read_only=True)
    due_at = serializers.DateTimeField(source="request.due_at", read_only=True, allow_null=True, default=None)

    class Meta:
        model = EthicsCase
        fields = [
            "id", "project", "committee", "title", "kind", "state", "expired", "route", "round", "due_at",
            "submitted_at", "decided_at", "valid_until", "monitor_on", "blocks_jobs", "blocks_releases",
            "blocks_data", "version",
        ]  # fmt: skip


class CarriedSerializer(serializers.Serializer):
    """What the version answered now has that the one before did not."""

    new = serializers.ListField(child=serializers.CharField(), read_only=True)
    changed = serializers.ListField(child=serializers.CharField(), read_only=True)
    dropped = serializers.ListField(child=serializers.CharField(), read_only=True)


class CaseSerializer(CaseRow):
    """An application with all that hangs on it; `changed` are the answers that differ from the round before.

    What the applicants change since changes were asked for is theirs until they submit it; others get the last round.
    """

    form = serializers.UUIDField(source="form_version.form_id", read_only=True)
    form_version = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()
    carried = serializers.SerializerMethodField()
    reasons = ReasonSerializer(many=True, read_only=True)
    changed = serializers.SerializerMethodField()
    previous = serializers.UUIDField(source="previous_id", read_only=True, allow_null=True)
    conditions = EthicsConditionSerializer(many=True, read_only=True)
    corrections = EthicsCorrectionSerializer(many=True, read_only=True)
    questions = EthicsQuestionSerializer(source="asked", many=True, read_only=True)
    reports = EthicsReportSerializer(many=True, read_only=True)
    submissions = SubmissionSerializer(many=True, read_only=True)
    files = serializers.SerializerMethodField()

    class Meta(CaseRow.Meta):
        fields = [
            *CaseRow.Meta.fields, "form", "form_version", "answers", "carried", "changed", "reasons", "previous",
            "decision_reason", "appeal_text", "appeals_conditions", "monitor_months", "conditions",
            "corrections", "questions", "reports", "submissions", "files",
        ]  # fmt: skip

    def _given(self, row: EthicsCase) -> Given:
        return given_of(row, row.submissions.all(), applies=_part(self).applies_to(row))

    @extend_schema_field(EthicsFileSerializer(many=True))
    def get_files(self, row: EthicsCase) -> Any:
        files = files_of(row, row.files.all(), applies=_part(self).applies_to(row))
        context = self.context | {"current_files": {one.pk for one in files.now}}
        return EthicsFileSerializer([*files.now, *files.before], many=True, context=context).data

    @extend_schema_field(serializers.IntegerField())
    def get_form_version(self, row: EthicsCase) -> int:
        return self._given(row).row.form_version.number

    @extend_schema_field(serializers.JSONField())
    def get_answers(self, row: EthicsCase) -> Any:
        return self._given(row).row.answers

    @extend_schema_field(CarriedSerializer(allow_null=True))
    def get_carried(self, row: EthicsCase) -> Any:
        carried = self._given(row).row.carried
        return None if carried is None else CarriedSerializer(carried).data

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_changed(self, row: EthicsCase) -> list[str]:
        given = self._given(row)
        return [] if given.before is None else sorted(changed_keys(given.before, given.row.answers))


class EthicsReviewSerializer(serializers.ModelSerializer):
    case = serializers.UUIDField(source="case_id", read_only=True)
    reviewer = PersonSerializer(read_only=True)
    state = serializers.ChoiceField(choices=choices_of(ReviewState), read_only=True)

    class Meta:
        model = EthicsReview
        fields = [
            "id", "case", "reviewer", "round", "state", "opinion", "text", "due_on", "submitted_at", "conflict_kind",
            "conflict_text", "conflict_state", "conflict_plan", "version",
        ]  # fmt: skip
        read_only_fields = fields

    def to_representation(self, row: EthicsReview) -> dict[str, Any]:
        told = super().to_representation(row)
        part = _part(self)
        if row.reviewer_id != part.person and not part.sits_on(row.case):
            told |= dict.fromkeys(("conflict_kind", "conflict_text", "conflict_state", "conflict_plan"), "")
        return told


class ScoreSerializer(serializers.Serializer):
    section = serializers.CharField(read_only=True)
    percent = serializers.IntegerField(read_only=True, allow_null=True)
    advice = serializers.ListField(child=serializers.CharField(), read_only=True)


class AssessmentRow(serializers.ModelSerializer):
    project = serializers.SlugField(source="project.slug", read_only=True)
    form = serializers.UUIDField(source="form_version.form_id", read_only=True)
    form_version = serializers.IntegerField(source="form_version.number", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(AssessmentState), read_only=True)
    begun_by = PersonSerializer(read_only=True)

    class Meta:
        model = EthicsAssessment
        fields = ["id", "project", "form", "form_version", "state", "begun_by", "created_at", "finished_at", "version"]


class AssessmentSerializer(AssessmentRow):
    """Answers, what is new since those they were carried over from, and how each section stands."""

    answers = serializers.JSONField(read_only=True)
    carried = CarriedSerializer(read_only=True, allow_null=True)
    scores = serializers.SerializerMethodField()

    class Meta(AssessmentRow.Meta):
        fields = [*AssessmentRow.Meta.fields, "answers", "carried", "scores"]

    @extend_schema_field(ScoreSerializer(many=True))
    def get_scores(self, row: EthicsAssessment) -> list[dict[str, Any]]:
        return list(ScoreSerializer(scores(row.questions, row.answers), many=True).data)


# --- what is sent
class FormInput(StrictSerializer):
    organisation = ScopedRelatedField(word="ethics.manage", model=Organisation, slug_field="slug")
    code = serializers.SlugField(max_length=60)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    name = serializers.CharField(max_length=120)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    note_zh = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    questions = serializers.JSONField()
    rules = serializers.JSONField(required=False)


class FormEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    note_zh = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class VersionInput(StrictSerializer):
    questions = serializers.JSONField()
    rules = serializers.JSONField(required=False)


class CommitteeEdit(StrictSerializer):
    """Fields that are left out stay as they are."""

    name = serializers.CharField(max_length=120, required=False)
    name_zh = serializers.CharField(max_length=120, required=False, allow_blank=True)
    reviewers_see_all = serializers.BooleanField(required=False)
    seals_reviews = serializers.BooleanField(required=False)
    shows_reviewers = serializers.BooleanField(required=False)
    minimum_reviews = serializers.IntegerField(min_value=0, max_value=20, required=False)
    short_days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    full_days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    validity_months = serializers.IntegerField(min_value=1, max_value=120, required=False)
    holds_jobs = serializers.BooleanField(required=False)
    holds_releases = serializers.BooleanField(required=False)
    holds_data = serializers.BooleanField(required=False)


class CommitteeInput(CommitteeEdit):
    organisation = ScopedRelatedField(word="ethics.manage", model=Organisation, slug_field="slug")
    name = serializers.CharField(max_length=120)


class CaseInput(StrictSerializer):
    project = ScopedRelatedField(word="ethics.apply", model=Project, slug_field="slug")
    committee = ScopedRelatedField(word="organisation.view", model=EthicsCommittee)
    form = ScopedRelatedField(word="organisation.view", model=EthicsForm, slug_field="code")
    title = serializers.CharField(max_length=200)


class AnswersInput(StrictSerializer):
    """`form_version` is the number of the version that the answers were given to."""

    answers = serializers.JSONField()
    form_version = serializers.IntegerField(min_value=1)


class SubmitInput(StrictSerializer):
    form_version = serializers.IntegerField(min_value=1)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class EthicsFileInput(StrictSerializer):
    """`replaces`: the file of which this is the next edition."""

    kind = serializers.ChoiceField(choices=EthicsFile.Kind.choices)
    file = serializers.FileField(allow_empty_file=True)
    replaces = serializers.UUIDField(required=False)


class TitleInput(StrictSerializer):
    title = serializers.CharField(max_length=200, required=False)


class WordsInput(StrictSerializer):
    text = serializers.CharField(max_length=5000)


class AskInput(StrictSerializer):
    text = serializers.CharField(max_length=4000)
    key = serializers.CharField(max_length=40, required=False, allow_blank=True)


class ReplyInput(StrictSerializer):
    question = serializers.UUIDField()
    text = serializers.CharField(max_length=4000)


class ClaimInput(StrictSerializer):
    number = serializers.IntegerField(min_value=1, max_value=1000)
    evidence = serializers.CharField(max_length=5000)


class ConfirmInput(StrictSerializer):
    number = serializers.IntegerField(min_value=1, max_value=1000)
    evidence = serializers.CharField(max_length=5000, required=False, allow_blank=True)


class RefuseInput(StrictSerializer):
    number = serializers.IntegerField(min_value=1, max_value=1000)
    reason = serializers.CharField(max_length=4000)


class ConditionFix(StrictSerializer):
    """`due_on` null: it blocks at once. Fields that are left out stay as they are."""

    number = serializers.IntegerField(min_value=1, max_value=1000)
    due_on = DayField(required=False, allow_null=True)
    blocks = serializers.ListField(child=serializers.ChoiceField(choices=_AREAS), required=False)


class CorrectInput(StrictSerializer):
    """Fields that are left out stay as they are; of conditions, only those that are open can be corrected."""

    reason = serializers.CharField(max_length=4000)
    valid_until = DayField(required=False)
    monitor_months = serializers.IntegerField(min_value=1, max_value=60, required=False, allow_null=True)
    blocks = serializers.ListField(child=serializers.ChoiceField(choices=_AREAS), required=False)
    conditions = ConditionFix(many=True, required=False)


class AssignInput(StrictSerializer):
    reviewers = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=20)
    due_on = DayField(required=False)


class ConditionInput(StrictSerializer):
    text = serializers.CharField(max_length=500)
    blocks = serializers.ListField(child=serializers.ChoiceField(choices=_AREAS), required=False)
    due_on = DayField(required=False, allow_null=True)


class DecideInput(StrictSerializer):
    """`round` is the one that was read: 412 where another one was submitted since."""

    round = serializers.IntegerField(min_value=1, required=False)
    decision = serializers.ChoiceField(choices=choices_of(Decision))
    reason = serializers.CharField(max_length=5000, required=False, allow_blank=True)
    blocks = serializers.ListField(child=serializers.ChoiceField(choices=_AREAS), required=False)
    valid_until = DayField(required=False, allow_null=True)
    monitor_months = serializers.IntegerField(min_value=1, max_value=60, required=False, allow_null=True)
    conditions = ConditionInput(many=True, required=False)


class HoldInput(StrictSerializer):
    move = serializers.ChoiceField(choices=["suspend", "resume", "revoke"])
    reason = serializers.CharField(max_length=4000)


class ReportInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=EthicsReport.Kind.choices)
    text = serializers.CharField(max_length=8000)
    severity = serializers.ChoiceField(choices=EthicsReport.Severity.choices, required=False)
    happened_on = DayField(required=False)


class CloseInput(StrictSerializer):
    report = serializers.UUIDField()
    outcome = serializers.CharField(max_length=4000)


class OpinionInput(StrictSerializer):
    opinion = serializers.ChoiceField(choices=choices_of(Opinion))
    text = serializers.CharField(max_length=8000)


class EthicsConflictInput(StrictSerializer):
    kind = serializers.ChoiceField(choices=ConflictOfInterest.Kind.choices)
    text = serializers.CharField(max_length=2000)


class SettleInput(StrictSerializer):
    move = serializers.ChoiceField(choices=["waive", "recuse", "dismiss"])
    plan = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class AssessmentInput(StrictSerializer):
    project = ScopedRelatedField(word="ethics.apply", model=Project, slug_field="slug")
    form = ScopedRelatedField(word="organisation.view", model=EthicsForm, slug_field="code")


# --- views
@extend_schema_view(
    list=extend_schema(summary="Ethics questionnaires", responses=FormRow(many=True)),
    retrieve=extend_schema(summary="A questionnaire with all its versions", responses=FormSerializer),
)
class EthicsFormViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "retrieve": "organisation.view",
        "create": "ethics.manage",
        "partial_update": "ethics.manage",
        "versions": "ethics.manage",
    }
    rows = EthicsForm.objects.select_related("organisation")
    serializer_class = FormSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), FormRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Write a questionnaire", request=FormInput, responses={201: FormSerializer})
    def create(self, request: Request) -> Response:
        return self._told(write_form(by=request.user, **self.parsed(FormInput)), 201)

    @extend_schema(
        summary="Correct its names and notes", request=FormEdit, responses=FormSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        form, given = self.get_object(), self.parsed(FormEdit)
        require_match(request, etag_of(form.pk, form.version), now={name: getattr(form, name) for name in given})
        return self._told(edit_form(form=form, by=request.user, version=form.version, **given))

    @extend_schema(summary="Write a new version", request=VersionInput, responses={201: FormSerializer})
    @action(detail=True, methods=["post"])
    def versions(self, request: Request, pk: str) -> Response:
        form = self.get_object()
        add_form_version(form=form, by=request.user, **self.parsed(VersionInput))
        return self._told(self.rows.get(pk=form.pk), 201)

    def _told(self, form: EthicsForm, status: int = 200) -> Response:
        return tagged(self.shown(form, FormSerializer, status), etag_of(form.pk, form.version))


@extend_schema_view(
    list=extend_schema(summary="Ethics committees", responses=CommitteeSerializer(many=True)),
    retrieve=extend_schema(summary="A committee and how it works", responses=CommitteeSerializer),
)
class EthicsCommitteeViewSet(ScopedViewSet):
    words = {
        "list": "organisation.view",
        "retrieve": "organisation.view",
        "create": "ethics.manage",
        "partial_update": "ethics.manage",
        "figures": "ethics.sit",
    }
    rows = EthicsCommittee.objects.select_related("organisation")
    serializer_class = CommitteeSerializer

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CommitteeSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Set up a committee", request=CommitteeInput, responses={201: CommitteeSerializer})
    def create(self, request: Request) -> Response:
        return self._told(found_committee(by=request.user, **self.parsed(CommitteeInput)), 201)

    @extend_schema(
        summary="Change how it works", request=CommitteeEdit, responses=CommitteeSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now={name: getattr(row, name) for name in _COMMITTEE})
        changed = edit_committee(
            committee=row, by=request.user, version=row.version, **self.parsed(CommitteeEdit)
        )  # fmt: skip
        return self._told(changed)

    @extend_schema(summary="States and turnaround of its cases", responses=FiguresSerializer)
    @action(detail=True)
    def figures(self, request: Request, pk: str) -> Response:
        committee = self.get_object()
        rows = EthicsCase.objects.filter(committee=committee, submitted_at__isnull=False).visible_to(request.user)
        told = {"states": counts_of(rows), "worklists": worklists_of(rows), "reviewers": loads_of(rows)}
        return self.shown(told | vars(figures_of(rows, committee)), FiguresSerializer)

    def _told(self, row: EthicsCommittee, status: int = 200) -> Response:
        return tagged(self.shown(row, CommitteeSerializer, status), etag_of(row.pk, row.version))


class CaseFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(CaseState))
    committee = django_filters.CharFilter(field_name="committee__organisation__slug")
    route = django_filters.ChoiceFilter(choices=choices_of(Route))
    worklist = django_filters.ChoiceFilter(choices=choices_of(Worklist), method="in_worklist")
    year = django_filters.NumberFilter(
        field_name="first_decided_at", lookup_expr="year", min_value=1, max_value=9999, label="Of the first decision"
    )

    def in_worklist(self, rows: Any, name: str, value: str) -> Any:
        return rows.in_worklist(value)


@extend_schema_view(
    list=extend_schema(summary="Ethics applications", responses=CaseRow(many=True)),
    retrieve=extend_schema(summary="One application with its answers, conditions and reports"),
)
class EthicsCaseViewSet(ScopedViewSet):
    words = {
        "list": "ethics.view",
        "retrieve": "ethics.view",
        "create": "ethics.apply",
        **dict.fromkeys(
            ("partial_update", "submit", "withdraw", "carry_over", "follow", "appeal", "report", "reply", "claim"),
            "ethics.apply",
        ),
        **dict.fromkeys(("files", "remove_file"), "ethics.apply"),
        "file": "ethics.view",
        **dict.fromkeys(("assign", "confirm", "refuse_claim", "correct", "hold", "close"), "ethics.chair"),
        "ask": "ethics.deliberate",
        "decide": "ethics.decide",
    }
    rows = EthicsCase.objects.with_names().prefetch_related(
        "conditions__condition", "conditions__refusals__claimed_by", "conditions__refusals__by", "corrections__by",
        "asked__by", "asked__answered_by", "files__by", "reports__by", "submissions__by",
        "submissions__form_version",
    )  # fmt: skip
    serializer_class = CaseSerializer
    filterset_class = CaseFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), CaseRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Begin an application", request=CaseInput, responses={201: CaseSerializer})
    def create(self, request: Request) -> Response:
        return self._told(begin_case(by=request.user, **self.parsed(CaseInput)), 201)

    @extend_schema(summary="Save answers", request=AnswersInput, responses=CaseSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        require_match(request, etag_of(case.pk, case.version), now={"answers": case.answers})
        return self._told(save_answers(row=case, by=request.user, version=case.version, **_answers(self)))

    def get_parsers(self) -> list[Any]:
        method = (self.request.method or "").lower() if getattr(self, "request", None) else ""
        parsers = super().get_parsers()
        return [*parsers, WholeMultiPartParser()] if self.action_map.get(method) == "files" else parsers

    @extend_schema(
        summary="Add a file, or the next edition of one", request={"multipart/form-data": EthicsFileInput},
        responses={201: CaseSerializer},
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def files(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(EthicsFileInput)
        key = given.pop("replaces", None)
        add_file(case=case, by=request.user, replaces=key and file_of(case, key, applies=True), **given)
        return self._told(case, 201)

    @extend_schema(
        summary="A file of it", responses={200: OpenApiResponse(OpenApiTypes.BINARY, description="the file")}
    )
    @action(detail=True, url_path=rf"files/(?P<file>{UUID_PATTERN})", content_negotiation_class=AnythingNegotiation)
    def file(self, request: Request, pk: str, file: str) -> HttpResponseBase:
        case = self.get_object()
        applies = part_of(request.user).applies_to(case)  # type: ignore[arg-type]
        found = file_of(case, file, applies=applies)
        return resumable(request, blob_path(found.sha256), found.file_name, found.sha256, found.content_type)

    @extend_schema(summary="Take a file off", responses={204: None})
    @file.mapping.delete
    def remove_file(self, request: Request, pk: str, file: str) -> Response:
        remove_file(file=file_of(self.get_object(), file, applies=True), by=request.user)
        return Response(status=204)

    @extend_schema(summary="Submit it to the committee", request=SubmitInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(SubmitInput)
        return self._told(
            submit_case(case=case, number=given["form_version"], note=given.get("note", ""), by=request.user)
        )

    @extend_schema(summary="Withdraw it", request=None, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._told(withdraw_case(case=self.get_object(), by=request.user))

    @extend_schema(summary="Carry the answers over to the newest version", request=None, responses=CaseSerializer)
    @action(detail=True, methods=["post"], url_path="carry-over")
    def carry_over(self, request: Request, pk: str) -> Response:
        return self._told(carry_over(row=self.get_object(), by=request.user))

    @extend_schema(summary="Amend, renew or apply again", request=TitleInput, responses={201: CaseSerializer})
    @action(detail=True, methods=["post"])
    def follow(self, request: Request, pk: str) -> Response:
        return self._told(follow_case(case=self.get_object(), by=request.user, **self.parsed(TitleInput)), 201)

    @extend_schema(summary="Appeal against a rejection or conditions", request=WordsInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def appeal(self, request: Request, pk: str) -> Response:
        return self._told(appeal_case(case=self.get_object(), by=request.user, **self.parsed(WordsInput)))

    @extend_schema(summary="Report how it goes, or an incident", request=ReportInput, responses={201: CaseSerializer})
    @action(detail=True, methods=["post"])
    def report(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        report(case=case, by=request.user, **self.parsed(ReportInput))
        return self._told(case, 201)

    @extend_schema(summary="Answer a question of the committee", request=ReplyInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def reply(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(ReplyInput)
        rows = EthicsQuestion.objects.filter(case=case).select_related("case")
        found = get_or_404(request.user, "ethics.view", rows, pk=given["question"])
        answer_question(question=found, text=given["text"], by=request.user)
        return self._told(case)

    @extend_schema(summary="Show by what a condition is met", request=ClaimInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(ClaimInput)
        claim_condition(condition=condition_of(case, given["number"]), evidence=given["evidence"], by=request.user)
        return self._told(case)

    @extend_schema(summary="Confirm that a condition is met", request=ConfirmInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(ConfirmInput)
        found = condition_of(case, given["number"])
        confirm_condition(condition=found, evidence=given.get("evidence", ""), by=request.user)
        return self._told(case)

    @extend_schema(
        summary="Say why what was given for a condition is not enough", request=RefuseInput, responses=CaseSerializer
    )
    @action(detail=True, methods=["post"], url_path="refuse-claim")
    def refuse_claim(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(RefuseInput)
        refuse_claim(condition=condition_of(case, given["number"]), reason=given["reason"], by=request.user)
        return self._told(case)

    @extend_schema(
        summary="Put a slip of the decision right", request=CorrectInput, responses=CaseSerializer,
        parameters=[IF_MATCH],
    )  # fmt: skip
    @action(detail=True, methods=["post"])
    def correct(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        require_match(request, etag_of(case.pk, case.version), now={"valid_until": case.valid_until})
        given = self.parsed(CorrectInput)
        return self._told(correct_decision(case=case, by=request.user, version=case.version, **given))

    @extend_schema(summary="Ask reviewers", request=AssignInput, responses=EthicsReviewSerializer(many=True))
    @action(detail=True, methods=["post"])
    def assign(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(AssignInput)
        people = list(User.objects.filter(pk__in=given["reviewers"], is_active=True))
        if len(people) != len(set(given["reviewers"])):
            raise NotFoundError
        made = assign(case=case, reviewers=people, by=request.user, due_on=given.get("due_on"))
        context = self.get_serializer_context()
        return Response(EthicsReviewSerializer(made, many=True, context=context).data)

    @extend_schema(summary="Ask the applicants", request=AskInput, responses={201: CaseSerializer})
    @action(detail=True, methods=["post"])
    def ask(self, request: Request, pk: str) -> Response:
        case = self.get_object()
        ask_applicants(case=case, by=request.user, **self.parsed(AskInput))
        return self._told(case, 201)

    @extend_schema(summary="Decide it", request=DecideInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(DecideInput)
        terms = [ConditionTerm(**term) for term in given.pop("conditions", ())]
        read = given.pop("round", None)
        return self._told(decide_case(case=case, by=request.user, conditions=terms, read_round=read, **given))

    @extend_schema(summary="Suspend, resume or revoke an approval", request=HoldInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def hold(self, request: Request, pk: str) -> Response:
        return self._told(hold_case(case=self.get_object(), by=request.user, **self.parsed(HoldInput)))

    @extend_schema(summary="Close a report", request=CloseInput, responses=CaseSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        case, given = self.get_object(), self.parsed(CloseInput)
        rows = EthicsReport.objects.filter(case=case).select_related("case")
        found = get_or_404(request.user, "ethics.view", rows, pk=given["report"])
        close_report(report=found, outcome=given["outcome"], by=request.user)
        return self._told(case)

    def _told(self, case: EthicsCase, status: int = 200) -> Response:
        case = self.rows.get(pk=case.pk)
        return tagged(self.shown(case, CaseSerializer, status), etag_of(case.pk, case.version))


def _answers(view: ScopedViewSet) -> dict[str, Any]:
    given = view.parsed(AnswersInput)
    return {"answers": given["answers"], "number": given["form_version"]}


class EthicsReviewFilter(django_filters.FilterSet):
    case = django_filters.UUIDFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(ReviewState))


@extend_schema_view(
    list=extend_schema(summary="Ethics reviews you may read", responses=EthicsReviewSerializer(many=True)),
    retrieve=extend_schema(summary="One ethics review", responses=EthicsReviewSerializer),
)
class EthicsReviewViewSet(ScopedViewSet):
    words = {
        "list": "ethics.deliberate",
        "retrieve": "ethics.deliberate",
        "submit": "ethics.review",
        "reopen": "ethics.review",
        "conflict": "ethics.review",
        "settle": "ethics.chair",
    }
    rows = EthicsReview.objects.select_related("reviewer", "case__committee__organisation")
    serializer_class = EthicsReviewSerializer
    filterset_class = EthicsReviewFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), EthicsReviewSerializer)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(
        summary="Give one's advice", request=OpinionInput, responses=EthicsReviewSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def submit(self, request: Request, pk: str) -> Response:
        review = self.get_object()
        require_match(request, etag_of(review.pk, review.version), now={"opinion": review.opinion, "text": review.text})
        return self._told(
            submit_review(review=review, by=request.user, version=review.version, **self.parsed(OpinionInput))
        )

    @extend_schema(
        summary="Go on with one's review before the decision", request=None, responses=EthicsReviewSerializer
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        return self._told(reopen_review(review=self.get_object(), by=request.user))

    @extend_schema(
        summary="Declare a conflict of interest", request=EthicsConflictInput, responses=EthicsReviewSerializer
    )
    @action(detail=True, methods=["post"])
    def conflict(self, request: Request, pk: str) -> Response:
        given = self.parsed(EthicsConflictInput)
        return self._told(declare_conflict(review=self.get_object(), by=request.user, **given))

    @extend_schema(summary="Settle a conflict of interest", request=SettleInput, responses=EthicsReviewSerializer)
    @action(detail=True, methods=["post"])
    def settle(self, request: Request, pk: str) -> Response:
        return self._told(settle_conflict(review=self.get_object(), by=request.user, **self.parsed(SettleInput)))

    def _told(self, review: EthicsReview) -> Response:
        return tagged(self.shown(review, EthicsReviewSerializer), etag_of(review.pk, review.version))


class AssessmentFilter(django_filters.FilterSet):
    project = ProjectFilter()


@extend_schema_view(
    list=extend_schema(summary="Self-assessments", responses=AssessmentRow(many=True)),
    retrieve=extend_schema(summary="One self-assessment with its scores"),
)
class EthicsAssessmentViewSet(ScopedViewSet):
    words = {
        "list": "ethics.view",
        "retrieve": "ethics.view",
        **dict.fromkeys(("create", "partial_update", "carry_over", "finish", "reopen"), "ethics.apply"),
    }
    rows = EthicsAssessment.objects.select_related("project", "form_version__form", "carried_from", "begun_by")
    serializer_class = AssessmentSerializer
    filterset_class = AssessmentFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), AssessmentRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self._told(self.get_object())

    @extend_schema(summary="Begin a self-assessment", request=AssessmentInput, responses={201: AssessmentSerializer})
    def create(self, request: Request) -> Response:
        return self._told(begin_assessment(by=request.user, **self.parsed(AssessmentInput)), 201)

    @extend_schema(
        summary="Save answers of it", request=AnswersInput, responses=AssessmentSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self.get_object()
        require_match(request, etag_of(row.pk, row.version), now={"answers": row.answers})
        return self._told(save_answers(row=row, by=request.user, version=row.version, **_answers(self)))

    @extend_schema(summary="Carry it over to the newest version", request=None, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"], url_path="carry-over")
    def carry_over(self, request: Request, pk: str) -> Response:
        return self._told(carry_over(row=self.get_object(), by=request.user))

    @extend_schema(summary="Finish it", request=None, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"])
    def finish(self, request: Request, pk: str) -> Response:
        return self._told(finish_assessment(row=self.get_object(), by=request.user))

    @extend_schema(summary="Go on answering", request=None, responses=AssessmentSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, pk: str) -> Response:
        return self._told(reopen_assessment(row=self.get_object(), by=request.user))

    def _told(self, row: EthicsAssessment, status: int = 200) -> Response:
        row = self.rows.get(pk=row.pk)
        return tagged(self.shown(row, AssessmentSerializer, status), etag_of(row.pk, row.version))
