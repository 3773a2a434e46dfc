"""A model that transformers saved, as a package to start from: `python -m training.engine wrap SOURCE DEST`.

SOURCE is what `save_pretrained` of a model and of its tokenizer or processor writes: config.json, the weights as
safetensors, tokenizer.json or preprocessor_config.json. The engine's tasks expect their marks at the first numbers of a
vocabulary, so tokens are numbered anew, and with them the rows of the table of tokens: the answers stay what they were,
token by token. Which models those are says foreign.py, what lies beside their weights carried.py.
"""

import dataclasses
import importlib
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.engine import package
from training.engine.carried import READERS, TOKENIZER, Carried, read_object
from training.engine.catalogue import ARCHS, TASKS, Sizes
from training.engine.checkpoint import file_sha256
from training.engine.foreign import (
    CONFIG,
    Kind,
    as_transformers_has_it,
    kind_of,
    number,
    spec_of,
    told_otherwise,
    wrong,
)
from training.engine.registry import net_module
from training.engine.spec import Spec
from training.engine.tasks.base import label_config

WEIGHTS = "model.safetensors"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
PARTED = f"{WEIGHTS}.index.json"
PART = re.compile(r"[\w.-]+\.safetensors")
RENUMBERED = "The marks of the task are the first tokens of its vocabulary: tokens have other numbers than they had.\n"
LICENCE = "Draft, to be completed: where the model comes from, under which licence, and what it was trained on."


def wrap(source: Path, target: Path, task: str | None = None) -> dict[str, Any]:
    """Write the package of what `source` holds into the new folder `target`.

    Returns what a spec that starts from it says of model and tokenizer, and the hash of the manifest. Raises
    EngineError(bad_spec) with the file or the field that keeps it from being a start.
    """
    config = read_object(source, CONFIG)
    kind = kind_of(config)
    if task is not None and task != kind.task:
        raise wrong("wrap_task", value=config["model_type"], task=kind.task)
    parts = _find_weights(source)
    if target.exists():
        raise wrong("wrap_there")
    if kind.package:  # with what goes without saying
        config = kind.absent | config | as_transformers_has_it(kind, config).to_dict()
    carried = READERS[kind.reads](source, kind, config)
    spec = spec_of(kind, config, carried.settings, carried.tokens)
    sizes = kind.sizes(carried.count, len(carried.labels))
    if kind.package:
        with torch.device("meta"):  # a config that promises too much claims no memory
            ours = _exported(spec, sizes)[1]
        sizes = dataclasses.replace(sizes, told=told_otherwise(kind, config, ours))
    rows = None if carried.order is None else number(config, kind.place("vocab_size"), int)
    whole = sizes if rows is None else dataclasses.replace(sizes, vocab=rows)
    with torch.device("meta"):
        wanted = _exported(spec, whole)[0]
    tensors = _read_weights(source, parts, kind, config, wanted)
    if rows is not None and carried.order is not None:
        for name in set(kind.table) & wanted.keys():
            places = tensors[name].shape.index(rows)
            tensors[name] = tensors[name].index_select(places, carried.order)
    net = net_module(kind.arch).build(spec.shape, sizes)
    try:
        package.import_tensors(net, net_module(kind.arch).export, tensors)
    except ValueError as error:
        raise wrong("wrap_unread", name=WEIGHTS, problem=str(error)) from error
    files = {name: file_sha256(source / name) for name in (CONFIG, *parts, *carried.sources)}
    _write(target, spec, sizes, net, carried, config["model_type"], files)
    told = spec.to_json()
    model = {name: value for name, value in told["model"].items() if value is not None}
    reads = {name: value for name, value in (told["tokenizer"] or {}).items() if value is not None}
    return {
        "task": spec.task,
        "model": model,
        "tokenizer": reads or None,
        "manifest_sha256": file_sha256(target / package.MANIFEST),
    }


