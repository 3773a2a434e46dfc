"""Which language a text is in, told offline: by its script and letters, and between Latin ones by their small words.

A text is told apart only by what is plain to see; a few words, a list of names or a formula are of no language. Nearly
related languages that share small words (Danish and Norwegian) and those not listed are not told.
"""

import functools
import re
import unicodedata
from collections import Counter

# Words that carry a sentence in one language and are rare in the others.
WORDS = {
    "de": "der die das und ist nicht ein eine einen mit auf für von dem den im zu sich auch wird sind es wir ich als",
    "en": "the and of to is in that it for with as was on are this be by not have from at which or but they we you",
    "es": "el la los las de que y en un una es por con para del se no lo su al como más pero está fue son",
    "fr": "le la les des et est une un dans que qui pour pas sur du au avec ce il elle nous vous ne sont plus par",
    "it": "il lo gli la di che è e un una per con non del della nel sono si da al come più ma anche questo alla",
    "nl": "de het een en van is dat niet op te in voor met zijn aan er om ook maar wordt door bij naar deze hij",
    "pt": "o os as de que e um uma é em para com não do da na no se por mais mas como foi são ao pelo",
    "sv": "och att det som en är på för med av inte den till har ett om men jag vi från kan var de sig",
}
# Letters that only one of the told languages of a script has.
MARKS = {
    "vi": re.compile("[ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệịỉĩọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]"),
    "pl": re.compile("[łąęśżźćń]"),
    "tr": re.compile("[ığş]"),
}
SCRIPTS = {
    "ARABIC": "ar",
    "CYRILLIC": "ru",
    "DEVANAGARI": "hi",
    "GREEK": "el",
    "HANGUL": "ko",
    "HEBREW": "he",
    "THAI": "th",
}
LANGUAGES = tuple(sorted({*WORDS, *MARKS, *SCRIPTS.values(), "fa", "ja", "uk", "zh"}))
OTHER = "other"
SEEN_CHARS = 4_000  # of a long text, from its beginning
LEAST_WEIGHT = 6  # letters; a Han character weighs as three
LEAST_WORDS = 4
WORD = re.compile(r"[^\W\d_]+")
SMALL = {language: frozenset(words.split()) for language, words in WORDS.items()}
HAN = "CJK"
KANA = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")  # the last is the mark of a long vowel


def language_of(text: str) -> str | None:
    """The code of the language (ISO 639-1), `other` for a script of none of them, None when it cannot be told."""
    text = unicodedata.normalize("NFKC", text[:SEEN_CHARS]).casefold()  # letters of full and half width are letters
    scripts: Counter[str] = Counter()
    for letter, times in Counter(text).items():
        if letter.isalpha():
            scripts[_script(letter)] += times * (3 if letter > "\u2e7f" else 1)
    if scripts.total() < LEAST_WEIGHT:
        return None
    kana = sum(scripts[name] for name in KANA)
    scripts[HAN] += kana
    for name in KANA:
        del scripts[name]
    script = max(scripts, key=lambda name: scripts[name])
    if script == HAN:
        return "ja" if kana > 0.05 * scripts[HAN] else "zh"
    if script == "CYRILLIC":
        return "uk" if re.search("[іїєґ]", text) else "ru"
    if script == "ARABIC":
        return "fa" if re.search("[پچژگ]", text) else "ar"
    if script == "LATIN":
        return _latin(text)
    return SCRIPTS.get(script, OTHER)


@functools.cache
def _script(letter: str) -> str:
    """The first word of the letter's name, which is its script."""
    return unicodedata.name(letter, "").split(" ")[0]


def _latin(text: str) -> str | None:
    words = WORD.findall(text)
    if len(words) < LEAST_WORDS:
        return None
    for language, mark in MARKS.items():
        if sum(bool(mark.search(word)) for word in words) > 0.15 * len(words):
            return language
    counts = {language: sum(word in small for word in words) for language, small in SMALL.items()}
    ranked = sorted(counts, key=lambda language: -counts[language])
    first, second = counts[ranked[0]], counts[ranked[1]]
    return ranked[0] if first > second and first >= max(2, 0.12 * len(words)) else None
