"""The package a run leaves behind: weights and config that `from_pretrained` reads, card, figures, manifest.

Also loads such a package back into the engine's own nets, without transformers.
"""

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.engine.catalogue import ARCHS, DIFFUSION_WEIGHTS, TASKS, Sizes
from training.engine.checkpoint import file_sha256, fsync
from training.engine.errors import Check, unasked
from training.engine.events import finite
from training.engine.protocol import PACKAGE_DIR
from training.engine.registry import net_module
from training.engine.report import REPORT
from training.engine.spec import Spec, SplitSpec
from training.engine.tasks.base import Task

MANIFEST = "MANIFEST.json"
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64"}
GENERATION = {"bos_token_id": 0, "eos_token_id": 0, "do_sample": True}  # of a language model
PIPELINES = {
    "causal-lm": "text-generation",
    "masked-lm": "fill-mask",
    "text-classification": "text-classification",
    "multi-label-classification": "text-classification",
    "text-regression": "text-classification",
    "token-classification": "token-classification",
    "text-to-text": "text2text-generation",
    "summarization": "summarization",
    "generative-qa": "question-answering",
    "extractive-qa": "question-answering",
    "sentence-embedding": "sentence-similarity",
    "audio-classification": "audio-classification",
    "speech-to-text": "automatic-speech-recognition",
    "text-to-speech": "text-to-speech",
    "masked-audio": "feature-extraction",
    "forecasting": "time-series-forecasting",
    "masked-image": "image-feature-extraction",
    "image-generation": "unconditional-image-generation",
    "image-classification": "image-classification",
    "image-text": "zero-shot-image-classification",
    "image-captioning": "image-to-text",
    "image-segmentation": "image-segmentation",
    "object-detection": "object-detection",
}

NO_PROBE = {
    "task": " There is no linear answer to frozen features for this task to compare with.",
    "rows": " There were too few rows for a linear answer to frozen features to compare with.",
}


def write_package(
    run_dir: Path,
    *,
    spec: Spec,
    task: Task,
    net: nn.Module,
    resolved: dict[str, Any],
    results: dict[str, Any],
    report: dict[str, Any],
    check: Check,
) -> str:
    """Write the package beside and swap it in; returns its folder relative to the run folder.

    `check` is called while nothing is swapped in yet, and gives it up by raising.
    """
    temporary, final = run_dir / f"{PACKAGE_DIR}.tmp", run_dir / PACKAGE_DIR
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    tensors, config = net_module(spec.model.arch).export(net)
    config |= task.package(temporary)
    if ARCHS[spec.model.arch].weights != DIFFUSION_WEIGHTS:
        config |= {"dtype": "float32", "transformers_version": resolved["versions"]["transformers"]}
    write_tensors(temporary / ARCHS[spec.model.arch].weights, tensors)
    write_json(temporary / "config.json", config)
    if (temporary / "tokenizer.json").exists() and not (temporary / "tokenizer_config.json").exists():
        write_json(temporary / "tokenizer_config.json", tokenizer_config(spec))
    write_generation(temporary, spec, config)
    write_json(temporary / "spec.json", spec.to_json())
    write_json(temporary / "resolved.json", resolved)
    write_json(temporary / "metrics.json", finite(results))
    write_json(temporary / REPORT, finite(report))
    (temporary / "README.md").write_text(card(spec, resolved, results), encoding="utf-8")
    seal(temporary, check)
    check()
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    fsync(run_dir)
    return PACKAGE_DIR


def write_generation(folder: Path, spec: Spec, config: dict[str, Any]) -> None:
    """How transformers begins and ends what such a model writes from tokens; nothing for others."""
    if spec.task == "causal-lm":
        write_json(folder / "generation_config.json", GENERATION)
    if TASKS[spec.task].writes:
        ends = {"decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": config["eos_token_id"]}
        write_json(folder / "generation_config.json", ends | {"max_length": spec.shape.context})


def seal(folder: Path, check: Check = unasked) -> None:
    """Write the manifest of a folder, and make all of it outlive a power cut."""
    write_json(folder / MANIFEST, manifest(folder, check))
    for path in folder.iterdir():
        fsync(path)
    fsync(folder)


