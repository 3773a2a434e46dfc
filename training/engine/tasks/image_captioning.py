"""Image captioning: write what is seen, token by token, from images with captions."""

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics
from training.engine.generating import Sampling, texts_from
from training.engine.nets import vit_gpt2
from training.engine.overlap import COLUMNS, counts_of, overlap_scores
from training.engine.tasks import base
from training.engine.tasks.image_text import END, PAD, CaptionedImages
from training.engine.tokenizing import CAPTION_SPECIALS

EVAL_ROWS = 32
START = CAPTION_SPECIALS.index("<s>")
NONE = -100
WRITTEN = ("chrf", "bleu", "rouge_l", "exact_match")  # figures that need the text to be written


class Task(CaptionedImages):
    """An item is an image; of its captions one is drawn while learning. What is written is held to the nearest."""

    sampling: Sampling | None = None  # of `predict`, where asked for

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        super().open(folder, facts)
        self.lengths = (self.ids != PAD).sum(1)
        self.tokens = float(np.mean([self.lengths[self._captions(item)].mean() for item in self.parts["train"]]))

    def _captions(self, item: int) -> slice:
        return slice(int(self.edges[item]), int(self.edges[item + 1]))

    def _logits(self, net: Any, batch: base.Batch) -> tuple[Tensor, Tensor]:
        """(logits, what is to be told), of the caption of each image."""
        ids = batch["ids"]
        before = torch.cat([torch.full_like(ids[:, :1], START), ids[:, :-1]], 1)
        logits = net(pixel_values=batch["pixels"], decoder_input_ids=before).logits
        return logits.float(), ids.masked_fill(ids == PAD, NONE)

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over tokens and divided by what a caption has on average, so that all tokens weigh alike."""
        logits, target = self._logits(net, batch)
        nats = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=NONE, reduction="sum")
        return nats / (len(target) * self.tokens)

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Of the first caption nats, tokens and right tokens; how near the written text is, if it is asked for."""
        rows = np.zeros((len(items), 3 + COLUMNS))
        writes = part == "test" or self.spec.primary in WRITTEN
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            places = slice(start, start + EVAL_ROWS)
            numbers = self.parts[part][items[places]]
            batch = self._batch(np.asarray(self.pixels[numbers]), self.edges[numbers])
            logits, target = self._logits(net, batch)
            nats = F.cross_entropy(logits.transpose(1, 2), target, ignore_index=NONE, reduction="none").sum(1)
            asked = target != NONE
            hits = ((logits.argmax(-1) == target) & asked).sum(1)
            rows[places, :3] = torch.stack([nats.double(), asked.sum(1), hits], 1).cpu().numpy()
            if writes:
                texts = self._write(net, batch["pixels"])
                rows[places, 3:] = [self._near(text, int(n)) for text, n in zip(texts, numbers, strict=True)]
        return rows

    def _near(self, written: str, item: int) -> list[float]:
        """How near a text is to the caption of an image that it is nearest to."""
        found = [counts_of(written, self.tokenizer.decode(row.tolist())) for row in self.ids[self._captions(item)]]
        return max(found, key=lambda counts: float(overlap_scores(np.array(counts))["chrf"]))

    def _write(self, net: Any, pixels: Tensor, sampling: Sampling | None = None) -> list[str]:
        """About what is seen, the likeliest tokens unless it is asked otherwise."""
        seen = net.encoder(pixel_values=pixels).last_hidden_state
        return texts_from(
            functools.partial(vit_gpt2.go_on, net),
            vit_gpt2.remember(net, seen, room=self.shape.context or 2),
            START,
            self.tokenizer,
            sampling,
            end=END,
            first=self.first_input,
            check=self.stop.check,
        )

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        sums = judged.rows.sum(0)
        report = base.Report({name: float(value) for name, value in _scores(sums).items()})
        if final:
            report.detail = {"images": len(judged.rows), "tokens": int(sums[1])}
            report.interval = metrics.sums_interval(
                judged.rows, lambda found: _scores(found)[self.spec.primary], check=self.stop.check
            )
        elif not sums[-1]:
            report.values = {name: value for name, value in report.values.items() if name not in WRITTEN}
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest caption of the training part, whatever the image; each token by its frequency."""
        train = np.concatenate([self.ids[self._captions(item)] for item in self.parts["train"]])
        counts = np.bincount(train[train != PAD], minlength=self.tokenizer.size) + 1
        logs = np.log(counts / counts.sum())
        commonest, _ = Counter(map(tuple, train.tolist())).most_common(1)[0]
        text, rows = self.tokenizer.decode(list(commonest)), []
        for item in self.parts["test"]:
            tokens = self.ids[self.edges[item]]
            tokens = tokens[tokens != PAD]
            hits = (tokens == counts.argmax()).sum()
            rows.append([-logs[tokens].sum(), len(tokens), hits, *self._near(text, int(item))])
        return "commonest caption", {name: float(value) for name, value in _scores(np.sum(rows, 0)).items()}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss a token."""
        return judged.rows[:, 0] / np.maximum(judged.rows[:, 1], 1)

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        item = int(self.parts[judged.part][judged.items[place]])
        (written,) = self._write(net, self.scaled(np.asarray(self.pixels[[item]])))
        return {"kind": "image", "prompt": self.describe(item), "text": written, "label": self.firsts[item]}

    def package(self, folder: Path) -> dict[str, Any]:
        config = super().package(folder)
        ends = {"decoder_start_token_id": START, "bos_token_id": START, "eos_token_id": END, "pad_token_id": PAD}
        most = {"max_length": self.shape.context}
        (folder / "generation_config.json").write_text(json.dumps(ends | most, indent=2) + "\n")
        return config

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """What it writes about each image."""
        return [{"text": text} for text in self._write(net, self.new_pixels(inputs), self.sampling)]


def _scores(sums: np.ndarray) -> dict[str, np.ndarray]:
    loss = sums[..., 0] / sums[..., 1]
    own = {"loss": loss, "perplexity": np.exp(np.minimum(loss, 700)), "token_accuracy": sums[..., 2] / sums[..., 1]}
    return own | overlap_scores(sums[..., 3:])
