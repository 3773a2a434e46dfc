"""What a project waits for from its agreements."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.agreements.models import AgreementVersion
from collab.projects.models import Project


def is_signed(project: Project) -> list[Missing]:
    """Work begins under at least one agreement that all its parties have signed and that is in force."""
    if AgreementVersion.objects.in_force(timezone.now()).filter(agreement__project=project).exists():
        return []
    return [
        Missing(
            "no_agreement_in_force",
            _("No agreement of this project is signed by all its parties and in force."),
            reverse("collab:project", args=[project.slug]) + "#agreements",
        )
    ]
