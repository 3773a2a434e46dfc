"""Tasks and metrics as people read them: their names in words, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

PARTS = {
    "train": gettext_lazy("Training"),
    "valid": gettext_lazy("Validation"),
    "test": gettext_lazy("Test"),
    "baseline": gettext_lazy("Baseline"),
}
NAMES = {
    "loss": gettext_lazy("loss"),
    "perplexity": gettext_lazy("perplexity"),
    "bits_per_byte": gettext_lazy("bits per byte"),
    "token_accuracy": gettext_lazy("token accuracy"),
    "accuracy": gettext_lazy("accuracy"),
    "macro_f1": gettext_lazy("macro F1"),
    "macro_precision": gettext_lazy("macro precision"),
    "macro_recall": gettext_lazy("macro recall"),
    "micro_f1": gettext_lazy("micro F1"),
    "roc_auc": gettext_lazy("ROC AUC"),
    "ece": gettext_lazy("calibration error"),
    "exact_match": gettext_lazy("wholly right"),
    "entity_f1": gettext_lazy("entity F1"),
    "entity_precision": gettext_lazy("entity precision"),
    "entity_recall": gettext_lazy("entity recall"),
    "word_accuracy": gettext_lazy("word accuracy"),
    "f1": gettext_lazy("F1 of words"),
    "recall_at_1": gettext_lazy("found first"),
    "mrr": gettext_lazy("mean reciprocal rank"),
    "code_perplexity": gettext_lazy("codes in use"),
    "spoken_l1": gettext_lazy("error of what is said"),
    "mel_l1": gettext_lazy("error of the next frame"),
    "wer": gettext_lazy("word error rate"),
    "cer": gettext_lazy("character error rate"),
    "chrf": gettext_lazy("chrF"),
    "bleu": gettext_lazy("BLEU"),
    "rouge_l": gettext_lazy("ROUGE-L"),
    "rouge_1": gettext_lazy("ROUGE-1"),
    "rouge_2": gettext_lazy("ROUGE-2"),
    "mase": gettext_lazy("MASE"),
    "explained": gettext_lazy("explained share"),
    "miou": gettext_lazy("mean IoU"),
    "map": gettext_lazy("mAP"),
    "ap50": gettext_lazy("AP50"),
    "mean_recall": gettext_lazy("mean recall"),
    "image_recall_1": gettext_lazy("recall at 1, text to image"),
    "image_recall_5": gettext_lazy("recall at 5, text to image"),
    "text_recall_1": gettext_lazy("recall at 1, image to text"),
    "text_recall_5": gettext_lazy("recall at 5, image to text"),
    "pixel_accuracy": gettext_lazy("pixel accuracy"),
    "rmse": gettext_lazy("RMSE"),
    "mae": gettext_lazy("MAE"),
    "r2": gettext_lazy("R²"),
    "spearman": gettext_lazy("Spearman correlation"),
    "lr": gettext_lazy("learning rate"),
    "rate": gettext_lazy("speed"),
}
TASKS = {
    "causal-lm": gettext_lazy("Language model"),
    "masked-lm": gettext_lazy("Masked language model"),
    "text-classification": gettext_lazy("Text classification"),
    "multi-label-classification": gettext_lazy("Multi-label classification"),
    "text-regression": gettext_lazy("Text regression"),
    "token-classification": gettext_lazy("Words with tags"),
    "text-to-text": gettext_lazy("Text to text"),
    "summarization": gettext_lazy("Summarization"),
    "generative-qa": gettext_lazy("Generative question answering"),
    "extractive-qa": gettext_lazy("Extractive question answering"),
    "sentence-embedding": gettext_lazy("Vectors of texts"),
    "audio-classification": gettext_lazy("Audio classification"),
    "speech-to-text": gettext_lazy("Speech to text"),
    "masked-audio": gettext_lazy("Masked audio"),
    "text-to-speech": gettext_lazy("Text to speech"),
    "forecasting": gettext_lazy("Forecasting"),
    "masked-image": gettext_lazy("Masked images"),
    "image-classification": gettext_lazy("Image classification"),
    "image-captioning": gettext_lazy("Image captioning"),
    "image-text": gettext_lazy("Images and texts"),
    "image-generation": gettext_lazy("Image generation"),
    "object-detection": gettext_lazy("Object detection"),
    "image-segmentation": gettext_lazy("Image segmentation"),
}
LOWER_IS_BETTER = frozenset(
    {"loss", "perplexity", "bits_per_byte", "ece", "rmse", "mae", "mase", "wer", "cer", "spoken_l1", "mel_l1"}
)


TRIAL = re.compile(r"trial (\d+)/valid")  # of a search


def plain(name: str) -> str:
    """`accuracy` of `test/accuracy`."""
    return name.rpartition("/")[2]


def task_label(task: str) -> str:
    """The task in words; one that is not known here keeps its name."""
    return str(TASKS.get(task, task))


def metric_label(name: str) -> str:
    """`Test: accuracy` of `test/accuracy`; unknown names stay as they are."""
    part, _slash, own = name.rpartition("/")
    said = str(NAMES.get(own, own.replace("_", " ")))
    if (trial := TRIAL.fullmatch(part)) is not None:
        return _("Trial %(number)s: %(metric)s") % {"number": trial[1], "metric": said}
    return f"{PARTS[part]}: {said}" if part in PARTS else said[:1].upper() + said[1:]


def lower_is_better(name: str) -> bool:
    return plain(name) in LOWER_IS_BETTER


@dataclass(frozen=True)
class Compared:
    """A test metric beside what the trivial answer scores; `most` is the full length of the bar."""

    name: str
    label: str
    value: float
    baseline: float | None
    most: float
    tone: str
    note: str


def compared(metrics: Mapping[str, float], baseline: Mapping[str, Any], primary: str = "") -> list[Compared]:
    """The test metrics against the baseline (`{"name", "metrics"}`), the primary one first."""
    trivial = {plain(name): value for name, value in (baseline.get("metrics") or {}).items()}
    ours = {plain(name): value for name, value in metrics.items() if not name.startswith(("train/", "valid/"))}
    first = plain(primary)
    ranked = sorted(ours, key=lambda name: (name != first, name == "loss", name))
    return [_compare(name, ours[name], trivial.get(name)) for name in ranked]


def _compare(name: str, value: float, baseline: float | None) -> Compared:
    lower = lower_is_better(name)
    most = max(value, baseline or 0.0) if lower else 1.0
    better = baseline is None or (value < baseline if lower else value > baseline)
    note = _("lower is better") if lower else _("higher is better")
    return Compared(name, metric_label(name), value, baseline, most or 1.0, "accent" if better else "warn", note)
