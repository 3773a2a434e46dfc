"""A package as ONNX, for runtimes without PyTorch: `python -m training.engine export PACKAGE TARGET`.

The graph is held against the net by onnxruntime, in sizes it was not traced in, before TARGET is made.
"""

import dataclasses
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import package
from training.engine.catalogue import EXPORTABLE, ONNX_IMAGES, ONNX_MASKED, Shape, Sizes
from training.engine.spec import Spec

ONNX_FILE = "model.onnx"
OPSET = 18
NEVER_COPIED = frozenset({"model.safetensors", package.MANIFEST})
FAR = 1e-3  # of the largest answer, at most


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a net reads by name, in order, for so many rows of so many tokens; and which sizes may change."""

    tensors: dict[str, Tensor]
    free: dict[str, dict[int, str]]


def to_onnx(folder: Path, target: Path) -> dict[str, Any]:
    """Write `model.onnx`, config, tokenizer or image processor, card and manifest of a package into a new folder.

    Returns inputs, outputs, and how far onnxruntime is from the net. Raises ValueError when the task has no export, a
    library is missing, the package is damaged, or the answers differ.
    """
    try:
        import onnxruntime  # only an export needs it
        import onnxscript  # noqa: F401  which torch needs to write the graph
    except ImportError as error:
        raise ValueError(f"an export needs {error.name}; install onnx, onnxscript and onnxruntime") from error
    net = package.load_net(folder)
    spec = Spec.from_text((folder / "spec.json").read_bytes())
    sizes = Sizes(**json.loads((folder / "resolved.json").read_bytes())["sizes"])
    if spec.task not in EXPORTABLE:
        raise ValueError(f"the task {spec.task} has no export; these have one: {', '.join(EXPORTABLE)}")
    traced = reading_of(spec.task, spec.shape, sizes, rows=3, tokens=6)
    temporary = target.with_name(f"{target.name}.tmp")
    if target.exists():
        raise ValueError(f"{target} is there already")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        _write(Named(net, list(traced.tensors)), traced, temporary / ONNX_FILE)
        quiet = onnxruntime.SessionOptions()
        quiet.log_severity_level = 3
        graph = str(temporary / ONNX_FILE)
        session = onnxruntime.InferenceSession(graph, quiet, providers=["CPUExecutionProvider"])
        far = max(_difference(session, net, reading) for reading in _others(spec, sizes))
        if far > FAR:
            raise ValueError(f"the exported graph answers otherwise than the net: {far:.2g} of the largest answer")
        for path in folder.iterdir():
            if path.name not in NEVER_COPIED:
                shutil.copy(path, temporary / path.name)
        package.seal(temporary)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {"inputs": list(traced.tensors), "outputs": ["logits"], "difference": far, "opset": OPSET}


def _others(spec: Spec, sizes: Sizes) -> list[Reading]:
    """Readings of other sizes than the one that was traced, the largest among them."""
    longest = spec.shape.context or 1
    some = [(1, longest), (2, max(2, longest // 2 + 1)), (4, 7)]
    return [reading_of(spec.task, spec.shape, sizes, rows=rows, tokens=tokens) for rows, tokens in some]


def reading_of(task: str, shape: Shape, sizes: Sizes, *, rows: int, tokens: int) -> Reading:
    """Something a net of this task can read, drawn at random; of two rows the second is shorter."""
    chance = torch.Generator().manual_seed(rows)
    tokens = min(tokens, shape.context or tokens)
    if task in ONNX_IMAGES:
        side = shape.image or 32
        pixels = torch.randn(rows, sizes.channels, side, side, generator=chance)
        return Reading({"pixel_values": pixels}, {"pixel_values": {0: "rows"}})
    if task == "forecasting":
        series = torch.randn(rows, shape.context or 1, generator=chance)
        return Reading({"past_values": series}, {"past_values": {0: "rows"}})
    ids = torch.randint(0, sizes.vocab, (rows, tokens), generator=chance)
    tensors = {"input_ids": ids}
    if task in ONNX_MASKED or task == "extractive-qa":
        mask = torch.ones_like(ids)
        mask[1:, -(tokens // 3) or tokens :] = 0
        tensors["attention_mask"] = mask
    if task == "extractive-qa":
        kinds = torch.zeros_like(ids)
        kinds[:, tokens // 2 :] = 1
        tensors["token_type_ids"] = kinds
    return Reading(tensors, {name: {0: "rows", 1: "tokens"} for name in tensors})


class Named(nn.Module):
    """A net that reads what runtimes give: masks as whole numbers, and arguments by the names of transformers."""

    def __init__(self, net: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def forward(self, *given: Tensor) -> Tensor:
        found = dict(zip(self.names, given, strict=True))
        if "token_type_ids" in found:
            return self.net(found["input_ids"], found["attention_mask"].bool(), None, found["token_type_ids"])
        if "attention_mask" in found:
            return self.net(found["input_ids"], found["attention_mask"].bool())
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
        output_names=["logits"],
        dynamic_shapes=(tuple(free.values()),),
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    program.save(str(path), external_data=False)


def _difference(session: Any, net: nn.Module, reading: Reading) -> float:
    """How far the answers of the graph are from those of the net, as a share of the largest."""
    with torch.inference_mode():
        ours = Named(net, list(reading.tensors))(*reading.tensors.values()).numpy()
    (theirs,) = session.run(["logits"], {name: tensor.numpy() for name, tensor in reading.tensors.items()})
    if theirs.shape != ours.shape:
        raise ValueError(f"the exported graph answers in the shape {theirs.shape} instead of {ours.shape}")
    return float(np.abs(theirs - ours).max() / max(1e-6, np.abs(ours).max()))
