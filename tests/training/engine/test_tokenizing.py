"""Our character and byte tables, and the tokenizers library reading the same file, agree on every text."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as FastTokenizer

from training.engine.spec import TokenizerSpec
from training.engine.tokenizing import (
    CAPTION_SPECIALS,
    CLASSIFIER_SPECIALS,
    LM_SPECIALS,
    MASKED_SPECIALS,
    SEQ2SEQ_SPECIALS,
    UNKNOWNS,
    byte_alphabet,
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


# -- every kind, on texts of every script


ZH = ["我们今天去公园看花。", "他们明天去学校上课。", "今天天气很好，我们去公园。"] * 20
MIXED = [
    "Grüße an 世界 — the GPU ran 3 épochs.",
    "サーバーは東京にある。",
    "Привет, мир! 😀",
    "tab\there\nline\r\n",
] * 20
ALL = {
    "char": TokenizerSpec("char"),
    "byte": TokenizerSpec("byte"),
    "bpe": TokenizerSpec("bpe", 400),
    "wordpiece": TokenizerSpec("wordpiece", 400),
    "unigram": TokenizerSpec("unigram", 400),
}
EXACT = ("char", "byte", "bpe", "unigram")  # what comes back as it was; WordPiece keeps no white space
learnt = functools.cache(lambda kind: train_tokenizer(ALL[kind], ZH + MIXED, CLASSIFIER_SPECIALS))


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("text", sorted({*ZH, *MIXED}))
def test_a_text_that_was_learnt_from_comes_back(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    ids = tokenizer.encode(text)
    assert ids.dtype == np.int64 and ids.min() >= len(CLASSIFIER_SPECIALS) and ids.max() < tokenizer.size
    told = tokenizer.decode(ids)
    if kind in EXACT:
        assert told == text
    else:
        assert "".join(told.split()) == "".join(text.split())
        assert told == text or not set(text) <= set("".join(ZH))  # between Chinese stands no space


@pytest.mark.parametrize("kind", ALL)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(text=st.text(st.sampled_from("我们去公园，。 abé世\n😀\ud800猫☃"), max_size=24))
def test_tokens_lie_where_they_stand_in_any_text(kind: str, text: str) -> None:
    tokenizer = learnt(kind)
    ids, places = tokenizer.encode_places(text)
    assert np.array_equal(ids, tokenizer.encode(text)) and places.shape == (len(ids), 2)
    assert all(0 <= begin <= end <= len(text) for begin, end in places)
    assert (np.diff(places[:, 0]) >= 0).all()
    covered = {place for begin, end in places for place in range(begin, end)}
    assert {n for n, char in enumerate(text) if not char.isspace()} <= covered
    for token, (begin, end) in zip(ids.tolist(), places.tolist(), strict=True):
        piece = tokenizer.decode([token])
        if kind in ("char", "wordpiece") and token != 1:
            assert piece.removeprefix("##") == text[begin:end].replace("\ud800", "?")
    if kind in ("byte", "bpe"):
        assert tokenizer.decode(ids) == text.replace("\ud800", "?")  # halves of pairs are no text


@pytest.mark.parametrize("kind", ALL)
def test_halves_of_pairs_of_utf_16_stop_nothing(kind: str) -> None:
    tokenizer = train_tokenizer(ALL[kind], ["a\ud800b 猫"] * 20, LM_SPECIALS)
    found = tokenizer.encode("\udfffab")
    assert found.tolist() == tokenizer.encode("?ab").tolist()


@pytest.mark.parametrize("kind", ["char", "bpe", "wordpiece", "unigram"])
@pytest.mark.parametrize("vocab", [300, 700])
def test_no_vocabulary_is_larger_than_what_was_asked_for(kind: str, vocab: int) -> None:
    """Of a thousand Chinese characters and some letters the most frequent stay; the others are unknown."""
    chance = np.random.default_rng(3)
    often, seldom = "".join(map(chr, range(0x4E00, 0x4E64))), "".join(map(chr, range(0x5000, 0x5384)))
    letters = "".join(map(chr, range(0x100, 0x15A)))
    texts = ["".join(chance.permutation(list(often + letters))) for _ in range(12)] + [seldom]
    tokenizer = train_tokenizer(TokenizerSpec(kind, vocab), texts, CLASSIFIER_SPECIALS)
    assert tokenizer.size <= vocab
    if kind in ("char", "unigram"):
        assert tokenizer.size >= vocab - 2
    if kind != "bpe":
        assert (tokenizer.encode(often) != 1).all()
        unknown = sum((tokenizer.encode(char) == 1).any() for char in seldom)
        assert len(seldom) > unknown >= len(seldom) - (vocab - 4 - 190)


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_a_vocabulary_with_room_for_all_characters_has_all(kind: str) -> None:
    letters = "".join(map(chr, range(0x100, 0x164)))
    tokenizer = train_tokenizer(TokenizerSpec(kind, 300), [letters, "一二三" * 2], CLASSIFIER_SPECIALS)
    assert not (tokenizer.encode(letters) == 1).any() and not (tokenizer.encode("三一二") == 1).any()


@pytest.mark.parametrize("kind", ["char", "wordpiece", "unigram"])
def test_one_unknown_character_does_not_make_a_chinese_sentence_unknown(kind: str) -> None:
    ids = learnt(kind).encode("我们明天去猫园看花。").tolist()
    assert ids.count(1) == 1 and len(ids) >= 6
    assert learnt(kind).decode(ids) == "我们明天去园看花。"


@pytest.mark.parametrize("kind", ALL)
def test_a_saved_tokenizer_is_the_one_that_was_learnt(kind: str, tmp_path: Path) -> None:
    learnt(kind).save(tmp_path / "tokenizer.json")
    again = load_tokenizer(tmp_path / "tokenizer.json")
    theirs = FastTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert (again.kind, again.size, again.specials) == (kind, learnt(kind).size, learnt(kind).specials)
    for text in (*ZH[:3], *MIXED[:4], "", " ", "unseen ☃"):
        ids = again.encode(text).tolist()
        assert ids == learnt(kind).encode(text).tolist() == theirs.encode(text, add_special_tokens=False).ids
        assert again.decode(ids) == theirs.decode(ids)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "specials", [LM_SPECIALS, CLASSIFIER_SPECIALS, MASKED_SPECIALS, SEQ2SEQ_SPECIALS, CAPTION_SPECIALS]
)
def test_marks_come_first_and_are_never_told(kind: str, specials: tuple[str, ...]) -> None:
    tokenizer = train_tokenizer(ALL[kind], ["the cat sat on the mat"] * 9, specials)
    assert [tokenizer.specials[name] for name in specials] == list(range(len(specials)))
    ids = tokenizer.encode("the cat").tolist()
    assert tokenizer.decode([0, *ids, len(specials) - 1]) == tokenizer.decode(ids) == "the cat"
    assert tokenizer.decode(range(len(specials))) == ""
    assert tokenizer.document["added_tokens"][1]["content"] in UNKNOWNS


@pytest.mark.parametrize(
    ("specials", "alone", "pair"),
    [
        (LM_SPECIALS, [2, 3], [2, 3, 3, 2]),
        (CLASSIFIER_SPECIALS, [2, 4, 5, 3], [2, 4, 5, 3, 5, 4, 3]),
        (MASKED_SPECIALS, [2, 5, 6, 3], [2, 5, 6, 3, 6, 5, 3]),
        (SEQ2SEQ_SPECIALS, [3, 4, 2], [3, 4, 2, 4, 3, 2]),
        (CAPTION_SPECIALS, [4, 5, 3], [4, 5, 3, 5, 4, 3]),
    ],
)
def test_the_file_frames_texts_and_pairs_by_their_marks(
    specials: tuple[str, ...], alone: list[int], pair: list[int], tmp_path: Path
) -> None:
    train_tokenizer(TokenizerSpec("char"), ["ab"], specials).save(tmp_path / "tokenizer.json")
    theirs = FastTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert theirs.encode("ab").ids == alone and theirs.encode("ab", "ba").ids == pair


def test_the_bytes_of_gpt_2_stand_for_themselves() -> None:
    """As its paper's code has them: a space is Ġ, a line end Ċ, and all of them are printable and different."""
    found = byte_alphabet()
    assert len(set(found)) == 256 and all(char.isprintable() and not char.isspace() for char in found)
    assert (found[32], found[10], found[0], found[65], found[0xAD], found[0xFF]) == ("Ġ", "Ċ", "Ā", "A", "Ń", "ÿ")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(text=st.text("ab\n猫", max_size=40))
