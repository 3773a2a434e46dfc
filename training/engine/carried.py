"""What lies beside the weights of a model of elsewhere, as our tasks read: tokens, letters, pixels or sounds."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.engine.catalogue import SPEECH_TOGETHER, WHISPER_BANDS, frames_of
from training.engine.foreign import Kind, check_fields, number, shown, wrong
from training.engine.readers import Look
from training.engine.sounds import HOP, RATE, SPEECH_HOP, WHISPER_FFT
from training.engine.tasks.audio_classification import spectra_of
from training.engine.tasks.images import processor_of
from training.engine.tasks.text_to_speech import SPECTRA as SPEECH
from training.engine.tokenizing import Tokenizer, residues, template

TOKENIZER, TOKENS, PROCESSOR = "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"
ROLES = "special_tokens_map.json"  # where earlier versions of transformers wrote them
RESIDUES, LETTERS = "vocab.txt", "vocab.json"
KINDS = {"BPE": "bpe", "WordPiece": "wordpiece", "Unigram": "unigram"}
PIXELS: dict[str, tuple[Any, ...]] = {
    "do_resize": (True,),
    "resample": (2, 3),
    "do_rescale": (True,),
    "rescale_factor": (1 / 255, 0.00392156862745098),
    "do_normalize": (True,),
    "do_center_crop": (False, True, None),
    "do_pad": (False, None),
    "do_reduce_labels": (False, None),
    "reduce_labels": (False, None),
}
MOST_SECONDS = 30  # that a spec may say
WHOLE = 384  # side of images from which on a ConvNextImageProcessor pulls them to the square whole
WAVES: dict[str, tuple[Any, ...]] = {"sampling_rate": (RATE,), "feature_size": (1,), "do_normalize": (True,)}
SPECTRA: dict[str, tuple[Any, ...]] = {
    "sampling_rate": (RATE,),
    "feature_size": (WHISPER_BANDS,),
    "hop_length": (HOP,),
    "n_fft": (WHISPER_FFT,),
    "do_normalize": (False,),
    "dither": (0.0, 0),
}


@dataclasses.dataclass
class Carried:
    """`count`: rows of the tables that stay, or channels; `order`: the old number of each of those rows.

    `tokens`: what a spec says of the tokenizer; `settings`: of the model, beside its config; `files`: what goes into
    the package as it is; `sources`: names of the files that were read.
    """

    count: int
    order: Tensor | None = None
    tokenizer: Tokenizer | None = None
    tokens: dict[str, Any] | None = None
    labels: list[str] = dataclasses.field(default_factory=list)
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, Any] = dataclasses.field(default_factory=dict)
    sources: tuple[str, ...] = ()


def read_object(source: Path, name: str) -> dict[str, Any]:
    """A JSON object of the folder. Refuses what is none by the name of the file."""
    if not (source / name).is_file():
        raise wrong("wrap_missing", name=name)
    try:
        found = json.loads((source / name).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise wrong("wrap_unread", name=name, problem=str(error)) from error
    if not isinstance(found, dict):
        raise wrong("wrap_object", name=name)
    return found


def _tokens(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """The tokenizer with the marks of the task first."""
    from tokenizers import Tokenizer as FastTokenizer  # writes what older versions wrote in the form of today

    if not (source / TOKENIZER).is_file():
        raise wrong("wrap_missing", name=TOKENIZER)
    try:
        text = (source / TOKENIZER).read_text(encoding="utf-8")
        document = json.loads(FastTokenizer.from_str(text).to_str())
        pieces = FastTokenizer.from_str(json.dumps(document)).get_vocab()
    except Exception as error:  # the library raises plain Exception for whatever it cannot read
        raise wrong("wrap_unread", name=TOKENIZER, problem=str(error)) from error
    model = document["model"]
    kinds = ("BPE",) if kind.spare else tuple(KINDS)
    if model["type"] not in kinds or (model["type"] == "BPE" and not model["merges"]):
        raise wrong("wrap_tokenizer", value=model["type"], choices=", ".join(kinds))
    size, rows = max(pieces.values(), default=-1) + 1, number(config, kind.place("vocab_size"), int)
    if size > rows:
        raise wrong("wrap_vocab", value=rows, size=size)
    numbers = {token["content"]: token["id"] for token in document["added_tokens"]}
    named, last = _marks_of(source, kind, numbers), next(reversed(kind.marks))
    spare = {mark: place for place, mark in enumerate(kind.marks) if mark not in named}
    first = [named.get(mark, named[last]) for mark in kind.marks]
    order = [*first, *(number for number in range(size) if number not in first)]
    new = {old: number for number, old in enumerate(order)}
    words = {old: mark for mark, old in named.items()}  # a mark of another name bears ours from here on
    if isinstance(model["vocab"], dict):
        # Added tokens too: the library numbers those that the vocabulary lacks by itself.
        model["vocab"] = {words.get(old, piece): new[old] for piece, old in pieces.items()} | spare
        model["unk_token"] = words.get(pieces.get(model.get("unk_token") or "", -1), model.get("unk_token"))
    else:  # of a unigram the place is the number, also of marks that stand outside of it
        if len(model["vocab"]) != size:
            raise wrong("wrap_vocab", value=len(model["vocab"]), size=size)
        model["vocab"] = [[words.get(old, model["vocab"][old][0]), model["vocab"][old][1]] for old in order]
        model["unk_id"] = new.get(model["unk_id"])
    for token in document["added_tokens"]:
        token["special"] |= token["id"] in words
        token["content"], token["id"] = words.get(token["id"], token["content"]), new[token["id"]]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document["added_tokens"] += [plain | {"content": mark, "id": place} for mark, place in spare.items()]
    document["added_tokens"].sort(key=lambda token: token["id"])
    ends = template(tuple(kind.marks), begins=kind.reads == "captions")
    # Tasks cut, fill up and put their marks themselves.
    document |= {"truncation": None, "padding": None, "post_processor": ends}
    tokenizer = Tokenizer(KINDS[model["type"]], document)
    told = {"kind": tokenizer.kind, "vocab": tokenizer.size}
    return Carried(len(order), torch.tensor(order), tokenizer, told, sources=(TOKENIZER,))


def _marks_of(source: Path, kind: Kind, numbers: dict[str, int]) -> dict[str, int]:
    """The number of each mark of the task: of the token of that name, or else of that role."""
    files = [name for name in (ROLES, TOKENS) if (source / name).is_file()]
    roles = {role: other for name in files for role, other in read_object(source, name).items()}
    found: dict[str, int] = {}
    for mark, role in kind.marks.items():
        other = roles.get(role)
        other = other.get("content") if isinstance(other, dict) else other
        names = (mark,) if mark in kind.spare else (mark, other)
        name = next((name for name in names if isinstance(name, str) and name in numbers), None)
        if name is None and mark in kind.spare:
            continue
        if name is None or numbers[name] in found.values():
            raise wrong("wrap_mark", mark=mark)
        found[mark] = numbers[name]
    return found


def _residues(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """The letters of proteins, one on each line; of the other words, the marks of the task."""
    if not (source / RESIDUES).is_file():
        raise wrong("wrap_missing", name=RESIDUES)
    try:
        words = (source / RESIDUES).read_text(encoding="utf-8").split()
    except ValueError as error:
        raise wrong("wrap_unread", name=RESIDUES, problem=str(error)) from error
    numbers = {word: number for number, word in enumerate(words)}
    rows = number(config, "vocab_size", int)
    if len(words) > rows or len(numbers) < len(words):
        raise wrong("wrap_vocab", value=rows, size=len(words))
    marks = _marks_of(source, kind, numbers)
    letters = [word for word in words if len(word) == 1]
    tokenizer = residues(tuple(marks), letters)
    order = torch.tensor([*marks.values(), *(numbers[letter] for letter in letters)])
    return Carried(len(order), order, tokenizer, {"kind": "protein"}, sources=(RESIDUES,))


def _pixels(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """The side of images, and how their numbers are scaled."""
    found = read_object(source, PROCESSOR)
    detects = kind.task == "object-detection"
    pixels = {name: choices for name, choices in PIXELS.items() if not (detects and name == "do_pad")}
    if detects:
        pixels |= {"do_center_crop": (False, None)}
    check_fields(found, pixels, "wrap_processor")  # beside images that tell boxes, what fills a batch up is not seen
    side, crop = (_shortest(found), None) if detects else _squares(found)
    if kind.task in ("image-segmentation", "object-detection"):  # masks and boxes are not cropped along
        if crop is not None:
            field = "do_center_crop" if _middle(found) else "crop_pct"
            raise wrong("wrap_processor", field=field, value=crop, choices="null")
        check_fields(found, {"resample": (2,)}, "wrap_processor")
    channels = number(config, kind.place("num_channels"), int)
    scale: dict[str, Any] = {field: found.get(field) for field in ("image_mean", "image_std")}
    for field, numbers in scale.items():
        good = isinstance(numbers, list) and len(numbers) == channels
        good = good and all(type(one) in (int, float) for one in numbers)
        if not good or (field == "image_std" and min(numbers) <= 0):
            raise wrong("wrap_processor", field=field, value=shown(numbers), choices=f"{channels} numbers")
    if channels not in (1, 3):
        raise wrong("wrap_field", field="num_channels", value=channels, choices="1, 3")
    labels = [] if kind.task in ("masked-image", "image-text") else _labels(config)
    processor = processor_of(side, Look(found.get("resample", 2), crop), scale["image_mean"], scale["image_std"])
    if kind.task == "image-segmentation":
        processor |= {"image_processor_type": "SegformerImageProcessor", "do_reduce_labels": False}
    if detects:
        processor |= {"image_processor_type": "YolosImageProcessor", "do_pad": False, "format": "coco_detection"}
    files = {PROCESSOR: processor}
    return Carried(channels, labels=labels, settings={"image": side}, files=files, sources=(PROCESSOR,))


def _squares(processor: dict[str, Any]) -> tuple[int, float | None]:
    """(side of the square, share of it in the image that is made smaller, where its middle is cut out)."""
    size = processor.get("size")
    size = {"height": size, "width": size} if isinstance(size, int) else size
    size = size if isinstance(size, dict) else {}
    if _middle(processor):
        return _cut(processor)
    crops = _named(processor, "ConvNext")
    if crops:  # earlier ones told the shortest edge by its number alone
        side = size.get("shortest_edge", size.get("height"))
        good = len(set(size.values())) == 1
    else:
        side = size.get("height")
        good = size == {"height": side, "width": side}
    if type(side) is not int or not good:
        choices = '{"shortest_edge": n}' if crops else '{"height": n, "width": n}'
        raise wrong("wrap_processor", field="size", value=shown(processor.get("size")), choices=choices)
    crop = 224 / 256 if processor.get("crop_pct") is None else processor["crop_pct"]
    if not isinstance(crop, float | int) or not 0.1 <= crop <= 1:
        raise wrong("wrap_processor", field="crop_pct", value=shown(crop), choices="0.1 … 1")
    return side, float(crop) if crops and side < WHOLE else None


def _captions(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Images, and the tokens of what is said of them."""
    pixels, words = _pixels(source, kind, config), _tokens(source, kind, config)
    sources = (*pixels.sources, *words.sources)
    return dataclasses.replace(words, settings=pixels.settings, files=pixels.files, sources=sources)


