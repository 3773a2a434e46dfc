"""The spec: everything a person chooses about a run, frozen, versioned, and read strictly from JSON.

Torch-free. A spec holds ids, names from fixed lists, column names and numbers: no paths, URLs, code or environment.
"""

# ruff: noqa: RUF009  option() builds a dataclasses.field

import dataclasses
import functools
import hashlib
import json
from typing import Any

from training.engine.catalogue import ARCHS, MELS, METRICS, ROLES, SETTINGS, SIZES, TASKS, Shape
from training.engine.languages import LANGUAGES
from training.engine.searching import GRID, HALVING, MAX_TRIALS, RANDOM, SEARCHABLE, search_issues, tries_sgd
from training.engine.strict import Issue, SpecError, make_issue, option, parse_json, plain, read, schema

SPEC_VERSION = 1
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MAX_SEED = 2**63 - 1
MIN_BPE = 300
PARTS = ("train", "valid", "test")
UNMASKED = frozenset({"token-classification", "extractive-qa"})  # their answers are places in the text as it is
LEARNT = frozenset({"bpe", "wordpiece", "unigram"})  # tokenizers whose pieces are learnt from the text
SLICED = ("rows", "images", "recordings")  # what a column may tell apart
AUTO, ON, OFF = "auto", "on", "off"
COMPILED = ("gpt", "bert")  # whose plain nets are compiled, in tasks that learn from batches of one form
MOMENTUM_BEFORE = 0.9  # of sgd in specs from before there was this setting
COMPILE_S = 60.0  # what compiling costs, and what share of the run it is hoped to gain
COMPILE_GAIN = 0.1


@dataclasses.dataclass(frozen=True)
class SplitSpec:
    """How rows, or stretches of text, are set apart for validation and test."""

    valid: float = option("Share held out to choose the best checkpoint", 0.1, gt=0, lt=1)
    test: float = option("Share held out to measure the result once", 0.1, gt=0, lt=1)
    seed: int = option("Draws the split; the same seed gives the same split", 1, ge=0, le=MAX_SEED)
    by: str | None = option(
        "Column whose groups (authors, patients, scaffolds) stay whole: all of a group is in one part, and the shares "
        "are about those asked for",
        None,
    )
    given: str | None = option("Column that says for each row: train, valid or test", None)


@dataclasses.dataclass(frozen=True)
class CleanSpec:
    """What is done to rows of text, or left out, before anything is learnt; the run says how many."""

    unicode: bool = option("Bring characters into one form (Unicode NFC)", False)
    duplicates: bool = option("Leave out rows whose text stood in an earlier row", False)
    near_duplicates: bool = option("Leave out rows whose text nearly repeats that of an earlier row", False)
    languages: tuple[str, ...] = option(
        "Keep these languages only, and what is of no language that can be told",
        factory=tuple,
        choices=LANGUAGES,
        max_items=len(LANGUAGES),
    )
    pii: str | None = option(
        "E-mail addresses, phone numbers, numbers of identity papers, accounts and cards, and internet addresses: put "
        "[EMAIL] and the like in their place, or leave such rows out",
        None,
        choices=("mask", "drop"),
    )
    whitespace: str | None = option(
        "Runs of spaces, tabs and line breaks become one space, and none stand at the ends; or line breaks stay",
        None,
        choices=("fold", "lines"),
    )
    min_chars: int | None = option("Leave out texts of fewer characters", None, ge=1, le=1_000_000)
    max_chars: int | None = option("Leave out texts of more characters", None, ge=1, le=10_000_000)


@dataclasses.dataclass(frozen=True)
class DataSpec:
    """Which dataset version, and which of its columns play which role."""

    dataset_version: str = option("Id of the dataset version", pattern=UUID)
    columns: dict[str, str] = option("Column name by role", factory=dict, choices=ROLES)
    split: SplitSpec = option("Validation and test parts", factory=SplitSpec)
    clean: CleanSpec = option("Cleaning of rows of text", factory=CleanSpec)


