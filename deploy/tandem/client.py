"""A small client of Tandem's REST API, as a partner might write it: urllib and a token."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib import error, parse, request

from deploy.tandem.say import Trouble


class ApiError(Trouble):
    """The API said no. The sentence is the API's own, with the field it is about."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.api_code = str(body.get("code", ""))
        about = [str(body["field"])] if body.get("field") else []
        about += [f"request {body['request_id']}"] if body.get("request_id") else []
        more = [row.get("detail") for row in [*(body.get("missing") or []), *(body.get("errors") or [])][:5]]
        super().__init__(
            f"The API answered {status}: {body.get('detail', 'no reason given')}"
            + (f" ({'; '.join(about)})" * bool(about)),
            lines=[str(text) for text in more if text],
        )


class Unreachable(Trouble):
    """Nobody answers at the address."""


class Client:
    """JSON in, JSON out, against one Tandem."""

    def __init__(self, base_url: str, token: str, *, timeout_s: float = 60.0) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token
        self.timeout_s = timeout_s
        # loopback must not go through a proxy that the environment names
        self._opener = request.build_opener(request.ProxyHandler({}))

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path + (f"?{parse.urlencode(query)}" if query else ""))

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> Any:
        """`key` makes a repeated call harmless: the API answers with what the first one created."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        return self._call("POST", path, json.dumps(body).encode(), headers)

    def upload(self, path: str, file: Path, *, content_type: str, fields: Mapping[str, str] | None = None) -> Any:
        """POST one file as multipart form data."""
        border = uuid.uuid4().hex
        parts = [
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in (fields or {}).items()
        ]
        parts.append(
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n".encode()
        )
        body = b"".join([*parts, file.read_bytes(), f"\r\n--{border}--\r\n".encode()])
        return self._call("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={border}"})

    def _call(self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Any:
        call = request.Request(self.base_url + path, data=body, method=method, headers=dict(headers or {}))
        call.add_header("Authorization", f"Bearer {self.token}")
        call.add_header("Accept", "application/json")
        try:
            with self._opener.open(call, timeout=self.timeout_s) as answer:
                return decode(answer.read())
        except error.HTTPError as refused:
            with refused:
                raise ApiError(refused.code, decode(refused.read()) or {}) from None
        except (error.URLError, TimeoutError, ConnectionError) as fault:
            reason = getattr(fault, "reason", fault)
            raise Unreachable(f"Tandem does not answer at {self.base_url} ({reason}).") from None


def decode(text: bytes) -> Any:
    """JSON, or a dictionary that says there was none."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return {"detail": "the answer was no JSON"}


def rows(answer: Any) -> list[dict[str, Any]]:
    """The objects of a list answer, paginated or not."""
    return list(answer["results"] if isinstance(answer, dict) and "results" in answer else answer or [])


def answers(url: str, *, timeout_s: float = 2.0) -> bool:
    """Whether a health address says 200."""
    opener = request.build_opener(request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return answer.status == 200
    except (OSError, ValueError):  # URLError and HTTPError are OSErrors
        return False
