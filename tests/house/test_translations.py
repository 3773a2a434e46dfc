"""Every sentence is there in both languages, with the same parameters, and the compiled catalogue is current."""

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils.translation import gettext, ngettext, override

from training.engine.contract import HINTS, MESSAGES
from training.management.commands.translations import (
    SOURCES,
    catalogue_path,
    collect,
    differences,
    faults,
    missing,
    read,
    stale,
)

needs_xgettext = pytest.mark.skipif(
    shutil.which("xgettext") is None, reason="xgettext is not installed: apt-get install gettext"
)


@pytest.fixture(scope="module")
def collected():
    """The sentences of the code as they are now, with the translations of the catalogue."""
    return collect(known=catalogue_path())


@pytest.fixture
def locale(tmp_path, settings) -> Path:
    """A copy of locale/ that a test may spoil; answers with the path of its .po file."""
    shutil.copytree(settings.LOCALE_PATHS[0], tmp_path / "locale")
    settings.LOCALE_PATHS = [tmp_path / "locale"]
    return catalogue_path()


def test_every_sentence_of_the_catalogue_is_translated_with_its_parameters():
    found = list(faults(read(catalogue_path())))
    assert found == [], "\n".join(["Mend these in locale/, then run manage.py translations:", *found])


def test_the_compiled_catalogue_is_current():
    assert list(stale(catalogue_path())) == []


@needs_xgettext
def test_every_sentence_of_the_code_is_in_the_catalogue(collected):
    found = list(missing(read(catalogue_path()), collected))
    assert found == [], "\n".join(["Run manage.py translations, then translate:", *found])


@needs_xgettext
def test_collecting_keeps_translations_and_the_form_of_the_file(collected):
    known = read(catalogue_path())
    after = {(entry.msgctxt, entry.msgid): entry.msgstr for entry in collected}
    lost = [entry.msgid for entry in known if after.get((entry.msgctxt, entry.msgid), entry.msgstr) != entry.msgstr]
    assert lost == []
    assert collected.metadata == known.metadata


def test_gettext_goes_by_names_that_are_collected():
    aliases = re.compile(r"import (?:\w+, )*gettext(?:_lazy)? as (\w+)")
    files = [path for room in SOURCES for path in (settings.BASE_DIR / room).rglob("*.py")]
    names = {name for path in files for name in aliases.findall(path.read_text(encoding="utf-8"))}
    assert names == {"_", "_now"}, "xgettext does not know these names: see _Collector"


def test_the_engines_sentences_are_translated():
    known = {entry.msgid for entry in read(catalogue_path())}
    assert {*MESSAGES.values(), *HINTS.values()} <= known


def test_a_reader_of_chinese_gets_chinese():
    with override("zh-hans"):
        found = gettext("Agreements"), gettext(MESSAGES["too_small"]) % {"limit": 3}, ngettext("%(n)d day", "", 2)
    assert found == ("协议", "不得小于 3。", "%(n)d 天")


@needs_xgettext
def test_check_names_what_is_wrong_and_changes_nothing(locale):
    catalogue = read(locale)
    new, empty, unsure, changed = [entry for entry in catalogue if not entry.msgid_plural][:4]
    expected = [
        f"new, run `manage.py translations`: {new.msgid!r}",
        f"not translated: {empty.msgid!r}",
        f"fuzzy, read it again and remove the mark: {unsure.msgid!r}",
        f"other %(…)s parameters: {changed.msgid!r}",
    ]
    catalogue.remove(new)
    empty.msgstr = ""
    unsure.flags.append("fuzzy")
    changed.msgstr += "%(more)s"
    locale.write_text(str(catalogue) + "\n", encoding="utf-8")
    before = {path: path.read_bytes() for path in locale.parent.iterdir()}
    with pytest.raises(CommandError) as refused:
        call_command("translations", check=True)
    assert [one for one in [*expected, "django.mo is not what"] if one not in str(refused.value)] == []
    assert {path: path.read_bytes() for path in locale.parent.iterdir()} == before


def test_a_compiled_file_that_is_old_is_told(locale):
    locale.with_suffix(".mo").write_bytes(polib.POFile().to_binary())
    assert len(list(stale(locale))) == 1


def test_without_xgettext_the_remedy_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CommandError, match="apt-get install gettext"):
        call_command("translations", check=True)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("%(n)d rows", "行"),
        ("%(n)d rows", "%(n)s 行"),
        ("%(share)s of all", "%(share)s，占 5%"),
        ("at %s", "在 %s %s"),
        ("{count} rows", "{number} 行"),
        ("the <b>last</b> one", "最后一个"),
        ("fish &amp; chips", "鱼 & 薯条"),
        ("a line\n", "一行"),
    ],
)
def test_a_translation_that_lost_something_is_told(source, text):
    assert list(differences(source, text)) != []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("%(n)d of %(all)d rows", "%(all)d 行中的 %(n)d 行"),
        ("{percent} % of “{column}”", "“{column}”的 {percent} %"),
        ("100%% of %(n)s", "%(n)s 的 100%%"),
        ('such as {{"text": "…"}}', '例如 {{"text": "…"}}'),
        ('<a href="%(url)s">Sign in</a>', '<a href="%(url)s">登录</a>'),
    ],
)
def test_a_faithful_translation_passes(source, text):
    assert list(differences(source, text)) == []
