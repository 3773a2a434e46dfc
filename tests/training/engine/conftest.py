"""Tiny datasets and runs. A run is forked from the test process, which has torch loaded: milliseconds, not seconds."""

import csv
import hashlib
import importlib
import io
import json
import logging
import os
import signal
import sys
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from training.engine import contract
from training.engine.contract import InputData, Inputs, Spec, canonical_json

# A fork must not inherit a pool of threads.
torch.set_num_threads(1)

VERSION = "8a4f6f0e-3d2a-4a3e-9d53-2f3a1e0b6c11"
JOB = "11111111-2222-4333-8444-555555555555"


def text_blob() -> bytes:
    """Sentences with a little grammar, enough for a vocabulary and three parts."""
    chance = np.random.default_rng(5)
    who, does, what = ("the cat", "a dog", "my friend"), ("sees", "likes", "calls"), ("milk", "a bone", "the sea")
    lines = [f"{who[a]} {does[b]} {what[c]}.\n" for a, b, c in chance.integers(3, size=(400, 3))]
    return "".join(lines).encode()


def table_rows() -> list[tuple[str, str]]:
    """(text, label) rows of different lengths with three classes."""
    chance = np.random.default_rng(6)
    words = {"sport": "ball goal team win", "food": "soup bread milk salt", "sky": "star moon sun cloud"}
    rows = []
    for n in range(150):
        label = list(words)[n % 3]
        own = words[label].split()
        text = " ".join(own[i] for i in chance.integers(4, size=chance.integers(2, 9)))
        rows.append((text, label))
    return rows


def table_blob() -> bytes:
    """The rows as CSV."""
    return csv_blob(["body", "topic"], table_rows())