def manifest(folder: Path, check: Check = unasked) -> dict[str, Any]:
    """Hash and size of every file but the manifest itself, sorted by name."""
    paths = sorted(path for path in folder.iterdir() if path.name != MANIFEST)
    return {"v": 1, "files": {p.name: {"sha256": file_sha256(p, check), "size_bytes": p.stat().st_size} for p in paths}}


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Weights as safetensors, tensor by tensor.

    Written here rather than by the library, which turns a full disk into an error without a number.
    """
    arrays = {name: t.detach().cpu().contiguous().numpy() for name, t in sorted(tensors.items())}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": DTYPES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.reshape(-1).view("uint8"))  # type: ignore[arg-type]


def write_json(path: Path, value: Any) -> None:
    """A file of a package as JSON that people can read."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def tokenizer_config(spec: Spec) -> dict[str, Any]:
    """What transformers needs to know of the tokenizer beside tokenizer.json."""
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": spec.shape.context,
        "clean_up_tokenization_spaces": False,
    }
    if spec.task == "causal-lm":
        ends = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
        return config | ends | {"model_input_names": ["input_ids", "attention_mask"]}
    if TASKS[spec.task].writes or spec.task in ("image-text", "image-captioning"):
        names = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "</s>"}
        return config | names | {"model_input_names": ["input_ids", "attention_mask"]}
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    if spec.task == "extractive-qa":
        return config | names | {"model_input_names": ["input_ids", "attention_mask", "token_type_ids"]}
    if spec.task == "masked-lm":
        names |= {"mask_token": "[MASK]"}
    return config | names | {"model_input_names": ["input_ids", "attention_mask"]}


def card(spec: Spec, resolved: dict[str, Any], results: dict[str, Any]) -> str:
    """A draft of the model card: what is known for certain, and what its authors still have to say."""
    task, arch = TASKS[spec.task], ARCHS[spec.model.arch]
    test, baseline, primary = results["test"], results["baseline"], results["primary"]
    rows = "\n".join(
        f"| {name} | {value:.4g} | {baseline['metrics'].get(name, float('nan')):.4g} |" for name, value in test.items()
    )
    values = "\n".join(f"      - type: {name}\n        value: {_in_yaml(value)}" for name, value in test.items())
    low, high = results.get("interval") or (float("nan"), float("nan"))
    return f"""---
language: und
library_name: {"diffusers" if arch.weights == DIFFUSION_WEIGHTS else "transformers"}
pipeline_tag: {PIPELINES[spec.task]}
tags:
  - tandem
  - {spec.model.arch}
model-index:
  - name: {spec.model.arch}-{spec.model.size}
    results:
    - task:
        type: {PIPELINES[spec.task]}
      dataset:
        name: dataset version {spec.data.dataset_version}
        type: private
        revision: {resolved["data_sha256"]}
      metrics:
{values}
---

# {task.title}

{arch.title}, size {spec.model.size}, {resolved["parameters"]:,} learnt parameters. {_origin(spec, resolved)}

## Results on the held-out test part

| metric | this model | trivial baseline ({baseline["name"]}) |
|---|---|---|
{rows}

95 % interval of {primary}, by bootstrap: {low:.4g} to {high:.4g}.{_probed(results)}

## Data

- Dataset version: {spec.data.dataset_version}
- SHA-256: {resolved["data_sha256"]}
- Held out: {_held_out(spec.data.split)}

## Training

- Steps: {results["step"]:,}; weights of step {results["weights_step"]:,}; {results["seconds"]:.0f} seconds
- Device: {resolved["device"]}, {resolved["threads"]} threads, {resolved["dtype"]}
- Seed: {spec.train.seed}; spec SHA-256: {resolved["spec_sha256"]}

## Intended use

Draft, to be completed by the authors: who may use this model, and for what.

## Limits

- The figures hold for data like the test part, and for nothing else.
- The model has seen only the dataset named above; it repeats its errors, gaps and prejudices.
- Not examined: fairness between groups, robustness, leakage of personal data from the training part.
"""


def _in_yaml(value: float) -> str:
    """A figure as a number of YAML, which reads 1e-05, without a point, as a text."""
    if not math.isfinite(value):
        return ("-" if value < 0 else "") + (".nan" if math.isnan(value) else ".inf")
    digits, mark, exponent = f"{value:.6g}".partition("e")
    return digits + (".0" if mark and "." not in digits else "") + mark + exponent


