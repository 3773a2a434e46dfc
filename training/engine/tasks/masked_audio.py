"""Masked audio: which of several things heard in a recording belongs to a stretch that is hidden (Baevski et al. 2020).

No transcripts are needed, and what writes speech down can begin with what was learnt. What is heard in 20 ms is a code
in each of two books, which are learnt along. Were all codes alike, nothing could be told apart: so what is like the
right answer counts against it, here and in the loss, and it is rewarded when all codes are in use.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.catalogue import CODE_GROUPS, CODES, Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.tasks import base
from training.engine.tasks.waves import WaveNet, shortest, steps_of

EVAL_ROWS = 16
EVAL_SEED = 1
OTHERS = 20  # things heard elsewhere in the recording, beside the right one
HIDDEN = 0.5  # of the steps, about
STRETCH = 10  # steps that are hidden together, or a fourth of a short recording
LEAST_STEPS = 6
SHARPNESS = 10.0  # cosines are multiplied by it: 1/κ
VARIETY = 0.1  # weight of how many codes are in use
WARMEST, COLDEST = 2.0, 0.5  # of the draw of codes, at the beginning and the end


class Task(WaveNet):
    """`hidden` of a batch says which steps are hidden, `others` which steps each of them is told apart from."""

    books = (CODE_GROUPS, CODES)  # and codes in each of them

    def begin_with(self, folder: Path) -> None:
        self._open_books(json.loads((folder / "config.json").read_text()))

    def _open_books(self, config: dict[str, Any]) -> None:
        self.books = config["num_codevector_groups"], config["num_codevectors_per_group"]

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        count = len(self.write_sounds(data, folder, None, cut=True))
        self.open_sounds(folder)
        for name, values in zip(self.names, np.diff(self.edges), strict=True):
            if steps_of(int(values)) < LEAST_STEPS:
                raise DataError("data_file", name=name, problem="it is too short: a part of it could not be hidden")
        self.write_parts(np.zeros(count, dtype=np.int64), folder)
        return {}

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_sounds(folder)
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}
        lengths = np.diff(self.edges)[self.parts["train"]]
        self.asked = HIDDEN * float(np.mean([steps_of(max(int(one), shortest())) for one in lengths]))

    @property
    def sizes(self) -> Sizes:
        return Sizes(head="codes")

    def rows_at(self, step: int) -> tuple[int, np.ndarray]:
        self.done = step / max(1, self.steps)
        return super().rows_at(step)

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        chance = ordering.generator(seed)
        return self._batch([self.wave(item) for item in self.parts["train"][rows]], [chance] * len(rows))

    def _judged_batch(self, part: str, items: np.ndarray) -> base.Batch:
        """What is hidden of a recording depends on its place in the part alone, so that figures can be compared."""
        chances = [ordering.generator(EVAL_SEED, int(item)) for item in items]
        return self._batch([self.wave(item) for item in self.parts[part][items]], chances)

    def _batch(self, waves: list[np.ndarray], chances: list[np.random.Generator]) -> base.Batch:
        batch = self.heard(waves)
        width = steps_of(batch["values"].shape[1])
        hidden = np.zeros((len(waves), width), dtype=bool)
        others = []
        for row, (wave, chance) in enumerate(zip(waves, chances, strict=True)):
            hidden[row], found = _drawn(steps_of(max(len(wave), shortest())), width, chance)
            others.append(found + row * width)
        told = {"hidden": torch.from_numpy(hidden), "others": torch.from_numpy(np.concatenate(others))}
        return batch | {name: tensor.to(self.device, non_blocking=True) for name, tensor in told.items()}

    def _scores(self, net: nn.Module, batch: base.Batch) -> tuple[Tensor, Tensor]:
        """(hidden steps, 1 + OTHERS): how near what is told is to what is there, and to the others; and the codes.

        The codes are (hidden steps, groups, codes), as the net says how they are shared.
        """
        told, there, shares = net(batch["values"], batch["mask"], batch["hidden"])
        place = batch["hidden"].flatten().nonzero()[:, 0]
        flat = F.normalize(there.float().flatten(0, 1), dim=-1)
        asked = F.normalize(told.float().flatten(0, 1)[place], dim=-1)
        choices = torch.cat([place[:, None], batch["others"]], 1)
        return SHARPNESS * (asked[:, None] * flat[choices]).sum(-1), shares.flatten(0, 1)[place]

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """Summed over hidden steps and divided by what a recording has on average, so that all steps weigh alike."""
        net.temperature = max(COLDEST, WARMEST * (COLDEST / WARMEST) ** self.done)  # type: ignore[assignment]
        scores, shares = self._scores(net, batch)
        first = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
        surprise = F.cross_entropy(scores, first, reduction="sum") / (len(batch["hidden"]) * self.asked)
        return surprise + VARIETY * (1 - _perplexity(shares.mean(0)).mean() / self.books[1])

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Of each recording: hidden steps, how many are told right, their nats, and how often each code is there."""
        rows = np.zeros((len(items), 3 + math.prod(self.books)))
        numbers = self.parts[part][items]
        order = np.argsort(self.edges[numbers + 1] - self.edges[numbers], kind="stable")
        for start in range(0, len(order), EVAL_ROWS):
            self.stop.check()
            places = order[start : start + EVAL_ROWS]
            rows[places] = self._judged(net, self._judged_batch(part, items[places]))
        return rows

    def _judged(self, net: nn.Module, batch: base.Batch) -> np.ndarray:
        scores, codes = self._scores(net, batch)
        # What is as near as the right answer is as good a guess: of n such answers one in n is right.
        beaten = (scores[:, 1:] > scores[:, :1] + 1e-4).any(1)
        right = torch.where(beaten, 0.0, 1 / (scores >= scores[:, :1] - 1e-4).sum(1))
        nats = -scores.log_softmax(-1)[:, 0]
        found = torch.cat([torch.ones_like(nats)[:, None], right[:, None], nats[:, None], codes.flatten(1)], 1)
        row = batch["hidden"].nonzero()[:, 0]
        sums = torch.zeros(len(batch["hidden"]), found.shape[1], device=found.device).index_add(0, row, found.float())
        return sums.double().cpu().numpy()

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report({name: float(value) for name, value in _figures(judged.rows.sum(0), self.books).items()})
        if final:
            report.detail = {"recordings": len(judged.rows), "hidden": int(judged.rows[:, 0].sum()), "others": OTHERS}
            report.interval = metrics.sums_interval(
                judged.rows, lambda found: _figures(found, self.books)[self.spec.primary], check=self.stop.check
            )
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """One answer of all, by chance; as good as it gets when all codes are one."""
        return "chance", {"accuracy": 1 / (1 + OTHERS), "code_perplexity": 1.0, "loss": float(np.log(1 + OTHERS))}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """Nats a hidden step."""
        return judged.rows[:, 2] / np.maximum(judged.rows[:, 0], 1)

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        hidden, right, *_ = judged.rows[place]
        name = self.describe(int(self.parts[judged.part][judged.items[place]]))
        return {"kind": "row", "prompt": name, "text": f"{right:.0f} / {hidden:.0f}", "label": f"{hidden:.0f}"}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """How many of the hidden steps of each recording it tells right, as a share."""
        answers = []
        for path, wave in zip(inputs, self.new_waves(inputs), strict=True):
            if steps_of(len(wave)) < LEAST_STEPS:
                raise ValueError(f"{Path(path).name}: it is too short")
            batch = self._batch([wave[: self.room]], [ordering.generator(EVAL_SEED)])
            hidden, right, *_ = self._judged(net, batch)[0]
            answers.append({"accuracy": round(right / hidden, 6)})
        return answers

    def package(self, folder: Path) -> dict[str, Any]:
        self.write_processor(folder)
        return {}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        self._open_books(config)