def _named(processor: dict[str, Any], kind: str) -> bool:
    """Whether its class is one of a kind of model."""
    return any(str(processor.get(f"{name}_type")).startswith(kind) for name in ("image_processor", "feature_extractor"))


def _middle(processor: dict[str, Any]) -> bool:
    """Whether the middle is cut out, which a CLIPImageProcessor does where it is not said."""
    return processor.get("do_center_crop", _named(processor, "CLIP")) is True


def _cut(processor: dict[str, Any]) -> tuple[int, float]:
    """(side of the middle that is cut out, share of it in the shortest edge)."""
    size, middle = processor.get("size"), processor.get("crop_size")
    short: Any = size if _named(processor, "CLIP") else None  # as earlier ones told it by its number alone
    if isinstance(size, dict):
        short = size.get("shortest_edge") if len(size) == 1 else None
    side: Any = middle
    if isinstance(middle, dict):
        side = middle.get("height") if middle.get("height") == middle.get("width") else None
    forms = {"size": (short, '{"shortest_edge": n}'), "crop_size": (side, '{"height": n, "width": n}')}
    for name, (value, choices) in forms.items():
        if type(value) is not int or value < 1:
            raise wrong("wrap_processor", field=name, value=shown(processor.get(name)), choices=choices)
    # A smaller share is written as a ConvNextImageProcessor has it, which takes large images whole.
    if side > short or (side < short and (side >= WHOLE or int(side / (side / short)) != short)):
        raise wrong("wrap_processor", field="crop_size", value=side, choices=short)
    return side, side / short


