"""An answer in the shape in which a page shows it."""

from __future__ import annotations

import json
from typing import Any

from training.playground.models import Trial
from training.playground.states import InputKind

MOST = 12  # shares shown; a model may know thousands of labels
PLACES = 240  # of a protein that are drawn
LEVELS, WORST = 8, -8.0  # shades of a score, and the score that is darkest


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
    drawn = [one for one in answer.get("answers") or [answer] if "png" in one]
    if drawn:
        told["drawings"] = [
            {"src": f"data:image/png;base64,{one['png']}", "label": one.get("label", "")} for one in drawn
        ]
    if "wav" in answer:
        told["sound"], told["seconds"] = f"data:audio/wav;base64,{answer['wav']}", answer.get("seconds")
    if trial.kind == InputKind.SCAN and "scores" in answer:
        told |= _scanned(answer)
    if trial.kind == InputKind.QUESTION and "start" in answer:
        context = json.loads(trial.text)["context"]
        told["before"], told["behind"] = context[: answer["start"]], context[answer["end"] :]
        told["surety"] = answer.get("probability")
    for name in ("text", "value", "explained", "likeness", "accuracy"):
        if name in answer:
            told[name] = answer[name]
    return told


def _scanned(answer: dict[str, Any]) -> dict[str, Any]:
    """Scores of exchanges: those that were asked for, or the likeliest and a map of all."""
    scores = answer["scores"]
    if isinstance(scores, dict):
        return {"mutations": [{"mutation": name, "score": score} for name, score in scores.items()]}
    return {
        "mutations": answer["best"],
        "likeliest": True,
        "map": _map_of(answer["sequence"], answer["residues"], scores),
        "cut": max(0, len(answer["sequence"]) - PLACES),
    }


def _map_of(sequence: str, residues: str, scores: list[list[float]]) -> dict[str, Any]:
    """A cell of 10 × 10 for each place (from left) and new residue (from above), cells of one shade in one path."""
    shades: dict[int, list[str]] = {}
    for place, row in enumerate(scores[:PLACES]):
        for number, score in enumerate(row):
            shade = -1 if score > 0 else min(LEVELS, round(LEVELS * score / WORST))
            if shade and residues[number] != sequence[place]:
                shades.setdefault(shade, []).append(f"M{10 * place} {10 * number}h10v10h-10z")
    count = min(PLACES, len(sequence))
    return {
        "width": 10 * count,
        "height": 10 * len(residues),
        "shades": [
            {"better": shade < 0, "opacity": round(max(shade, 0) / LEVELS, 3), "path": "".join(cells)}
            for shade, cells in sorted(shades.items())
        ],
        "rows": [{"y": 10 * number + 8, "residue": residue} for number, residue in enumerate(residues)],
        "ticks": [{"x": 10 * place + 5, "place": place + 1} for place in range(9, count, 10)],
    }
