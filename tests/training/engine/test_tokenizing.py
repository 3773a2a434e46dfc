"""Our character and byte tables, and the tokenizers library reading the same file, agree on every text."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as FastTokenizer

from training.engine.spec import TokenizerSpec
from training.engine.tokenizing import (
    CLASSIFIER_SPECIALS,
    LM_SPECIALS,
    SEQ2SEQ_SPECIALS,
    load_tokenizer,
    pieces,
    train_tokenizer,
)

TEXT = "Grüße, Welt!\n\tthe cat sees 猫 and says: “meow”.  Two  spaces.\r\n"
KINDS = {"char": TokenizerSpec("char"), "byte": TokenizerSpec("byte"), "bpe": TokenizerSpec("bpe", 300)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("specials", [LM_SPECIALS, CLASSIFIER_SPECIALS, SEQ2SEQ_SPECIALS])
def test_file_means_the_same_to_the_library(kind: str, specials: tuple[str, ...], tmp_path: Path) -> None:
    trained = train_tokenizer(KINDS[kind], [TEXT * 3], specials)
    trained.save(tmp_path / "tokenizer.json")
    ours, theirs = (
        load_tokenizer(tmp_path / "tokenizer.json"),
        FastTokenizer.from_file(str(tmp_path / "tokenizer.json")),
    )
    ids = ours.encode(TEXT).tolist()
    assert ids == theirs.encode(TEXT, add_special_tokens=False).ids
    assert ours.decode(ids) == TEXT == theirs.decode(ids)
    assert ours.size == theirs.get_vocab_size()


@pytest.mark.parametrize("kind", KINDS)
def test_classifier_file_frames_the_text(kind: str, tmp_path: Path) -> None:
    train_tokenizer(KINDS[kind], [TEXT * 3], CLASSIFIER_SPECIALS).save(tmp_path / "tokenizer.json")
    tokens = FastTokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("cat").tokens
    assert (tokens[0], tokens[-1]) == ("[CLS]", "[SEP]")


def test_molecules_are_cut_into_atoms_and_bonds(tmp_path: Path) -> None:
    molecule = "C[C@@H](N)C(=O)Oc1ccc(Br)c(Cl)c1%10"
    trained = train_tokenizer(TokenizerSpec("smiles"), [molecule], CLASSIFIER_SPECIALS)
    trained.save(tmp_path / "tokenizer.json")
    ours = load_tokenizer(tmp_path / "tokenizer.json")
    theirs = FastTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    parts = theirs.encode(molecule, add_special_tokens=False).tokens
    assert "".join(parts) == molecule == ours.decode(ours.encode(molecule))
    assert {"[C@@H]", "Br", "Cl", "%10", "c", "1", "=", "("} <= set(parts) and "B" not in parts
    assert ours.encode("C[Au]C").tolist()[1] == 1  # an atom that was never seen is one unknown token
    assert theirs.encode(molecule).tokens[0] == "[CLS]"


def test_all_proteins_share_one_vocabulary() -> None:
    one, other = (train_tokenizer(TokenizerSpec("protein"), [text], CLASSIFIER_SPECIALS) for text in ("MK", "ACDW"))
    assert one.document == other.document
    assert one.decode(one.encode("MKVAX")) == "MKVAX"
    assert one.encode("M7").tolist()[1] == 1


def test_unknown_characters_become_the_unknown_token() -> None:
    tokenizer = train_tokenizer(TokenizerSpec("char"), ["abc"], LM_SPECIALS)
    assert tokenizer.encode("abz").tolist() == [2, 3, 1]
    assert tokenizer.decode([2, 1, 3]) == "ab"


def test_char_vocabulary_keeps_the_most_frequent() -> None:
    tokenizer = train_tokenizer(TokenizerSpec("char", 16), ["aaab" + "".join(map(chr, range(200, 240)))], LM_SPECIALS)
    assert tokenizer.size == 16
    assert 1 not in tokenizer.encode("a")


def test_every_text_has_bytes() -> None:
    tokenizer = train_tokenizer(TokenizerSpec("byte"), [], LM_SPECIALS)
    assert len(tokenizer.encode("猫")) == 3
    assert tokenizer.decode(tokenizer.encode("never seen: 猫 \x00")) == "never seen: 猫 \x00"


def test_pieces_are_the_text_cut_at_line_ends() -> None:
    text = "one\ntwo three\n" * 50 + "x" * 300
    found = list(pieces(text, 40))
    assert "".join(found) == text
    assert all(piece.endswith("\n") for piece in found[:20])
    assert max(map(len, found)) <= 40


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_pieces_of_words_are_learnt_and_read_alike_everywhere(kind: str, tmp_path: Path) -> None:
    words = ["walking", "walked", "talking", "talked", "walks", "talks", "a", "slowly", "quickly"]
    chance = np.random.default_rng(4)
    texts = [" ".join(words[i] for i in chance.integers(len(words), size=6)) for _ in range(200)]
    tokenizer = train_tokenizer(TokenizerSpec(kind, 300), texts, CLASSIFIER_SPECIALS)
    tokenizer.save(tmp_path / "tokenizer.json")
    again = load_tokenizer(tmp_path / "tokenizer.json")
    text = "a walking talks slowly"
    ids = again.encode(text)
    assert (again.kind, again.size) == (kind, tokenizer.size)
    assert ids.tolist() == tokenizer.encode(text).tolist()
    assert again.decode(ids) == text
    assert len(ids) < len(text)
    assert (again.encode("§") == 1).any()  # what was never seen is the unknown token
    whole = FastTokenizer.from_file(str(tmp_path / "tokenizer.json")).encode("talks", "walks").ids
    assert whole[0] == 2 and whole[-1] == 3 and whole.count(3) == 2