def test_pieces_are_the_text_and_end_behind_lines(size: int, text: str) -> None:
    found = list(pieces(text, size))
    assert "".join(found) == text and all(found) and all(len(piece) <= size for piece in found)
    for piece in found[:-1]:  # a piece ends in the middle of a line only where it holds no line end
        assert piece.endswith("\n") or ("\n" not in piece and len(piece) == size)


def test_a_long_text_is_encoded_in_parts() -> None:
    tokenizer = train_tokenizer(TokenizerSpec("char"), ["ab\n"], LM_SPECIALS)
    text = ("a" * 999 + "\n") * 450
    parts = list(tokenizer.encode_parts(text))
    assert [len(part) for part in parts] == [200_000, 200_000, 50_000]
    assert np.array_equal(np.concatenate(parts), tokenizer.encode(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("CBr", ["C", "Br"]),
        ("BrCl[Cl-]", ["Br", "Cl", "[Cl-]"]),
        ("C%12%1", ["C", "%12", "%", "1"]),
        ("[13C@@H][", ["[13C@@H]", "["]),
        ("N#Cc1", ["N", "#", "C", "c", "1"]),
        ("[Na+].[O-]", ["[Na+]", ".", "[O-]"]),
    ],
)
def test_molecules_are_cut_by_their_grammar(text: str, parts: list[str]) -> None:
    tokenizer = train_tokenizer(TokenizerSpec("smiles"), [text], LM_SPECIALS)
    names = {number: word for word, number in tokenizer.vocab.items()}
    assert [names[number] for number in tokenizer.encode(text).tolist()] == parts
    places = tokenizer.encode_places(text)[1].tolist()
    assert [text[begin:end] for begin, end in places] == parts


