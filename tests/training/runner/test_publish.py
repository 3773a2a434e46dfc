"""A package is registered only when every file is what its manifest says."""

from __future__ import annotations

import hashlib

import pytest

from collab.kernel.errors import InvalidError
from training.runner.publish import check_manifest


def manifest(**files: bytes) -> dict:
    return {"files": {n: {"sha256": hashlib.sha256(b).hexdigest(), "size_bytes": len(b)} for n, b in files.items()}}


def test_whole_files_pass(tmp_path):
    (tmp_path / "weights").write_bytes(b"abc")

    assert check_manifest(tmp_path, manifest(weights=b"abc"))["weights"]["size_bytes"] == 3


def test_one_changed_byte_is_noticed(tmp_path):
    (tmp_path / "weights").write_bytes(b"abd")

    with pytest.raises(InvalidError, match="weights"):
        check_manifest(tmp_path, manifest(weights=b"abc"))


def test_a_missing_file_is_noticed(tmp_path):
    with pytest.raises(InvalidError, match="weights"):
        check_manifest(tmp_path, manifest(weights=b"abc"))
