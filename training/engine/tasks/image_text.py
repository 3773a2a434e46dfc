"""Images and texts that belong together, told from all others in a batch (Radford et al. 2021)."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from training.engine import metrics, ordering
from training.engine.captions import read_captions
from training.engine.catalogue import Sizes
from training.engine.protocol import InputData
from training.engine.readers import decode_member, members_of, open_zip
from training.engine.tasks import base
from training.engine.tasks.images import Images, look_of, moved, moves
from training.engine.tokenizing import CAPTION_SPECIALS, Tokenizer, load_tokenizer

EVAL_ROWS = 64
AT_ONCE = 1_000
PAD, BEGIN, END = (CAPTION_SPECIALS.index(mark) for mark in ("<pad>", "<s>", "</s>"))
STEEPEST = math.log(100)
MAX_CAPTIONS = 32
FOUND = ("image_recall_1", "image_recall_5", "text_recall_1", "text_recall_5")


class CaptionedImages(Images):
    """What tasks on captions share. An item is an image; of its captions one is drawn while learning."""

    parts: dict[str, np.ndarray]
    tokenizer: Tokenizer

    def prepare_key(self) -> dict[str, Any]:
        return super().prepare_key() | self.tokenizer_key() | {"context": self.shape.context}

    def prepare(self, data: InputData, folder: Path) -> dict[str, Any]:
        path, channels, side = Path(data.path), self.channels_of(data), self.shape.image or 32
        captions = {name: texts[:MAX_CAPTIONS] for name, texts in read_captions(path, data.profile).items()}
        names, look = list(captions), look_of(self.read_as or {})
        self.tell_files(data, "image", names)
        self.write_parts(np.zeros(len(names), dtype=np.int64), folder)
        with open_zip(path, data.profile) as archive, (folder / "pixels.bin").open("wb") as file:
            members = members_of(archive)
            for number, name in enumerate(names):
                if number % 50 == 0:
                    self.stop.check()
                file.write(decode_member(archive, members[name], side, channels, look).tobytes())
        (folder / "names.json").write_text(json.dumps(names))
        formed = [[self.cleaner.hide(self.cleaner.form(text)) for text in captions[name]] for name in names]
        train = np.load(folder / "train.npy")
        self.tokenizer = self.tokenizer_for((text for i in train for text in formed[i]), CAPTION_SPECIALS)
        self.tokenizer.save(folder / "tokenizer.json")
        context = self.shape.context or 2
        rows = np.full((sum(map(len, formed)), context), PAD, dtype=np.int32)
        for row, text in zip(rows, (text for texts in formed for text in texts), strict=True):
            own = self._encode(text)
            row[: len(own)] = own
        np.save(folder / "ids.npy", rows)
        np.save(folder / "edges.npy", np.cumsum([0, *map(len, formed)]))
        (folder / "firsts.json").write_text(json.dumps([texts[0][:200] for texts in formed]))
        facts = {"channels": channels, "side": side, "count": len(names)}
        return facts | self.statistics(folder, facts)

    def _encode(self, text: str) -> np.ndarray:
        begun = [BEGIN] if self.tokenizer.begins else []  # as a CLIP of elsewhere has learnt it
        room = (self.shape.context or 2) - 1 - len(begun)
        return np.concatenate([np.array(begun, dtype=np.int64), self.tokenizer.encode(text[: 16 * room])[:room], [END]])

    def open(self, folder: Path, facts: dict[str, Any]) -> None:
        self.open_pixels(folder, facts)
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")
        self.ids, self.edges = np.load(folder / "ids.npy"), np.load(folder / "edges.npy")
        self.firsts: list[str] = json.loads((folder / "firsts.json").read_text())
        self.parts = {part: np.load(folder / f"{part}.npy") for part in base.PARTS}

    @property
    def sizes(self) -> Sizes:
        return Sizes(vocab=self.tokenizer.size, pad=PAD, channels=self.facts["channels"])

    def count(self, part: str) -> int:
        return len(self.parts[part])

    def train_batch(self, rows: np.ndarray, epoch: int, seed: int) -> base.Batch:
        items, chance = self.parts["train"][rows], ordering.generator(seed)
        pixels = moved(np.asarray(self.pixels[items]), moves(len(items), self.facts["side"], chance))
        return self._batch(pixels, chance.integers(self.edges[items], self.edges[items + 1]))

    def _batch(self, pixels: np.ndarray, captions: np.ndarray) -> base.Batch:
        return {"pixels": self.scaled(pixels)} | self._texts(self.ids[captions])

    def _texts(self, rows: np.ndarray) -> base.Batch:
        ids = torch.from_numpy(rows[:, : int((rows != PAD).sum(1).max())].astype(np.int64)).to(self.device)
        return {"ids": ids, "mask": (ids != PAD).long()}

    def units(self, batch: base.Batch) -> int:
        return len(batch["ids"])

    def package(self, folder: Path) -> dict[str, Any]:
        super().package(folder)
        self.tokenizer.save(folder / "tokenizer.json")
        # Where every reader of our packages looks; the net has it in a part of its config.
        return {"num_channels": self.facts["channels"]}

    def open_package(self, folder: Path, config: dict[str, Any]) -> None:
        super().open_package(folder, config)
        self.tokenizer = load_tokenizer(folder / "tokenizer.json")


class Task(CaptionedImages):
    """While judging, the first caption of an image counts."""

    def _points(self, net: Any, batch: base.Batch) -> tuple[Tensor, Tensor]:
        """(images, texts) as vectors of length 1."""
        told = net(input_ids=batch["ids"], attention_mask=batch["mask"], pixel_values=batch["pixels"])
        return told.image_embeds.float(), told.text_embeds.float()

    @property
    def contrasted(self) -> int:  # type: ignore[override]
        """Where image and text point."""
        return 2 * self.shape.width

    def loss(self, net: nn.Module, batch: base.Batch) -> Tensor:
        images, texts = self._points(net, batch)
        if self.gathered is not None:  # of several processes each has its share of the batch
            images, texts = self.gathered(images, texts)
        likeness = _steepness(net) * images @ texts.T
        own = torch.arange(len(images), device=images.device)
        return (F.cross_entropy(likeness, own) + F.cross_entropy(likeness.T, own)) / 2

    def measure(self, net: nn.Module, part: str, items: np.ndarray) -> np.ndarray:
        """Where image and text point, and how steep likeness is."""
        rows = []
        for start in range(0, len(items), EVAL_ROWS):
            self.stop.check()
            numbers = self.parts[part][items[start : start + EVAL_ROWS]]
            images, texts = self._points(net, self._batch(np.asarray(self.pixels[numbers]), self.edges[numbers]))
            steep = _steepness(net).expand(len(images), 1)
            rows.append(torch.cat([images, texts, steep], 1).cpu().double().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 2 * self.shape.width + 1))

    def report(self, judged: base.Judged, *, final: bool = False) -> base.Report:
        found, losses = _judge(judged.rows)
        report = base.Report({"mean_recall": float(found.mean()), "loss": float(losses.mean())})
        report.values |= {name: float(value) for name, value in zip(FOUND, found.mean(0), strict=True)}
        if final:
            primary = self.spec.primary
            each = {"loss": losses, "mean_recall": found.mean(1)} | dict(zip(FOUND, found.T, strict=True))
            report.detail = {"images": len(losses), "among": len(losses)}
            report.interval = metrics.mean_interval(each[primary], check=self.stop.check)
        return report

    def baseline(self) -> tuple[str, dict[str, float]]:
        """Any order is as likely as any other."""
        count = self.count("test")
        shares = {name: min(1.0, int(name[-1]) / count) for name in FOUND}
        return "chance", shares | {"mean_recall": sum(shares.values()) / len(FOUND), "loss": math.log(count)}

    def badness(self, judged: base.Judged) -> np.ndarray:
        """The loss."""
        return _judge(judged.rows)[1]

    def show(self, net: nn.Module, judged: base.Judged, place: int) -> dict[str, Any]:
        width = self.shape.width
        best = int((judged.rows[:, width : 2 * width] @ judged.rows[place, :width]).argmax())
        items = self.parts[judged.part][judged.items]
        name = self.describe(int(items[place]))
        return {"kind": "image", "prompt": name, "text": self.firsts[items[best]], "label": self.firsts[items[place]]}

    def predict(self, net: nn.Module, inputs: list[Any]) -> list[dict[str, Any]]:
        """Of an image with texts, {"image": path, "texts": [...]}: how likely each text is; else where it points."""
        return [self._answer(net, one) for one in inputs]

    def _answer(self, net: Any, one: Any) -> dict[str, Any]:
        if isinstance(one, dict) and isinstance(one.get("texts"), list) and one["texts"] and one.get("image"):
            image, points = self._image(net, one["image"]), [self._text(net, text) for text in one["texts"]]
            told = dict(zip(one["texts"], points, strict=True))  # a text that is there twice counts once
            shares = (_steepness(net) * torch.stack([*told.values()]) @ image).softmax(0).tolist()
            return {"probabilities": {text: round(share, 6) for text, share in zip(told, shares, strict=True)}}
        if isinstance(one, dict):
            raise ValueError("an image with texts is an object with image and texts")
        point = self._image(net, one) if isinstance(one, Path) else self._text(net, one)
        return {"embedding": [round(value, 6) for value in point.tolist()]}

    def _image(self, net: Any, path: Any) -> Tensor:
        told = net.vision_model(pixel_values=self.new_pixels([path])).pooler_output
        return F.normalize(net.visual_projection(told).float(), dim=-1)[0]

    def _text(self, net: Any, text: Any) -> Tensor:
        if not isinstance(text, str) or not text.strip():
            raise ValueError("this model reads images and texts")
        batch = self._texts(self._encode(self.cleaner.form(text))[None])
        told = net.text_model(input_ids=batch["ids"], attention_mask=batch["mask"]).pooler_output
        return F.normalize(net.text_projection(told).float(), dim=-1)[0]


def _steepness(net: Any) -> Tensor:
    return net.logit_scale.float().clamp(max=STEEPEST).exp()


def _judge(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(whether each is found (items, FOUND), nats) among all of them; who is as like as the right one is no rival."""
    width = rows.shape[1] // 2
    images, texts, steep = rows[:, :width], rows[:, width : 2 * width], rows[:, -1:]
    found, nats = np.zeros((len(rows), len(FOUND))), np.zeros(len(rows))
    for start in range(0, len(rows), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        for place, (asked, among) in enumerate(((texts, images), (images, texts))):
            likeness = asked[part] @ among.T
            own = (asked[part] * among[part]).sum(1)
            better = (likeness > own[:, None] + 1e-6).sum(1)
            found[part, 2 * place], found[part, 2 * place + 1] = better < 1, better < 5
            scaled = steep[part] * (likeness - own[:, None])
            top = scaled.max(1, keepdims=True)
            nats[part] += (np.log(np.exp(scaled - top).sum(1)) + top[:, 0]) / 2
    return found, nats