def csv_blob(header: list[str], rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def labels_blob() -> bytes:
    """Texts of one or two subjects, which are their labels."""
    chance = np.random.default_rng(16)
    words = {"sport": "ball goal team win", "food": "soup bread milk salt", "sky": "star moon sun cloud"}
    rows = []
    for _ in range(200):
        labels = [list(words)[i] for i in chance.permutation(3)[: chance.integers(1, 3)]]
        own = [word for label in labels for word in words[label].split()[: chance.integers(1, 5)]]
        rows.append((" ".join(own[i] for i in chance.permutation(len(own))), "; ".join(labels)))
    return csv_blob(["body", "topics"], rows)


def numbers_blob() -> bytes:
    """Texts in which some words raise a number and others lower it."""
    chance = np.random.default_rng(17)
    worth = {"good": 2.0, "fine": 1.0, "plain": 0.0, "poor": -1.5, "bad": -3.0}
    rows = []
    for _ in range(200):
        words = [list(worth)[i] for i in chance.integers(5, size=chance.integers(2, 6))]
        rows.append((" ".join(words), round(50 + 10 * sum(worth[word] for word in words) / len(words), 2)))
    return csv_blob(["body", "score"], rows)


def tags_blob() -> bytes:
    """Sentences in which a name is a person behind one word and a place behind another."""
    chance = np.random.default_rng(18)
    names, rows = ["ada", "london", "new york", "li wei", "paris"], []
    for _ in range(200):
        words, tags = [], []
        for _ in range(chance.integers(1, 4)):
            kind, before = (("person", "meet"), ("place", "visit"))[chance.integers(2)]
            name = names[chance.integers(5)].split()
            words += [before, *name]
            tags += ["O", f"B-{kind}", *[f"I-{kind}"] * (len(name) - 1)]
        rows.append((" ".join(words), " ".join(tags)))
    return csv_blob(["body", "tags"], rows)


def pairs_blob() -> bytes:
    """Sentences, and what they say in two words."""
    chance = np.random.default_rng(19)
    colours, things = ("red", "blue", "green", "grey"), ("ball", "boat", "tree", "cat")
    rows = []
    for a, b, c in chance.integers(4, size=(200, 3)):
        where = ("there is", "i can see", "look at", "we like")[c]
        rows.append((f"{where} a {things[b]} which is {colours[a]}", f"{colours[a]} {things[b]}"))
    return csv_blob(["body", "reply"], rows)


def questions_blob() -> bytes:
    """Short reports, questions about them, and the words of the report that answer."""
    chance = np.random.default_rng(24)
    asked = {"who": ("ada", "li wei", "ben"), "where": ("paris", "new york", "oslo"), "when": ("may", "june", "march")}
    rows = []
    for n in range(240):
        said = {kind: words[chance.integers(3)] for kind, words in asked.items()}
        order = [list(said)[i] for i in chance.permutation(3)]
        kind = list(asked)[n % 3]
        rows.append((f"{kind} was it", " and ".join(said[one] for one in order) + ".", said[kind]))
    return csv_blob(["question", "context", "answer"], rows)


def documents_blob() -> bytes:
    """Reports of three sentences, of which the last one says what matters, and that in two words."""
    chance = np.random.default_rng(33)
    colours, things = ("red", "blue", "green", "grey"), ("ball", "boat", "tree", "cat")
    rows = []
    for a, b, c, d in chance.integers(4, size=(200, 4)):
        said = f"we met in {('may', 'june', 'rome', 'oslo')[c]}. all was {('well', 'calm', 'dull', 'loud')[d]}."
        rows.append((f"{said} {colours[a]} is the {things[b]}.", f"{things[b]} {colours[a]}"))
    return csv_blob(["report", "gist"], rows)


def likes_blob() -> bytes:
    """Questions, and texts that say the same with other words."""
    chance = np.random.default_rng(25)
    one = [words.split() for words in ("cat dog cow hen", "runs sleeps eats sings", "here there home away")]
    other = [words.split() for words in ("kitten puppy calf chick", "races rests feeds calls", "near far inside out")]
    rows = []
    for picks in chance.integers(4, size=(240, 3)):
        rows.append([" ".join(words[i] for words, i in zip(side, picks, strict=True)) for side in (one, other)])
    return csv_blob(["body", "same"], rows)


def series_blob() -> bytes:
    """A wave of twelve steps that rises slowly, with noise."""
    chance = np.random.default_rng(22)
    steps = np.arange(600)
    values = 100 + 0.05 * steps + 10 * np.sin(2 * np.pi * steps / 12) + chance.normal(0, 1, size=600)
    return csv_blob(["month", "sold"], [(n, round(float(value), 2)) for n, value in enumerate(values)])


def image_blob() -> bytes:
    """Grey 8×8 images in two folders: bright on the left, or on the right."""
    chance = np.random.default_rng(7)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n in range(60):
            side = ("left", "right")[n % 2]
            pixels = chance.integers(0, 60, size=(8, 8))
            pixels[:, :3] += 150 if side == "left" else 0
            pixels[:, 5:] += 150 if side == "right" else 0
            file = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
            archive.writestr(f"{side}/{n:03}.png", file.getvalue())
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """Files by name as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def wav_of(values: np.ndarray, rate: int = 8_000, channels: int = 1) -> bytes:
    """Values from -1 to 1 as a WAV of 16 bits."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((values * 32_767).astype("<i2").tobytes())
    return out.getvalue()


def tone(hertz: float, seconds: float, rate: int = 8_000) -> np.ndarray:
    """A tone that swells and fades."""
    steps = np.arange(round(seconds * rate))
    return 0.5 * np.sin(2 * np.pi * hertz * steps / rate) * np.hanning(len(steps))


def zip_blob(files: dict[str, bytes]) -> bytes:
    """Files as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    """Pixels as a PNG file; with mode P they are numbers of a palette."""
    file, image = io.BytesIO(), Image.fromarray(pixels.astype(np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 0, 0, 0, 255])
    image.save(file, "PNG")
    return file.getvalue()


def scenes(count: int, side: int = 32) -> list[tuple[np.ndarray, list[tuple[str, int, int, int, int]]]]:
    """Grey scenes with a light and a dark rectangle, one of which may be missing: pixels, and (label, x, y, width,
    height) of each.
    """
    chance, found = np.random.default_rng(31), []
    for n in range(count):
        pixels, boxes = chance.normal(110, 6, size=(side, side)), []
        for label, grey in (("light", 210), ("dark", 20)):
            if n % 5 == (0 if label == "light" else 1):
                continue
            width, height = (int(size) for size in chance.integers(side // 4, side // 2, size=2))
            x, y = int(chance.integers(side - width)), int(chance.integers(side - height))
            pixels[y : y + height, x : x + width] = grey
            boxes.append((label, x, y, width, height))
        found.append((pixels.clip(0, 255), boxes))
    return found


def masks_blob() -> bytes:
    """Scenes with masks: ground, light, dark; where the dark one lies on the light one it hides it."""
    members = {"classes.txt": b"ground\nlight\ndark\n"}
    for n, (pixels, boxes) in enumerate(scenes(60)):
        mask = np.zeros(pixels.shape)
        for label, x, y, width, height in boxes:
            mask[y : y + height, x : x + width] = 1 if label == "light" else 2
        members |= {f"images/{n:03}.png": png(pixels), f"masks/{n:03}.png": png(mask, "P")}
    return zipped(members)


def boxes_blob() -> bytes:
    """Scenes with the places of their rectangles as a table."""
    members, lines = {}, ["file,label,x,y,width,height"]
    for n, (pixels, boxes) in enumerate(scenes(60)):
        members[f"{n:03}.png"] = png(pixels)
        lines += [f"{n:03}.png,{label},{x},{y},{width},{height}" for label, x, y, width, height in boxes]
    return zipped(members | {"boxes.csv": "\n".join(lines).encode()})


def captions_blob() -> bytes:
    """Scenes, and what is light and dark in them and where, in words."""
    members, lines = {}, ["file,text"]
    for n, (pixels, boxes) in enumerate(scenes(120)):
        members[f"{n:03}.png"] = png(pixels)
        words = [
            f"{label} {'left' if x + width / 2 < 16 else 'right'} {'above' if y + height / 2 < 16 else 'below'}"
            for label, x, y, width, height in boxes
        ]
        lines += [f"{n:03}.png,{' and '.join(words)}", f"{n:03}.png,{' with '.join(words[::-1])}"]
    return zipped(members | {"captions.csv": "\n".join(lines).encode()})


def sounds_blob() -> bytes:
    """Rising and falling tones with noise, in two folders, of 0.3 to 0.5 seconds."""
    chance, files = np.random.default_rng(27), {}
    for n in range(80):
        count = int(chance.integers(2_400, 4_000))
        pitch = np.linspace(400, 1_600, count) * chance.uniform(0.8, 1.2)
        values = 0.4 * np.sin(2 * np.pi * np.cumsum(pitch if n % 2 else pitch[::-1]) / 8_000)
        files[f"{('down', 'up')[n % 2]}/{n:03}.wav"] = wav_of(values + chance.normal(0, 0.02, count))
    return zip_blob(files)


def speech_blob(noise: float = 0.005) -> bytes:
    """Words of three letters; each letter is a tone of its own, and between words there is silence."""
    chance, files, said = np.random.default_rng(28), {}, []
    for n in range(160):
        text = " ".join(
            "".join(chance.permutation(list(TONES))[: chance.integers(1, 4)]) for _ in range(chance.integers(1, 3))
        )
        parts = [tone(TONES[c], 0.08) if c in TONES else np.zeros(640) for c in text]
        values = np.concatenate(parts)
        files[f"clips/{n:03}.wav"] = wav_of(values + chance.normal(0, noise, len(values)))
        said.append((f"clips/{n:03}.wav", text))
    return zip_blob(files | {"transcripts.csv": csv_blob(["file", "text"], said)})


TONES = {"a": 400, "b": 900, "c": 1_800, "d": 3_200}


def profile_of(kind: str, blob: bytes) -> dict[str, Any]:
    """What the registry would say about the blob."""
    if kind == "text":
        text = blob.decode()
        return {"kind": "text", "rows": 1, "chars": len(text), "bytes": len(blob), "lines": text.count("\n")}
    if kind == "images":
        classes = {"label": {"left": 30, "right": 30}}
        size = {"width": [8, 8], "height": [8, 8], "modes": ["L"]}
        return {"kind": "images", "rows": 60, "classes": classes, "image": size}
    chars = {"min_chars": 5, "mean_chars": 25, "p95_chars": 40, "max_chars": 45}
    return {
        "kind": kind,
        "rows": 150,
        "columns": [
            {"name": "body", "type": "text", "distinct": 140, "missing": 0, **chars},
            {"name": "topic", "type": "category", "distinct": 3, "missing": 0, "mean_chars": 4},
        ],
        "label_candidates": ["topic"],
        "classes": {"topic": {"sport": 50, "food": 50, "sky": 50}},
        "delimiter": ",",
    }


LABELS = {"sport": 35, "food; sky": 35, "sky": 65, "food": 65}
COLUMN_PROFILES: dict[str, dict[str, Any]] = {
    "multi-label-classification": {"name": "topics", "type": "category", "distinct": 4, "missing": 0, "mean_chars": 9},
    "token-classification": {"name": "tags", "type": "text", "distinct": 60, "missing": 0, "mean_chars": 20},
    "text-to-text": {"name": "reply", "type": "category", "distinct": 16, "missing": 0, "mean_chars": 9},
    "extractive-qa": {"name": "answer", "type": "category", "distinct": 9, "missing": 0, "mean_chars": 5},
    "summarization": {"name": "gist", "type": "category", "distinct": 16, "missing": 0, "mean_chars": 9},
    "generative-qa": {"name": "answer", "type": "category", "distinct": 9, "missing": 0, "mean_chars": 5},
    "sentence-embedding": {"name": "same", "type": "text", "distinct": 64, "missing": 0, "mean_chars": 16},
    "text-regression": {"name": "score", "type": "number", "distinct": 90, "missing": 0, "mean_chars": 4},
}


def profile_for(task: str) -> dict[str, Any]:
    """What the registry would say about the data of a task."""
    if task == "masked-audio":
        return {"kind": "audio", "rows": 80, "audio": {"seconds": [0.3, 0.5], "top": ""}}
    if task == "audio-classification":
        classes = {"label": {"down": 40, "up": 40}}
        return {"kind": "audio", "rows": 80, "classes": classes, "audio": {"seconds": [0.3, 0.5], "top": ""}}
    if task in ("speech-to-text", "text-to-speech"):
        facts = {"seconds": [0.1, 0.9], "top": "", "transcripts_file": "transcripts.csv", "characters": 4}
        return {"kind": "audio", "rows": 160, "audio": facts}
    if task == "forecasting":
        month = {"name": "month", "type": "integer", "distinct": 600, "missing": 0, "mean_chars": 3}
        sold = {"name": "sold", "type": "number", "distinct": 580, "missing": 0, "mean_chars": 5}
        return {"kind": "csv", "rows": 600, "columns": [month, sold], "delimiter": ","}
    if task in BESIDE:
        image = {"width": [32, 32], "height": [32, 32], "modes": ["L"], "labels_from": BESIDE[task], "top": ""}
        return {
            "kind": "images",
            "rows": 120 if BESIDE[task] == "captions" else 60,
            "classes": {},
            "columns": [],
            "image": image,
        }
    profile = profile_of(KINDS[task], blob_of(task))
    if task in COLUMN_PROFILES:
        profile |= {"rows": 200, "columns": [profile["columns"][0], COLUMN_PROFILES[task]], "classes": {}}
        profile |= {"label_candidates": []}
    if task == "summarization":
        profile |= {"columns": [profile["columns"][0] | {"name": "report"}, COLUMN_PROFILES[task]]}
    if task in ("extractive-qa", "generative-qa"):
        texts = [profile["columns"][0] | {"name": name} for name in ("question", "context")]
        profile |= {"columns": [*texts, COLUMN_PROFILES[task]]}
    if task == "multi-label-classification":
        profile |= {"label_candidates": ["topics"], "classes": {"topics": LABELS}}
    return profile


def tiny(task: str, /, **changes: Any) -> dict[str, Any]:
    """A spec that trains in a second. `changes` replace keys, given as section__key.

    In fp32, so that figures do not hang on what the processor is quick at.
    """
    spec: dict[str, Any] = {
        "v": 1,
        "task": task,
        "data": {"dataset_version": VERSION, "split": {"valid": 0.15, "test": 0.15, "seed": 3}},
        "train": {"max_steps": 12, "batch": 8, "lr": 3e-3, "warmup": 0.2, "seed": 9, "dtype": "fp32"},
        "eval": {"every_steps": 4, "samples": 1},
        "keep": {"checkpoint_every_s": 3600},
        "resources": {"cpus": 1},
    }
    if task == "image-generation":
        model = {"arch": "dit", "size": "nano", "layers": 1, "width": 16, "image": 8, "patch": 4}
        return tiny("image-classification", **{"task": task, "model": model} | changes)
    if task == "masked-image":
        model = {"arch": "vit", "size": "nano", "layers": 1, "width": 16, "image": 16, "patch": 4}
        return tiny("image-classification", **{"task": task, "model": model} | changes)
    if KINDS[task] == "audio":
        spec["model"] = {"arch": "ast", "size": "nano", "layers": 1, "width": 16, "seconds": 1}
        if task != "audio-classification":
            spec["model"]["arch"] = "speecht5" if task == "text-to-speech" else "wav2vec2"
    elif task == "causal-lm":
        spec["tokenizer"] = {"kind": "char"}
        spec["model"] = {"arch": "gpt", "size": "nano", "layers": 1, "width": 16, "context": 16, "dropout": 0.1}
    elif task == "masked-lm":
        spec["tokenizer"] = {"kind": "char"}
        spec["model"] = {"arch": "bert", "size": "nano", "layers": 1, "width": 16, "context": 16, "dropout": 0.1}
    elif task == "forecasting":
        spec["data"]["columns"] = {"value": "sold"}
        spec["model"] = {"arch": "patchtst", "size": "nano", "layers": 1, "width": 16, "context": 24, "patch": 4}
    elif task == "image-segmentation":
        spec["model"] = {"arch": "segformer", "size": "nano", "width": 8, "image": 32}
    elif task == "object-detection":
        spec["model"] = {"arch": "yolos", "size": "nano", "layers": 1, "width": 32, "image": 32, "patch": 4}
    elif task in ("image-text", "image-captioning"):
        spec["tokenizer"] = {"kind": "bpe", "vocab": 300}
        model = {
            "arch": "clip" if task == "image-text" else "vit-gpt2",
            "size": "nano",
            "layers": 1,
            "width": 32,
            "context": 32,
            "image": 32,
            "patch": 8,
        }
        spec["model"] = model
    elif task in ANSWERS:
        spec["data"]["columns"] = ANSWERS[task] if task in ALONE else {"text": "body"} | ANSWERS[task]
        spec["tokenizer"] = {"kind": "bpe", "vocab": 300}
        arch = "t5" if contract.TASKS[task].writes else "bert"
        spec["model"] = {"arch": arch, "size": "nano", "layers": 1, "width": 16, "context": 32}
    else:
        spec["model"] = {"arch": "resnet", "size": "nano", "width": 8, "image": 16}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            spec.setdefault(section, {})[name] = value
        else:
            spec[section] = value
    return spec


ANSWERS = {
    "text-classification": {"label": "topic"},
    "multi-label-classification": {"label": "topics"},
    "text-regression": {"value": "score"},
    "text-to-text": {"target": "reply"},
    "token-classification": {"label": "tags"},
    "extractive-qa": {"question": "question", "context": "context", "answer": "answer"},
    "generative-qa": {"question": "question", "context": "context", "answer": "answer"},
    "summarization": {"document": "report", "summary": "gist"},
    "sentence-embedding": {"pair": "same"},
}
BESIDE = {
    "image-segmentation": "masks",
    "object-detection": "boxes",
    "image-text": "captions",
    "image-captioning": "captions",
}
ALONE = {"extractive-qa", "generative-qa", "summarization"}  # all their columns are in ANSWERS
KINDS = (
    {
        "causal-lm": "text",
        "masked-lm": "text",
        "forecasting": "csv",
        "image-classification": "images",
        "audio-classification": "audio",
        "speech-to-text": "audio",
        "masked-audio": "audio",
        "text-to-speech": "audio",
        "masked-image": "images",
        "image-generation": "images",
    }
    | dict.fromkeys(ANSWERS, "csv")
    | dict.fromkeys(BESIDE, "images")
)
BORROWED = {
    "vit-gpt2": "transformers.models.vision_encoder_decoder.modeling_vision_encoder_decoder",
    "clip": "transformers.models.clip.modeling_clip",
    "modernbert": "transformers.models.modernbert.modeling_modernbert",
    "bart": "transformers.models.bart.modeling_bart",
    "llama": "transformers.models.llama.modeling_llama",
    "esm": "transformers.models.esm.modeling_esm",
    "convnext": "transformers.models.convnextv2.modeling_convnextv2",
    "segformer": "transformers.models.segformer.modeling_segformer",
    "yolos": "transformers.models.yolos.modeling_yolos",
    "wav2vec2": "transformers.models.wav2vec2.modeling_wav2vec2",
    "whisper": "transformers.models.whisper.modeling_whisper",
    "speecht5": "transformers.models.speecht5.modeling_speecht5",
    "ast": "transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer",
    "unet": "diffusers.models.unets.unet_2d",
    "dit": "diffusers.models.transformers.dit_transformer_2d",
}
BLOBS = {"text": text_blob, "csv": table_blob, "images": image_blob, "audio": sounds_blob}
OWN_BLOBS = {
    "extractive-qa": questions_blob,
    "generative-qa": questions_blob,
    "summarization": documents_blob,
    "sentence-embedding": likes_blob,
    "audio-classification": sounds_blob,
    "speech-to-text": speech_blob,
    "text-to-speech": speech_blob,
    "forecasting": series_blob,
    "image-segmentation": masks_blob,
    "object-detection": boxes_blob,
    "image-text": captions_blob,
    "image-captioning": captions_blob,
    "multi-label-classification": labels_blob,
    "text-regression": numbers_blob,
    "text-to-text": pairs_blob,
    "token-classification": tags_blob,
}


def blob_of(task: str) -> bytes:
    """The data that a task learns from here."""
    return OWN_BLOBS.get(task, BLOBS[KINDS[task]])()


def prepared_task(task: str, folder: Path, blob: bytes | None = None, /, **changes: Any) -> Any:
    """The task of a tiny spec with its data prepared in this process, and nothing learnt. `profile`: what it says."""
    from training.engine.errors import Stop
    from training.engine.registry import task_module

    profile = profile_for(task) | changes.pop("profile", {})
    (folder / "blob").write_bytes(blob_of(task) if blob is None else blob)
    (folder / "prepared").mkdir()
    data = InputData(path=str(folder / "blob"), kind=KINDS[task], sha256="0" * 64, profile=profile)
    found = task_module(task).Task(Spec.from_json(tiny(task, **changes)), Stop())
    found.open(folder / "prepared", found.prepare(data, folder / "prepared"))
    return found


def plain_task(task: str, /, **changes: Any) -> Any:
    """The task of a tiny spec without any data."""
    from training.engine.errors import Stop
    from training.engine.registry import task_module

    return task_module(task).Task(Spec.from_json(tiny(task, **changes)), Stop())


def warm(spec: dict[str, Any]) -> None:
    """Import what other libraries build here, once, so that not every run imports it anew."""
    if module := BORROWED.get((spec.get("model") or {}).get("arch")):
        importlib.import_module(module)


class Run:
    """A run folder and what came of it."""

    def __init__(self, folder: Path, spec: dict[str, Any], blob: bytes, kind: str, profile: dict[str, Any]) -> None:
        self.folder, self.kind, self.profile = folder, kind, profile
        folder.mkdir()
        self.blob = folder.parent / f"{folder.name}.blob"
        self.blob.write_bytes(blob)
        self.write_spec(spec)
        self.write_inputs()

    @classmethod
    def at(cls, folder: Path) -> "Run":
        """A run whose folder something else has written."""
        run = cls.__new__(cls)
        run.folder = folder
        return run

    def write_spec(self, spec: dict[str, Any]) -> None:
        """Write spec.json strictly."""
        (self.folder / "spec.json").write_bytes(Spec.from_json(spec).canonical())

    def write_inputs(self, *, fence: int = 1, resume: bool = False, job: str = JOB) -> None:
        """Write inputs.json."""
        digest = hashlib.sha256(self.blob.read_bytes()).hexdigest()
        data = {"path": str(self.blob), "kind": self.kind, "sha256": digest, "profile": self.profile}
        inputs = Inputs.from_json({"v": 1, "job": job, "fence": fence, "data": data, "resume": resume})
        (self.folder / "inputs.json").write_bytes(canonical_json(inputs.to_json()))

    def go(self, before: Callable[[], None] = lambda: None) -> int:
        """Run in a process of its own; `before` runs there first. Returns the exit code, or minus the signal."""
        warm(json.loads((self.folder / "spec.json").read_text()))
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
                os.dup2(log, 1)
                os.dup2(log, 2)
                logging.basicConfig(level=logging.INFO, filename=self.folder / "log.txt", force=True)
                before()
                from training.engine.run import run

                code = run(self.folder)
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def resume(self, fence: int = 2) -> int:
        """Go on from the last checkpoint."""
        self.write_inputs(fence=fence, resume=True)
        return self.go()

    @property
    def log(self) -> str:
        """stdout and stderr so far."""
        return (self.folder / "log.txt").read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far."""
        lines = (self.folder / "events.jsonl").read_bytes().splitlines()
        found = [contract.parse_event(line) for line in lines]
        assert None not in found
        return [event for event in found if event]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Events of a kind."""
        return [event for event in self.events if event["e"] == kind]

    @property
    def curve(self) -> dict[str, float]:
        """The last value of every metric at every step."""
        return {f"{e['step']} {name}": v for e in self.of("metric") for name, v in e["values"].items()}

    @property
    def weights(self) -> str:
        """Hash of the packaged weights."""
        (path,) = (self.folder / "out").glob("*.safetensors")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    @property
    def result(self) -> dict[str, Any]:
        """result.json."""
        return json.loads((self.folder / "result.json").read_text())


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Makes tiny runs of a task, or of a spec, on the data of the task."""

    def make(name: str, spec: dict[str, Any], blob: bytes | None = None, **profile: Any) -> Run:
        task = spec["task"]
        data = blob_of(task) if blob is None else blob
        return Run(tmp_path / name, spec, data, KINDS[task], profile_for(task) | profile)

    return make


def kill_at(step: int, number: int = signal.SIGKILL) -> Callable[[], None]:
    """A hook that sends the process a signal when it arrives at a step."""

    def before() -> None:
        from training.engine import listeners

        judge = listeners.Ender.__call__

        def call(self: Any, loop: Any) -> None:
            if loop.state.step == step:
                os.kill(os.getpid(), number)
            judge(self, loop)

        listeners.Ender.__call__ = call  # type: ignore[method-assign]

    return before
