"""Text to tokens and back: characters and bytes by table, the rest by the tokenizers library; one tokenizer.json."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.engine.spec import TokenizerSpec
from training.engine.spooling import Spool

END, UNKNOWN = "<|endoftext|>", "<|unknown|>"
UNKNOWNS = (UNKNOWN, "[UNK]", "<unk>")
LM_SPECIALS = (END, UNKNOWN)
CLASSIFIER_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
MASKED_SPECIALS = (*CLASSIFIER_SPECIALS, "[MASK]")
SEQ2SEQ_SPECIALS = ("<pad>", "<unk>", "</s>")
CAPTION_SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")  # a CLIP takes an end of number 2 for something else
DEFAULT_CHARS = 2_000
# An atom with its brackets, an atom of two letters, the number of a ring of two digits, or else one character.
SMILES = r"\[[^\[\]]+\]|Br|Cl|%[0-9]{2}|."
# The twenty amino acids, the two rare ones, what cannot be told apart, and what is not known.
RESIDUES = "ACDEFGHIKLMNPQRSTVWYUOBZX"
OWN_KINDS = {"WordLevel": "smiles", "WordPiece": "wordpiece", "Unigram": "unigram"}
CHINESE = r"[\p{Han}\u3000-\u303f\uff00-\uffef]"  # characters and marks between which no space stands
CHUNK_CHARS = 200_000
LEARN_CHARS = 10_000  # of a text at once, while a vocabulary is learnt


def byte_alphabet() -> list[str]:
    """The printable stand-in of each byte in a byte-level vocabulary.

    Printable bytes stand for themselves, the others for the characters from U+0100 on: the table of GPT-2.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = iter(range(256))
    return [chr(b) if b in printable else chr(256 + next(rest)) for b in range(256)]


