"""An answer in the shape in which a page shows it."""

from __future__ import annotations

import json
from typing import Any

from training.playground.models import Trial
from training.playground.states import InputKind

MOST = 12  # shares shown; a model may know thousands of labels


def shown_answer(trial: Trial) -> dict[str, Any]:
    """What the template draws: shares as bars, a text, words with tags, numbers. Empty while there is no answer."""
    answer = trial.answer or {}
    told: dict[str, Any] = {}
    shares = answer.get("probabilities") or {}
    if shares:
        chosen = {answer["label"]} if "label" in answer else set(answer.get("labels") or ())
        rows = sorted(shares.items(), key=lambda row: -row[1])[:MOST]
        told["shares"] = [{"label": label, "percent": 100 * share, "chosen": label in chosen} for label, share in rows]
        told["more"] = len(shares) - len(rows)
        told["labels"] = sorted(chosen, key=lambda label: -shares.get(label, 0))
        told["one"] = "label" in answer
    if "words" in answer:
        told["words"] = [
            {"word": word, "tag": "" if tag == "O" else tag}
            for word, tag in zip(answer["words"], answer["tags"], strict=False)
        ]
        told["entities"] = answer.get("entities") or []
    if "boxes" in answer:
        told["boxes"] = sorted(answer["boxes"], key=lambda box: -box["probability"])[:MOST]
    if "values" in answer:  # `answer.values` would be the method of a dictionary in a template
        told["following"] = answer["values"]
    if "overlay" in answer:
        told["overlay"] = f"data:image/jpeg;base64,{answer['overlay']}"
        areas = sorted((answer.get("shares") or {}).items(), key=lambda row: -row[1])
        told["areas"] = [
            {"label": label, "percent": 100 * share, "colour": (answer.get("colours") or {}).get(label)}
            for label, share in areas[:MOST]
            if share
        ]
    if trial.kind == InputKind.QUESTION and "start" in answer:
        context = json.loads(trial.text)["context"]
        told["before"], told["behind"] = context[: answer["start"]], context[answer["end"] :]
        told["surety"] = answer.get("probability")
    for name in ("text", "value", "explained", "likeness"):
        if name in answer:
            told[name] = answer[name]
    return told
