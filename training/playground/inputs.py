"""What people send a model: read by what its task reads, within the limits of this site."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from collab.access.policy import Missing
from collab.kernel.blobs import blob_path
from collab.kernel.errors import InvalidError, NotReadyError, TooLargeError, UnsupportedKindError
from registry.catalog.models import ModelVersion
from training.engine.contract import RESIDUES, SPEC_FILE, SPEECH_LETTERS, Spec, SpecError
from training.playground.states import FIELDS, INPUT_LABELS, OPTIONAL, READS, InputKind

NUMBERS_MAX = 10_000
CAPTIONS_MAX = 20
DRAWINGS_MAX, SEED_MAX = 4, 2**31 - 1
MUTATIONS_MAX = 200
CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"
GAP = "[MASK]"
_MUTATION = re.compile(r"([A-Z])([1-9]\d{0,4})([A-Z])")
FILES = (InputKind.IMAGE, InputKind.AUDIO, InputKind.CAPTIONS)
_BETWEEN = re.compile(r"[\s,;]+")
_STARTS = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"fLaC", ".flac"))
_RIFF = {b"WEBP": ".webp", b"WAVE": ".wav"}
_SOUNDS = (".wav", ".flac")


@dataclass(frozen=True)
class Given:
    """One input as it is kept until it is answered: a text, or everything beside the file as JSON."""

    kind: InputKind
    text: str = ""
    file: bytes | None = None


def kind_of(version: ModelVersion) -> InputKind:
    """What the model reads. Raises NotReadyError for a task that nobody can try here."""
    kind = READS.get(version.model.task)
    if kind is None:
        sentence = _("Models of the task “%(task)s” cannot be tried here.") % {"task": version.model.task_label}
        raise NotReadyError([Missing("task_not_tried", sentence, version.get_absolute_url())])
    return InputKind.SCAN if version.model.task == "masked-lm" and _is_of_proteins(version) else kind


def require_kept(version: ModelVersion) -> None:
    """Raises NotReadyError unless the bytes of every file are here."""
    files = (version.manifest or {}).get("files") or {}
    gone = [name for name, facts in files.items() if not blob_path(facts["sha256"]).is_file()]
    if gone or not files:
        sentence = _("The files of %(model)s are not kept here: %(files)s. Train it again to have them kept.")
        facts = {"model": version, "files": ", ".join(sorted(gone)[:5]) or "–"}
        raise NotReadyError([Missing("bytes_not_kept", sentence % facts)])


def shortest_series(version: ModelVersion) -> int:
    """How many numbers a forecast needs at least; 1 where that is not known."""
    spec = _spec_of(version)
    return (spec.shape.context or 1) if spec else 1


def labels_of(version: ModelVersion) -> list[str]:
    """What the model knows by name, in order; nothing where it knows no labels or they are not known here."""
    named = _json_of(version, CONFIG).get("id2label") or {}
    return [str(named[key]) for key in sorted(named, key=int)]


def voices_of(version: ModelVersion) -> list[str]:
    """The voices of what reads aloud; nothing where it has one."""
    return [str(name) for name in _json_of(version, PROCESSOR).get("voices") or []]


def _is_of_proteins(version: ModelVersion) -> bool:
    spec = _spec_of(version)
    return spec is not None and spec.tokenizer is not None and spec.tokenizer.kind == "protein"


def _spec_of(version: ModelVersion) -> Spec | None:
    try:
        return Spec.from_text(_bytes_of(version, SPEC_FILE))
    except SpecError:
        return None


def _json_of(version: ModelVersion, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes_of(version, name))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _bytes_of(version: ModelVersion, name: str) -> bytes:
    """A small file of the package; empty where it is not kept here."""
    facts = ((version.manifest or {}).get("files") or {}).get(name)
    try:
        return blob_path(facts["sha256"]).read_bytes() if facts else b""
    except OSError:
        return b""


def given_for(version: ModelVersion, **sent: Any) -> Given:
    """The input that suits the task, from the fields of `FIELDS`.

    Raises InvalidError at its field, TooLargeError, UnsupportedKindError.
    """
    kind = kind_of(version)
    sent = {name: value for name, value in sent.items() if value is not None}
    if kind == InputKind.SCAN and sent.keys() == {"text"}:
        kind = InputKind.TEXT  # whose gaps are filled, as of every masked language model
    fields = set(FIELDS[kind])
    for name in sorted((sent.keys() - fields) | (fields - OPTIONAL.get(kind, set()) - sent.keys())):
        raise InvalidError(_("This model reads %(what)s.") % {"what": INPUT_LABELS[kind]}, field=name)
    if kind == InputKind.NUMBERS:
        return Given(kind, json.dumps(_numbers(sent["numbers"], shortest_series(version))))
    if kind == InputKind.IMAGE:
        return Given(kind, file=_image(sent["image"]))
    if kind == InputKind.AUDIO:
        return Given(kind, file=_audio(sent["audio"]))
    if kind == InputKind.DRAWING:
        return Given(kind, json.dumps(_drawing(labels_of(version), **sent), ensure_ascii=False))
    if kind == InputKind.SPEECH:
        return Given(kind, json.dumps(_speech(voices_of(version), **sent), ensure_ascii=False))
    if kind == InputKind.SCAN:
        return _scan(**sent)
    if kind == InputKind.CAPTIONS:
        return Given(kind, json.dumps(_captions(sent["texts"]), ensure_ascii=False), _image(sent["image"]))
    texts = {name: _text(sent[name], name) for name in FIELDS[kind]}
    if kind == InputKind.TEXT:
        return Given(kind, texts["text"])
    return Given(kind, json.dumps(texts, ensure_ascii=False))


def _text(text: str, field: str = "text") -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "")
    if not text.strip():
        raise InvalidError(_("Write a text."), field=field)
    most = settings.PLAYGROUND_TEXT_MAX_CHARS
    if len(text) > most:
        raise TooLargeError(_("Write at most %(n)d characters.") % {"n": most}, field=field)
    return text


def _numbers(numbers: str | Sequence[float], least: int) -> list[float]:
    parts = [part for part in _BETWEEN.split(numbers) if part] if isinstance(numbers, str) else list(numbers)
    if len(parts) > NUMBERS_MAX:
        raise TooLargeError(_("Send at most %(n)d numbers.") % {"n": NUMBERS_MAX}, field="numbers")
    found = []
    for part in parts:
        try:
            number = float(part)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidError(_("“%(what)s” is no number.") % {"what": str(part)[:40]}, field="numbers")
        found.append(number)
    if len(found) < least:
        text = _("This model needs at least %(least)d numbers; these are %(n)d.") % {"least": least, "n": len(found)}
        raise InvalidError(text, field="numbers")
    return found


def _image(image: bytes) -> bytes:
    most = settings.PLAYGROUND_IMAGE_MAX_BYTES
    if len(image) > most:
        raise TooLargeError(_("The image is larger than %(n)s MB.") % {"n": round(most / 1e6, 1)}, field="image")
    if suffix_of(image) in ("", *_SOUNDS):
        raise UnsupportedKindError(_("Send a PNG, JPEG or WebP image."), field="image")
    return image


def _audio(audio: bytes) -> bytes:
    most = settings.PLAYGROUND_AUDIO_MAX_BYTES
    if len(audio) > most:
        raise TooLargeError(_("The recording is larger than %(n)s MB.") % {"n": round(most / 1e6, 1)}, field="audio")
    if suffix_of(audio) not in _SOUNDS:
        raise UnsupportedKindError(_("Send a WAV or FLAC recording."), field="audio")
    return audio


def _captions(texts: str | Sequence[str]) -> list[str]:
    found = [text.strip() for text in (texts.splitlines() if isinstance(texts, str) else texts)]
    found = list(dict.fromkeys(_text(text, "texts") for text in found if text))
    if len(found) < 2:
        raise InvalidError(_("Write at least two different texts, each on a line of its own."), field="texts")
    if len(found) > CAPTIONS_MAX or sum(map(len, found)) > settings.PLAYGROUND_TEXT_MAX_CHARS:
        text = _("Send at most %(n)d texts, of %(chars)d characters together.")
        facts = {"n": CAPTIONS_MAX, "chars": settings.PLAYGROUND_TEXT_MAX_CHARS}
        raise TooLargeError(text % facts, field="texts")
    return found


def _drawing(labels: list[str], label: str = "", seed: int = 1, count: int = 1) -> dict[str, Any]:
    if labels and label not in labels:
        known = ", ".join(labels[:20])
        text = _("This model draws %(labels)s.") if label else _("Say what to draw: %(labels)s.")
        raise InvalidError(text % {"labels": known}, field="label")
    if label and not labels:
        raise InvalidError(_("This model knows no labels."), field="label")
    if not 0 <= seed <= SEED_MAX:
        raise InvalidError(_("A seed is from 0 to %(n)d.") % {"n": SEED_MAX}, field="seed")
    if not 1 <= count <= DRAWINGS_MAX:
        raise InvalidError(_("From 1 to %(n)d images are drawn at once.") % {"n": DRAWINGS_MAX}, field="count")
    return {"label": label, "seed": seed, "count": count}


def _speech(voices: list[str], text: str, voice: str = "") -> dict[str, str]:
    text = " ".join(_text(text).split())
    if len(text) >= SPEECH_LETTERS:
        raise TooLargeError(_("Write at most %(n)d characters.") % {"n": SPEECH_LETTERS - 1}, field="text")
    if voice and voice not in voices:
        known = ", ".join(voices[:20])
        raise InvalidError(
            _("Its voices are %(voices)s.") % {"voices": known} if voices else _("This model has one voice."),
            field="voice",
        )
    return {"text": text} | ({"voice": voice or voices[0]} if voices else {})


def _scan(sequence: str, mutations: str | Sequence[str] = "") -> Given:
    """A protein whose exchanges are told, all of them or those that are listed; with gaps, what belongs there."""
    if GAP in sequence:
        return Given(InputKind.TEXT, _text(sequence, "sequence"))
    sequence = "".join(_text(sequence, "sequence").split()).upper()
    for place, residue in enumerate(sequence, 1):
        if residue not in RESIDUES:
            text = _("“%(what)s” at place %(place)d is no residue; they are %(residues)s.")
            facts = {"what": residue, "place": place, "residues": RESIDUES}
            raise InvalidError(text % facts, field="sequence")
    asked = [one for one in _BETWEEN.split(mutations) if one] if isinstance(mutations, str) else list(mutations)
    if len(asked) > MUTATIONS_MAX:
        raise TooLargeError(_("Send at most %(n)d mutations.") % {"n": MUTATIONS_MAX}, field="mutations")
    for name in (part for one in asked for part in one.split(":")):
        found = _MUTATION.fullmatch(name)
        if found is None or found[3] not in RESIDUES:
            text = _("“%(what)s” is no mutation; write A24G, and join several by colons.") % {"what": name[:40]}
            raise InvalidError(text, field="mutations")
        if int(found[2]) > len(sequence) or sequence[int(found[2]) - 1] != found[1]:
            text = _("“%(what)s” does not fit: the protein has no %(residue)s at place %(place)s.")
            raise InvalidError(text % {"what": name, "residue": found[1], "place": found[2]}, field="mutations")
    return Given(InputKind.SCAN, json.dumps({"scan": sequence} | ({"mutations": asked} if asked else {})))


def suffix_of(file: bytes) -> str:
    """The ending by content, whatever the file is called; empty for anything else."""
    for start, suffix in _STARTS:
        if file.startswith(start):
            return suffix
    return _RIFF.get(file[8:12], "") if file[:4] == b"RIFF" else ""