def test_the_most_frequent_atoms_stay() -> None:
    texts = ["[A1]" * 3, *[f"[X{n}]" * 2 for n in range(40)], "[B1]" * 9]
    tokenizer = train_tokenizer(TokenizerSpec("smiles", 16), texts, LM_SPECIALS)
    assert tokenizer.size == 16
    assert {"[A1]", "[B1]", "[X0]", "[X1]"} <= set(tokenizer.vocab) and "[X9]" not in tokenizer.vocab


# -- marks that stand in a text

MARKED = {**ALL, "smiles": TokenizerSpec("smiles", 40), "protein": TokenizerSpec("protein")}
ALL_SPECIALS = (LM_SPECIALS, CLASSIFIER_SPECIALS, MASKED_SPECIALS, SEQ2SEQ_SPECIALS, CAPTION_SPECIALS)


@pytest.mark.parametrize("kind", MARKED)
@pytest.mark.parametrize("specials", ALL_SPECIALS)
def test_a_mark_in_a_text_is_plain_text(kind: str, specials: tuple[str, ...], tmp_path: Path) -> None:
    """Only who puts a mark by its number has one: not a text that says its name, learnt from or new."""
    learnt_from = [f"the cat {mark} sat{mark}on {mark}" for mark in specials] * 9
    train_tokenizer(MARKED[kind], learnt_from, specials).save(tmp_path / "tokenizer.json")
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    for mark in specials:
        for text in (mark, f"the cat{mark} sat", f"on {mark} ", mark * 2):
            ids, places = tokenizer.encode_places(text)
            assert ids.tolist() == tokenizer.encode(text).tolist()
            assert set(ids.tolist()) & set(range(len(specials))) <= {1}  # what is not known is a token, and no mark
            assert (places[:, 0] >= 0).all() and (places[:, 1] <= len(text)).all()
            if kind in ("bpe", "unigram", "byte", "char"):
                assert tokenizer.decode(ids) == text
            if kind == "wordpiece":
                assert "".join(tokenizer.decode(ids).split()) == "".join(text.split())


@pytest.mark.parametrize("kind", MARKED)
@pytest.mark.parametrize("specials", ALL_SPECIALS)
def test_marks_in_what_is_learnt_from_leave_each_number_to_one_token(kind: str, specials: tuple[str, ...]) -> None:
    tokenizer = train_tokenizer(MARKED[kind], [f"C{mark}N {mark}" for mark in specials] * 9, specials)
    theirs = FastTokenizer.from_str(json.dumps(tokenizer.document))
    assert sorted(tokenizer.vocab.values()) == list(range(tokenizer.size))
    assert [theirs.token_to_id(mark) for mark in specials] == list(range(len(specials)))
    assert tokenizer.size == theirs.get_vocab_size()