@dataclasses.dataclass(frozen=True)
class TokenizerSpec:
    """How text becomes tokens."""

    kind: str = option(
        "Characters, bytes, byte pairs or pieces of words learnt from the text, atoms and bonds of SMILES, or residues "
        "of proteins",
        choices=("char", "byte", "bpe", "wordpiece", "unigram", "smiles", "protein"),
    )
    vocab: int | None = option("Number of tokens at most; what is learnt in pieces needs it", None, ge=16, le=200_000)
    start: str | None = option(
        "Id of the registered model version whose tokenizer is reused, by a net of its own", None, pattern=UUID
    )

    @property
    def key(self) -> dict[str, Any]:
        """As it names prepared files and recipes: a start only where there is one."""
        return {name: value for name, value in plain(self).items() if value is not None or name != "start"}


@dataclasses.dataclass(frozen=True)
class ModelSpec:
    """Architecture and size; the other settings replace single numbers of the size."""

    arch: str = option("Architecture", choices=tuple(ARCHS))
    size: str = option("Named size", "mini", choices=SIZES)
    start: str | None = option("Id of the registered model version whose weights it starts from", None, pattern=UUID)
    learn_layers: int | None = option(
        "With a start: how many of the last layers learn, beside the head; otherwise all", None, ge=0, le=96
    )
    lora: int | None = option(
        "With a start: rank of the low-rank changes that learn, beside the head, instead of the weights",
        None,
        ge=1,
        le=256,
    )
    layers: int | None = option("Layers; for nets in stages, blocks in each of them", None, ge=1, le=96)
    heads: int | None = option("Attention heads in each layer", None, ge=1, le=128)
    width: int | None = option("Numbers that represent one token or place", None, ge=8, le=16_384)
    context: int | None = option("Tokens seen at once", None, ge=8, le=32_768)
    image: int | None = option("Side of the square images in pixels", None, ge=8, le=1_024)
    patch: int | None = option("Side of one patch in pixels; of a series, numbers in one patch", None, ge=1, le=64)
    horizon: int | None = option("Numbers of a series told at once", None, ge=1, le=4_096)
    seconds: int | None = option("Seconds of a recording that are heard", None, ge=1, le=30)
    dropout: float | None = option("Share of values dropped while learning", None, ge=0, lt=1)


@dataclasses.dataclass(frozen=True)
class TrainSpec:
    """How long and how fast to learn."""

    epochs: int | None = option("Passes over the training part", None, ge=1, le=1_000)
    max_steps: int | None = option("Steps at most", None, ge=1, le=10_000_000)
    batch: int = option("Rows, images or blocks of text in one step", 32, ge=1, le=65_536)
    lr: float = option("Highest learning rate", 1e-3, gt=0, le=10)
    micro: int | None = option(
        "Rows, images or blocks in memory at once; the gradients of a batch are summed", None, ge=1, le=65_536
    )
    schedule: str = option(
        "How the learning rate falls; wsd keeps it, and lets it fall in the last fifth",
        "cosine",
        choices=("cosine", "linear", "constant", "wsd"),
    )
    warmup: float = option("Share of the run in which the learning rate rises", 0.05, ge=0, le=1)
    optimizer: str = option(
        "What steps the weights; sgd goes down the gradient, as fast as momentum lets it",
        "adamw",
        choices=("adamw", "adam", "sgd"),
    )
    momentum: float = option(
        "With sgd: share of the last step that goes on; at 0 a step is the learning rate times the gradient alone",
        0.0,
        ge=0,
        lt=1,
    )
    ema_decay: float | None = option(
        "Judge and keep a moving average of the weights, of which so much stays at each step", None, gt=0, lt=1
    )
    gradient_checkpointing: bool = option(
        "Keep only what goes into each layer, and compute the rest again: less memory, about a third more time", False
    )
    shard: bool = option(
        "Started by torchrun: divide weights, gradients and moments between the processes (FSDP2)", False
    )
    weight_decay: float = option("Decay of weight matrices; with adam and sgd part of the gradient", 0.1, ge=0, le=10)
    clip: float | None = option("Largest gradient norm", 1.0, gt=0, le=1_000)
    seed: int = option("Draws the first weights, the order and the dropout", 1, ge=0, le=MAX_SEED)
    dtype: str = option("Number format of the products", "auto", choices=("auto", "fp32", "bf16"))
    compile: str = option(
        "Compile what language models learn with (torch.compile); auto tries it where it pays back within the run",
        AUTO,
        choices=(AUTO, ON, OFF),
    )
    patience: int | None = option("Stop after this many evaluations without a better result", None, ge=1, le=1_000)
    threads: int | None = option("Processor threads; otherwise one for each processor asked for", None, ge=1, le=256)


