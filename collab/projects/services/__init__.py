"""Verbs on joint projects, one file for each noun."""

from collab.projects.services.approval import answer_approval
from collab.projects.services.budget import (
    add_line,
    book_cost,
    book_training_cost,
    edit_lines,
    set_budget,
    set_training_rate,
)
from collab.projects.services.closure import attest, closing_items, register_closing_items
from collab.projects.services.frames import frame_between, frames_between
from collab.projects.services.outputs import edit_output, record_output
from collab.projects.services.parties import acting_for, add_contribution, edit_party, leave_party, owes, remove_party
from collab.projects.services.projects import (
    add_member,
    add_party,
    create_project,
    edit_project,
    end_membership,
    is_open,
    move_project,
)
from collab.projects.services.reports import move_report, register_report_facts, schedule_reports, write_report
from collab.projects.services.review import (
    add_questionnaire_version,
    add_step,
    create_questionnaire,
    decide_conflict,
    decide_step,
    declare_conflict,
    edit_step,
    write_review,
)
from collab.projects.services.work import edit_work, move_work, plan_work

__all__ = [
    "acting_for",
    "add_contribution",
    "add_line",
    "add_member",
    "add_party",
    "add_questionnaire_version",
    "add_step",
    "answer_approval",
    "attest",
    "book_cost",
    "book_training_cost",
    "closing_items",
    "create_project",
    "create_questionnaire",
    "decide_conflict",
    "decide_step",
    "declare_conflict",
    "edit_lines",
    "edit_output",
    "edit_party",
    "edit_project",
    "edit_step",
    "edit_work",
    "end_membership",
    "frame_between",
    "frames_between",
    "is_open",
    "leave_party",
    "move_project",
    "move_report",
    "move_work",
    "owes",
    "plan_work",
    "record_output",
    "register_closing_items",
    "register_report_facts",
    "remove_party",
    "schedule_reports",
    "set_budget",
    "set_training_rate",
    "write_report",
    "write_review",
]
