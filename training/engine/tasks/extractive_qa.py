"""Extractive question answering: where in a text the answer to a question begins and ends.

A text that is longer than the net can see is read in windows that overlap by half. A window without the answer is to
point at [CLS]; how far a span stands above that tells which window has the best (Devlin et al. 2019, section 4.3).
"""

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.answering import answer_scores, place_of
from training.engine.catalogue import Sizes
from training.engine.errors import DataError
from training.engine.protocol import InputData
from training.engine.spooling import Spool, hashes_of
from training.engine.tasks import base
from training.engine.tasks.rows import CLS, EVAL_ROWS, MULTIPLE, PAD, SEP, Strings, TextRows, write_strings
from training.engine.tokenizing import CLASSIFIER_SPECIALS

ROLES = ("question", "context", "answer")
WINDOWS = ("window_edges", "fronts", "rows", "targets")
MOST_ANSWER = 256  # tokens of an answer that is looked for
PROBED = 13  # draws apart from those of the order
Window = tuple[np.ndarray, np.ndarray, int]  # tokens, where each lies in the context, place of the first of the context


class Task(TextRows):
    """A window is [CLS], the question, [SEP], a piece of the context and [SEP]; an item is a row with its windows."""

    probe = "spans"

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        questions, contexts, answers = (Spool(self.workplace) for _ in ROLES)
        begins = array("q")  # where each answer stands in its context

        def keep(cells: list[str]) -> None:
            question, context, answer, place = _checked(cells)
            for texts, text in ((questions, question), (contexts, context), (answers, answer)):
                texts.append(text)
            begins.extend(place)

        _, skipped = self.read_filled(data, ROLES, keep, own=2)
        if not questions:
            raise DataError("data_shape", problem="no row has question, context and answer")
        self.write_split(np.zeros(len(questions), dtype=np.int64), folder)
        train = np.load(folder / "train.npy")
        learnt = np.zeros(len(questions), dtype=bool)
        learnt[train] = True
        read = (text for i in train for text in (questions[i], contexts[i]))
        self.tokenizer = self.tokenizer_for(read, CLASSIFIER_SPECIALS)
        self.tokenizer.save(folder / "tokenizer.json")
        places = zip(begins[::2], begins[1::2], strict=True)
        facts = self._write_windows(zip(questions, contexts, places, strict=True), learnt, folder)
        self.write_prompts(questions, folder)
        write_strings(("" if learnt[i] else text for i, text in enumerate(contexts)), folder / "contexts")
        write_strings(answers, folder / "answers")
        # Of answers that are equally common, the one that comes first.
        _, firsts, counts = np.unique(hashes_of(answers[i] for i in train), return_index=True, return_counts=True)
        commonest = answers[train[firsts[counts == counts.max()].min()]]
        return facts | {"skipped": skipped, "commonest": commonest}

    def _write_windows(self, found: Iterable[tuple[str, str, Any]], train: np.ndarray, folder: Path) -> dict[str, Any]:
        """Write the windows of all rows; the token file holds ids, the place file where each token lies."""
        dtype = "uint16" if self.tokenizer.size <= 2**16 else "uint32"
        ends, fronts, rows, targets, longest = array("q", [0]), array("q"), array("q"), array("q"), 1
        with (folder / "tokens.bin").open("wb") as tokens, (folder / "places.bin").open("wb") as places:
            for row, (question, context, place) in enumerate(found):
                if row % 100 == 0:
                    self.stop.check()
                held = False
                for ids, lies, front in self._windows(question, context):
                    target = _target(lies, front, place)
                    held |= target != (0, 0)
                    if train[row]:
                        longest = max(longest, target[1] - target[0] + 1)
                    tokens.write(ids.astype(dtype).tobytes())
                    places.write(lies.astype("uint32").tobytes())
                    ends.append(ends[-1] + len(ids))
                    fronts.append(front)
                    rows.append(row)
                    targets.extend(target)
                if not held:
                    problem = f"its answer is too long for a context of {self.shape.context} tokens"
                    raise DataError("data_row", row=self.numbers[row], problem=problem)
        for name, values in zip(WINDOWS, (ends, fronts, rows, targets), strict=True):
            shaped = np.array(values, dtype=np.int64)
            np.save(folder / f"{name}.npy", shaped.reshape(-1, 2) if name == "targets" else shaped)
        firsts = np.searchsorted(np.array(rows), np.arange(len(train) + 1))
        np.save(folder / "edges.npy", np.array(ends)[firsts])  # of rows, whose windows lie one behind the other
        return {"dtype": dtype, "longest": min(MOST_ANSWER, longest + 2)}

    def _windows(self, question: str, context: str) -> list[Window]:
        """What the net sees of a question and a text, piece by piece."""
        size = self.shape.context or 8
        asked = self.tokenizer.encode(question[: 16 * size])[: (size - 3) // 2]
        ids, lies = self.tokenizer.encode_places(context)
        front = len(asked) + 2
        room = size - front - 1
        found = []
        for start in range(0, max(1, len(ids) - room // 2), max(1, room // 2)):
            piece = slice(start, start + room)
            tokens = np.concatenate([[CLS], asked, [SEP], ids[piece], [SEP]])
            inside = np.zeros((len(tokens), 2), dtype=np.int64)
            inside[front:-1] = lies[piece]
            found.append((tokens, inside, front))
            if start + room >= len(ids):
                break
        return found

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_texts(folder, facts)
        self.facts = facts
        self.window_edges, self.fronts, rows, self.targets = (np.load(folder / f"{name}.npy") for name in WINDOWS)
        self.firsts = np.searchsorted(rows, np.arange(len(self.edges)))
        self.places = np.memmap(folder / "places.bin", "uint32", "r").reshape(-1, 2)
        self.contexts, self.wanted = Strings(folder / "contexts"), Strings(folder / "answers")

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, classes=2, each=True, head="span")

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        """One window of each row, drawn anew in each epoch."""
        items, chance = self.parts["train"][rows], ordering.generator(seed)
        first, count = self.firsts[items], self.firsts[items + 1] - self.firsts[items]
        return self._batch(first + (chance.random(len(items)) * count).astype(np.int64))

    def batch_of(self, items: np.ndarray) -> base.Batch:
        """One window of each row of the dataset, the same whenever it is asked for: the probe learns from it."""
        return self._batch(self._probed(items))

    def _probed(self, items: np.ndarray) -> np.ndarray:
        chance = ordering.generator(self.spec.train.seed, PROBED).random(len(self.firsts) - 1)[items]
        return self.firsts[items] + (chance * (self.firsts[items + 1] - self.firsts[items])).astype(np.int64)

    def probe_counts(self, part: str, items: np.ndarray) -> np.ndarray:
        """[CLS] and what the window holds of the context."""
        windows = self._probed(self.parts[part][items])
        return self.window_edges[windows + 1] - self.window_edges[windows] - self.fronts[windows]

    def probe_targets(self, part: str, items: np.ndarray) -> np.ndarray:
        counts, windows = self.probe_counts(part, items), self._probed(self.parts[part][items])
        begins, targets = np.cumsum(counts) - counts, self.targets[windows]
        places = np.where(targets > 0, targets - self.fronts[windows][:, None] + 1, 0)
        found = np.zeros((counts.sum(), 2), dtype=np.int8)
        found[begins + places[:, 0], 0] = found[begins + places[:, 1], 1] = 1
        return found

    def probe_places(self, batch: base.Batch) -> Tensor:
        return batch["may"]

    def _stored(self, window: int) -> Window:
        part = slice(self.window_edges[window], self.window_edges[window + 1])
        return self.tokens[part].astype(np.int64), self.places[part], int(self.fronts[window])

    def _batch(self, windows: np.ndarray) -> base.Batch:
        batch = self._tensors([self._stored(window) for window in windows])
        return batch | {"target": torch.from_numpy(self.targets[windows]).to(self.device)}

    def _tensors(self, windows: Sequence[Window]) -> base.Batch:
        """`kinds`: 1 for the context; `may`: where an answer may begin or end, or [CLS] say that there is none."""
        width = -(-max(len(ids) for ids, *_ in windows) // MULTIPLE) * MULTIPLE
        shape = (len(windows), min(width, self.shape.context or width))
        ids, kinds = np.full(shape, PAD, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        mask, may = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        for n, (own, _, front) in enumerate(windows):
            length = len(own)
            ids[n, :length], kinds[n, front:length], mask[n, :length] = own, 1, True
            may[n, 0], may[n, front : length - 1] = True, True
        arrays = {"ids": ids, "kinds": kinds, "mask": mask, "may": may}
        return {name: torch.from_numpy(array).to(self.device) for name, array in arrays.items()}

    def _logs(self, net: nn.Module, batch: base.Batch) -> Tensor:
        """(windows, tokens, 2): log probability that the answer begins, and that it ends, at a token."""
        logits = net(batch["ids"], batch["mask"], None, batch["kinds"]).float()
        return logits.masked_fill(~batch["may"][..., None], -1e9).log_softmax(1)

    def _nats(self, logs: Tensor, target: Tensor) -> Tensor:
        return -logs.gather(1, target[:, None, :]).mean((1, 2))

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        return self._nats(self._logs(net, batch), batch["target"]).mean()

    def _best(self, logs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(how far above [CLS], begin, end) of the best span of each window."""
        begin, end = logs[:, 1:, 0], logs[:, 1:, 1]
        width = begin.shape[1]
        fits = torch.ones(width, width, dtype=torch.bool, device=logs.device).triu().tril(self.facts["longest"] - 1)
        both = (begin[:, :, None] + end[:, None, :]).masked_fill(~fits, -1e9).flatten(1)
        score, place = both.max(1)
        return score - logs[:, 0].sum(-1), place // width + 1, place % width + 1

    def _answers(self, logs: Tensor, windows: Sequence[Window], counts: Sequence[int]) -> list[dict[str, Any]]:
        """Place and surety of the answer to each row, which has `counts` of the windows."""
        # Every pair of places is looked at, so windows go by in small groups.
        best = [self._best(group) for group in logs.split(EVAL_ROWS // 4)]
        scores, begins, ends = (torch.cat(column) for column in zip(*best, strict=True))
        found, first = [], 0
        for count in counts:
            n = first + int(scores[first : first + count].argmax())
            begin, end = int(begins[n]), int(ends[n])
            lies = windows[n][1]
            surety = float(logs[n, begin, 0] + logs[n, end, 1])
            answer = {"start": int(lies[begin, 0]), "end": int(lies[end, 1]), "probability": np.exp(surety)}
            found.append(answer | {"score": float(scores[n])})
            first += count
        return found

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """F1, whether it is the same, and nats, of each item."""
        numbers = self.parts[part][items]
        rows = np.zeros((len(items), 3))
        for places in self.groups_for_eval(numbers, EVAL_ROWS // 4):
            for place, (found, nats) in zip(places, self._found(net, numbers[places]), strict=True):
                rows[place] = [*answer_scores(found["text"], self.wanted[numbers[place]]), nats]
        return rows

    def _found(self, net: nn.Module, items: np.ndarray) -> list[tuple[dict[str, Any], float]]:
        """(answer, nats) of rows of the dataset."""
        counts = (self.firsts[items + 1] - self.firsts[items]).tolist()
        numbers = np.concatenate([np.arange(self.firsts[item], self.firsts[item + 1]) for item in items])
        batch = self._batch(numbers)
        parts = [{k: v[n : n + EVAL_ROWS] for k, v in batch.items()} for n in range(0, len(numbers), EVAL_ROWS)]
        logs = torch.cat([self._logs(net, part) for part in parts])
        nats = np.split(self._nats(logs, batch["target"]).double().cpu().numpy(), np.cumsum(counts)[:-1])
        answers = self._answers(logs, [self._stored(number) for number in numbers], counts)
        return [
            (_cut(answer, self.contexts[item]), float(own.mean()))
            for answer, item, own in zip(answers, items, nats, strict=True)
        ]

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        report = base.Report(_scores(judged.rows.mean(0)))
        if final:
            report.detail = {"rows": len(judged.rows), "longest_answer_tokens": self.facts["longest"]}
            column = list(_scores(judged.rows.mean(0))).index(self.spec.primary)
            report.interval = metrics.mean_interval(judged.rows[:, column], check=self.stop.check)
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """The commonest answer of the training part, whatever the question; every place as likely as any other."""
        rows = []
        for item in self.parts["test"]:
            windows = np.arange(self.firsts[item], self.firsts[item + 1])
            places = self.window_edges[windows + 1] - self.window_edges[windows] - self.fronts[windows]
            near = answer_scores(self.facts["commonest"], self.wanted[item])
            rows.append([*near, float(np.log(places).mean())])
        return "commonest answer", _scores(np.mean(rows, 0))

    def badness(self, judged: base.Judged) -> np.ndarray:
        """What is missing to a whole answer, then the loss."""
        return 1 - judged.rows[:, 0] + judged.rows[:, 2] / 1e3

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        item = self.parts[judged.part][judged.items[place : place + 1]]
        ((found, _),) = self._found(net, item)
        prompt, wanted = self.describe(int(item[0])), self.wanted[item[0]]
        return {"kind": "row", "prompt": prompt, "text": found["text"], "label": wanted}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.facts = {"longest": config["max_answer_tokens"]}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """The answer to each {"question", "context"}: its text, where it lies, and how likely it is."""
        answers = []
        for given in inputs:
            if not isinstance(given, dict):
                raise ValueError('this model reads {"question": …, "context": …}')
            question, context = self.texts_of([given.get("question"), given.get("context")])
            if not question.strip() or not context.strip():
                raise ValueError("this model reads a question and a context that are not empty")
            windows = self._windows(question, context)
            groups = [windows[n : n + EVAL_ROWS] for n in range(0, len(windows), EVAL_ROWS)]
            logs = [self._logs(net, self._tensors(group)) for group in groups]
            best = [self._answers(one, group, [len(group)])[0] for one, group in zip(logs, groups, strict=True)]
            answers.append(_cut(max(best, key=lambda answer: answer["score"]), context))
        return answers

    def package(self, folder: Path) -> dict[str, Any]:
        return super().package(folder) | {"max_answer_tokens": self.facts["longest"]}


def _checked(cells: list[str]) -> tuple[str, str, str, tuple[int, int]]:
    """(question, context, answer, its place). Raises ValueError."""
    question, context, answer = cells
    place = place_of(answer, context)
    if place is None:
        raise ValueError("its answer does not stand in its context")
    return question, context, answer.strip(), place


def _target(lies: np.ndarray, front: int, place: tuple[int, int]) -> tuple[int, int]:
    """(first, last) token of the answer; (0, 0) when the window does not hold all of it."""
    begin, end = place
    inside = lies[front:-1]
    over = np.flatnonzero((inside[:, 0] < end) & (inside[:, 1] > begin))
    if not len(over) or inside[over[0], 0] > begin or inside[over[-1], 1] < end:
        return 0, 0
    return front + int(over[0]), front + int(over[-1])


def _cut(answer: dict[str, Any], context: str) -> dict[str, Any]:
    """The answer with its text; spaces around it are not part of it."""
    piece = context[answer["start"] : answer["end"]]
    start = answer["start"] + len(piece) - len(piece.lstrip())
    text = piece.strip()
    probability = round(float(answer["probability"]), 6)
    return {"text": text, "start": start, "end": start + len(text), "probability": probability}


def _scores(row: np.ndarray) -> dict[str, float]:
    return dict(zip(("f1", "exact_match", "loss"), map(float, row), strict=True))
