"""Training jobs and their specs: checked, submitted, followed by byte offset, stopped, resumed."""

from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collab.access.policy import get_or_404
from collab.access.rules import SIGNED_IN
from collab.accounts.api import OrganisationRef
from collab.projects.models import Project
from collab.web.api import (
    PersonSerializer,
    ProjectFilter,
    ScopedRelatedField,
    ScopedViewSet,
    StrictSerializer,
    as_uuid,
    choices_of,
)
from collab.web.once import key_of
from registry.catalog.api import DatasetVersionRef, ModelVersionRef, TermRef
from registry.datasets.models import DatasetVersion
from registry.uses.api import StatementInput
from training.engine.contract import EVENTS_FILE, LOG_FILE, TASKS, estimate, spec_schema
from training.jobs.drafting import BESIDE_START
from training.jobs.findings import search_of
from training.jobs.models import Attempt, Job
from training.jobs.purposes import question_of
from training.jobs.services import (
    check_spec,
    fault_of,
    parse_spec,
    resume_job,
    stop_job,
    submit_job,
    suggest,
)
from training.jobs.starting import going_on, reading_as, start_of, startable
from training.jobs.states import Desired, JobState
from training.runner.dispatch import run_dir
from training.runner.events import read_events, read_text


class JobRow(serializers.ModelSerializer):
    """A job in a list. `state` is what is so, `desired` what people ask for."""

    project = serializers.SlugField(source="project.slug", read_only=True)
    state = serializers.ChoiceField(choices=choices_of(JobState), read_only=True)
    desired = serializers.ChoiceField(choices=choices_of(Desired), read_only=True)
    reason_text = serializers.CharField(source="reason_sentence", read_only=True)
    percent = serializers.IntegerField(read_only=True)
    progress = serializers.DictField(read_only=True)
    dataset_version = DatasetVersionRef(read_only=True)
    submitted_by = PersonSerializer(read_only=True)
    model_version = ModelVersionRef(read_only=True, allow_null=True)
    start_version = ModelVersionRef(read_only=True, allow_null=True)
    url = serializers.CharField(source="get_absolute_url", read_only=True)

    class Meta:
        model = Job
        fields = [
            "id",
            "project",
            "name",
            "task",
            "state",
            "desired",
            "reason",
            "reason_text",
            "percent",
            "progress",
            "dataset_version",
            "submitted_by",
            "model_version",
            "start_version",
            "created_at",
            "started_at",
            "finished_at",
            "url",
        ]


class AttemptSerializer(serializers.ModelSerializer):
    """One try: how long, how it ended."""

    class Meta:
        model = Attempt
        fields = ["number", "started_at", "ended_at", "reason", "exit_code", "peak_rss_bytes", "last_step"]


class WaitsForSerializer(serializers.Serializer):
    """The owner of the data, who is asked about the purpose of a job."""

    organisation = OrganisationRef(read_only=True)
    request = serializers.UUIDField(source="pk", read_only=True)
    due_at = serializers.DateTimeField(read_only=True)


class JobDetail(JobRow):
    """A job whole."""

    spec = serializers.DictField(read_only=True)
    purpose = serializers.DictField(read_only=True)
    waits_for = serializers.SerializerMethodField()
    search = serializers.SerializerMethodField()
    metrics = serializers.DictField(read_only=True)
    baseline = serializers.SerializerMethodField()
    baseline_name = serializers.SerializerMethodField()
    terms = TermRef(many=True, read_only=True)
    attempts = AttemptSerializer(many=True, read_only=True)

    class Meta(JobRow.Meta):
        fields = [
            *JobRow.Meta.fields,
            "spec",
            "spec_sha256",
            "purpose",
            "waits_for",
            "search",
            "reason_detail",
            "metrics",
            "baseline",
            "baseline_name",
            "mlflow_run_id",
            "terms",
            "attempts",
            "queued_at",
            "checkpoint_step",
        ]

    @extend_schema_field(WaitsForSerializer(allow_null=True))
    def get_waits_for(self, job: Job) -> dict[str, Any] | None:
        """Whose answer a waiting job needs, and the request in the inbox."""
        question = question_of(job)
        return WaitsForSerializer(question).data if question else None

    @extend_schema_field(serializers.DictField(allow_null=True))
    def get_search(self, job: Job) -> dict[str, Any] | None:
        """The trials of a search: number, values, state, steps, and the best value of the primary metric on the
        validation part; null for a job that searches nothing."""
        return search_of(run_dir(job.pk))

    def get_baseline(self, job: Job) -> dict[str, float]:
        """What the trivial answer scores, by the same names as `metrics`."""
        return job.baseline.get("metrics") or {}

    def get_baseline_name(self, job: Job) -> str:
        """Which trivial answer."""
        return job.baseline.get("name") or ""


