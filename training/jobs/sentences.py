"""The engine speaks plain English; here its sentences find the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from training.engine.contract import HINTS, MESSAGES, Issue


def say(issue: Issue) -> str:
    """The sentence of an issue."""
    template = MESSAGES.get(issue.code)
    return _(template) % issue.params if template else issue.text


def hint(issue: Issue) -> str:
    """How to mend it."""
    if not issue.hint:  # the engine had nothing to suggest this time
        return ""
    template = HINTS.get(issue.code)
    return _(template) % issue.params if template else issue.hint
