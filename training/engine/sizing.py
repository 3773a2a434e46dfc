"""Defaults and estimates from a dataset profile, by formula. Torch-free: the form asks on every change."""

import dataclasses
import math
from typing import Any

from training.engine.catalogue import ARCHS, TASKS, Figures, Sizes
from training.engine.labelling import label_sets
from training.engine.notation import notation_of
from training.engine.searching import GRID, share_learnt, trial_specs
from training.engine.spec import (
    AUTO,
    COMPILE_GAIN,
    COMPILE_S,
    COMPILED,
    LEARNT,
    ON,
    PARTS,
    DataSpec,
    EvalSpec,
    KeepSpec,
    LimitsSpec,
    ModelSpec,
    ResourcesSpec,
    Spec,
    SplitSpec,
    TokenizerSpec,
    TrainSpec,
)

Profile = dict[str, Any]
LEAST_OF_A_CLASS = 3  # rows, on the average
STARTUP_S = 6.0
CALMER = 0.3  # of the rate that suits a net which knows nothing yet
GPU_FLOPS = 2e13
KEPT_SHARE = 0.35  # of the activations, where layers are computed again
PROCESS_BYTES, TRANSFORMERS_BYTES = 370e6, 270e6  # resident, each; measured
COMPILER_BYTES = 300e6  # torch's compiler in each process, once it is imported
BF16_BYTES = 30e6  # of products in it, in each process; measured
MAX_PROCESSES = 8
# Nets that transformers builds.
BORROWED = frozenset(
    (
        *("ast", "bart", "clip", "convnext", "dit", "esm", "llama", "modernbert"),
        *("segformer", "speecht5", "unet", "vit-gpt2", "wav2vec2", "whisper", "yolos"),
    )
)
HEADS = {"masked-audio": "codes", "extractive-qa": "span", "sentence-embedding": "vector"}


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a run will roughly take. `seconds_cpu` counts the processors the spec asks for."""

    parameters: int
    units: int
    unit: str
    steps: int
    flops: float
    memory_bytes: int
    seconds_cpu: float

    def to_json(self) -> dict[str, Any]:
        """The estimate as plain JSON types."""
        return dataclasses.asdict(self)


def column(profile: Profile, name: str | None) -> dict[str, Any] | None:
    """The profile of one column, or None."""
    return next((c for c in profile.get("columns") or [] if c.get("name") == name), None)


def classes_of(spec: Spec, profile: Profile) -> dict[str, int] | None:
    """Rows by class of the label column (images: of the folders); None when the profile does not list them."""
    name = "label" if profile.get("kind") in ("images", "audio") else spec.data.columns.get("label")
    return (profile.get("classes") or {}).get(name)


def chars_of(spec: Spec, profile: Profile) -> int:
    """Characters of the text a language model reads."""
    if profile.get("kind") == "text":
        return int(profile.get("chars") or profile.get("bytes") or 0)
    found = [column(profile, spec.data.columns.get(role)) or {} for role in ("text", "prompt")]
    return int((profile.get("rows") or 0) * sum(one.get("mean_chars") or 0 for one in found))


def chars_read(task: str, columns: dict[str, str], profile: Profile, figure: str) -> float:
    """`figure` (mean_chars, p95_chars) of the texts of a row that the net sees together, or 0 when it is not known."""
    found = [column(profile, columns.get(role)) or {} for role in TASKS[task].reads]
    return float(sum(one.get(figure) or 0 for one in found))


def chars_per_token(spec: Spec) -> float:
    """Mean characters of a token. A byte pair grows with the logarithm of the vocabulary (measured on English)."""
    if spec.tokenizer is None or spec.tokenizer.kind not in LEARNT:
        return 1.0
    return max(1.0, 0.48 * math.log(spec.tokenizer.vocab or 2_000) - 0.7)


def vocab_of(spec: Spec, profile: Profile) -> int:
    """Size of the vocabulary: known for bytes, chosen for byte pairs, a guess of 100 for characters."""
    if spec.tokenizer is None:
        return 0
    if spec.tokenizer.kind == "byte":
        return 261
    if spec.tokenizer.kind == "protein":
        return 30
    return spec.tokenizer.vocab or 100


def train_share(spec: Spec, profile: Profile) -> float:
    """Share of the data left to train on.

    Where a column says the parts, what it says counts and not what was asked for: all, where the profile cannot tell.
    """
    split = spec.data.split
    if split.given is None:
        return 1 - split.valid - split.test
    told = (profile.get("classes") or {}).get(split.given) or {}
    train = sum(count for word, count in told.items() if str(word).strip() == PARTS[0])
    return train / sum(told.values()) if train else 1.0


def train_units(spec: Spec, profile: Profile) -> tuple[int, int]:
    """(items in one pass over the training part, units in one item); an item is a block, a row or an image."""
    if TASKS[spec.task].packed:
        context = spec.shape.context or 1
        tokens = chars_of(spec, profile) * train_share(spec, profile) / chars_per_token(spec)
        return max(0, int(tokens) // context), context
    rows = int((profile.get("rows") or 0) * train_share(spec, profile))
    if spec.task == "forecasting":
        return max(0, rows - (spec.shape.context or 1) - (spec.shape.horizon or 1) + 1), 1
    return rows, 1


def sizes_of(spec: Spec, profile: Profile) -> Sizes:
    """What the data will decide about the net, as far as the profile tells."""
    modes = (profile.get("image") or {}).get("modes") or ["RGB"]
    channels = 1 if set(modes) <= {"1", "L", "LA", "I;16"} else 3
    each = spec.task in ("token-classification", "extractive-qa")
    head = HEADS.get(spec.task, "")
    if TASKS[spec.task].transcribed:
        specials = 3 if spec.model.arch == "wav2vec2" else 4
        return Sizes(vocab=int((profile.get("audio") or {}).get("characters") or 30) + specials)
    return Sizes(vocab_of(spec, profile), channels=channels, classes=_answers(spec, profile), each=each, head=head)


def _answers(spec: Spec, profile: Profile) -> int:
    """Outputs of the head; 0 where the vocabulary says them."""
    if spec.task == "text-regression":
        return 1
    if spec.task == "extractive-qa":
        return 2
    cells = classes_of(spec, profile) or {}
    if spec.task == "multi-label-classification":
        return len({label for labels in label_sets(cells) for label in labels}) or 8
    if spec.task == "token-classification":
        return len({tag for cell in cells for tag in cell.split()}) or 8
    if spec.task == "image-generation":
        return len(cells) if len(cells) > 1 else 0
    if TASKS[spec.task].beside:
        return (profile.get("image") or {}).get("classes") or 8
    return len(cells) or 2 if TASKS[spec.task].classes else 0


def figures(spec: Spec, profile: Profile) -> Figures:
    """Parameters, FLOP and activation bytes per token or image of the net a spec describes."""
    return ARCHS[spec.model.arch].figures(spec.shape, sizes_of(spec, profile))


def estimate(spec: Spec, profile: Profile) -> Estimate:
    """Time and memory by formula.

    FLOP: 6 for each weight and token (2 forward, 4 backward) and 12 L T d for attention, as in Kaplan et al. 2020,
    "Scaling Laws for Neural Language Models", appendix B and table 1. Memory: 16 bytes for each parameter (weight,
    gradient and two AdamW moments in fp32) and the activations of one batch: that of the longest rows, which come
    together, and as long as the longest of all. Each process has besides what torch takes,
    and transformers where it builds the net; pages that processes share count for each of them, as the platform counts
    them (measured by benchmarks/memory.py). Speed: FLOP a second of one processor core per architecture, measured on a
    two-core machine without matrix units; expect a factor of two either way.
    """
    if spec.search is not None:
        return _estimate_search(spec, profile)
    arch, facts = ARCHS[spec.model.arch], figures(spec, profile)
    items, units_each = train_units(spec, profile)
    per_epoch = max(1, math.ceil(items / spec.train.batch))
    steps = per_epoch * (spec.train.epochs or 1_000_000_000)
    if spec.train.max_steps is not None:
        steps = min(steps, spec.train.max_steps)
    per_item = longest = units_each
    if TASKS[spec.task].unit == "rows":
        per_item, longest = _tokens(spec, profile, "mean_chars"), _tokens(spec, profile, "max_chars", "p95_chars")
    batch = min(spec.train.batch, max(1, items))
    flops = float(facts.flops) * per_item * batch * steps
    # Ten evaluations of at most a tenth of the data add about a tenth of the forward passes.
    flops *= 1.1 * (4 / 3 if spec.train.gradient_checkpointing else 1)
    kept = facts.activation_bytes * (KEPT_SHARE if spec.train.gradient_checkpointing else 1)
    each = 16 if spec.train.ema_decay is None else 20
    memory: float = each * facts.parameters + kept * longest * min(batch, spec.train.micro or batch)
    threads = spec.train.threads or spec.resources.cpus
    processes = 1 if spec.resources.gpus else min(threads, MAX_PROCESSES, spec.train.batch)
    memory += processes * (PROCESS_BYTES + (TRANSFORMERS_BYTES if spec.model.arch in BORROWED else 0))
    memory += processes * BF16_BYTES if spec.train.dtype == "bf16" and not spec.resources.gpus else 0
    rate = arch.core_flops * min(threads, 16) ** 0.9
    seconds = STARTUP_S + flops / rate + steps * 0.002
    if TASKS[spec.task].packed and spec.model.arch in COMPILED and not spec.resources.gpus:
        hoped = spec.train.compile == AUTO and seconds * COMPILE_GAIN > COMPILE_S
        memory += processes * COMPILER_BYTES if hoped or spec.train.compile == ON else 0
    return Estimate(
        parameters=int(facts.parameters),
        units=batch * units_each * steps,
        unit=TASKS[spec.task].unit,
        steps=int(steps),
        flops=flops,
        memory_bytes=int(memory),
        seconds_cpu=round(seconds, 1),
    )


def _tokens(spec: Spec, profile: Profile, *names: str) -> int:
    """Tokens that are read of a row, by the first of these figures of its texts that the profile has, or the mean."""
    found = (chars_read(spec.task, spec.data.columns, profile, name) for name in (*names, "mean_chars"))
    chars = next((one for one in found if one), 100)
    return max(1, min(spec.shape.context or 1, int(chars / chars_per_token(spec) + 2)))


def _estimate_search(spec: Spec, profile: Profile) -> Estimate:
    """All trials one after the other, as long as each of them is on average; the largest says what memory it takes."""
    each = [estimate(trial, profile) for trial in trial_specs(spec)]
    share = share_learnt(spec.search.kind if spec.search else GRID, len(each)) / len(each)
    return Estimate(
        parameters=max(one.parameters for one in each),
        units=round(share * sum(one.units for one in each)),
        unit=each[0].unit,
        steps=round(share * sum(one.steps for one in each)),
        flops=share * sum(one.flops for one in each),
        memory_bytes=max(one.memory_bytes for one in each),
        seconds_cpu=round(share * sum(one.seconds_cpu for one in each), 1),
    )


def guess_columns(task: str, profile: Profile) -> dict[str, str]:
    """The columns a person would most likely choose: the first label candidate, the longest text, the finest number.

    Of roles that come together, such as a question and its answer, the columns that bear their names.
    """
    roles = TASKS[task].roles
    if not roles or profile.get("kind") in ("text", "images", "audio"):
        return {}
    columns = profile.get("columns") or []
    chosen: dict[str, str] = {}
    if "label" in roles:
        counts = profile.get("classes") or {}
        candidates = profile.get("label_candidates") or list(counts)
        if candidates:
            # A short table has few different values in every column: what names nearly each row anew is no class.
            told = [name for name in candidates if _repeated(counts.get(name))]
            chosen["label"] = (told or candidates)[0]
    texts = [c for c in columns if c.get("type") in ("text", "category") and c.get("name") != chosen.get("label")]
    texts = sorted(texts, key=lambda c: c.get("mean_chars") or 0, reverse=True)
    if "text" in roles and texts:
        chosen["text"] = texts[0]["name"]
    if "label" in roles and "label" not in chosen and not TASKS[task].classes and len(texts) > 1:
        chosen["label"] = texts[1]["name"]
    second = next((role for role in ("target", "pair") if role in roles), None)
    if second is not None and len(texts) > 1:
        # Of the two longest texts the one that stands first is read.
        both = {c["name"] for c in texts[:2]}
        chosen["text"], chosen[second] = [c["name"] for c in columns if c.get("name") in both]
    if {"context", "document"} & set(roles):
        named = {c["name"].strip().lower(): c["name"] for c in columns}
        chosen |= {role: named[role] for role in roles if role in named}
        left = [c["name"] for c in texts if c["name"] not in chosen.values()]
        # The text is longer than the question or the summary, and the question than its answer.
        orders = ("document", "context", "question", "summary", "answer")
        wanted = [role for role in orders if role in roles and role not in chosen]
        chosen |= dict(zip(wanted, left, strict=False))
    numbers = [c for c in columns if c.get("type") in ("number", "integer")]
    if "value" in roles and numbers:
        chosen["value"] = max(numbers, key=lambda c: (c["type"] == "number", c.get("distinct") or 0))["name"]
    return chosen


def _repeated(classes: dict[str, int] | None) -> bool:
    """Whether there are rows enough of each class to learn it."""
    return classes is None or sum(classes.values()) >= LEAST_OF_A_CLASS * len(classes)


def default_spec(task: str, profile: Profile, dataset_version: str) -> Spec:
    """A spec that suits the size of the data and a processor without GPU: minutes, not hours."""
    spec = _default_of(task, profile, dataset_version)
    items, _ = train_units(spec, profile)
    if not 0 < items < spec.train.batch:
        return spec
    # Of very little data no batch of the usual size can be cut.
    train = dataclasses.replace(spec.train, batch=1 << (items.bit_length() - 1))
    return dataclasses.replace(spec, train=train)


def _default_of(task: str, profile: Profile, dataset_version: str) -> Spec:
    if TASKS[task].unit == "rows":
        return _default_rows(task, profile, dataset_version)
    build = {
        "causal-lm": _default_lm,
        "masked-lm": _default_masked,
        "forecasting": _default_series,
        "masked-image": _default_masked_images,
        "image-classification": _default_images,
        "image-generation": _default_drawing,
        "image-segmentation": _default_masks,
        "object-detection": _default_boxes,
        "image-text": _default_captions,
        "image-captioning": _default_writing,
        "audio-classification": _default_sounds,
        "speech-to-text": _default_speech,
        "masked-audio": _default_masked_sounds,
        "text-to-speech": _default_speaking,
    }[task]
    return build(profile, dataset_version)


def going_on(spec: Spec, theirs: Spec, start: str) -> Spec:
    """The spec with the net and the tokenizer of the model `start`, trained by `theirs`, and a calmer learning rate."""
    settings = {name: getattr(theirs.model, name) for name in ARCHS[theirs.model.arch].settings}
    model = ModelSpec(arch=theirs.model.arch, size=theirs.model.size, start=start, **settings)
    reads = theirs.tokenizer if TASKS[spec.task].tokenizer else None
    tokenizer = dataclasses.replace(reads, start=None) if reads else None
    train = dataclasses.replace(spec.train, lr=float(f"{ARCHS[theirs.model.arch].lr * CALMER:.2g}"))
    return dataclasses.replace(spec, model=model, tokenizer=tokenizer, train=train, eval=EvalSpec(samples=4))


def _default_lm(profile: Profile, dataset_version: str) -> Spec:
    data = DataSpec(
        dataset_version=dataset_version,
        columns=guess_columns("causal-lm", profile),
        split=SplitSpec(valid=0.05, test=0.05),
    )
    draft = Spec(
        v=1,
        task="causal-lm",
        data=data,
        tokenizer=TokenizerSpec(kind="char"),
        model=ModelSpec(arch="gpt", size="nano"),
        train=TrainSpec(epochs=1),
    )
    chars = chars_of(draft, profile)
    # Measured on half a megabyte of English: many small steps, a high rate and a long rise learn most in a minute.
    if chars < 100_000:
        tokenizer, size, batch, lr, steps = TokenizerSpec("char"), "nano", 8, 3e-3, 600
    elif chars < 2_000_000:
        tokenizer, size, batch, lr, steps = TokenizerSpec("bpe", 1_000), "mini", 4, 3e-3, 1_150
    elif chars < 20_000_000:
        tokenizer, size, batch, lr, steps = TokenizerSpec("bpe", 4_000), "mini", 16, 2e-3, 3_000
    else:
        tokenizer, size, batch, lr, steps = TokenizerSpec("bpe", 8_000), "small", 16, 1e-3, 10_000
    own = notation_of(profile, draft.data.columns.get("text"))
    tokenizer = TokenizerSpec(own) if own else tokenizer
    spec = dataclasses.replace(
        draft,
        tokenizer=tokenizer,
        model=ModelSpec(arch="gpt", size=size),
        train=TrainSpec(epochs=1, batch=batch, lr=lr, warmup=0.15, weight_decay=0.1, clip=1.0),
    )
    items, _ = train_units(spec, profile)
    per_epoch = max(1, math.ceil(items / batch))
    # Small texts are read several times, large ones once.
    epochs = max(1, min(10, round(steps / per_epoch)))
    return dataclasses.replace(
        spec,
        train=dataclasses.replace(spec.train, epochs=epochs),
        eval=EvalSpec(every_steps=max(1, per_epoch * epochs // 8), samples=4),
        limits=LimitsSpec(minutes=60.0),
        resources=ResourcesSpec(),
        keep=KeepSpec(),
    )


def _default_masked(profile: Profile, dataset_version: str) -> Spec:
    """As a language model on the same data, but learning from 15 % of its tokens: more passes, in larger batches."""
    like = _default_lm(profile, dataset_version)
    small = like.model.size == "nano"
    epochs = min(20, 4 * (like.train.epochs or 1))
    spec = dataclasses.replace(
        like,
        task="masked-lm",
        model=ModelSpec(arch="bert", size=like.model.size, dropout=0.0 if small else None),
        train=dataclasses.replace(like.train, batch=16, lr=2e-3 if small else 1e-3, epochs=epochs, weight_decay=0.01),
    )
    items, _ = train_units(spec, profile)
    steps = max(1, math.ceil(items / 16)) * epochs
    return dataclasses.replace(spec, eval=EvalSpec(every_steps=max(1, steps // 8), samples=4))


def _default_rows(task: str, profile: Profile, dataset_version: str) -> Spec:
    rows = int(profile.get("rows") or 0)
    columns = guess_columns(task, profile)
    own = next(filter(None, (notation_of(profile, columns.get(role)) for role in TASKS[task].reads)), None)
    longest = (chars_read(task, columns, profile, "p95_chars") or 200) / (1 if own else 2.5) + 2
    context = next((c for c in (32, 64, 128, 256) if c >= longest), 512 if own else 256)
    arch, size = TASKS[task].archs[0], "nano" if rows < 5_000 else "mini"
    epochs = max(2, min(20, round(20_000 / max(1, rows))))
    return Spec(
        v=1,
        task=task,
        data=DataSpec(dataset_version=dataset_version, columns=columns, split=_split(rows)),
        tokenizer=TokenizerSpec(own) if own else TokenizerSpec("bpe", 2_000 if rows < 20_000 else 8_000),
        model=ModelSpec(arch=arch, size=size, context=context),
        train=TrainSpec(
            epochs=epochs, batch=32, lr=ARCHS[arch].lr * (2 if size == "nano" else 1), warmup=0.1, patience=5
        ),
    )


def _default_series(profile: Profile, dataset_version: str) -> Spec:
    rows = int(profile.get("rows") or 0)
    size = "nano" if rows < 3_000 else "mini"
    context = next((c for c in (64, 32, 16) if rows >= 10 * c), 8) if size == "nano" else None
    epochs = max(2, min(30, round(60_000 / max(1, rows))))
    return Spec(
        v=1,
        task="forecasting",
        data=DataSpec(
            dataset_version=dataset_version, columns=guess_columns("forecasting", profile), split=_split(rows)
        ),
        model=ModelSpec(arch="patchtst", size=size, context=context, patch=None if context != 8 else 4),
        train=TrainSpec(epochs=epochs, batch=32, lr=1e-3, warmup=0.1, weight_decay=0.01, patience=5),
    )


def _default_images(profile: Profile, dataset_version: str) -> Spec:
    rows = int(profile.get("rows") or 0)
    widths = ((profile.get("image") or {}).get("width") or [32, 32])[-1]
    size, image = ("nano", 32) if widths <= 48 else ("mini", 64)
    epochs = max(3, min(30, round(25_000 / max(1, rows))))
    return Spec(
        v=1,
        task="image-classification",
        data=DataSpec(dataset_version=dataset_version, split=_split(rows)),
        model=ModelSpec(arch="resnet", size=size, image=image),
        train=TrainSpec(epochs=epochs, batch=32, lr=3e-3, warmup=0.1, weight_decay=0.05),
    )


def _default_masked_images(profile: Profile, dataset_version: str) -> Spec:
    """As a classifier of the same images, but with a transformer, and learning from what is hidden: more passes."""
    like = _default_images(profile, dataset_version)
    image = like.shape.image or 32
    train = dataclasses.replace(like.train, epochs=min(100, 3 * (like.train.epochs or 1)), lr=1e-3)
    model = ModelSpec(arch="vit", size="nano", image=image, patch=image // 8)
    return dataclasses.replace(like, task="masked-image", model=model, train=train)


def _default_drawing(profile: Profile, dataset_version: str) -> Spec:
    """Many passes: each image is seen with other noise every time, so they are not soon known by heart."""
    rows = int(profile.get("rows") or 0)
    size, image = _picture_size(profile)
    epochs = max(10, min(500, round(100_000 / max(1, rows))))
    return Spec(
        v=1,
        task="image-generation",
        data=DataSpec(dataset_version=dataset_version, split=_split(rows)),
        model=ModelSpec(arch="unet", size=size, image=min(64, image)),
        train=TrainSpec(epochs=epochs, batch=16, lr=1e-3, warmup=0.05, weight_decay=0.01),
    )


def _default_masks(profile: Profile, dataset_version: str) -> Spec:
    """Many passes: a mask teaches more than a label, but few images have one."""
    rows = int(profile.get("rows") or 0)
    size, image = _picture_size(profile)
    epochs = max(5, min(100, round(20_000 / max(1, rows))))
    return Spec(
        v=1,
        task="image-segmentation",
        data=DataSpec(dataset_version=dataset_version, split=_split(rows)),
        model=ModelSpec(arch="segformer", size=size, image=image),
        train=TrainSpec(epochs=epochs, batch=16, lr=4e-3, warmup=0.1, weight_decay=0.05),
    )


def _default_boxes(profile: Profile, dataset_version: str) -> Spec:
    """A detector learns slowly: even more passes, in small batches."""
    like = _default_masks(profile, dataset_version)
    rows, side = int(profile.get("rows") or 0), like.shape.image or 32
    size = "nano" if side <= 64 else "mini"
    epochs = max(10, min(400, round(60_000 / max(1, rows))))
    return dataclasses.replace(
        like,
        task="object-detection",
        model=ModelSpec(arch="yolos", size=size, image=side, patch=side // 8 if side <= 64 else side // 16),
        train=dataclasses.replace(like.train, epochs=epochs, lr=1e-3, weight_decay=0.01),
    )


def _default_captions(profile: Profile, dataset_version: str) -> Spec:
    """As large batches as there is room for: what an image is not told apart from teaches nothing."""
    like = _default_masks(profile, dataset_version)
    rows, side = int(profile.get("rows") or 0), min(64, like.shape.image or 32)
    return dataclasses.replace(
        like,
        task="image-text",
        tokenizer=TokenizerSpec("bpe", 2_000 if rows < 20_000 else 8_000),
        model=ModelSpec(arch="clip", size="nano" if rows < 5_000 else "mini", image=side, patch=8),
        train=dataclasses.replace(like.train, batch=64 if rows >= 200 else 16, lr=1e-3, weight_decay=0.1),
    )


def _default_writing(profile: Profile, dataset_version: str) -> Spec:
    """As for telling captions apart, but an image alone teaches too, so batches may be small."""
    like = _default_captions(profile, dataset_version)
    return dataclasses.replace(
        like,
        task="image-captioning",
        model=dataclasses.replace(like.model, arch="vit-gpt2"),
        train=dataclasses.replace(like.train, batch=16, lr=1e-3, weight_decay=0.05),
    )


def _picture_size(profile: Profile) -> tuple[str, int]:
    """Size of the net and side of its images, for answers that say where something is."""
    image = profile.get("image") or {}
    largest = max([*(image.get("width") or [32]), *(image.get("height") or [32])])
    return ("nano", 32) if largest <= 40 else ("nano", 64) if largest <= 96 else ("mini", 128)


def _default_sounds(profile: Profile, dataset_version: str) -> Spec:
    rows = int(profile.get("rows") or 0)
    longest = math.ceil(((profile.get("audio") or {}).get("seconds") or [1])[-1])
    size, seconds = "nano" if rows < 5_000 else "mini", max(1, min(10, longest))
    epochs = max(3, min(30, round(15_000 / max(1, rows))))
    return Spec(
        v=1,
        task="audio-classification",
        data=DataSpec(dataset_version=dataset_version, split=_split(rows)),
        model=ModelSpec(arch="ast", size=size, seconds=seconds),
        train=TrainSpec(epochs=epochs, batch=16, lr=1e-3, warmup=0.1, weight_decay=0.01),
    )


def _default_speech(profile: Profile, dataset_version: str) -> Spec:
    """CTC writes nothing at first, and learns suddenly: many steps."""
    like = _default_sounds(profile, dataset_version)
    longest = math.ceil(((profile.get("audio") or {}).get("seconds") or [1])[-1])
    model = ModelSpec(arch="wav2vec2", size=like.model.size, seconds=max(1, min(30, longest)))
    train = dataclasses.replace(like.train, epochs=min(200, 4 * (like.train.epochs or 1)), batch=8)
    return dataclasses.replace(like, task="speech-to-text", model=model, train=train)


def _default_speaking(profile: Profile, dataset_version: str) -> Spec:
    """Which letter is being said is found out late: many steps."""
    like = _default_speech(profile, dataset_version)
    model = dataclasses.replace(like.model, arch="speecht5")
    return dataclasses.replace(
        like, task="text-to-speech", model=model, train=dataclasses.replace(like.train, batch=16)
    )


def _default_masked_sounds(profile: Profile, dataset_version: str) -> Spec:
    """As for writing down what is said, but in larger batches: codes are told apart by what is in them."""
    like = _default_speech(profile, dataset_version)
    return dataclasses.replace(like, task="masked-audio", train=dataclasses.replace(like.train, batch=16))


def _split(rows: int) -> SplitSpec:
    """Small datasets keep more for the test, so that its figure means something."""
    share = 0.15 if rows < 2_000 else 0.1
    return SplitSpec(valid=share if rows < 1_000 else 0.1, test=share)
