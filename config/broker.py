"""The filesystem broker with messages that appear whole, and that survives torn files.

kombu opens a message's file under its final name and writes it afterwards. A worker that polls in between reads an
empty file, and a message that is no JSON ends the worker; so does the table of an exchange. Here files are written
aside and renamed into place, and what a power cut has torn is passed over: the broker is a doorbell only.
"""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

from kombu import transport
from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps
from kombu.utils.uuid import uuid

log = logging.getLogger("tandem.broker")


class Channel(filesystem.Channel):
    """kombu's, except for how files come into being."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        # kombu orders messages by name: milliseconds first
        name = f"{round(monotonic() * 1000)}_{uuid()}.{queue}.msg"
        with self._aside(Path(self.data_folder_out), payload) as whole:
            whole.replace(whole.with_name(name))

    def _get(self, queue: str) -> Any:  # type: ignore[override]
        while True:
            try:
                return super()._get(queue)
            except ValueError:  # kombu has moved the file away before it read it
                log.warning("a torn message was passed over in queue %s", queue)

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        # kombu creates the table of an exchange empty, too; from here on it finds one, and takes its lock
        file = self._exchange_file(exchange)
        self.control_folder.mkdir(exist_ok=True)
        if not file.exists():
            with self._aside(self.control_folder, []) as whole, contextlib.suppress(FileExistsError):
                file.hardlink_to(whole)  # unlike a rename it fails when somebody else was first
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except ValueError:
            log.warning("the torn table of exchange %s is written anew", exchange)
            with self._aside(self.control_folder, []) as whole:
                whole.replace(file)
            super()._queue_bind(exchange, routing_key, pattern, queue)

    @staticmethod
    @contextlib.contextmanager
    def _aside(folder: Path, content: Any) -> Iterator[Path]:
        """A file with this content as JSON, under a name that nobody looks for; gone at the end unless renamed."""
        text = str_to_bytes(dumps(content))
        file = folder / f"{uuid()}.new"
        try:
            file.write_bytes(text)
            yield file
            file.unlink(missing_ok=True)
        except OSError as fault:
            raise ChannelError(f"Cannot add a file to the folder {str(folder)!r}") from fault


class Transport(filesystem.Transport):
    Channel = Channel


def register() -> None:
    """Let `filesystem://` mean this transport, in every process that loads our Celery app."""
    transport.TRANSPORT_ALIASES["filesystem"] = "config.broker:Transport"