def _exported(spec: Spec, sizes: Sizes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    module = net_module(spec.model.arch)
    return module.export(module.build(spec.shape, sizes))


def _find_weights(source: Path) -> tuple[str, ...]:
    """The files of the weights, and the list of them where they are several."""
    if (source / WEIGHTS).is_file():
        return (WEIGHTS,)
    if (source / PARTED).is_file():
        places = read_object(source, PARTED).get("weight_map")
        if not isinstance(places, dict) or not places:
            raise wrong("wrap_parted", name=PARTED)
        parts = sorted({str(name) for name in places.values()})
        for name in parts:
            if not PART.fullmatch(name):
                raise wrong("wrap_parted", name=PARTED)
            if not (source / name).is_file():
                raise wrong("wrap_missing", name=name)
        return (PARTED, *parts)
    for name in PICKLED:
        if (source / name).is_file():
            raise wrong("wrap_pickled", name=name)
    raise wrong("wrap_missing", name=WEIGHTS)


def _read_weights(
    source: Path, parts: tuple[str, ...], kind: Kind, config: dict[str, Any], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Every weight that the net exports, in fp32, and none that it does not know."""
    stored: dict[str, Tensor] = {}
    for part in parts:
        found = {} if part == PARTED else _stored(source / part)
        twice = next((name for name in found if name in stored), None)
        if twice is not None:
            raise wrong("wrap_weight_twice", weight=twice)
        stored |= found
    for name, tensor in stored.items():
        counted = name.endswith(("num_batches_tracked", "position_ids")) or re.fullmatch(kind.unused, name)
        if not counted and not tensor.is_floating_point():
            raise wrong("wrap_weight_kind", weight=name, kind=str(tensor.dtype).removeprefix("torch."))
    found = _named_today(stored, kind, config, wanted) if kind.package else _named(stored, kind)
    for name, tensor in wanted.items():
        if name not in found:
            raise wrong("wrap_weight_missing", weight=name)
        _check_shape(name, found[name].shape, tensor.shape)
    for name, twin in kind.twins.items():
        if name in found and not torch.equal(found[name].float(), found[twin].float()):
            raise wrong("wrap_weight_untied", weight=name, other=twin)
    for name in () if kind.package else sorted(found.keys() - wanted.keys() - kind.twins.keys()):
        if not re.fullmatch(kind.unused, name):
            raise wrong("wrap_weight_unknown", weight=name)
    return {name: found[name].to(tensor.dtype) for name, tensor in wanted.items()}


def _stored(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # numpy has no bf16

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise wrong("wrap_unread", name=path.name, problem=str(error)) from error


def _check_shape(name: str, found: Any, shape: Any) -> None:
    if tuple(found) != tuple(shape):
        raise wrong("wrap_weight_shape", weight=name, found=list(found), wanted=list(shape))


def _named(stored: dict[str, Tensor], kind: Kind) -> dict[str, Tensor]:
    """By the names of today: early models left out the prefix, and named norms otherwise."""
    names = {name: _name(name, kind) for name in stored}
    twice, count = Counter(names.values()).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise wrong("wrap_weight_twice", weight=twice)
    return {names[name]: tensor for name, tensor in stored.items()}


def _name(name: str, kind: Kind) -> str:
    name = re.sub(r"\.beta$", ".bias", re.sub(r"\.gamma$", ".weight", name))
    return name if name.startswith(kind.prefix) or name in kind.twins else kind.prefix + name


def _named_today(
    stored: dict[str, Tensor], kind: Kind, config: dict[str, Any], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """By the names of today, as transformers gives them; it tells what is missing and what it does not know."""
    needed, there = (sum(tensor.numel() for tensor in each.values()) for each in (wanted, stored))
    if needed > 2 * there + 1_000_000:  # it would fill up what is missing
        raise wrong("wrap_weights_few", found=f"{there:,}", wanted=f"{needed:,}")
    modeling = importlib.import_module(f"transformers.models.{kind.package}.modeling_{kind.package}")
    with _quiet():
        model, told = getattr(modeling, kind.classes[0]).from_pretrained(
            None,
            config=as_transformers_has_it(kind, config),
            state_dict=stored,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    for name, found, shape in sorted(told["mismatched_keys"]):
        _check_shape(name, found, shape)
    for message, names in (("wrap_weight_missing", "missing_keys"), ("wrap_weight_unknown", "unexpected_keys")):
        for name in sorted(told[names]):
            if not re.fullmatch(kind.unused, name):
                raise wrong(message, weight=name)
    return dict(model.state_dict())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without its reports and bars: what they would say is said here."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _write(
    target: Path, spec: Spec, sizes: Sizes, net: nn.Module, carried: Carried, model_type: str, files: dict[str, str]
) -> None:
    tensors, fields = net_module(spec.model.arch).export(net)
    parameters = sum(p.numel() for p in net.parameters())
    resolved = {
        "v": 1,
        "sizes": dataclasses.asdict(sizes),
        "shape": dataclasses.asdict(spec.shape),
        "parameters": parameters,
        "wrapped": {"model_type": model_type, "files": files},
    }
    if carried.labels:
        fields |= {name: label_config(carried.labels, "")[name] for name in ("id2label", "label2id")}
    if sizes.channels:  # where every reader of our packages looks
        fields |= {"num_channels": sizes.channels}
    if TASKS[spec.task].writes:
        fields |= {"eos_token_id": 2}
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wrap-") as held:
        temporary = Path(held) / target.name  # the folder around it is for its owner alone
        temporary.mkdir()
        for name, value in carried.files.items():
            package.write_json(temporary / name, value)
        if carried.tokenizer is not None:
            carried.tokenizer.save(temporary / TOKENIZER)
            package.write_json(temporary / "tokenizer_config.json", package.tokenizer_config(spec))
        package.write_tensors(temporary / WEIGHTS, tensors)
        package.write_json(temporary / CONFIG, fields | {"dtype": "float32"})
        package.write_generation(temporary, spec, fields)
        package.write_json(temporary / "spec.json", spec.to_json())
        package.write_json(temporary / "resolved.json", resolved)
        (temporary / "README.md").write_text(_card(spec, model_type, files, parameters), encoding="utf-8")
        package.seal(temporary)
        temporary.rename(target)


def _card(spec: Spec, model_type: str, files: dict[str, str], parameters: int) -> str:
    hashes = "\n".join(f"| `{name}` | {digest} |" for name, digest in files.items())
    return f"""---
language: und
library_name: transformers
pipeline_tag: {package.PIPELINES[spec.task]}
tags:
  - tandem
  - {spec.model.arch}
---

# {TASKS[spec.task].title}

{ARCHS[spec.model.arch].title}, {parameters:,} parameters. Not trained here: taken over from a folder of transformers
(`{model_type}`). The settings of `spec.json` under `data` and `train` are placeholders; no run has used them.
{RENUMBERED if spec.tokenizer else ""}
| file | SHA-256 |
|---|---|
{hashes}

## Origin

{LICENCE}

## Limits

- Nothing was measured here.
- What it was trained on is not known to the engine.
"""