class JobInput(StrictSerializer):
    """Submit a training job. `spec` is as /api/v1/specs/schema/ says.

    `purpose` says what it is for; the data-use codes of the dataset ask some of it (`asks` in /api/v1/use-codes/).
    """

    project = ScopedRelatedField(word="job.submit", model=Project, slug_field="slug")
    name = serializers.CharField(max_length=80)
    spec = serializers.DictField()
    purpose = StatementInput(required=False)


class ResumeInput(StrictSerializer):
    """Nothing, or a purpose that takes the place of the one before."""

    purpose = StatementInput(required=False)


class SpecInput(StrictSerializer):
    spec = serializers.DictField()


class FaultSerializer(serializers.Serializer):
    path = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)
    hint = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True)


class SpecAdvice(serializers.Serializer):
    """A spec, what it will take, and what to look out for."""

    spec = serializers.DictField(read_only=True)
    estimate = serializers.DictField(read_only=True)
    issues = FaultSerializer(many=True, read_only=True)


class EventsSerializer(serializers.Serializer):
    """Events after an offset; ask again with `next`."""

    events = serializers.ListField(child=serializers.DictField(), read_only=True)
    next = serializers.IntegerField(read_only=True)
    state = serializers.CharField(read_only=True)


class LogSerializer(serializers.Serializer):
    """Log text after an offset; ask again with `next`."""

    text = serializers.CharField(read_only=True)
    next = serializers.IntegerField(read_only=True)
    state = serializers.CharField(read_only=True)


class JobFilter(django_filters.FilterSet):
    project = ProjectFilter()
    state = django_filters.ChoiceFilter(choices=choices_of(JobState))
    name = django_filters.CharFilter()
    task = django_filters.ChoiceFilter(choices=[(name, name) for name in TASKS])


_AFTER = OpenApiParameter("after", OpenApiTypes.INT, description="Byte offset that the last answer gave as `next`")
_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key from the same person gives the same job, however often it is sent",
)