@dataclasses.dataclass(frozen=True)
class EvalSpec:
    """When and by what to judge."""

    every_steps: int | None = option("Steps between evaluations; otherwise ten in a run", None, ge=1, le=10_000_000)
    samples: int = option("Examples to show at the end", 4, ge=0, le=32)
    primary: str | None = option("Metric that decides; otherwise the first of the task", None, choices=METRICS)
    slices: tuple[str, ...] = option(
        "Columns of the data, or of the table in its zip, for each of whose values the result is told",
        factory=tuple,
        max_items=3,
    )


@dataclasses.dataclass(frozen=True)
class KeepSpec:
    """Which checkpoints stay on disk, and how often one is written."""

    best: int = option("Best checkpoints kept", 1, ge=0, le=1)
    last: int = option("Newest checkpoints kept; of two the second stands in for a damaged one", 2, ge=1, le=10)
    checkpoint_every_s: float = option("Seconds between checkpoints", 30.0, ge=1, le=86_400)
    checkpoint_every_steps: int | None = option("Steps between checkpoints, as well", None, ge=1, le=10_000_000)


@dataclasses.dataclass(frozen=True)
class LimitsSpec:
    """Where the run ends by force."""

    minutes: float = option("Minutes of run time over all attempts", 60.0, gt=0, le=43_200)


@dataclasses.dataclass(frozen=True)
class ResourcesSpec:
    """What the run needs of the machine."""

    cpus: int = option("Processors", 2, ge=1, le=256)
    gpus: int = option("Graphics processors", 0, ge=0, le=1)


@dataclasses.dataclass(frozen=True)
class SearchSpec:
    """Which settings are tried; the best trial on the validation part is the result."""

    kind: str = option(
        "Every combination, draws, or draws of which the best third goes on (successive halving)",
        choices=(GRID, RANDOM, HALVING),
    )
    space: dict[str, str] = option(
        "By setting: values parted by commas, or a range such as 0.0001..0.01, drawn by its logarithm",
        factory=dict,
        choices=SEARCHABLE,
    )
    trials: int = option("Draws; a grid has as many as combinations", 9, ge=2, le=MAX_TRIALS)
    seed: int = option("Draws the trials", 1, ge=0, le=MAX_SEED)


