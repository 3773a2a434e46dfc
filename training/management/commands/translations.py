"""`manage.py translations`: bring locale/ up to date with the sentences in the code; `--check` only looks.

It lives in `training` because it reads the engine's sentences as well, and training may import every room below it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.commands import makemessages

from training.engine.contract import HINTS, MESSAGES

try:
    import polib
except ImportError:  # a development requirement: an installation that only serves does not have it
    polib = None

LOCALE = "zh_Hans"
SOURCES = ("config", "collab", "registry", "training", "templates")
SUFFIXES = {".py", ".html", ".txt"}
NO_XGETTEXT = "xgettext is not installed, so sentences cannot be collected: apt-get install gettext"
HEADER = "Tandem in Simplified Chinese. Written by `manage.py translations`; translate the empty msgstr lines."
METADATA = {
    "Project-Id-Version": "Tandem",
    "Language": LOCALE,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}


class _Collector(makemessages.Command):
    """Django's makemessages, which would write into LOCALE_PATHS, kept to the folder it is started in.

    `_now` is how modules that also translate lazily name the gettext of this moment.
    """

    settings_available = False
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=_now"]


class Command(BaseCommand):
    help = "Collect the sentences to translate into locale/ and compile them; --check reports and changes nothing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="report what is missing or wrong; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if polib is None:
            raise CommandError("polib is not installed: `make check` installs the development requirements.")
        if shutil.which("xgettext") is None:
            raise CommandError(NO_XGETTEXT)
        path = catalogue_path()
        if options["check"]:
            self._check(path)
            return
        catalogue = collect(known=path if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(catalogue) + "\n", encoding="utf-8")
        path.with_suffix(".mo").write_bytes(catalogue.to_binary())
        todo = [*catalogue.untranslated_entries(), *catalogue.fuzzy_entries()]
        self.stdout.write(f"{len(catalogue)} sentences, {len(todo)} of them to translate in {path}")
        for fault in faults(catalogue):
            self.stdout.write(f"  {fault}")

    def _check(self, path: Path) -> None:
        if not path.exists():
            raise CommandError(f"{path} is not there: run `manage.py translations`.")
        catalogue, fresh = read(path), collect()
        found = [*missing(catalogue, fresh), *faults(catalogue), *stale(path)]
        if found:
            raise CommandError("Translations are not in order.\n" + "\n".join(f"  {one}" for one in found))
        self.stdout.write(f"{len(catalogue)} sentences, all translated.")
        unused = len({_key(entry) for entry in catalogue} - {_key(entry) for entry in fresh})
        if unused:
            self.stdout.write(f"{unused} of them are in use no longer; `manage.py translations` removes them.")


def catalogue_path() -> Path:
    """The file that translators edit; the compiled one lies beside it as .mo."""
    return Path(settings.LOCALE_PATHS[0]) / LOCALE / "LC_MESSAGES" / "django.po"


def read(path: Path) -> Any:
    """A catalogue (polib.POFile) from a .po file. Raises CommandError when it cannot be read as one."""
    try:
        return polib.pofile(str(path), encoding="utf-8", wrapwidth=0)
    except (OSError, UnicodeDecodeError) as fault:
        raise CommandError(f"{path} cannot be read: {fault}") from None


def collect(*, known: Path | None = None) -> Any:
    """Every sentence of code, templates and engine as a catalogue, with the translations of `known` where they fit.

    Works on a copy of the sources: makemessages writes beside every template it reads. Needs GNU gettext.
    """
    with tempfile.TemporaryDirectory(prefix="tandem-translations-") as name:
        folder = Path(name)
        _copy_sources(folder)
        # A sentence in a plain table is invisible to xgettext, so write the engine's down in the form it looks for.
        sentences = sorted({*MESSAGES.values(), *HINTS.values()})
        lines = "".join(f"gettext_noop({sentence!r})\n" for sentence in sentences)
        (folder / "training" / "engine" / "collected_sentences.py").write_text(lines, encoding="utf-8")
        made = folder / "locale" / LOCALE / "LC_MESSAGES" / "django.po"
        made.parent.mkdir(parents=True)
        if known is not None:
            shutil.copyfile(known, made)
        with contextlib.chdir(folder):
            call_command(_Collector(), locale=[LOCALE], no_location=True, no_obsolete=True, verbosity=0)
        return _plain(read(made))


def _copy_sources(folder: Path) -> None:
    for room in SOURCES:
        for path in sorted((settings.ROOT / room).rglob("*")):
            if path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                copy = folder / path.relative_to(settings.ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):  # removed since it was listed: an editor's passing file
                    shutil.copyfile(path, copy)


def _plain(collected: Any) -> Any:
    """The same entries under a header without dates, so the file changes only when a sentence does."""
    catalogue = polib.POFile(wrapwidth=0, encoding="utf-8")
    catalogue.header = HEADER
    catalogue.metadata = dict(METADATA)
    catalogue.extend(entry for entry in collected if not entry.obsolete)
    return catalogue


# --- what can be wrong ------------------------------------------------------------------------------------------------


def missing(catalogue: Any, fresh: Any) -> Iterator[str]:
    """Sentences of the code that the catalogue does not know."""
    known = {_key(entry) for entry in catalogue}
    for entry in fresh:
        if _key(entry) not in known:
            yield f"new, run `manage.py translations`: {entry.msgid!r}"


def faults(catalogue: Any) -> Iterator[str]:
    """Entries without a usable translation: empty, fuzzy, or with other parameters or markup than the source."""
    for entry in catalogue:
        if entry.obsolete:
            continue
        texts = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        if not all(texts) or not texts:
            yield f"not translated: {entry.msgid!r}"
        elif entry.fuzzy:
            yield f"fuzzy, read it again and remove the mark: {entry.msgid!r}"
        else:
            source = entry.msgid_plural or entry.msgid
            for text in texts:
                yield from (f"{what}: {entry.msgid!r} → {text!r}" for what in differences(source, text))


def stale(path: Path) -> Iterator[str]:
    """Whether the compiled file is what the text file compiles to."""
    compiled = path.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != read(path).to_binary():
        yield f"{compiled.name} is not what {path.name} compiles to: run `manage.py translations`"


_NAMED = re.compile(r"%\(\w+\)[-#0 +]*[\d.]*[a-z]")
_POSITIONAL = re.compile(r"(?<!%)(?:%%)*%[sd]")
_BRACED = re.compile(r"\{\w*\}")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&#?\w+;")


class _Anything(dict):
    """A value for every parameter: numbers print under %s and %d alike."""

    def __missing__(self, key: str) -> int:
        return 1


def differences(source: str, text: str) -> Iterator[str]:
    """What a translation lost or gained against its source: parameters, percent signs, tags and entities."""
    if set(_NAMED.findall(source)) != set(_NAMED.findall(text)):
        yield "other %(…)s parameters"
    elif len(_POSITIONAL.findall(source)) != len(_POSITIONAL.findall(text)):
        yield "other %s parameters"
    elif _NAMED.search(source) and _fails(source) != _fails(text):
        yield "a percent sign that formatting cannot read (write %%)"
    if set(_BRACED.findall(source)) != set(_BRACED.findall(text)):
        yield "other {…} parameters"
    if sorted(_MARKUP.findall(source)) != sorted(_MARKUP.findall(text)):
        yield "other tags or entities"
    if [source[:1] == "\n", source[-1:] == "\n"] != [text[:1] == "\n", text[-1:] == "\n"]:
        yield "other line breaks at the ends"


def _fails(template: str) -> bool:
    """Whether %-formatting with a value for every name breaks."""
    try:
        template % _Anything()
    except (TypeError, ValueError):
        return True
    return False


def _key(entry: Any) -> tuple[str | None, str, str]:
    return entry.msgctxt, entry.msgid, entry.msgid_plural
