"""Nobody decides about themselves, whatever roles they hold."""

from __future__ import annotations

from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.accounts.models import User
from collab.kernel.errors import RefusedError


def require_other(by: User, student: User) -> None:
    """Raises RefusedError when the student would decide about their own application or placement."""
    if by.pk == student.pk:
        text = _("This is about %(person)s, who cannot decide it: somebody else does.")
        raise RefusedError([Missing("own_case", text % {"person": student})])
