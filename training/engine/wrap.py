"""A model that transformers saved, as a package to start from: `python -m training.engine wrap SOURCE DEST`.

SOURCE is what `save_pretrained` of model and tokenizer writes: config.json, model.safetensors, tokenizer.json. The
engine's tasks expect their marks at the first numbers of a vocabulary, so tokens are numbered anew, and with them the
rows of the table of tokens: the answers stay what they were, token by token.
"""

import dataclasses
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.engine import package
from training.engine.catalogue import ARCHS, TASKS, Sizes
from training.engine.checkpoint import file_sha256
from training.engine.errors import EngineError
from training.engine.protocol import Reason
from training.engine.registry import net_module
from training.engine.spec import SPEC_VERSION, Spec
from training.engine.strict import SpecError
from training.engine.tokenizing import LM_SPECIALS, MASKED_SPECIALS, Tokenizer, template

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
PARTED = f"{WEIGHTS}.index.json"
NO_VERSION = "00000000-0000-0000-0000-000000000000"
KINDS = {"BPE": "bpe", "WordPiece": "wordpiece", "Unigram": "unigram"}
LICENCE = "Draft, to be completed: where the model comes from, under which licence, and what it was trained on."


@dataclasses.dataclass(frozen=True)
class Kind:
    """A `model_type` that can be a start.

    `settings`: the field of the config by setting. `fixed`: by field what it may say, the first where it says nothing.
    `table`: names of weights with a row for each token. `twins`: names of weights that must equal another. `unused`:
    names of weights that no task of ours goes on from.
    """

    task: str
    arch: str
    classes: tuple[str, ...]
    settings: dict[str, str]
    fixed: Callable[[int], dict[str, tuple[Any, ...]]]
    prefix: str
    marks: tuple[str, ...]
    table: tuple[str, ...]
    twins: dict[str, str]
    unused: str
    sizes: Callable[[int], Sizes]


TYPES = {
    "gpt2": Kind(
        task="causal-lm",
        arch="gpt",
        classes=("GPT2LMHeadModel",),
        settings={
            "layers": "n_layer",
            "heads": "n_head",
            "width": "n_embd",
            "context": "n_positions",
            "dropout": "resid_pdrop",
        },
        fixed=lambda width: {
            "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
            "n_inner": (None, 4 * width),
            "layer_norm_epsilon": (1e-5,),
            "scale_attn_weights": (True,),
            "scale_attn_by_inverse_layer_idx": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        prefix="transformer.",
        marks=LM_SPECIALS[:1],
        table=("transformer.wte.weight",),
        twins={"lm_head.weight": "transformer.wte.weight"},
        unused=r"transformer\.h\.\d+\.attn\.(masked_)?bias",
        sizes=lambda vocab: Sizes(vocab=vocab, biased=True),
    ),
    "bert": Kind(
        task="masked-lm",
        arch="bert",
        classes=("BertForMaskedLM", "BertForPreTraining"),
        settings={
            "layers": "num_hidden_layers",
            "heads": "num_attention_heads",
            "width": "hidden_size",
            "context": "max_position_embeddings",
            "dropout": "hidden_dropout_prob",
        },
        fixed=lambda width: {
            "hidden_act": ("gelu",),
            "intermediate_size": (4 * width,),
            "type_vocab_size": (2,),
            "layer_norm_eps": (1e-12,),
            "position_embedding_type": ("absolute",),
            "is_decoder": (False,),
            "add_cross_attention": (False,),
            "tie_word_embeddings": (True,),
        },
        prefix="",
        marks=MASKED_SPECIALS,
        table=("bert.embeddings.word_embeddings.weight", "cls.predictions.bias"),
        twins={
            "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
            "cls.predictions.decoder.bias": "cls.predictions.bias",
        },
        unused=r"bert\.pooler\..*|cls\.seq_relationship\..*|bert\.embeddings\.position_ids",
        sizes=lambda vocab: Sizes(vocab=vocab, pad=0),
    ),
}


def wrap(source: Path, target: Path, task: str | None = None) -> dict[str, Any]:
    """Write the package of what `source` holds into the new folder `target`.

    Returns what a spec that starts from it says of model and tokenizer, and the hash of the manifest. Raises
    EngineError(bad_spec) with the file or the field that keeps it from being a start.
    """
    for name in (CONFIG, TOKENIZER):
        if not (source / name).is_file():
            raise _wrong("wrap_missing", name=name)
    config = _read_config(source / CONFIG)
    kind = _kind_of(config)
    if task is not None and task != kind.task:
        raise _wrong("wrap_task", value=config["model_type"], task=kind.task)
    _find_weights(source)
    if target.exists():
        raise _wrong("wrap_there")
    tokenizer, order = _renumbered(source / TOKENIZER, kind, _number(config, "vocab_size", int))
    spec = _spec_of(kind, config, tokenizer)
    module = net_module(kind.arch)
    sizes = kind.sizes(tokenizer.size)
    with torch.device("meta"):  # a config that promises too much claims no memory
        wanted = module.export(module.build(spec.shape, sizes))[0]
    tensors = _read_weights(source / WEIGHTS, kind, wanted)
    for name in kind.table:
        tensors[name] = tensors[name][order]
    net = module.build(spec.shape, sizes)
    try:
        package.import_tensors(net, module.export, tensors)
    except ValueError as error:
        raise _wrong("wrap_unread", name=WEIGHTS, problem=str(error)) from error
    files = {name: file_sha256(source / name) for name in (CONFIG, WEIGHTS, TOKENIZER)}
    _write(target, spec, sizes, net, tokenizer, config, files)
    told = spec.to_json()
    model = {name: value for name, value in told["model"].items() if value is not None}
    reads = {name: value for name, value in told["tokenizer"].items() if value is not None}
    return {
        "task": spec.task,
        "model": model,
        "tokenizer": reads,
        "manifest_sha256": file_sha256(target / package.MANIFEST),
    }


def _wrong(message: str, **params: Any) -> EngineError:
    return EngineError(Reason.BAD_SPEC, message, **params)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _wrong("wrap_unread", name=CONFIG, problem=str(error)) from error
    if not isinstance(config, dict):
        raise _wrong("wrap_object", name=CONFIG)
    return config


def _kind_of(config: dict[str, Any]) -> Kind:
    """How to read this config; refuses what our net would compute otherwise."""
    kind = TYPES.get(str(config.get("model_type")))
    if kind is None:
        raise _wrong("wrap_type", value=_shown(config.get("model_type")), choices=", ".join(TYPES))
    classes = config.get("architectures")
    if not isinstance(classes, list) or not set(map(str, classes)) & set(kind.classes):
        raise _wrong("wrap_field", field="architectures", value=_shown(classes), choices=", ".join(kind.classes))
    for field, allowed in kind.fixed(_number(config, kind.settings["width"], int)).items():
        value = config.get(field, allowed[0])
        # JSON has one kind of number, and True is not 1 there.
        if not any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in allowed):
            choices = ", ".join(map(json.dumps, allowed))
            raise _wrong("wrap_field", field=field, value=_shown(value), choices=choices)
    return kind


