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
from training.engine.contract import SPEC_FILE, Spec, SpecError
from training.playground.states import FIELDS, INPUT_LABELS, READS, InputKind

NUMBERS_MAX = 10_000
CAPTIONS_MAX = 20
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
    return kind


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
    facts = ((version.manifest or {}).get("files") or {}).get(SPEC_FILE)
    try:
        return Spec.from_text(blob_path(facts["sha256"]).read_bytes()).shape.context or 1 if facts else 1
    except (OSError, SpecError):
        return 1


def given_for(version: ModelVersion, **sent: Any) -> Given:
    """The input that suits the task, from the fields of `FIELDS`.

    Raises InvalidError at its field, TooLargeError, UnsupportedKindError.
    """
    kind = kind_of(version)
    sent = {name: value for name, value in sent.items() if value is not None}
    for name in sorted(sent.keys() ^ set(FIELDS[kind])):
        raise InvalidError(_("This model reads %(what)s.") % {"what": INPUT_LABELS[kind]}, field=name)
    if kind == InputKind.NUMBERS:
        return Given(kind, json.dumps(_numbers(sent["numbers"], shortest_series(version))))
    if kind == InputKind.IMAGE:
        return Given(kind, file=_image(sent["image"]))
    if kind == InputKind.AUDIO:
        return Given(kind, file=_audio(sent["audio"]))
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


def suffix_of(file: bytes) -> str:
    """The ending by content, whatever the file is called; empty for anything else."""
    for start, suffix in _STARTS:
        if file.startswith(start):
            return suffix
    return _RIFF.get(file[8:12], "") if file[:4] == b"RIFF" else ""
