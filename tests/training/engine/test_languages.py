"""In which language a text is: by what is plain to see, and nothing where nothing is."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.engine.languages import LANGUAGES, LEAST_WEIGHT, MARKS, OTHER, SCRIPTS, SEEN_CHARS, WORDS, language_of

quick = settings(max_examples=30, deadline=None, derandomize=True)
# A word or two of each script that is told, of six letters at least.
SCRIPT = {
    "ar": "المدرسة",
    "el": "σχολείο",
    "he": "הספרים",
    "hi": "विद्यालय में",
    "ko": "학교에서",
    "ru": "собака",
    "th": "โรงเรียน",
    "zh": "学校",
    "ja": "がっこう",
    "uk": "їжачок",
    "fa": "گربه‌های",
    OTHER: "ትምህርት ቤት",
}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        # Japanese is told by its syllables, also where a word has nothing but them.
        *(("サーバー", "ja"), ("コーヒーメーカー", "ja"), ("ラーメン", "ja"), ("ｺｰﾋｰﾒｰｶｰ", "ja"), ("人々の時々", "ja")),
        *(("東京都の本部", "ja"), ("ひらがな", "ja"), ("東京都本部", "zh"), ("时时刻刻", "zh")),
        # One mark of a foreign word in twenty does not make a text Japanese.
        (f"{'我们学习人工智能' * 4}の", "zh"),
        (f"{'我们学习人工智能' * 3}のは", "ja"),
        # Letters of full and half width are letters.
        ("ＴＨＥ　ＤＯＧ　ＩＳ　ＩＮ　ＴＨＥ　ＨＯＵＳＥ", "en"),
        ("ﾊﾛｰ", "ja"),
        ("ﻣﺪﺭﺳﺔ ﻛﺒﻴﺮﺓ", "ar"),  # letters in the form of their place
        # What a text has most of
        ("我们用 PyTorch 和 CUDA 训练模型", "zh"),
        ("собака the of", "ru"),
        ("ab собак", "ru"),
        # Too little to tell
        *(("", None), ("abc", None), ("12345 67890", None), ("😀😀😀😀😀😀😀", None), ("猫", None), ("猫狗", "zh")),
        *(("собак", None), ("собака", "ru"), ("学", None), ("…!?", None), (" \n\t", None)),
        # Latin letters tell nothing by themselves.
        *(("abcdef ghijkl mnopqr stuvwx", None), ("the and of", None), ("the and of xx", "en")),
        *(("the xxx xxx xxx", None), ("the and xxx xxx", "en"), ("the and" + " xxx" * 14, "en")),
        *(("the and" + " xxx" * 15, None), ("la un la un", None), ("le la les un", "fr")),
        ("MgO NaCl H2O CO2 KOH", None),
        ("John Smith Mary Jones Paul Brown", None),
        # Letters of one language: in more than 15 of a hundred words
        ("łąka xxxx xxxx xxxx xxxx xxxx", "pl"),
        ("łąka xxxx xxxx xxxx xxxx xxxx xxxx", None),
        ("THE DOG AND THE CAT", "en"),
        ("ÉTÉ EST UNE SAISON DANS LES PAYS", "fr"),
    ],
)
def test_a_text_is_told_by_what_it_holds(text: str, language: str | None) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("language", SCRIPT)
def test_every_script_is_known_with_foreign_marks_and_in_either_case(language: str) -> None:
    text = SCRIPT[language]
    for said in (text, text.upper(), f"{text} 123 — (x)!", f"  {text}\n", unicodedata.normalize("NFD", text)):
        assert language_of(said) == language, said


@pytest.mark.parametrize("language", WORDS)
def test_small_words_of_a_language_tell_it(language: str) -> None:
    """A sentence in which every other word is one of those that no other language has."""
    others = {word for other, words in WORDS.items() if other != language for word in words.split()}
    own = [word for word in WORDS[language].split() if word not in others]
    assert len(own) >= 6
    assert language_of(" ".join(f"{word} xxxxx" for word in own)) == language
    assert language_of(" ".join(f"{word.upper()}, xxxxx." for word in own)) == language


@pytest.mark.parametrize("language", MARKS)
def test_letters_of_a_language_are_no_others(language: str) -> None:
    for other, mark in MARKS.items():
        if other != language:
            assert not mark.search(MARKS[language].pattern)
    assert not any(MARKS[language].search(words) for words in WORDS.values())


def test_what_may_be_asked_for_is_what_can_be_told() -> None:
    assert sorted(LANGUAGES) == list(LANGUAGES) and len(set(LANGUAGES)) == len(LANGUAGES)
    assert set(LANGUAGES) == {*WORDS, *MARKS, *SCRIPTS.values(), "zh", "ja", "uk", "fa"}
    assert OTHER not in LANGUAGES


@quick
@given(text=st.text(max_size=60))
def test_any_text_has_one_answer_whatever_its_form(text: str) -> None:
    found = language_of(text)
    assert found in (*LANGUAGES, OTHER, None)
    assert language_of(unicodedata.normalize("NFD", text)) == found
    assert language_of(f" {text}\n\n") == found
    letters = sum(c.isalpha() for c in unicodedata.normalize("NFKC", text))
    if 3 * letters < LEAST_WEIGHT:
        assert found is None


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert language_of("собака " * 1_000 + "学校" * 90_000) == "ru"
    assert language_of("." * SEEN_CHARS + "собака") is None
    assert language_of("." * (SEEN_CHARS - 6) + "собака") == "ru"
