"""Files to keep: never shown inside the site, named by their hash, and resumable where they are large."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

_CHUNK = 1 << 20
STILL_EVERY_S = 1.0  # how long a right that was lost goes on, beside the piece that is under way
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def attachment(content: bytes, name: str, sha256: str, content_type: str = "application/pdf") -> HttpResponse:
    """A small file, whole."""
    response = HttpResponse(content, content_type=content_type)
    _dress(response, name, sha256)
    return response


def resumable(
    request: HttpRequest,
    path: Path,
    name: str,
    sha256: str,
    content_type: str,
    *,
    still: Callable[[], bool] | None = None,
) -> HttpResponseBase:
    """A large file in pieces; a client that lost the connection asks for the rest by `Range`.

    One range at a time. With `If-Range` of another file the whole file is sent, so pieces of two are never joined.
    `still` is asked again and again while pieces go out, a second apart at most; once it says no the connection is cut.
    """
    size = path.stat().st_size
    wanted = _range_of(request, size, sha256)
    response: HttpResponseBase
    if wanted is None and still is not None:
        response = StreamingHttpResponse(_pieces(path, 0, size - 1, still), content_type=content_type)
        response["Content-Length"] = str(size)
    elif wanted is None:
        response = FileResponse(path.open("rb"), content_type=content_type)
    elif wanted == ():
        response = HttpResponse(status=416, content_type=content_type)
        response["Content-Range"] = f"bytes */{size}"
    else:
        first, last = wanted
        response = StreamingHttpResponse(_pieces(path, first, last, still), status=206, content_type=content_type)
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
        response["Content-Length"] = str(last - first + 1)
    _dress(response, name, sha256)
    response["Accept-Ranges"] = "bytes"
    return response


def _dress(response: HttpResponseBase, name: str, sha256: str) -> None:
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["ETag"] = f'"{sha256}"'


def _range_of(request: HttpRequest, size: int, sha256: str) -> tuple[int, int] | tuple[()] | None:
    """(first, last) byte, both included; None for the whole file, an empty tuple for what cannot be sent."""
    found = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if found is None or request.headers.get("If-Range", f'"{sha256}"') != f'"{sha256}"':
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:  # the last so many bytes
        begin, end = max(0, size - int(last)), size - 1
        return (begin, end) if int(last) else ()
    begin, end = int(first), min(int(last) if last else size - 1, size - 1)
    return (begin, end) if begin <= end else ()


def _pieces(path: Path, first: int, last: int, still: Callable[[], bool] | None = None) -> Iterator[bytes]:
    left, asked = last - first + 1, time.monotonic()
    with path.open("rb") as file:
        file.seek(first)
        while left > 0 and (piece := file.read(min(_CHUNK, left))):
            if still is not None and time.monotonic() - asked >= STILL_EVERY_S:
                asked = time.monotonic()
                if not still():  # the length was told, so only a cut connection says that this is not the end
                    raise ConnectionResetError(errno.ECONNRESET, "the right to this file was lost while it was sent")
            left -= len(piece)
            yield piece
