"""Verbs on joint projects, one file for each noun."""

from collab.projects.services.approval import answer_approval
from collab.projects.services.projects import (
    add_member,
    add_party,
    create_project,
    edit_project,
    end_membership,
    is_open,
    move_project,
)

__all__ = [
    "add_member",
    "add_party",
    "answer_approval",
    "create_project",
    "edit_project",
    "end_membership",
    "is_open",
    "move_project",
]
