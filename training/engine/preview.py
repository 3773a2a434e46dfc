"""What a net will see, without training it: the first batch of a little of the data, prepared as a run prepares it.

Tokens are told with whether the loss asks for them, images as they are moved about while learning, recordings as
spectra.
"""

import base64
import dataclasses
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.engine import ordering, start
from training.engine.catalogue import TASKS
from training.engine.errors import DataError, Stop
from training.engine.protocol import InputData, Inputs
from training.engine.readers import PREVIEW_OF, PREVIEW_ROWS
from training.engine.registry import task_module
from training.engine.sounds import RATE
from training.engine.spec import Spec
from training.engine.splitting import Divider
from training.engine.tasks.base import Batch, Task

ROWS, FILES, TEXT_BYTES = 2_000, 200, 1_000_000
ITEMS, TOKENS, NUMBERS = 4, 256, 256
SIDE = 160  # pixels of a shown image, about
NONE = -100
SPACE = 2  # among the letters of speech


def preview(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    """Items of the first batch, and what was read, cut and cleaned for it. Raises DataError and EngineError."""
    with tempfile.TemporaryDirectory(prefix="tandem-preview-") as name:
        folder = Path(name)
        data = _little(inputs.data, TASKS[spec.task].roles, folder)
        found = start.open_start(inputs.start, spec)
        reads = found.tokenizer if found is not None else start.open_tokenizer(inputs.tokenizer, spec)
        try:
            task, facts = _prepared(spec, data, reads, folder / "prepared")
        except DataError:
            if data is inputs.data or Divider(spec.data.split).column is None:
                raise
            # The beginning of a sorted table may well hold one part or too little of it; the run itself reads the rest.
            task, facts = _prepared(spec, data, reads, folder / "drawn", by_chance=True)
        epoch, rows = task.rows_at(0)
        batch = task.train_batch(rows[:ITEMS], epoch, ordering.seed_of(spec.train.seed, 0))
        items = [_item(task, batch, number) for number in range(min(ITEMS, len(rows)))]
    told: dict[str, Any] = {"v": 1, "task": spec.task, "items": items, "skipped": facts.get("skipped", 0)}
    tokenizer = getattr(task, "tokenizer", None)
    if tokenizer is not None:
        told["vocabulary"] = tokenizer.size
    told["parts"] = task.divider.sizes or None
    if task.divider.groups is not None:
        told["groups"] = task.divider.groups
    return told | {"whole": data is inputs.data, "cleaned": facts.get("cleaned")}


def _prepared(
    spec: Spec, data: InputData, reads: Path | None, folder: Path, *, by_chance: bool = False
) -> tuple[Any, dict[str, Any]]:
    """The task with its data open, and what was told of them."""
    folder.mkdir()
    task: Task = task_module(spec.task).Task(spec, Stop())
    if reads is not None and reads.exists():
        task.start_tokenizer = reads
    task.workplace = folder.parent
    task.divider.by_chance = by_chance
    facts = task.prepare(data, folder) | task.cleaner.facts()
    task.open(folder, facts)
    return task, facts


def _little(data: InputData, roles: tuple[str, ...], folder: Path) -> InputData:
    """As much of the data as a preview needs: itself where it is small.

    A table may be sorted by what is to be told of its rows, so these are taken from all over it; a series and running
    texts are read from their beginning.
    """
    if data.kind == "text":
        with Path(data.path).open("rb") as file:
            text = file.read(TEXT_BYTES + 1)
        if len(text) <= TEXT_BYTES:
            return data
        path = folder / "text"
        path.write_bytes(text[: text.rfind(b"\n") + 1] or text.decode("utf-8-sig", "ignore").encode())
        return dataclasses.replace(data, path=str(path))
    most = ROWS if data.kind in ("csv", "jsonl", "parquet") else FILES
    rows = int(data.profile.get("rows") or 0)
    if rows <= most:
        return data
    told = len(roles) > 1 and {"label", "value"} & {*roles}
    return dataclasses.replace(data, profile=data.profile | {PREVIEW_ROWS: most} | ({PREVIEW_OF: rows} if told else {}))


def _item(task: Any, batch: Batch, number: int) -> dict[str, Any]:
    """One item of a batch, by what the batch has."""
    told: dict[str, Any] = {}
    if "ids" in batch:
        told["tokens"] = _tokens(task, batch, number)
    if "pair_ids" in batch:
        told["other"] = _words(task, _kept(batch["pair_ids"], batch.get("pair_mask"), number), False)
    if TASKS[task.spec.task].writes:
        wanted = batch["target"][number]
        told["other"] = _words(task, wanted[wanted >= 0].tolist(), True)
    if "pixels" in batch:
        told["images"] = _images(task, batch, number)
    if "values" in batch:
        told["images"] = [_spectrum(_heard(task, batch, number))]
    if "series" in batch:
        seen, following = (batch[name][number].double() + batch["level"][number] for name in ("series", "target"))
        told["series"] = [round(value, 4) for value in seen[-NUMBERS:].tolist()]
        told["following"] = [round(value, 4) for value in following[:NUMBERS].tolist()]
    answer = _answer(task, batch, number)
    return told | ({"answer": answer} if answer else {})


def _tokens(task: Any, batch: Batch, number: int) -> list[list[Any]]:
    """[text of a token, whether the loss asks for it, the token that stood there if it is hidden]."""
    kind, ids = task.spec.task, batch["ids"][number]
    width = len(ids)
    if kind == "causal-lm":
        told = [*_words(task, ids[:1].tolist(), False), *_words(task, batch["next"][number].tolist(), True)][:TOKENS]
        asked = [True, *batch["asked"][number].tolist()] if "asked" in batch else [True] * len(told)
        return [[word, is_asked and asked[place]] for place, (word, is_asked) in enumerate(told)]
    told = _words(task, _kept(batch["ids"], batch.get("mask"), number), kind == "image-captioning")
    if kind == "masked-lm":
        places = [place - number * width for place in batch["places"].tolist()]
        for place, wanted in zip(places, batch["target"].tolist(), strict=True):
            if 0 <= place < len(told):
                told[place] = [told[place][0], True, _word(task, wanted)]
    if kind == "token-classification":
        for place, label in enumerate(batch["target"][number].tolist()[: len(told)]):
            if label != NONE:
                told[place] = [told[place][0], True, task.answers[label]]
    if kind == "extractive-qa":
        first, last = batch["target"][number].tolist()
        told = [[word, first <= place <= last and last > 0] for place, (word, _) in enumerate(told)]
    return told


def _kept(ids: torch.Tensor, mask: torch.Tensor | None, number: int) -> list[int]:
    return (ids[number] if mask is None else ids[number][mask[number].bool()]).tolist()


def _words(task: Any, ids: list[int], asked: bool) -> list[list[Any]]:
    return [[_word(task, token), asked] for token in ids[:TOKENS]]


def _word(task: Any, token: int) -> str:
    """A token as text: special ones by their name."""
    if not hasattr(task, "tokenizer"):  # who reads to speak or writes what is heard has letters
        return " " if token == SPACE else str(task.letters[token])
    names = {number: name for name, number in task.tokenizer.specials.items()}
    return names.get(token) or task.tokenizer.decode([token])


def _answer(task: Any, batch: Batch, number: int) -> str:
    """What is to be told of an item, where that is a label, labels or a number."""
    if task.spec.task == "object-detection":
        return ", ".join(task.answers[kind] for kind in batch["kinds"][number].tolist() if kind >= 0)
    if task.spec.task == "speech-to-text":
        return "".join(_word(task, letter) for letter in _transcript(task, batch, number))
    target = batch.get("target")
    if target is None or len(target) <= number:
        return ""
    if task.probe == "class" or task.spec.task in ("image-classification", "audio-classification"):
        return str(task.answers[int(target[number])])
    if task.spec.task == "image-generation":
        asked = int(target[number])
        return str(task.labels[asked]) if asked < len(task.labels) else ""
    if task.probe == "labels":
        return ", ".join(label for label, on in zip(task.answers, target[number].tolist(), strict=True) if on)
    if task.probe == "number":
        return f"{float(target[number]) * task.deviation + task.mean:.4g}"
    return ""


def _transcript(task: Any, batch: Batch, number: int) -> list[int]:
    """The letters that a recording is to be told by: rows of a net that writes, one behind the other of CTC."""
    if task.writes:
        return [letter for letter in batch["target"][number].tolist() if letter != NONE][:-1]  # without the end
    begin = int(batch["lengths"][:number].sum())
    return batch["target"][begin : begin + int(batch["lengths"][number])].tolist()


def _heard(task: Any, batch: Batch, number: int) -> torch.Tensor:
    """A wave, or the spectrum (frames, bands), of a recording, without what fills it up beside longer ones."""
    values = batch["values"][number]
    if task.spec.model.arch == "whisper":
        return values.T
    if "there" in batch:
        return values[batch["there"][number]]
    return values[batch["mask"][number].bool()] if values.dim() == 1 else values


def _images(task: Any, batch: Batch, number: int) -> list[str]:
    """The image as the net reads it, and beside it what it is to tell of its pixels."""
    pixels = batch["pixels"][number]
    mean, deviation = (torch.tensor(task.facts[name]).view(-1, 1, 1) for name in ("mean", "deviation"))
    plain = (pixels.cpu() * deviation + mean).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    if "order" in batch:
        return [_png(_hidden(task, plain, batch["order"][number])), _png(plain)]
    if "boxes" in batch:
        return [_png(_framed(plain, batch["boxes"][number][batch["kinds"][number] >= 0].cpu().numpy()))]
    if task.spec.task == "image-segmentation":
        from training.engine.tasks.image_segmentation import colour_of

        mask = batch["mask"][number].cpu().numpy()
        table = np.array(
            [list(bytes.fromhex(colour_of(n)[1:])) for n in range(len(task.labels))] + [[0, 0, 0]], np.uint8
        )
        return [_png(plain), _png(table[np.minimum(mask, len(task.labels))])]
    return [_png(plain)]


def _hidden(task: Any, plain: np.ndarray, order: torch.Tensor) -> np.ndarray:
    """With the patches that are hidden from the net in grey."""
    patch = task.shape.patch or 1
    across = plain.shape[1] // patch
    found = plain.copy()
    for place in order[task.shown :].tolist():
        row, column = divmod(place, across)
        found[row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = 128
    return found


def _framed(plain: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """With a frame around each box (middle, width and height as shares of the image)."""
    from PIL import Image, ImageDraw  # only runs on images need it

    image = Image.fromarray(plain.squeeze()).convert("RGB")
    draw = ImageDraw.Draw(image)
    side = np.array([image.width, image.height] * 2)
    for box in boxes:
        low, high = box[:2] - box[2:] / 2, box[:2] + box[2:] / 2
        draw.rectangle(tuple(np.clip(np.concatenate([low, high]) * side, 0, side - 1).tolist()), outline=(230, 57, 57))
    return np.asarray(image)


def _spectrum(values: torch.Tensor) -> str:
    """Time from left to right, low notes below: of (frames, bands) as they are, of a wave by frames of 25 ms."""
    if values.dim() == 1:
        size = RATE // 40
        window = torch.hann_window(size)
        frames = torch.stft(values.float(), size, RATE // 100, window=window, return_complex=True)
        values = frames.abs().add(1e-6).log().T
    found = values.float().T.flip(0).numpy()
    low, high = float(found.min()), float(found.max())
    return _png(((found - low) / max(high - low, 1e-6) * 255).astype(np.uint8))


def _png(pixels: np.ndarray) -> str:
    """As PNG in base64, small ones enlarged by a whole number."""
    from PIL import Image  # as above

    image = Image.fromarray(pixels.squeeze())
    times = max(1, SIDE // max(image.size))
    image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    if max(image.size) > 4 * SIDE:
        image.thumbnail((4 * SIDE, 4 * SIDE))
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def write_images(told: dict[str, Any], folder: Path) -> None:
    """Put the images of a preview into a folder, and their names in their places."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate(told["items"], 1):
        for place, image in enumerate(item.get("images") or []):
            name = f"item-{number}-{place + 1}.png"
            (folder / name).write_bytes(base64.b64decode(image))
            item["images"][place] = name