def _shortest(processor: dict[str, Any]) -> int:
    """Side of the square that boxes are told in: of a square image what the processor makes; others are pulled to it.

    Places between those that were learnt the net finds by itself.
    """
    size = processor.get("size")
    size = {"shortest_edge": size} if isinstance(size, int) else size  # as earlier ones told it
    size = size if isinstance(size, dict) else {}
    side = size.get("shortest_edge", size.get("height"))
    longest = size.get("longest_edge", processor.get("max_size"))
    good = size.keys() <= {"shortest_edge", "longest_edge"} or size == {"height": side, "width": side}
    if type(side) is not int or not good or (longest is not None and (type(longest) is not int or longest < side)):
        choices = '{"shortest_edge": n, "longest_edge": m}, {"height": n, "width": n}'
        raise wrong("wrap_processor", field="size", value=shown(processor.get("size")), choices=choices)
    return side


def _labels(config: dict[str, Any]) -> list[str]:
    """What the outputs stand for."""
    names = config.get("id2label")
    if not isinstance(names, dict) or {str(key) for key in names} != {str(n) for n in range(len(names))}:
        raise wrong("wrap_field", field="id2label", value=shown(names), choices='{"0": "…", "1": "…", …}')
    found = [str(names[key]) for key in sorted(names, key=int)]
    # A crane is a bird and a machine.
    labels = [f"{name} ({n})" if name in found[:n] else name for n, name in enumerate(found)]
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise wrong("wrap_field", field="id2label", value=shown(names), choices='{"0": "…", "1": "…", …}')
    return labels