def _drawn(steps: int, width: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(which of `width` steps are hidden, of each hidden one OTHERS other hidden steps)."""
    stretch = max(2, min(STRETCH, steps // 4))
    # Stretches may lie over each other: of n of them 1 - exp(-n stretch / steps) are hidden together.
    count = max(1, round(-np.log(1 - HIDDEN) * steps / stretch))
    hidden = np.zeros(width, dtype=bool)
    for begin in chance.integers(steps - stretch + 1, size=count):
        hidden[begin : begin + stretch] = True
    places = np.flatnonzero(hidden)
    others = chance.integers(len(places) - 1, size=(len(places), OTHERS))
    return hidden, places[others + (others >= np.arange(len(places))[:, None])]


def _perplexity(shares: Tensor) -> Tensor:
    """Codes that are in use, in effect, (…, codes) -> (…)."""
    return torch.special.entr(shares).sum(-1).exp()


def _figures(sums: np.ndarray, books: tuple[int, int]) -> dict[str, np.ndarray]:
    hidden = np.maximum(sums[..., 0], 1)
    shares = sums[..., 3:].reshape(*sums.shape[:-1], *books) / hidden[..., None, None]
    nats = -(shares * np.log(np.maximum(shares, 1e-12))).sum(-1)
    perplexity = np.exp(nats).mean(-1)
    return {"accuracy": sums[..., 1] / hidden, "code_perplexity": perplexity, "loss": sums[..., 2] / hidden}