def _number(config: dict[str, Any], field: str, *types: type) -> Any:
    if field not in config:
        raise _wrong("wrap_untold", field=field)
    value = config[field]
    if isinstance(value, bool) or not isinstance(value, types):
        raise _wrong("wrap_number", field=field, value=_shown(value))
    return value


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:100]


def _find_weights(source: Path) -> None:
    if (source / WEIGHTS).is_file():
        return
    if (source / PARTED).is_file():
        raise _wrong("wrap_parted", name=PARTED)
    for name in PICKLED:
        if (source / name).is_file():
            raise _wrong("wrap_pickled", name=name)
    raise _wrong("wrap_missing", name=WEIGHTS)


def _renumbered(path: Path, kind: Kind, vocab: int) -> tuple[Tokenizer, Tensor]:
    """(the tokenizer with the marks of the task first, the old number of each new one)."""
    from tokenizers import Tokenizer as FastTokenizer  # writes what older versions wrote in the form of today

    try:
        document = json.loads(FastTokenizer.from_str(path.read_text(encoding="utf-8")).to_str())
        pieces = FastTokenizer.from_str(json.dumps(document)).get_vocab()
    except Exception as error:  # the library raises plain Exception for whatever it cannot read
        raise _wrong("wrap_unread", name=TOKENIZER, problem=str(error)) from error
    model = document["model"]
    if model["type"] not in KINDS or (model["type"] == "BPE" and not model["merges"]):
        raise _wrong("wrap_tokenizer", value=model["type"], choices=", ".join(KINDS))
    size = max(pieces.values(), default=-1) + 1
    if size != vocab:
        raise _wrong("wrap_vocab", value=vocab, size=size)
    numbers = {token["content"]: token["id"] for token in document["added_tokens"]}
    for mark in kind.marks:
        if mark not in numbers:
            raise _wrong("wrap_mark", mark=mark)
    first = [numbers[mark] for mark in kind.marks]
    order = [*first, *(number for number in range(vocab) if number not in first)]
    new = {old: number for number, old in enumerate(order)}
    if isinstance(model["vocab"], dict):
        # Added tokens too: the library numbers those that the vocabulary lacks by itself.
        model["vocab"] = {piece: new[number] for piece, number in pieces.items()}
    else:  # of a unigram the place is the number, also of marks that stand outside of it
        if len(model["vocab"]) != vocab:
            raise _wrong("wrap_vocab", value=vocab, size=len(model["vocab"]))
        model["vocab"] = [model["vocab"][number] for number in order]
        model["unk_id"] = new.get(model["unk_id"])
    for token in document["added_tokens"]:
        token["id"] = new[token["id"]]
        token["special"] |= token["content"] in kind.marks
    document["added_tokens"].sort(key=lambda token: token["id"])
    # Tasks cut, fill up and put their marks themselves.
    document |= {"truncation": None, "padding": None, "post_processor": template(kind.marks)}
    return Tokenizer(KINDS[model["type"]], document), torch.tensor(order)