def _held_out(split: SplitSpec) -> str:
    if split.given is not None:
        return f"what the column “{split.given}” says is for validation and for test"
    groups = "" if split.by is None else f" of the groups of “{split.by}”"
    return f"{split.valid:.0%}{groups} for validation, {split.test:.0%} for test (seed {split.seed})"


def _probed(results: dict[str, Any]) -> str:
    probed, primary = results.get("probe"), results["primary"]
    if not probed:
        return NO_PROBE.get(results.get("no_probe") or "", "")
    value = f"{probed['metrics'][primary]:.4g}"
    return f" A linear answer to the frozen features of the model it was trained from ({probed['kind']}): {value}."


def _origin(spec: Spec, resolved: dict[str, Any]) -> str:
    if spec.model.start is None:
        text = "Trained from random weights."
        if spec.tokenizer is None or spec.tokenizer.start is None:
            return text
        whose = f"{spec.tokenizer.start} (manifest {resolved['tokenizer_manifest_sha256']})"
        return f"{text} It reads text with the tokenizer of model version {whose}."
    held = spec.model.learn_layers
    learnt = "" if held is None else f" Only the last {held} layers and the head were trained."
    if spec.model.lora is not None:
        learnt = f" Low-rank changes (LoRA, rank {spec.model.lora}) and the head were trained, and merged."
    return f"Trained from model version {spec.model.start} (manifest {resolved['start_manifest_sha256']}).{learnt}"


def load_net(folder: Path, check: Check = unasked) -> nn.Module:
    """The engine's own net of a package, ready to use; every file is checked against the manifest first.

    Raises ValueError when a file is not what the manifest says, or a weight is missing or misshapen. `check` is called
    on the way, and gives it up by raising.
    """
    listed = _listed(folder)
    for name, digest in listed.items():
        if file_sha256(folder / name, check) != digest:
            raise ValueError(f"{name} is not what the manifest says")
    _hold_listed(listed, "spec.json", "resolved.json")
    spec = Spec.from_text((folder / "spec.json").read_bytes())
    _hold_listed(listed, ARCHS[spec.model.arch].weights)
    try:
        sizes = Sizes(**json.loads((folder / "resolved.json").read_bytes())["sizes"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            "resolved.json does not tell the sizes of the net as this version of the engine reads them"
        ) from error
    module = net_module(spec.model.arch)
    net = module.build(spec.shape, sizes)
    import_tensors(net, module.export, read_tensors(folder / ARCHS[spec.model.arch].weights))
    return net.eval()


def _listed(folder: Path) -> dict[str, str]:
    """Hash of each file, by the manifest. Raises ValueError when it is none."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return {name: str(entry["sha256"]) for name, entry in files.items()}
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{MANIFEST} does not list the files of a package") from error


def _hold_listed(listed: dict[str, str], *names: str) -> None:
    for name in names:
        if name not in listed:
            raise ValueError(f"{MANIFEST} says nothing of {name}")


def import_tensors(net: nn.Module, export: Any, tensors: Mapping[str, Tensor]) -> None:
    """Undo `export`: it hands out views of the weights, and they are filled in place.

    What else it hands out, such as biases of zero, it adds by itself, and is not read. Raises ValueError when a weight
    is missing, has another shape or is not a number; then nothing has changed.
    """
    places = export(net)[0]
    for name, place in places.items():
        if name not in tensors or tensors[name].shape != place.shape:
            raise ValueError(f"{name} is missing or has another shape")
    own, shown = _views(net.state_dict().values()), _views(places.values())
    if any(shown[number] < size for number, size in own.items()):
        raise ValueError("a weight is missing")
    if any(tensors[name].isnan().any() for name in places):
        raise ValueError("a weight is missing or not a number")
    with torch.no_grad():
        for name, place in places.items():
            if place.untyped_storage().data_ptr() in own:
                place.copy_(tensors[name])


def _views(tensors: Iterable[Tensor]) -> Counter[int]:
    """How many numbers are seen of each storage; a view that is there twice counts once."""
    seen = {(t.untyped_storage().data_ptr(), t.storage_offset(), t.shape, t.stride()) for t in tensors if t.numel()}
    found = Counter[int]()
    for storage, _, shape, _ in seen:
        found[storage] += shape.numel()
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Weights of a safetensors file."""
    import safetensors.numpy  # only a resume and a finished model need it

    return {name: torch.from_numpy(array) for name, array in safetensors.numpy.load_file(path).items()}