@extend_schema_view(
    list=extend_schema(summary="Training jobs", responses=JobRow(many=True)), retrieve=extend_schema(summary="One job")
)
class JobViewSet(ScopedViewSet):
    words = {
        "list": "job.view",
        "retrieve": "job.view",
        "create": "job.submit",
        "stop": "job.control",
        "kill": "job.control",
        "resume": "job.control",
        "events": "job.view",
        "log": "job.view",
    }
    rows = Job.objects.with_names()
    serializer_class = JobDetail
    filterset_class = JobFilter

    def list(self, request: Request) -> Response:
        return self.listed(self.filtered(), JobRow)

    def retrieve(self, request: Request, pk: str) -> Response:
        return self.shown(self.get_object(), JobDetail)

    @extend_schema(summary="Submit a job", request=JobInput, responses={201: JobDetail}, parameters=[_KEY])
    def create(self, request: Request) -> Response:
        job = submit_job(by=request.user, idempotency_key=key_of(request), **self.parsed(JobInput))
        return self.shown(job, JobDetail, 201)

    @extend_schema(summary="Stop and keep the work", request=None, responses=JobDetail)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        return self.shown(stop_job(job=self.get_object(), by=request.user), JobDetail)

    @extend_schema(summary="End at once", request=None, responses=JobDetail)
    @action(detail=True, methods=["post"])
    def kill(self, request: Request, pk: str) -> Response:
        return self.shown(stop_job(job=self.get_object(), by=request.user, kill=True), JobDetail)

    @extend_schema(summary="Go on from the last checkpoint", request=ResumeInput, responses=JobDetail)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        job = self.get_object()
        return self.shown(resume_job(job=job, by=request.user, **self.parsed(ResumeInput)), JobDetail)

    @extend_schema(summary="Events of the run", responses=EventsSerializer, parameters=[_AFTER])
    @action(detail=True, query=("after",))
    def events(self, request: Request, pk: str) -> Response:
        job = self.get_object()
        events, after = read_events(run_dir(job.pk) / EVENTS_FILE, self.number_of("after"))
        return self.shown({"events": events, "next": after, "state": job.state}, EventsSerializer)

    @extend_schema(summary="Log of the run", responses=LogSerializer, parameters=[_AFTER])
    @action(detail=True, query=("after",))
    def log(self, request: Request, pk: str) -> Response:
        job = self.get_object()
        text, after = read_text(run_dir(job.pk) / LOG_FILE, self.number_of("after"))
        return self.shown({"text": text, "next": after, "state": job.state}, LogSerializer)


class SpecViewSet(ScopedViewSet):
    """What a spec may say, a good one to begin with, and whether yours fits the data."""

    words = {"describe": SIGNED_IN, "default": "dataset.view", "check": "dataset.view"}
    serializer_class = SpecAdvice
    pagination_class = None

    @extend_schema(summary="JSON Schema of a spec", responses=OpenApiTypes.OBJECT)
    @action(detail=False, url_path="schema")
    def describe(self, request: Request) -> Response:
        return Response(spec_schema())

    @extend_schema(
        summary="A spec that fits the data",
        responses=SpecAdvice,
        parameters=[
            OpenApiParameter("dataset_version", OpenApiTypes.UUID, required=True),
            OpenApiParameter("task", OpenApiTypes.STR, required=True, enum=list(TASKS)),
            OpenApiParameter("start", OpenApiTypes.UUID, description="Model version to go on from"),
            OpenApiParameter("tokenizer", OpenApiTypes.UUID, description="Model version whose tokenizer is reused"),
        ],
    )
    @action(detail=False, query=("dataset_version", "task", "start", "tokenizer"))
    def default(self, request: Request) -> Response:
        task = request.query_params.get("task", "")
        if task not in TASKS:
            raise serializers.ValidationError({"task": [_("Choose one of %(names)s.") % {"names": ", ".join(TASKS)}]})
        version = self._version(request.query_params.get("dataset_version", ""))
        whole, read = (request.query_params.get(name) for name in ("start", "tokenizer"))
        if whole and read:
            raise serializers.ValidationError({"tokenizer": [BESIDE_START]})
        start = None
        if asked := whole or read:
            rows = startable(version.dataset.project, task, request.user)  # type: ignore[arg-type]
            start = get_or_404(request.user, "model.download", rows, pk=as_uuid(asked))
        return Response(suggest(task, version, start, taking=going_on if whole else reading_as))

    @extend_schema(summary="Check a spec against its data", request=SpecInput, responses=SpecAdvice)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        spec = parse_spec(self.parsed(SpecInput)["spec"])
        version = self._version(spec.data.dataset_version)
        start = start_of(spec, project=version.dataset.project, by=request.user)  # type: ignore[arg-type]
        warnings = check_spec(spec, version, start)
        return Response(
            {
                "spec": spec.to_json(),
                "estimate": estimate(spec, version.profile).to_json(),
                "issues": [fault_of(issue).as_dict() for issue in warnings],
            }
        )

    def _version(self, name: str) -> DatasetVersion:
        rows = DatasetVersion.objects.select_related("dataset__project")
        return get_or_404(self.request.user, self.word, rows, pk=as_uuid(name))
