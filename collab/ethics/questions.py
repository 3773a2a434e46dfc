"""Questions of an ethics questionnaire: those of collab/projects/questions.py with sections, help, branching, weights
and advice, and the rules of triage. Plain JSON, checked on the way in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from collab.kernel.errors import Fault, FaultyInputError
from collab.kernel.names import faulty_character
from collab.projects.models.review import in_language
from collab.projects.questions import check_answers as check_plain_answers
from collab.projects.questions import check_questions as check_plain_questions

Question = dict[str, Any]
Answers = Mapping[str, Any]

_PLAIN = ("key", "type", "label", "label_zh", "required", "options")
_TEXTS = ("section", "section_zh", "help", "help_zh", "advice", "advice_zh")
_FIELDS = {*_PLAIN, *_TEXTS, "options_zh", "show_if", "weight"}
_RULE = {"code", "question", "is", "at_least", "reason", "reason_zh"}
WEIGHT_MAX, RULES_MAX, TEXT_MAX = 10, 60, 1000


def check_form(questions: Any, rules: Any = ()) -> tuple[list[Question], list[dict[str, Any]]]:
    """Questions and rules with every field filled in; raises FaultyInputError with all faults."""
    whole = isinstance(questions, list | tuple) and all(isinstance(one, dict) for one in questions)
    plain = [{k: v for k, v in one.items() if k in _PLAIN} for one in questions] if whole else questions
    checked = check_plain_questions(plain)
    faults: list[Fault] = []
    seen: dict[str, Question] = {}
    for number, (given, question) in enumerate(zip(questions, checked, strict=True), 1):
        place = f"questions.{number}"
        faults += [Fault(f"{place}.{str(name)[:40]}", _("There is no such field.")) for name in set(given) - _FIELDS]
        for name in _TEXTS:
            question[name] = text = given.get(name, "")
            if not isinstance(text, str) or len(text) > TEXT_MAX or faulty_character(text, allow="\n"):
                faults.append(Fault(f"{place}.{name}", _("Write a short text.")))
        question["options_zh"] = said = given.get("options_zh", [])
        if said and (not isinstance(said, list) or list(map(type, said)) != [str] * len(question["options"])):
            faults.append(Fault(f"{place}.options_zh", _("Name each option once more, in the same order.")))
        question["weight"] = weight = given.get("weight", 0)
        if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= WEIGHT_MAX:
            faults.append(Fault(f"{place}.weight", _("Write a whole number from 0 to %(n)d.") % {"n": WEIGHT_MAX}))
        question["show_if"] = branch = given.get("show_if")
        if branch is not None and not _is_branch(branch, seen):
            text = _("Name an earlier question and the answers for which this one is shown.")
            faults.append(Fault(f"{place}.show_if", text))
        seen[question["key"]] = question
    ruled = _check_rules(rules, seen, faults)
    if faults:
        raise FaultyInputError(faults, field="questions")
    return checked, ruled


def _is_branch(branch: Any, seen: Mapping[str, Question]) -> bool:
    if not isinstance(branch, dict) or set(branch) != {"key", "is"} or not isinstance(branch["key"], str):
        return False
    asked = seen.get(branch["key"])
    return asked is not None and _are_answers(asked, branch["is"])


def _are_answers(question: Question, values: Any) -> bool:
    """Whether these are answers that the question can have."""
    kinds = {"yes_no": (True, False), "scale": (1, 2, 3, 4, 5), "choice": tuple(question["options"])}
    known = kinds.get(question["type"], ())
    return isinstance(values, list) and bool(values) and all(any(_same(v, k) for k in known) for v in values)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other  # True is not 1


def _check_rules(rules: Any, known: Mapping[str, Question], faults: list[Fault]) -> list[dict[str, Any]]:
    if not isinstance(rules, list | tuple) or len(rules) > RULES_MAX:
        faults.append(Fault("rules", _("Write at most %(n)d rules.") % {"n": RULES_MAX}))
        return []
    checked, codes = [], set()
    for number, rule in enumerate(rules, 1):
        place = f"rules.{number}"
        if not isinstance(rule, dict) or set(rule) - _RULE:
            faults.append(Fault(place, _("A rule has a code, a question, answers, and a reason.")))
            continue
        code, asked = rule.get("code"), known.get(str(rule.get("question")))
        if not isinstance(code, str) or not 0 < len(code) <= 40 or code in codes:
            faults.append(Fault(f"{place}.code", _("Write a code that no other rule has.")))
        codes.add(str(code))
        for name in ("reason", "reason_zh"):
            text = rule.get(name, "")
            if not isinstance(text, str) or len(text) > TEXT_MAX or faulty_character(text):
                faults.append(Fault(f"{place}.{name}", _("Write a short text.")))
        if not rule.get("reason"):
            faults.append(Fault(f"{place}.reason", _("Say in a sentence why.")))
        least = rule.get("at_least")
        if asked is None:
            faults.append(Fault(f"{place}.question", _("There is no such question.")))
        elif least is not None and (asked["type"] != "scale" or least not in range(1, 6) or "is" in rule):
            faults.append(Fault(f"{place}.at_least", _("Only a scale has a least answer, from 1 to 5.")))
        elif least is None and not _are_answers(asked, rule.get("is")):
            faults.append(Fault(f"{place}.is", _("Name answers that the question can have.")))
        checked.append({"reason_zh": "", **rule})
    return checked


# --- answers
def shown(questions: Sequence[Question], answers: Answers) -> list[Question]:
    """The questions that are asked, given the answers so far: a branch that is not taken asks nothing below it."""
    asked: dict[str, Question] = {}
    for question in questions:
        branch = question.get("show_if")
        if branch is None or (
            branch["key"] in asked and any(_same(answers.get(branch["key"]), value) for value in branch["is"])
        ):
            asked[question["key"]] = question
    return list(asked.values())


def check_answers(questions: Sequence[Question], answers: Any, *, complete: bool) -> dict[str, Any]:
    """Answers to the questions that are asked; what a branch no longer asks is left out. Raises FaultyInputError."""
    if not isinstance(answers, dict):
        raise FaultyInputError([Fault("answers", _("Answers are named by the keys of their questions."))])
    asked = shown(questions, answers)
    hidden = {question["key"] for question in questions} - {question["key"] for question in asked}
    return check_plain_answers(asked, {k: v for k, v in answers.items() if k not in hidden}, complete=complete)


def say(question: Question, value: Any) -> str:
    """An answer in the reader's language."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if question["type"] == "choice" and question.get("options_zh") and value in question["options"]:
        return in_language(value, question["options_zh"][question["options"].index(value)])
    return str(value)