@dataclasses.dataclass(frozen=True)
class Spec:
    """One run, completely: the same spec on the same data gives the same weights on the same kind of processor."""

    v: int = option("Version of this format", ge=1)
    task: str = option("What to learn", choices=tuple(TASKS))
    data: DataSpec = option("Data")
    model: ModelSpec = option("Model")
    train: TrainSpec = option("Training")
    tokenizer: TokenizerSpec | None = option("Tokenizer; only for text", None)
    eval: EvalSpec = option("Evaluation", factory=EvalSpec)
    keep: KeepSpec = option("Checkpoints", factory=KeepSpec)
    limits: LimitsSpec = option("Limits", factory=LimitsSpec)
    resources: ResourcesSpec = option("Resources", factory=ResourcesSpec)
    search: SearchSpec | None = option("Search over a few settings", None)

    @classmethod
    def from_json(cls, obj: Any, *, fresh: bool = False) -> "Spec":
        """Read parsed JSON strictly. Raises SpecError with every issue at once.

        `fresh`: it was written just now; others may be older than some settings, and mean what they meant.
        """
        obj = obj if fresh else as_it_was_meant(obj)
        if isinstance(obj, dict) and type(obj.get("v")) is int and obj["v"] != SPEC_VERSION:
            params = {"value": str(obj["v"])[:20], "version": SPEC_VERSION}
            raise SpecError([make_issue("v", "version_unknown", **params)])
        spec = read(cls, obj)
        issues = [issue for issue in contradictions(spec) if issue.level == "error"]
        if issues:
            raise SpecError(issues)
        return spec

    @classmethod
    def from_text(cls, data: bytes | str) -> "Spec":
        """Read JSON text strictly: also refuses duplicate keys, NaN and deep nesting. Raises SpecError."""
        return cls.from_json(parse_json(data))

    def to_json(self) -> dict[str, Any]:
        """Every field, defaults included, as plain JSON types."""
        return plain(self)

    def canonical(self) -> bytes:
        """The one way to write this spec as bytes: sorted keys, no spaces, UTF-8."""
        return canonical_json(self.to_json())

    @property
    def sha256(self) -> str:
        """Identity of the spec: hash of its canonical bytes."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def recipe_sha256(self) -> str:
        """Identity of what shapes the weights: limits, resources and checkpoint keeping may change on resume."""
        return hashlib.sha256(canonical_json(self._recipe())).hexdigest()

    @property
    def recipes(self) -> frozenset[str]:
        """Its identity, and the one that an earlier engine stored a search by."""
        before = self._recipe()
        if self.train.optimizer != "sgd" and self.train.momentum == 0.0:
            # Of a search that tries sgd as well, it left this momentum out.
            before["train"].pop("momentum", None)
        return frozenset({self.recipe_sha256, hashlib.sha256(canonical_json(before)).hexdigest()})

    def _recipe(self) -> dict[str, Any]:
        obj = self.to_json()
        for part in ("keep", "limits", "resources"):
            del obj[part]
        obj["train"].pop("threads")
        if self.search is None:
            del obj["search"]
        obj["eval"].pop("slices")
        if self.train.micro is None:
            del obj["train"]["micro"]
        # With the momentum that sgd had when there was no such setting, a recipe is the one it was.
        space = self.search.space if self.search else {}
        if not tries_sgd(self.train.optimizer, space) or self.train.momentum == MOMENTUM_BEFORE:
            del obj["train"]["momentum"]
        if self.train.optimizer == "adamw":
            del obj["train"]["optimizer"]
        if self.train.ema_decay is None:
            del obj["train"]["ema_decay"]
        # The gradients are the same, up to rounding; which way a run went stands in its checkpoints.
        for name in ("gradient_checkpointing", "shard", "compile"):
            del obj["train"][name]
        obj["data"]["split"] = self.split_key
        if self.data.clean == CleanSpec():
            del obj["data"]["clean"]
        else:
            obj["data"]["clean"] = self.clean_key
        if self.tokenizer is not None:
            obj["tokenizer"] = self.tokenizer.key
        for name in ("start", "learn_layers", "lora", "horizon", "seconds"):
            # Specs from before there were these keep their identity, and their runs can be resumed.
            if obj["model"][name] is None:
                del obj["model"][name]
        return obj

    @property
    def split_key(self) -> dict[str, Any]:
        """The split, as it names prepared files and recipes: columns that decide only where there are any."""
        return {name: value for name, value in plain(self.data.split).items() if value is not None}

    @property
    def clean_key(self) -> dict[str, Any]:
        """The cleaning, as it names prepared files and recipes: rules that came later only where they are used."""
        later = ("near_duplicates", "languages", "pii", "whitespace")
        return {name: value for name, value in plain(self.data.clean).items() if value or name not in later}

    @property
    def primary(self) -> str:
        """The metric that decides which checkpoint is best."""
        return self.eval.primary or TASKS[self.task].primary

    @property
    def shape(self) -> Shape:
        """The numbers of the net: the named size with the replaced settings."""
        return shape_of(self.model)


def as_it_was_meant(obj: Any) -> Any:
    """Parsed JSON of a spec that may be older than some settings, with what went without saying when it was written."""
    train, search = (obj.get(name) if isinstance(obj, dict) else None for name in ("train", "search"))
    space = search.get("space") if isinstance(search, dict) else None
    if (
        isinstance(train, dict)
        and "momentum" not in train
        and tries_sgd(train.get("optimizer", ""), space if isinstance(space, dict) else {})
    ):
        return obj | {"train": train | {"momentum": MOMENTUM_BEFORE}}
    return obj


def canonical_json(obj: Any) -> bytes:
    """Sorted keys, no spaces, UTF-8, no NaN. Raises ValueError for NaN or infinity."""
    return json.dumps(obj, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def shape_of(model: ModelSpec) -> Shape:
    """The named size with the replaced settings. Raises KeyError when the size is not one of the architecture."""
    arch = ARCHS[model.arch]
    given = {name: getattr(model, name) for name in arch.settings}
    return dataclasses.replace(arch.sizes[model.size], **{k: v for k, v in given.items() if v is not None})


@functools.cache
def _spec_schema() -> str:
    return json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Tandem spec"} | schema(Spec)
    )


def spec_schema() -> dict[str, Any]:
    """JSON Schema of a spec, made from the same dataclasses that read it."""
    return json.loads(_spec_schema())


def contradictions(spec: Spec) -> list[Issue]:
    """What a spec says against itself, whatever the data."""
    task, arch = TASKS[spec.task], ARCHS[spec.model.arch]
    issues: list[Issue] = []
    if spec.train.epochs is None and spec.train.max_steps is None:
        issues.append(make_issue("train.epochs", "length_missing"))
    if spec.train.warmup > 0.5:
        issues.append(make_issue("train.warmup", "warmup_whole", "warning", warmup=_percent(spec.train.warmup)))
    issues += search_issues(spec)
    if spec.data.split.by is not None and spec.data.split.given is not None:
        issues.append(make_issue("data.split.given", "split_both"))
    share = spec.data.split.valid + spec.data.split.test
    if share >= 0.95 and spec.data.split.given is None:
        issues.append(make_issue("data.split", "split_whole", share=_percent(share)))
    if spec.model.arch not in task.archs:
        params = {"arch": spec.model.arch, "task": spec.task, "choices": ", ".join(task.archs)}
        issues.append(make_issue("model.arch", "arch_unfit", **params))
    if spec.eval.primary is not None and spec.eval.primary not in task.metrics:
        params = {"metric": spec.eval.primary, "task": spec.task, "choices": ", ".join(task.metrics)}
        issues.append(make_issue("eval.primary", "metric_unfit", **params))
    for role in spec.data.columns:
        if role not in (*task.roles, *task.optional):
            issues.append(make_issue(f"data.columns.{role}", "column_unused", task=spec.task, role=role))
    columns = spec.data.columns
    for role, name in columns.items():
        if role != "text" and name in [columns.get("text"), *(columns[other] for other in columns if other < role)]:
            issues.append(make_issue(f"data.columns.{role}", "column_same", column=name))
    for number, name in enumerate(spec.eval.slices):
        if task.unit not in SLICED:
            issues.append(make_issue(f"eval.slices.{number}", "slices_unfit", task=spec.task))
        elif name in spec.eval.slices[:number]:
            issues.append(make_issue(f"eval.slices.{number}", "column_same", column=name))
    clean = spec.data.clean
    if clean != CleanSpec() and not task.tokenizer:
        issues.append(make_issue("data.clean", "clean_unused", task=spec.task))
    if clean.min_chars is not None and clean.max_chars is not None and clean.min_chars > clean.max_chars:
        issues.append(make_issue("data.clean.min_chars", "clean_range", least=clean.min_chars, most=clean.max_chars))
    for number, name in enumerate(clean.languages):
        if name in clean.languages[:number]:
            issues.append(make_issue(f"data.clean.languages.{number}", "language_twice", language=name))
    if clean.pii == "mask" and spec.task in UNMASKED:
        issues.append(make_issue("data.clean.pii", "mask_unfit", task=spec.task))
    issues += _tokenizer_contradictions(spec)
    for name in SETTINGS:
        if getattr(spec.model, name) is not None and name not in arch.settings:
            issues.append(make_issue(f"model.{name}", "setting_unused", setting=name, arch=spec.model.arch))
    if spec.model.size not in arch.sizes:
        params = {"size": spec.model.size, "arch": spec.model.arch, "choices": ", ".join(arch.sizes)}
        issues.append(make_issue("model.size", "size_unknown", **params))
        return issues
    shape = shape_of(spec.model)
    if spec.model.learn_layers is not None:
        if spec.model.start is None:
            issues.append(make_issue("model.learn_layers", "learn_without_start"))
        elif spec.model.learn_layers not in (counts := arch.learnable(shape, spec.task)):
            choices = ", ".join(map(str, counts))
            issues.append(
                make_issue("model.learn_layers", "learn_count", count=spec.model.learn_layers, choices=choices)
            )
    if spec.model.lora is not None:
        if spec.model.start is None:
            issues.append(make_issue("model.lora", "lora_without_start"))
        elif spec.model.learn_layers is not None:
            issues.append(make_issue("model.lora", "lora_with_layers"))
        elif not arch.lora:
            issues.append(make_issue("model.lora", "lora_unfit", arch=spec.model.arch))
    if spec.train.gradient_checkpointing and not arch.layered:
        issues.append(make_issue("train.gradient_checkpointing", "layers_missing", arch=spec.model.arch))
    # A search tries it where it can, and leaves it out where it cannot.
    space = spec.search.space if spec.search else {}
    if spec.train.momentum and spec.train.optimizer != "sgd" and not tries_sgd(spec.train.optimizer, space):
        issues.append(make_issue("train.momentum", "momentum_unfit", optimizer=spec.train.optimizer))
    if spec.train.compile == ON and not (task.packed and spec.model.arch in COMPILED and not spec.train.shard):
        issues.append(make_issue("train.compile", "compile_unfit", choices=", ".join(COMPILED)))
    if spec.train.shard:
        parts = spec.model.learn_layers is not None or spec.model.lora is not None
        if parts or spec.train.ema_decay is not None or not arch.layered:
            issues.append(make_issue("train.shard", "shard_unfit"))
    if shape.heads is not None and shape.width % shape.heads:
        issues.append(make_issue("model.heads", "heads_width", width=shape.width, heads=shape.heads))
    elif shape.heads is not None and shape.width // shape.heads % arch.head_step:
        issues.append(make_issue("model.heads", "heads_step", heads=shape.heads, step=arch.head_step))
    if shape.width % arch.width_step:
        issues.append(make_issue("model.width", "width_step", width=shape.width, step=arch.width_step))
    if shape.image is not None and shape.image % arch.image_step:
        issues.append(make_issue("model.image", "image_step", image=shape.image, step=arch.image_step))
    if shape.patch is not None and shape.image is not None and shape.image % shape.patch:
        issues.append(make_issue("model.patch", "patch_image", image=shape.image, patch=shape.patch))
    if shape.patch is not None and shape.seconds is not None and MELS % shape.patch:
        issues.append(make_issue("model.patch", "patch_bands", bands=MELS))
    if shape.image is not None and shape.image < (least := _least_image(spec, shape)):
        issues.append(make_issue("model.image", "image_small", image=shape.image, arch=spec.model.arch, least=least))
    if shape.horizon is not None and shape.patch is not None and shape.context is not None:
        if shape.context % shape.patch:
            issues.append(make_issue("model.patch", "patch_context", context=shape.context, patch=shape.patch))
        elif shape.context == shape.patch:  # transformers would not load it
            issues.append(make_issue("model.patch", "patch_whole", context=shape.context, patch=shape.patch))
    return issues


def _least_image(spec: Spec, shape: Shape) -> int:
    """The least side of an image: of one patch alone nothing could be hidden."""
    least = ARCHS[spec.model.arch].least_image(shape)
    return max(least, 2 * (shape.patch or 1)) if spec.task == "masked-image" else least


def _tokenizer_contradictions(spec: Spec) -> list[Issue]:
    wants = TASKS[spec.task].tokenizer
    if spec.tokenizer is None:
        return [make_issue("tokenizer", "tokenizer_missing", task=spec.task)] if wants else []
    if not wants:
        return [make_issue("tokenizer", "tokenizer_unused", task=spec.task)]
    if spec.tokenizer.start is not None and spec.model.start is not None:
        return [make_issue("tokenizer.start", "tokenizer_twice")]
    if spec.tokenizer.kind in LEARNT:
        if spec.tokenizer.vocab is None:
            return [make_issue("tokenizer.vocab", "vocab_missing")]
        if spec.tokenizer.vocab < MIN_BPE:
            return [make_issue("tokenizer.vocab", "vocab_small", limit=MIN_BPE)]
    return []


def _percent(share: float) -> str:
    return f"{share:.0%}"
