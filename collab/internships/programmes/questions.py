"""Questions to applicants and criteria of evaluation: data that people write, and how it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from collab.kernel.errors import Fault, FaultyInputError
from collab.kernel.names import faulty_character

QUESTIONS_MAX, ANSWER_MAX = 20, 4000

# What is evaluated unless a programme says otherwise: (key, for whom, English, weight).
_CRITERIA = (
    ("work", "intern", gettext_noop("Quality of the work"), 3),
    ("learning", "intern", gettext_noop("Learning and independence"), 2),
    ("teamwork", "intern", gettext_noop("Working with others"), 1),
    ("guidance", "host", gettext_noop("Guidance by the mentor"), 3),
    ("tasks", "host", gettext_noop("Tasks worth learning from"), 2),
    ("conditions", "host", gettext_noop("Conditions of work"), 1),
)


def default_criteria() -> list[dict[str, Any]]:
    return [{"key": key, "about": about, "label": label, "weight": weight} for key, about, label, weight in _CRITERIA]


def criteria_are_good(value: Any) -> None:
    """Each with a key of its own, about the intern or the host, with a weight above zero; both sides have one."""
    if not isinstance(value, list) or not 2 <= len(value) <= 30:
        raise ValidationError(_("Write 2 to 30 criteria."))
    for row in value:
        good = isinstance(row, dict) and set(row) - {"label_zh"} == {"key", "about", "label", "weight"}
        good = good and _is_line(row.get("label_zh", "–"))
        if not good or row["about"] not in {"intern", "host"} or not _is_line(row["label"]) or not _is_line(row["key"]):
            raise ValidationError(
                _("Each criterion has a key, a label, a weight, and is about the intern or the host.")
            )
        if type(row["weight"]) is not int or not 1 <= row["weight"] <= 100:
            raise ValidationError(_("Weights are whole numbers from 1 to 100."))
    if len({row["key"] for row in value}) != len(value) or {row["about"] for row in value} != {"intern", "host"}:
        raise ValidationError(_("Name each criterion once, and at least one about each side."))


def said_label(row: Mapping[str, Any]) -> str:
    """A criterion as one reads it: the default ones are translated, others have their own Chinese label, or none."""
    own = str(row.get("label_zh", ""))
    return own if own and (get_language() or "").startswith("zh") else _(row["label"])


def criteria_lines(criteria: Sequence[Mapping[str, Any]], about: str) -> str:
    """`Quality of the work | 工作质量 | 3`, one on each line, as they are written in the form."""
    rows = [row for row in criteria if row["about"] == about]
    return "\n".join(" | ".join([row["label"], row.get("label_zh", ""), str(row["weight"])]) for row in rows)


def criteria_of(lines: str, about: str, known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same read back; a criterion that keeps its label keeps its key."""
    keys = {row["label"]: row["key"] for row in known if row["about"] == about}
    taken, found = {row["key"] for row in known}, []
    for line in filter(None, (text.strip() for text in lines.splitlines())):
        label, *more = [part.strip() for part in line.split("|")]
        chinese, weight = (more[0] if len(more) > 1 else ""), (more[-1] if more else "")
        if len(more) > 2 or not label or not (weight.isascii() and weight.isdigit() and len(weight) < 4):
            raise ValidationError(
                _("Write “label | Chinese label | weight” on each line: “%(line)s”.") % {"line": line}
            )
        key = keys.get(label) or next(name for n in range(1, 99) if (name := f"{about}_{n}") not in taken)
        taken.add(key)
        row = {"key": key, "about": about, "label": label, "weight": int(weight)}
        found.append(row | ({"label_zh": chinese} if chinese else {}))
    return found


def questions_are_good(value: Any) -> None:
    if not isinstance(value, list) or len(value) > QUESTIONS_MAX:
        raise ValidationError(_("Write up to %(n)d questions.") % {"n": QUESTIONS_MAX})
    for row in value:
        good = isinstance(row, dict) and set(row) == {"key", "label", "required"} and isinstance(row["required"], bool)
        if not good or not _is_line(row["label"]) or not _is_line(row["key"]):
            raise ValidationError(_("Each question has a key, a label, and says whether an answer is required."))
    if len({row["key"] for row in value}) != len(value):
        raise ValidationError(_("Name each question once."))


def checked_answers(questions: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, str]:
    """The answers, trimmed; raises FaultyInputError that names each question at fault."""
    faults, kept = [], {}
    for name in sorted(set(given) - {row["key"] for row in questions}):
        faults.append(Fault(path=str(name)[:80], text=_("There is no such question.")))
    for row in questions:
        text = given.get(row["key"], "")
        if not isinstance(text, str) or len(text) > ANSWER_MAX or faulty_character(text, allow="\n\r\t\u200d\u200c"):
            faults.append(Fault(path=row["key"], text=_("Write a text of up to %(n)d characters.") % {"n": ANSWER_MAX}))
        elif row["required"] and not text.strip():
            faults.append(Fault(path=row["key"], text=_("Answer this question.")))
        elif text.strip():
            kept[row["key"]] = text.strip()
    if faults:
        raise FaultyInputError(faults)
    return kept


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= 200 and faulty_character(value) is None
