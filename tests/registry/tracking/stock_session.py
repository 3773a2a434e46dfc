"""What a partner does in a day with the stock client; the same session for every kind of MLflow behind the gate.

It runs in a process of its own, set up exactly as a partner's: two variables, nothing of ours; findings come as JSON.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def run(*, address: str, project: str, token: str, folder: Path) -> dict[str, Any]:
    """The whole session against the gate at `address`; its findings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "_MLFLOW", "AWS"))}
    env |= {"MLFLOW_TRACKING_URI": f"{address}/mlflow/{project}", "MLFLOW_TRACKING_TOKEN": token}
    env |= {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(folder)}
    command = [sys.executable, "-m", "tests.registry.tracking.stock_session", str(folder)]
    child = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert child.returncode == 0, child.stderr[-4000:]
    return json.loads(child.stdout.splitlines()[-1])


def safetensors_bytes(values: list[float]) -> bytes:
    """A minimal safetensors file with one float32 tensor, written by hand."""
    data = struct.pack(f"<{len(values)}f", *values)
    header = json.dumps({"weight": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(header)) + header + data


def write_package(folder: Path) -> Path:
    """A model package as our engine leaves it: weights, configuration, card."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(safetensors_bytes([0.5, -1.25, 3.0]))
    (folder / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    (folder / "README.md").write_text("# Karte\n语言模型\n", encoding="utf-8")
    return folder


def digests(folder: Path) -> dict[str, str]:
    """sha256 of each file by its name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def work(mlflow: Any, folder: Path) -> dict[str, Any]:
    """Experiment, run, parameters, metrics, files, logged model, version, alias, load by alias, search, delete."""
    client = mlflow.MlflowClient()
    mlflow.set_experiment("Speech models")
    with mlflow.start_run(run_name="first try") as run:
        mlflow.log_params({"lr": 0.001, "layers": 2})
        for step in range(5):
            mlflow.log_metric("loss", 2.0 - step / 10, step=step)
        mlflow.log_metrics({"accuracy": 0.9, "f1": 0.8}, step=4)
        mlflow.set_tag("stage", "trial")
        mlflow.log_text("语言 and text", "notes/a note.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
        big = folder / "big.txt"
        big.write_bytes(b"0123456789abcdef" * 200_000)
        mlflow.log_artifact(str(big))
    run_id = run.info.run_id

    package = write_package(folder / "package")
    model = client.create_logged_model(run.info.experiment_id, name="net", source_run_id=run_id)
    client.log_model_artifacts(model.model_id, str(package))
    client.finalize_logged_model(model.model_id, "READY")
    version = mlflow.register_model(f"models:/{model.model_id}", "net")
    client.set_registered_model_alias("net", "champion", version.version)

    by_alias = client.get_model_version_by_alias("net", "champion")
    loaded = Path(mlflow.artifacts.download_artifacts("models:/net@champion", dst_path=str(folder / "loaded")))
    search = {"experiment_names": ["Speech models"], "output_format": "list"}
    found = mlflow.search_runs(**search, filter_string="params.lr = '0.001'")
    note = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/notes/a note.txt", dst_path=str(folder / "notes"))

    result = {
        "run_id": run_id,
        "experiment_id": run.info.experiment_id,
        "model_id": model.model_id,
        "version": version.version,
        "alias_version": by_alias.version,
        "loaded": digests(loaded),
        "package": digests(package),
        "found": [one.info.run_id for one in found],
        "losses": [(point.step, point.value) for point in client.get_metric_history(run_id, "loss")],
        "note": Path(note).read_text(encoding="utf-8"),
        "files": sorted(item.path for item in client.list_artifacts(run_id)),
        "model_tags": client.get_logged_model(model.model_id).tags,
    }
    client.delete_registered_model_alias("net", "champion")
    client.delete_model_version("net", version.version)
    client.delete_registered_model("net")
    client.delete_run(run_id)
    result["left"] = [one.info.run_id for one in mlflow.search_runs(**search)]
    return result


def check(result: dict[str, Any]) -> None:
    """What must be true of a session's result, whatever stands behind the gate."""
    assert result["losses"] == [[0, 2.0], [1, 1.9], [2, 1.8], [3, 1.7], [4, 1.6]]
    assert result["note"] == "语言 and text"
    assert result["files"] == ["big.txt", "config.json", "notes"]
    assert result["loaded"] == result["package"]
    assert result["alias_version"] == result["version"]
    assert result["found"] == [result["run_id"]]
    assert "mlflow.modelVersions" in result["model_tags"]
    assert result["left"] == []


if __name__ == "__main__":
    import mlflow as stock

    sys.stdout.write(json.dumps(work(stock, Path(sys.argv[1]))) + "\n")
