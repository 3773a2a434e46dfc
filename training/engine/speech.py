"""How far what was written is from what was said: word and character error rates, from counts that are summed.

Errors are the fewest words, or characters, that must be put in, taken out or replaced (Levenshtein 1966). Chinese and
Japanese are written without spaces, so there each character counts as a word, as in `overlap.py`.
"""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.engine.overlap import WORD

SPACE = "|"
COLUMNS = 4  # wrong words, words, wrong characters, characters


def edits(ours: Sequence[str], theirs: Sequence[str]) -> int:
    """The fewest steps from one to the other."""
    row = list(range(len(theirs) + 1))
    for n, one in enumerate(ours, 1):
        before, row[0] = row[0], n
        for m, other in enumerate(theirs, 1):
            before, row[m] = row[m], min(before + (one != other), row[m] + 1, row[m - 1] + 1)
    return row[-1]


def edits_of(written: str, wanted: str) -> list[float]:
    """What `error_rates` wants summed. Between words there is one space, whatever there is."""
    ours, theirs = " ".join(written.split()), " ".join(wanted.split())
    own, other = WORD.findall(ours), WORD.findall(theirs)
    return [float(edits(own, other)), float(len(other)), float(edits(ours, theirs)), float(len(theirs))]


def error_rates(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Errors a word and a character, from sums (…, COLUMNS and more). More than 1 where too much is written."""
    return {
        "wer": sums[..., 0] / np.maximum(sums[..., 1], 1),
        "cer": sums[..., 2] / np.maximum(sums[..., 3], 1),
    }


def formed(text: str) -> str:
    """A transcript in the one form of its characters, words parted by single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).replace("|", " ").split())


def write_tokenizer(letters: list[str], folder: Path, *, unknown: str, pad: str, end: str) -> None:
    """A tokenizer that transformers reads: each letter is a token, a space is SPACE, and `end` ends a text."""
    from tokenizers import (  # only packages need it
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    number = {letter: n for n, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.WordLevel(number, unk_token=unknown))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(" ", SPACE)])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.Fuse(), decoders.Replace(SPACE, " ")])
    tokenizer.post_processor = processors.TemplateProcessing(single=f"$A {end}", special_tokens=[(end, number[end])])
    tokenizer.add_special_tokens([pad, unknown, end])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": pad, "unk_token": unknown, "eos_token": end, "clean_up_tokenization_spaces": False}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "attention_mask"]}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | names, indent=2) + "\n")