class Tokenizer:
    """Wraps a tokenizer.json. Special tokens come first in the vocabulary."""

    def __init__(self, kind: str, document: dict) -> None:
        self.kind, self.document = kind, document
        entries = document["model"]["vocab"]  # of a unigram, pairs of piece and score
        self.vocab: dict[str, int] = (
            entries if isinstance(entries, dict) else {piece: i for i, (piece, _) in enumerate(entries)}
        )
        self.size = max([*self.vocab.values(), *(t["id"] for t in document["added_tokens"])]) + 1
        self.specials = {t["content"]: t["id"] for t in document["added_tokens"] if t["special"]}
        self.begins = "<s>" in ((document.get("post_processor") or {}).get("special_tokens") or {})
        self._tokens = {i: t for t, i in self.vocab.items()}
        self._fast = None
        if kind == "char":
            # Position in the sorted code points, and the id found there.
            points = sorted((ord(c), i) for c, i in self.vocab.items() if len(c) == 1)
            self._points = np.array([p for p, _ in points], dtype=np.uint32)
            self._ids = np.array([i for _, i in points], dtype=np.int64)
        elif kind == "byte":
            self._ids = np.array([self.vocab[c] for c in byte_alphabet()], dtype=np.int64)
        else:
            from tokenizers import Tokenizer as FastTokenizer  # characters and bytes do without the library

            self._fast = FastTokenizer.from_str(json.dumps(_unmarked(document)))

    def encode(self, text: str) -> np.ndarray:
        """Token ids (int64) of a text, without special tokens: the name of one is read as any other word."""
        if self.kind == "char":
            points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
            place = np.searchsorted(self._points, points).clip(max=len(self._points) - 1)
            unknown = next((self.specials[name] for name in UNKNOWNS if name in self.specials), 0)
            return np.where(self._points[place] == points, self._ids[place], unknown)
        if self.kind == "byte":
            return self._ids[np.frombuffer(text.encode("utf-8", "replace"), dtype=np.uint8)]
        assert self._fast is not None
        return np.array(self._fast.encode(_whole(text), add_special_tokens=False).ids, dtype=np.int64)

    def encode_places(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """(token ids, (tokens, 2) where each begins and ends in the characters of the text)."""
        if self.kind in ("char", "byte"):
            points = np.frombuffer(text.encode("utf-32-le", "replace"), dtype=np.uint32)
            size = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF) if self.kind == "byte" else 1
            places = np.repeat(np.arange(len(points)), size)
            return self.encode(text), np.stack([places, places + 1], 1)
        assert self._fast is not None
        found = self._fast.encode(_whole(text), add_special_tokens=False)
        return np.array(found.ids, dtype=np.int64), np.array(found.offsets, dtype=np.int64).reshape(-1, 2)

    def encode_parts(self, text: str) -> Iterator[np.ndarray]:
        """Token ids of a long text, piece by piece; pieces end at line ends."""
        for piece in pieces(text, CHUNK_CHARS):
            yield self.encode(piece)

    def decode(self, ids: Iterable[int]) -> str:
        """Text of token ids; special tokens vanish."""
        special = set(self.specials.values())
        kept = [int(i) for i in ids if int(i) not in special]
        if self.kind == "char":
            return "".join(self._tokens.get(i, "�") for i in kept)
        if self.kind == "byte":
            back = {int(i): b for b, i in enumerate(self._ids)}
            return bytes(back[i] for i in kept).decode("utf-8", "replace")
        assert self._fast is not None
        return self._fast.decode(kept)

    def save(self, path: Path) -> None:
        """Write tokenizer.json."""
        path.write_text(json.dumps(self.document, ensure_ascii=False), encoding="utf-8")


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json written by this module. Raises ValueError when it is none, OSError when it is not there."""
    document = json.loads(path.read_text(encoding="utf-8"))
    try:
        return Tokenizer(_kind_of(document), document)
    except Exception as error:  # tokenizers raises nothing narrower
        raise ValueError(f"{path.name} holds no tokenizer: {error!r}") from error


def _unmarked(document: dict[str, Any]) -> dict[str, Any]:
    """The tokenizer as it reads texts: without its marks, which no text may say and tasks put by their numbers.

    That of the unknown stays a word: what is not known is told by it. The library's own way to read marks as text
    (`encode_special_tokens`) is kept in no file, and leaves them words of the vocabulary, which most kinds find there.
    """
    model = document["model"]
    marks = {token["id"] for token in document["added_tokens"] if token["special"]}
    if isinstance(model["vocab"], list):  # of a unigram the place is the number, and no text has an empty piece
        vocab: Any = [["" if number in marks else piece, score] for number, (piece, score) in enumerate(model["vocab"])]
        read = model | {"vocab": vocab}
    else:
        known = {piece: i for piece, i in model["vocab"].items() if i not in marks or piece == model.get("unk_token")}
        read = model | {"vocab": known}
        if "merges" in model:
            gone = model["vocab"].keys() - known.keys()
            read["merges"] = [pair for pair in model["merges"] if gone.isdisjoint((*pair, "".join(pair)))]
    added = [token for token in document["added_tokens"] if not token["special"]]
    return document | {"added_tokens": added, "post_processor": None, "model": read}


def _kind_of(document: dict[str, Any]) -> str:
    kind = OWN_KINDS.get(document["model"]["type"])
    if kind is not None:
        return kind
    if document["model"]["merges"]:
        return "bpe"
    return "char" if document["pre_tokenizer"] is None else "byte"


def train_tokenizer(spec: TokenizerSpec, texts: Iterable[str], specials: tuple[str, ...]) -> Tokenizer:
    """Learn a vocabulary from the training part. `specials` holds the unknown token second."""
    if spec.kind == "byte":
        return Tokenizer("byte", _document(specials, byte_alphabet(), byte_level=True))
    if spec.kind == "protein":
        return residues(specials, sorted(RESIDUES))
    if spec.kind == "smiles":
        return _train_smiles(spec.vocab or DEFAULT_CHARS, texts, specials)
    if spec.kind == "char":
        counts: dict[str, int] = {}
        for text in texts:
            points, times = np.unique(np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32), return_counts=True)
            for point, n in zip(points.tolist(), times.tolist(), strict=True):
                counts[chr(point)] = counts.get(chr(point), 0) + n
        room = (spec.vocab or DEFAULT_CHARS) - len(specials)
        frequent = sorted(counts, key=lambda c: (-counts[c], c))[:room]
        return Tokenizer("char", _document(specials, sorted(frequent), byte_level=False))
    if spec.kind in ("wordpiece", "unigram"):
        return _train_pieces(spec.kind, spec.vocab or 2_000, texts, specials)
    return _train_bpe(spec.vocab or 2_000, texts, specials)


def residues(specials: tuple[str, ...], letters: list[str]) -> Tokenizer:
    """Proteins as their letters."""
    return Tokenizer("char", _document(specials, letters, byte_level=False))


def _train_pieces(kind: str, vocab: int, texts: Iterable[str], specials: tuple[str, ...]) -> Tokenizer:
    """Pieces of words: WordPiece, by how likely pieces are to stand together, or unigram, by how likely each is.

    Marks and Chinese characters are words of their own in WordPiece, or one that was never seen would make a whole
    sentence unknown; spaces are not kept. In a unigram they are part of what follows.
    """
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers  # as above
    from tokenizers import Tokenizer as FastTokenizer

    unknown = specials[1]
    options: dict = {"vocab_size": vocab, "special_tokens": list(specials), "show_progress": False}
    if kind == "wordpiece":
        fast = FastTokenizer(models.WordPiece(unk_token=unknown))
        alone = pre_tokenizers.Split(Regex(r"\p{Han}"), "isolated")
        fast.pre_tokenizer = pre_tokenizers.Sequence([alone, pre_tokenizers.BertPreTokenizer()])
        unspaced = decoders.Replace(Regex(rf"(?<={CHINESE}) (?={CHINESE})"), "")
        fast.decoder = decoders.Sequence([decoders.WordPiece(), decoders.Fuse(), unspaced])
        trainer: Any = trainers.WordPieceTrainer(**options)
    else:
        fast = FastTokenizer(models.Unigram())
        fast.pre_tokenizer = pre_tokenizers.Metaspace()
        fast.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token=unknown, **options)
    fast.train_from_iterator(_frequent(kind, vocab - len(specials), texts), trainer)
    document = json.loads(fast.to_str())
    document["post_processor"] = template(specials)
    if kind == "unigram":  # one that learnt the name of a mark from texts has it twice, and the later number counts
        pieces_of_text = [entry for entry in document["model"]["vocab"] if entry[0] not in specials]
        document["model"]["vocab"] = [*([mark, 0.0] for mark in specials), *pieces_of_text]
        for token in document["added_tokens"]:
            token["id"] = specials.index(token["content"])
    return Tokenizer(kind, document)


def _frequent(kind: str, room: int, texts: Iterable[str]) -> Iterator[str]:
    """The texts, without the rarest characters where a vocabulary has no room for all.

    The library keeps them all: its WordPiece grows beyond what was asked for, its unigram gives up.
    """
    kept, counts = Spool(), Counter[str]()
    for text in texts:
        for piece in pieces(_whole(text), LEARN_CHARS):
            counts.update(piece)
            kept.append(piece)
    # A unigram has a mark for the space, and sees that it is full only by a piece beyond the characters. In WordPiece a
    # letter within a word is another piece than one that begins it.
    room -= 2 if kind == "unigram" else 0
    rare: dict[int, str] = {}
    for char in sorted(counts, key=lambda char: (-counts[char], char)):
        room -= 1 if kind == "unigram" or unicodedata.name(char, "").startswith("CJK") else 2
        if room < 0:
            rare[ord(char)] = " "
    for piece in kept:
        yield piece.translate(rare)


def _whole(text: str) -> str:
    """Without halves of pairs of UTF-16, which the library refuses: as characters and bytes have them."""
    return text.encode("utf-8", "replace").decode()


def _train_bpe(vocab: int, texts: Iterable[str], specials: tuple[str, ...]) -> Tokenizer:
    from tokenizers import Tokenizer as FastTokenizer  # only byte pairs need the library
    from tokenizers import decoders, models, pre_tokenizers, trainers

    fast = FastTokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=list(specials),
        initial_alphabet=byte_alphabet(),
        show_progress=False,
    )
    fast.train_from_iterator((piece for text in texts for piece in pieces(_whole(text), LEARN_CHARS)), trainer)
    document = json.loads(fast.to_str())
    document["post_processor"] = template(specials)
    return Tokenizer("bpe", document)


def _train_smiles(vocab: int, texts: Iterable[str], specials: tuple[str, ...]) -> Tokenizer:
    """The most frequent atoms, bonds and marks of molecules."""
    counts = Counter(part for text in texts for part in re.findall(SMILES, text) if part not in specials)
    frequent = sorted(counts, key=lambda part: (-counts[part], part))[: vocab - len(specials)]
    document = _document(specials, sorted(frequent), byte_level=False)
    document["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": SMILES},
        "behavior": "Isolated",
        "invert": False,
    }
    words = document["model"]["vocab"]
    document["model"] = {"type": "WordLevel", "vocab": words, "unk_token": specials[1]}
    return Tokenizer("smiles", document)


def _document(specials: tuple[str, ...], entries: list[str], *, byte_level: bool) -> dict:
    """A tokenizer.json without merges: every entry is one character of the (byte-level) text."""
    added = [
        {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for i, text in enumerate(specials)
    ]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": level if byte_level else None,
        "post_processor": template(specials),
        "decoder": level if byte_level else {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": specials[1],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {text: i for i, text in enumerate([*specials, *entries])},
            "merges": [],
        },
    }


def template(specials: tuple[str, ...], *, begins: bool = False) -> dict | None:
    """[CLS] text [SEP] for classifiers, text </s> for what reads to write; language models get the text as it is.

    What `begins` has <s> before that text.
    """
    if "[CLS]" not in specials and "</s>" not in specials:
        return None

    def token(name: str) -> dict:
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def entry(name: str) -> dict:
        return {"id": name, "ids": [specials.index(name)], "tokens": [name]}

    if "</s>" in specials:
        begun = ["<s>"] if begins else []
        ended = [*map(token, begun), {"Sequence": {"id": "A", "type_id": 0}}, token("</s>")]
        pair = [*ended, {"Sequence": {"id": "B", "type_id": 0}}, token("</s>")]
        own = {name: entry(name) for name in (*begun, "</s>")}
        return {"type": "TemplateProcessing", "single": ended, "pair": pair, "special_tokens": own}
    first = [token("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, token("[SEP]")]
    pair = [*first, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": pair,
        "special_tokens": {"[CLS]": entry("[CLS]"), "[SEP]": entry("[SEP]")},
    }


def pieces(text: str, size: int) -> Iterator[str]:
    """A text cut after line ends into pieces of about `size` characters, so that no word is cut."""
    start = 0
    while start < len(text):
        end = start + size
        if end < len(text):
            line = text.rfind("\n", start, end) + 1
            end = line if line > start else end
        yield text[start:end]
        start = end
