"""How jobs hang on projects, and how the MLflow gate learns that an attempt was superseded."""

from uuid import UUID

from django.utils.translation import gettext_lazy as _

from collab.access.policy import Requirement, Scope, register_requirement, register_scope
from collab.casefile.contents import attributes, register_case_table
from collab.projects.facts import register_facts
from collab.projects.guards import register_effect
from collab.projects.services import register_report_facts
from collab.transfer.disclosures.prefill import register_contributors
from registry.catalog.trying import register_tried
from registry.tracking import fence_checks
from registry.uses.services import after_set_uses
from training.exports.models import OnnxExport
from training.jobs.costs import end_jobs, report_facts
from training.jobs.disclosing import trained_by
from training.jobs.models import Attempt, Job
from training.jobs.purposes import uses_changed
from training.jobs.states import LIVE
from training.jobs.telling import running_counts
from training.playground.access import may_still_try, why_not
from training.playground.models import Trial
from training.playground.states import READS

register_scope(Job, Scope(view="job.view", project="project"))
register_scope(Attempt, Scope(view="job.view", project="job__project"))
register_case_table(
    attributes(
        "jobs",
        "job.view",
        "id name task dataset=dataset_version starts_from=start_version spec spec_sha256 purpose submitted_under=terms "
        "submitted_by runs_as state reason reason_detail queued_at started_at finished_at attempts=attempt_count "
        "metrics model_version mlflow_run_id",
        lambda project: (
            Job.objects.filter(project=project)
            .select_related(
                "dataset_version__dataset", "start_version__model", "model_version__model", "submitted_by", "runs_as"
            )
            .prefetch_related("terms__agreement")
            .order_by("queued_at", "pk")
        ),
    )
)
register_tried(READS)
register_scope(OnnxExport, Scope(view="model.download", project="version__model__project"))
register_scope(Trial, Scope(view="trial.view", project="version__model__project", person="asked_by"))
register_requirement(
    Requirement(
        code="Trial.may_still_try",
        words=frozenset({"trial.view"}),
        model=Trial,
        condition=may_still_try,
        explain=why_not,
        label=_("Right to try"),
    )
)
register_facts("running", running_counts)
register_report_facts("jobs", report_facts)
register_contributors("jobs", trained_by)
after_set_uses("jobs", uses_changed)
for _move in ("close", "terminate"):
    register_effect(_move, "jobs", end_jobs)


def holds_fence(job_id: str, fence: int) -> bool:
    """Whether this attempt still is the job's current one."""
    return Job.objects.filter(pk=UUID(job_id), fence=fence, state__in=LIVE).exists()


fence_checks.register(holds_fence)