def _waves(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Recordings as they are; how many seconds of one are heard is for the spec to say."""
    labels = [] if kind.task == "masked-audio" else _labels(config)
    return Carried(0, labels=labels, files={PROCESSOR: _hearing(source)}, sources=(PROCESSOR,))


def _hearing(source: Path) -> dict[str, Any]:
    found = read_object(source, PROCESSOR)
    check_fields(found, WAVES, "wrap_processor")
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "sampling_rate": RATE,
        "feature_size": 1,
        "padding_value": 0.0,
        "do_normalize": True,
        "return_attention_mask": True,
    }


def _bands(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Spectra of so many frames, and how their numbers are scaled."""
    found = read_object(source, PROCESSOR)
    own = {name: (number(config, name, int),) for name in ("num_mel_bins", "max_length")}
    check_fields(found, WAVES | own, "wrap_processor")
    (mels,), (frames,) = own.values()
    if not 1 <= frames <= frames_of(MOST_SECONDS):
        raise wrong("wrap_field", field="max_length", value=frames, choices=f"1 … {frames_of(MOST_SECONDS)}")
    scale: dict[str, Any] = {name: found.get(name) for name in ("mean", "std")}
    for name, value in scale.items():
        good = type(value) in (int, float) and math.isfinite(value)
        if not good or (name == "std" and value <= 0):
            raise wrong("wrap_processor", field=name, value=shown(value), choices="0.5, 4.57, …")
    files = {PROCESSOR: spectra_of(mels, frames, scale["mean"], scale["std"])}
    seconds = -(-frames // frames_of(1))  # the last may not be full
    return Carried(0, labels=_labels(config), settings={"seconds": seconds}, files=files, sources=(PROCESSOR,))


def _letters(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Recordings as they are, and the letters that are told of them, behind the marks of the task."""
    hearing = _hearing(source) | {"processor_class": "Wav2Vec2Processor"}
    vocab = read_object(source, LETTERS)
    rows = number(config, "vocab_size", int)
    if not all(type(n) is int and 0 <= n < rows for n in vocab.values()) or len({*vocab.values()}) < len(vocab):
        raise wrong("wrap_vocab", value=rows, size=len(vocab))
    marks = ("<pad>", "<unk>", "|")
    for mark in marks:
        if mark not in vocab:
            raise wrong("wrap_letter", name=LETTERS, mark=mark)
    letters = sorted((word for word in vocab if len(word) == 1 and word not in marks), key=lambda word: vocab[word])
    kept = [*marks, *letters]
    names = {"pad_token": marks[0], "unk_token": marks[1], "word_delimiter_token": marks[2]}
    none = {"bos_token": None, "eos_token": None, "do_lower_case": False}
    files = {
        PROCESSOR: hearing,
        LETTERS: {word: n for n, word in enumerate(kept)},
        TOKENS: {"tokenizer_class": "Wav2Vec2CTCTokenizer"} | names | none,
    }
    order = torch.tensor([vocab[word] for word in kept])
    return Carried(len(kept), order, files=files, sources=(PROCESSOR, LETTERS))


def _speech(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Spectra that are said as they are. A text is read anew: a run has letters of its own."""
    names = {"sampling_rate": RATE, **SPEECH}
    check_fields(read_object(source, PROCESSOR), {name: (value,) for name, value in names.items()}, "wrap_processor")
    places = number(config, "max_speech_positions", int)
    seconds = min(MOST_SECONDS, (places - 1) * SPEECH_TOGETHER * SPEECH_HOP // RATE)
    if seconds < 1:
        raise wrong("wrap_field", field="max_speech_positions", value=places, choices="33, 34, 35, …")
    files = {PROCESSOR: names | {"feature_size": 1, "padding_value": 0.0, "mean": 0.0, "std": 1.0}}
    vocab = number(config, "vocab_size", int)
    return Carried(vocab, settings={"seconds": seconds}, files=files, sources=(PROCESSOR,))


def _series(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Nothing: the net scales a series by itself."""
    return Carried(0)


def _spectra(source: Path, kind: Kind, config: dict[str, Any]) -> Carried:
    """Spectra of so many seconds. What is written stays as it is: a run has letters of its own."""
    found = read_object(source, PROCESSOR)
    check_fields(found, SPECTRA, "wrap_processor")
    places = number(config, "max_source_positions", int)
    if places % 50:
        raise wrong("wrap_field", field="max_source_positions", value=places, choices="50, 100, 150, …")
    check_fields(found, {"chunk_length": (places // 50,)}, "wrap_processor")
    processor = {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "sampling_rate": RATE,
        "feature_size": WHISPER_BANDS,
        "hop_length": HOP,
        "n_fft": WHISPER_FFT,
        "chunk_length": places // 50,
        "padding_value": 0.0,
        "do_normalize": False,
        "return_attention_mask": False,
    }
    vocab = number(config, "vocab_size", int)
    return Carried(vocab, settings={"seconds": places // 50}, files={PROCESSOR: processor}, sources=(PROCESSOR,))


READERS: dict[str, Callable[[Path, Kind, dict[str, Any]], Carried]] = {
    "tokens": _tokens,
    "residues": _residues,
    "pixels": _pixels,
    "captions": _captions,
    "speech": _speech,
    "series": _series,
    "waves": _waves,
    "bands": _bands,
    "letters": _letters,
    "spectra": _spectra,
}
