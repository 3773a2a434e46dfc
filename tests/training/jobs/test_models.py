"""Constraints of jobs, each broken once."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from training.jobs.models import Job
from training.jobs.services import submit_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("job_live_has_lease", {"state": "running"}),
        ("job_ended_has_time", {"state": "failed"}),
        ("job_done_has_version", {"state": "done", "finished_at": "2026-01-01T00:00:00Z"}),
    ],
)
def test_the_database_refuses(covered, spec, constraint, values):
    job = submit_job(project=covered.project, name="Run", spec=spec, by=covered.engineer)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**values)
