"""A package as ONNX, for runtimes without PyTorch: `python -m training.engine export PACKAGE TARGET`.

The graph is held against the net by onnxruntime, in sizes it was not traced in, before TARGET is made.
"""

import dataclasses
import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import package
from training.engine.catalogue import (
    EXPORTABLE,
    MELS,
    ONNX_IMAGES,
    ONNX_MASKED,
    ONNX_SOUNDS,
    Shape,
    Sizes,
    exportable,
    frames_of,
)
from training.engine.sounds import RATE
from training.engine.spec import Spec
from training.engine.tasks.masked_image import shown_of
from training.engine.tokenizing import CAPTION_SPECIALS

ONNX_FILE = "model.onnx"
OPSET = 18
NEVER_COPIED = frozenset({"model.safetensors", package.MANIFEST})
FAR = 1e-3  # of the largest answer, at most
OUTPUTS = {  # by the names of transformers, of tasks that answer with more than `logits`
    "object-detection": ("logits", "pred_boxes"),
    "image-text": ("text_embeds", "image_embeds"),
}


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a net reads by name, in order, for so many rows of so many tokens; and which sizes may change."""

    tensors: dict[str, Tensor]
    free: dict[str, dict[int, str]]
    outputs: tuple[str, ...] = ("logits",)


def to_onnx(folder: Path, target: Path) -> dict[str, Any]:
    """Write `model.onnx`, config, tokenizer or image processor, card and manifest of a package into a new folder.

    Returns inputs, outputs, and how far onnxruntime is from the net. Raises ValueError when the task has no export, a
    library is missing, the package is damaged, or the answers differ.
    """
    net = package.load_net(folder)
    spec = Spec.from_text((folder / "spec.json").read_bytes())
    sizes = Sizes(**json.loads((folder / "resolved.json").read_bytes())["sizes"])
    if spec.task not in EXPORTABLE:
        raise ValueError(f"the task {spec.task} has no export; these have one: {', '.join(EXPORTABLE)}")
    arch = spec.model.arch
    if not exportable(spec.task, arch):
        raise ValueError(f"the architecture {arch} has no export: it writes letter by letter")
    temporary = target.with_name(f"{target.name}.tmp")
    if target.exists():
        raise ValueError(f"{target} is there already")
    try:
        import onnxruntime  # noqa: F401  only an export needs it
        import onnxscript  # noqa: F401  which torch needs to write the graph
    except ImportError as error:
        raise ValueError(f"an export needs {error.name}; install onnx, onnxscript and onnxruntime") from error
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        traced, far = write_graph(net, spec.task, arch, spec.shape, sizes, temporary / ONNX_FILE)
        if far > FAR:
            raise ValueError(f"the exported graph answers otherwise than the net: {far:.2g} of the largest answer")
        for path in folder.iterdir():
            if path.name not in NEVER_COPIED:
                shutil.copy(path, temporary / path.name)
        package.seal(temporary)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {
        "inputs": list(traced.tensors),
        "outputs": list(traced.outputs),
        "difference": far,
        "opset": OPSET,
    }


def write_graph(net: nn.Module, task: str, arch: str, shape: Shape, sizes: Sizes, path: Path) -> tuple[Reading, float]:
    """Write the graph of a net: (what was traced, how far onnxruntime is from the net at most)."""
    import onnxruntime  # only an export needs it

    traced = reading_of(task, arch, shape, sizes, rows=3, tokens=6)
    _write(Named(net, traced), traced, path)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), quiet, providers=["CPUExecutionProvider"])
    # Of other sizes than the one that was traced, the largest among them.
    longest = shape.context or 1
    some = [(1, longest), (2, max(2, longest // 2 + 1)), (4, 7)]
    others = [reading_of(task, arch, shape, sizes, rows=rows, tokens=tokens) for rows, tokens in some]
    return traced, max(_difference(session, net, reading) for reading in others)


def reading_of(task: str, arch: str, shape: Shape, sizes: Sizes, *, rows: int, tokens: int) -> Reading:
    """Something a net of this task can read, drawn at random; of two rows the second is shorter."""
    chance = torch.Generator().manual_seed(rows)
    if task in ONNX_SOUNDS and arch == "ast":
        spectra = torch.randn(rows, *_spectrum(shape, sizes), generator=chance)
        return Reading({"input_values": spectra}, {"input_values": {0: "rows"}})
    if task in ONNX_SOUNDS:
        values = torch.randn(rows, RATE - RATE // 16 * rows, generator=chance)
        real = torch.ones_like(values).long()
        real[1:, -RATE // 8 :] = 0
        sounds = {"input_values": values, "attention_mask": real}
        return Reading(sounds, {name: {0: "rows", 1: "values"} for name in sounds})
    tokens = min(tokens, shape.context or tokens)
    if task in ONNX_IMAGES:
        side = shape.image or 32
        pixels = torch.randn(rows, sizes.channels, side, side, generator=chance)
        outputs = OUTPUTS.get(task, ("logits",))
        return Reading({"pixel_values": pixels}, {"pixel_values": {0: "rows"}}, outputs)
    if task == "masked-image":
        # What is hidden is drawn by whoever asks, as transformers lets it be: the smallest numbers are shown.
        side, patches = shape.image or 32, ((shape.image or 32) // (shape.patch or 1)) ** 2
        hidden = {
            "pixel_values": torch.randn(rows, sizes.channels, side, side, generator=chance),
            "noise": torch.rand(rows, patches, generator=chance),
        }
        return Reading(hidden, {name: {0: "rows"} for name in hidden})
    if task == "forecasting":
        series = torch.randn(rows, shape.context or 1, generator=chance)
        return Reading({"past_values": series}, {"past_values": {0: "rows"}})
    ids = torch.randint(0, sizes.vocab, (rows, tokens), generator=chance)
    tensors = {"input_ids": ids}
    if task == "image-text":
        # Images and texts may be of any number each; a text is told by its first end.
        ids[:, -1] = CAPTION_SPECIALS.index("</s>")
        side = shape.image or 32
        tensors |= {"attention_mask": torch.ones_like(ids)}
        free = {name: {0: "texts", 1: "tokens"} for name in tensors} | {"pixel_values": {0: "images"}}
        pixels = torch.randn(rows + 1, sizes.channels, side, side, generator=chance)
        return Reading(tensors | {"pixel_values": pixels}, free, OUTPUTS[task])
    if task in ONNX_MASKED or task == "extractive-qa":
        mask = torch.ones_like(ids)
        mask[1:, -(tokens // 3) or tokens :] = 0
        tensors["attention_mask"] = mask
    if task == "extractive-qa":
        kinds = torch.zeros_like(ids)
        kinds[:, tokens // 2 :] = 1
        tensors["token_type_ids"] = kinds
    return Reading(tensors, {name: {0: "rows", 1: "tokens"} for name in tensors})


def _spectrum(shape: Shape, sizes: Sizes) -> tuple[int, int]:
    """(frames, bands) of what an AST reads."""
    return sizes.told.get("max_length", frames_of(shape.seconds or 1)), sizes.told.get("num_mel_bins", MELS)


class Named(nn.Module):
    """A net that reads what runtimes give: masks as whole numbers, and arguments by the names of transformers."""

    def __init__(self, net: nn.Module, reading: Reading) -> None:
        super().__init__()
        self.net, self.names, self.outputs = net, list(reading.tensors), reading.outputs

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, ...]:
        found = dict(zip(self.names, given, strict=True))
        if len(self.outputs) > 1:
            told = self.net(**found)
            return tuple(getattr(told, name) for name in self.outputs)
        if "noise" in found:
            shown = shown_of(found["noise"].shape[1])
            return self.net(found["pixel_values"], found["noise"].argsort(1), shown)
        if "token_type_ids" in found:
            return self.net(found["input_ids"], found["attention_mask"].bool(), None, found["token_type_ids"])
        if "attention_mask" in found:
            return self.net(given[0], found["attention_mask"].bool())
        answer = self.net(*given)
        return getattr(answer, "logits", answer)


def _write(net: nn.Module, reading: Reading, path: Path) -> None:
    free = {
        name: {axis: torch.export.Dim(size) for axis, size in sizes.items()} for name, sizes in reading.free.items()
    }
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # what it cannot register is of libraries not used here
    program = torch.onnx.export(
        net.eval(),
        tuple(reading.tensors.values()),
        dynamo=True,
        input_names=list(reading.tensors),
        output_names=list(reading.outputs),
        dynamic_shapes=(tuple(free.values()),),
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    program.save(str(path), external_data=False)


def _difference(session: Any, net: nn.Module, reading: Reading) -> float:
    """How far the answers of the graph are from those of the net, as a share of the largest."""
    with torch.inference_mode():
        told = Named(net, reading)(*reading.tensors.values())
    found = session.run(list(reading.outputs), {name: tensor.numpy() for name, tensor in reading.tensors.items()})
    far = 0.0
    for own, theirs in zip(told if isinstance(told, tuple) else (told,), found, strict=True):
        ours = own.numpy()
        if theirs.shape != ours.shape:
            raise ValueError(f"the exported graph answers in the shape {theirs.shape} instead of {ours.shape}")
        apart = float(np.abs(theirs - ours).max() / max(1e-6, np.abs(ours).max()))
        far = max(far, apart if np.isfinite(apart) else math.inf)  # of what is no number `max` keeps the other
    return far