def text_of(row: Mapping[str, Any], name: str) -> str:
    """One text of a question or rule in the reader's language."""
    return in_language(row.get(name, ""), row.get(f"{name}_zh", ""))


# --- triage
def triage(questions: Sequence[Question], rules: Sequence[Mapping[str, Any]], answers: Answers) -> list[dict[str, Any]]:
    """The reasons for the full route; none means that the short one does."""
    asked = {question["key"] for question in shown(questions, answers)}
    found = []
    for rule in rules:
        value = answers.get(rule["question"]) if rule["question"] in asked else None
        least = rule.get("at_least")
        holds = (
            isinstance(value, int) and not isinstance(value, bool) and value >= least
            if least is not None
            else any(_same(value, one) for one in rule["is"])
        )
        if holds:
            found.append({name: rule.get(name, "") for name in ("code", "question", "reason", "reason_zh")})
    return found


# --- versions
@dataclass(frozen=True)
class Carried:
    """Answers carried over to another version: what is new in it, what was asked differently, what is gone."""

    answers: dict[str, Any]
    new: list[str]
    changed: list[str]
    dropped: list[str]


def carry(old: Sequence[Question], new: Sequence[Question], answers: Answers) -> Carried:
    """Answers move to the questions of the same key that they still fit."""
    before = {question["key"]: question for question in old}
    kept: dict[str, Any] = {}
    fresh, changed = [], []
    for question in new:
        key, was = question["key"], before.get(question["key"])
        if was is None:
            fresh.append(key)
            continue
        if any(was.get(name) != question.get(name) for name in ("label", "label_zh", "type", "options")):
            changed.append(key)
        if key in answers:
            with suppress(FaultyInputError):  # a question of another kind now is asked again
                kept |= check_plain_answers([question], {key: answers[key]}, complete=False)
    dropped = [key for key in before if key not in {question["key"] for question in new}]
    return Carried(kept, fresh, changed, dropped)


def changed_keys(before: Answers, after: Answers) -> set[str]:
    """The questions whose answers differ."""
    return {key for key in {*before, *after} if not _same(before.get(key), after.get(key))}


# --- weights
@dataclass(frozen=True)
class Score:
    """How one section stands, in percent; `advice` for what was answered low."""

    section: str
    percent: int | None
    advice: list[str]


def scores(questions: Sequence[Question], answers: Answers) -> list[Score]:
    """The weighted mean of each section, and the advice of the questions that were answered below the middle."""
    sections: dict[str, list[Question]] = {}
    for question in shown(questions, answers):
        sections.setdefault(text_of(question, "section"), []).append(question)
    found = []
    for section, asked in sections.items():
        weighed = [(q, w, v) for q in asked if (w := q["weight"]) and (v := _value(answers.get(q["key"]))) is not None]
        total = sum(weight for _q, weight, _v in weighed)
        percent = round(100 * sum(weight * value for _q, weight, value in weighed) / total) if total else None
        low = [text for q, _w, value in weighed if value < 0.5 and (text := text_of(q, "advice"))]
        found.append(Score(section, percent, low))
    return found


def _value(answer: Any) -> float | None:
    if isinstance(answer, bool):
        return float(answer)
    return (answer - 1) / 4 if isinstance(answer, int) else None
