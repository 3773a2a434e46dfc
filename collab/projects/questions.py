"""Questions of a questionnaire, and the answers to them: plain JSON, checked on the way in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from collab.kernel.errors import Fault, FaultyInputError
from collab.kernel.names import faulty_character
from collab.projects.models.review import in_language

TYPES = {
    "text": gettext_lazy("Text"),
    "yes_no": gettext_lazy("Yes or no"),
    "scale": gettext_lazy("Scale from 1 to 5"),
    "choice": gettext_lazy("One of several"),
}
_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_FIELDS = {"key", "type", "label", "label_zh", "required", "options"}
QUESTIONS_MAX = 60
ANSWER_MAX = 4000


def check_questions(questions: Any) -> list[dict[str, Any]]:
    """The questions with every field filled in; raises FaultyInputError with all faults."""
    faults: list[Fault] = []
    if not isinstance(questions, list | tuple) or not 1 <= len(questions) <= QUESTIONS_MAX:
        fault = Fault("questions", _("Write between 1 and %(n)d questions.") % {"n": QUESTIONS_MAX})
        raise FaultyInputError([fault], field="questions")
    checked, keys = [], set()
    for number, question in enumerate(questions, 1):
        place = f"questions.{number}"
        if not isinstance(question, dict) or set(question) - _FIELDS:
            faults.append(Fault(place, _("A question has a key, a type, a label, and options where it needs them.")))
            continue
        key, kind, label = (str(question.get(name, "")) for name in ("key", "type", "label"))
        options = question.get("options") or []
        if not _KEY.match(key) or key in keys:
            faults.append(Fault(f"{place}.key", _("Write a key of small letters that no other question has.")))
        if kind not in TYPES:
            faults.append(Fault(f"{place}.type", _("Choose one of %(names)s.") % {"names": ", ".join(TYPES)}))
        if not _is_line(label) or not label.strip():
            faults.append(Fault(f"{place}.label", _("Write the question in one line.")))
        if not _is_line(str(question.get("label_zh", ""))):
            faults.append(Fault(f"{place}.label_zh", _("Write the question in one line.")))
        if not isinstance(options, list) or not all(isinstance(o, str) and o.strip() and _is_line(o) for o in options):
            faults.append(Fault(f"{place}.options", _("Options are short texts.")))
        elif (kind == "choice") != (len(set(options)) >= 2) or len(options) > 20:
            faults.append(Fault(f"{place}.options", _("A choice has between 2 and 20 options; others have none.")))
        if not isinstance(question.get("required", True), bool):
            faults.append(Fault(f"{place}.required", _("Write true or false.")))
        keys.add(key)
        checked.append(
            {
                "key": key,
                "type": kind,
                "label": label,
                "label_zh": str(question.get("label_zh", "")),
                "required": question.get("required", True),
                "options": options,
            }
        )
    if faults:
        raise FaultyInputError(faults, field="questions")
    return checked


def check_answers(questions: Sequence[dict[str, Any]], answers: Any, *, complete: bool) -> dict[str, Any]:
    """Answers that fit the questions; `complete`: every one that is required. Raises FaultyInputError."""
    if not isinstance(answers, dict):
        raise FaultyInputError([Fault("answers", _("Answers are named by the keys of their questions."))])
    known = {question["key"]: question for question in questions}
    faults = [Fault(f"answers.{str(key)[:40]}", _("There is no such question.")) for key in answers if key not in known]
    kept: dict[str, Any] = {}
    for key, question in known.items():
        value = answers.get(key)
        if value is None or (isinstance(value, str) and not value.strip()):  # blanks answer nothing
            if complete and question["required"]:
                faults.append(Fault(f"answers.{key}", _("This question needs an answer.")))
            continue
        if not _fits(question, value):
            faults.append(Fault(f"answers.{key}", _("The answer does not fit the question.")))
        kept[key] = value
    if faults:
        raise FaultyInputError(faults, field="answers")
    return kept


def _fits(question: dict[str, Any], value: Any) -> bool:
    kind = question["type"]
    if kind == "yes_no":
        return isinstance(value, bool)
    if kind == "scale":
        return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5
    if kind == "choice":
        return value in question["options"]
    return isinstance(value, str) and len(value) <= ANSWER_MAX and faulty_character(value, allow="\n\r\t") is None


def _is_line(text: str) -> bool:
    return len(text) <= 300 and faulty_character(text) is None


def label_of(question: dict[str, Any]) -> str:
    """The question in the reader's language."""
    return in_language(question["label"], question.get("label_zh", ""))
