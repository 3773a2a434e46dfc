"""Writing an export: `python -m training.exports.writing EXPORT`, started by the worker in a session of its own.

Knows no torch: the engine writes in a capped child without network, which dies with this process.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

if TYPE_CHECKING:
    from training.exports.models import OnnxExport

log = logging.getLogger("tandem.exports")
REFUSED = "This cannot be exported: "
SIGN_S = 15.0
_children: list[subprocess.Popen[bytes]] = []


def start_next() -> bool:
    """Start a process for the oldest export that waits, after failing what was left behind. False: nothing to do."""
    from training.exports import services

    _children[:] = [child for child in _children if child.poll() is None]
    services.give_up()
    export = services.claim()
    if export is None:
        return False
    _children.append(
        subprocess.Popen(
            [sys.executable, "-m", "training.exports.writing", str(export.pk)],
            cwd=settings.BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # restarting Celery does not touch it
        )
    )
    return True


def write(export: OnnxExport) -> None:
    """Write what was claimed, and keep it or say why not."""
    from training.exports import services
    from training.playground.child import NoAnswerError

    try:
        _write(export)
    except NoAnswerError as fault:
        services.fail(export, fault.reason, str(fault.__cause__ or ""))
    except Exception:  # whatever broke here must not leave the person waiting until the sweep
        log.exception("the export %s broke", export.pk)
        services.fail(export, "broke")


def _write(export: OnnxExport) -> None:
    from collab.kernel.blobs import digest_file, put_blob
    from training.exports import services
    from training.playground.answering import lay_out
    from training.playground.child import NoAnswerError
    from training.runner import confined

    room = 3 * export.version.size_bytes + (256 << 20)  # of the longest file; tables and constants come on top
    limits = confined.Limits(settings.EXPORT_SECONDS, settings.EXPORT_MEMORY_BYTES, room)
    with tempfile.TemporaryDirectory(prefix="tandem-onnx-") as name:
        folder = Path(name)
        package = lay_out(export.version, folder / "package")
        try:
            ended = confined.run_engine("export", str(package), str(folder / "onnx"), folder=folder, limits=limits)
        except TimeoutError:
            raise NoAnswerError("too_slow") from None
        if ended.code != 0:
            raise NoAnswerError(_reason(ended.code, ended.errors)) from _detail(ended.errors)
        archive = folder / "onnx.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as out:  # weights do not get smaller
            for path in sorted((folder / "onnx").iterdir()):
                out.write(path, path.name)
        sha256, size_bytes = digest_file(archive)
        put_blob(archive, sha256)
        services.finish(export, sha256=sha256, size_bytes=size_bytes, facts=json.loads(ended.out))


def _reason(code: int, errors: str) -> str:
    if code == -signal.SIGXCPU:
        return "too_slow"
    if "MemoryError" in errors or "bad_alloc" in errors or code == -signal.SIGKILL:
        return "too_much_memory"
    if code == 1 and REFUSED in errors:
        return "not_as_registered" if "manifest" in errors.rpartition(REFUSED)[2] else "not_exported"
    log.error("the export's process ended with %s: %s", code, errors[-4_000:])
    return "broke"


def _detail(errors: str) -> Exception | None:
    """What the engine says in its own words; nothing of a trace."""
    _before, refused, why = errors.rpartition(REFUSED)
    return ValueError(why.strip()) if refused else None


def main(argv: list[str]) -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
    django.setup()
    from training.exports.models import OnnxExport

    export = OnnxExport.objects.select_related("version__model").get(pk=UUID(argv[0]))
    over = threading.Event()
    signs = threading.Thread(target=give_signs, args=(export, over), daemon=True)
    signs.start()
    try:
        write(export)
    finally:
        over.set()
        signs.join()
    return 0


def give_signs(export: OnnxExport, over: threading.Event) -> None:
    """Say from time to time that it is being written, so that nobody waits for a process that was ended."""
    from django.db import DatabaseError, connection

    from training.exports import services

    while not over.wait(SIGN_S):
        try:
            services.hold(export)
        except DatabaseError:  # the next sign comes in time as well
            log.warning("no sign of the export %s", export.pk, exc_info=True)
    connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
