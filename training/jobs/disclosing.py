"""Who else worked on a model version: whoever submitted the job that trained it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from collab.accounts.models import User
from training.jobs.models import Job


def trained_by(user: User, subject_type: str, subject_id: UUID) -> Iterable[User]:
    if subject_type != "registry.modelversion":
        return []
    return User.objects.filter(pk__in=Job.objects.filter(model_version=subject_id).values("submitted_by"))