def _spec_of(kind: Kind, config: dict[str, Any], tokenizer: Tokenizer) -> Spec:
    """What a run that had made such a model would have been asked for, as far as a start is held against it."""
    settings = {
        setting: _number(config, field, *((int, float) if setting == "dropout" else (int,)))
        for setting, field in kind.settings.items()
    }
    spec = {
        "v": SPEC_VERSION,
        "task": kind.task,
        "data": {"dataset_version": NO_VERSION},
        "model": {"arch": kind.arch, "size": next(reversed(ARCHS[kind.arch].sizes)), **settings},
        "tokenizer": {"kind": tokenizer.kind, "vocab": tokenizer.size},
        "train": {"max_steps": 1},
    }
    try:
        return Spec.from_json(spec, fresh=True)
    except SpecError as error:
        issue = error.issues[0]
        field = kind.settings.get(issue.path.removeprefix("model."), "vocab_size")
        raise EngineError(
            Reason.BAD_SPEC, "wrap_unfit", field=field, problem=issue.text, issues=error.issues
        ) from error


def _read_weights(path: Path, kind: Kind, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every weight that the net exports, in fp32, and none that it does not know."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file  # numpy has no bf16

    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise _wrong("wrap_unread", name=WEIGHTS, problem=str(error)) from error
    found = {_name(name, kind): tensor for name, tensor in stored.items()}
    if len(found) < len(stored):
        names = Counter(_name(name, kind) for name in stored)
        raise _wrong("wrap_weight_twice", weight=names.most_common(1)[0][0])
    for name, tensor in wanted.items():
        if name not in found:
            raise _wrong("wrap_weight_missing", weight=name)
        if not found[name].is_floating_point():
            raise _wrong("wrap_weight_kind", weight=name, kind=str(found[name].dtype).removeprefix("torch."))
        if found[name].shape != tensor.shape:
            shapes = {"found": list(found[name].shape), "wanted": list(tensor.shape)}
            raise _wrong("wrap_weight_shape", weight=name, **shapes)
    for name, twin in kind.twins.items():
        if name in found and not torch.equal(found[name].float(), found[twin].float()):
            raise _wrong("wrap_weight_untied", weight=name, other=twin)
    for name in sorted(found.keys() - wanted.keys() - kind.twins.keys()):
        if not re.fullmatch(kind.unused, name):
            raise _wrong("wrap_weight_unknown", weight=name)
    return {name: found[name].float() for name in wanted}


def _name(name: str, kind: Kind) -> str:
    """The name of a weight as it is today: early models left out the prefix, and named norms otherwise."""
    name = re.sub(r"\.beta$", ".bias", re.sub(r"\.gamma$", ".weight", name))
    return name if name.startswith(kind.prefix) or name in kind.twins else kind.prefix + name


def _write(
    target: Path,
    spec: Spec,
    sizes: Sizes,
    net: nn.Module,
    tokenizer: Tokenizer,
    config: dict[str, Any],
    files: dict[str, str],
) -> None:
    tensors, fields = net_module(spec.model.arch).export(net)
    parameters = sum(p.numel() for p in net.parameters())
    resolved = {
        "v": 1,
        "sizes": dataclasses.asdict(sizes),
        "shape": dataclasses.asdict(spec.shape),
        "parameters": parameters,
        "wrapped": {"model_type": config["model_type"], "files": files},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".wrap-") as held:
        temporary = Path(held) / target.name  # the folder around it is for its owner alone
        temporary.mkdir()
        tokenizer.save(temporary / TOKENIZER)
        package.write_tensors(temporary / WEIGHTS, tensors)
        package.write_json(temporary / CONFIG, fields | {"dtype": "float32"})
        package.write_json(temporary / "tokenizer_config.json", package.tokenizer_config(spec))
        if spec.task == "causal-lm":
            package.write_json(temporary / "generation_config.json", package.GENERATION)
        package.write_json(temporary / "spec.json", spec.to_json())
        package.write_json(temporary / "resolved.json", resolved)
        (temporary / "README.md").write_text(_card(spec, config["model_type"], files, parameters), encoding="utf-8")
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
The marks of the task are the first tokens of its vocabulary, so tokens have other numbers than they had there.

| file | SHA-256 |
|---|---|
{hashes}

## Origin

{LICENCE}

## Limits

- Nothing was measured here.
- What it was trained on is not known to the engine.
"""
