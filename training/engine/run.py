"""One run from folder to folder: read, prepare, train, evaluate, package; every ending leaves an event and a result."""

import contextlib
import dataclasses
import errno
import gc
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.engine import (
    adapting,
    checkpoint,
    device,
    listeners,
    package,
    prepare,
    probe,
    protocol,
    report,
    slicing,
    start,
)
from training.engine.catalogue import TASKS, Sizes
from training.engine.checkpoint import Owner
from training.engine.checks import validate
from training.engine.errors import DismissedError, EngineError, ReachedError, Stop, StopRequestedError
from training.engine.events import EventLog, NoEvents, finite
from training.engine.loop import LIMIT, REACHED, STOP, Loop
from training.engine.protocol import DONE, FAILED, STOPPED, Inputs, Reason
from training.engine.recomputing import recompute
from training.engine.registry import net_module, task_module
from training.engine.search import Search
from training.engine.searching import until_step
from training.engine.sizing import estimate
from training.engine.spec import ON, Spec
from training.engine.strict import SpecError
from training.engine.tasks.base import Task
from training.engine.team import out_of_memory

CODE_VERSION = "1"
CACHE_VARIABLE = "TANDEM_PREPARED_DIR"
log = logging.getLogger(__name__)


def run(folder: Path) -> int:
    """Do what spec.json and inputs.json of the folder say. Returns the exit code."""
    stop = Stop()
    stop.listen()
    device.be_a_good_neighbour()
    if device.rank_of_start():
        return _help(folder, stop)
    events = EventLog(folder)
    try:
        with _as_engine_errors():
            attempt = _Attempt(folder, events, stop)
            attempt.go()
            return DONE
    except StopRequestedError as stopped:
        step = _last_step(folder)
        events.emit("stopped", step=step, **{"reached": True} if isinstance(stopped, ReachedError) else {})
        _write_result(folder, {"outcome": "stopped", "step": step})
        return STOPPED
    except EngineError as error:
        _report(folder, events, error)
        return FAILED
    finally:
        events.close()


def _help(folder: Path, stop: Stop) -> int:
    """A process of torchrun that is not the first: it follows, and writes nothing. Its code is no outcome."""
    try:
        _Attempt(folder, NoEvents(), stop).go()
    except DismissedError:
        return DONE
    except Exception:  # whatever it was: the first process learns of it when they next meet
        log.exception("process %s", device.rank_of_start())
    return FAILED


def _report(folder: Path, events: EventLog, error: EngineError) -> None:
    """Say what went wrong, as far as a full disk lets us."""
    told = ("path", "code", "params", "text", "hint")
    fields: dict[str, Any] = {
        "code": str(error.reason),
        "message": error.message,
        "params": error.params,
        "text": str(error),
        "hint": error.hint,
        "step": error.step if error.step is not None else _last_step(folder),
        "issues": [{name: getattr(issue, name) for name in told} for issue in error.issues],
    }
    log.error("run failed: %s: %s", error.reason, str(error).encode("utf-8", "replace").decode())
    for issue in error.issues:
        log.error("%s: %s %s", issue.path or protocol.SPEC_FILE, issue.text, issue.hint)
    with contextlib.suppress(OSError):
        events.emit("error", **fields)
    with contextlib.suppress(OSError):
        _write_result(folder, {"outcome": "failed", **fields})


@contextlib.contextmanager
def _as_engine_errors() -> Iterator[None]:
    """Every failure as an EngineError with a reason. The trace of an unforeseen one goes to the log."""
    try:
        yield
    except (EngineError, StopRequestedError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise EngineError(Reason.DISK_FULL, "disk_full") from error
        log.exception("unforeseen")
        raise EngineError(Reason.INTERNAL, "internal") from error
    except Exception as error:  # whatever it was: traced in the log, and the run ends with an error event
        if out_of_memory(error):
            raise EngineError(Reason.OOM, "oom") from error
        log.exception("unforeseen")
        raise EngineError(Reason.INTERNAL, "internal") from error


class _Attempt:
    """One attempt at a run, phase by phase."""

    def __init__(self, folder: Path, events: EventLog, stop: Stop) -> None:
        self.folder, self.events, self.stop = folder, events, stop
        self.ckpt = folder / protocol.CHECKPOINT_DIR
        self.spec = _read(folder / protocol.SPEC_FILE, Spec, "bad_spec")
        self.inputs = _read(folder / protocol.INPUTS_FILE, Inputs, "bad_inputs")
        self.halved: int | None = None  # rows in memory at once, where what the spec says was too many

    def go(self) -> None:
        """All phases, or all trials."""
        try:
            self._go()
        except Exception as error:  # only those are looked at that say there is no memory
            if not out_of_memory(error):
                raise
            raise self._without_memory() from error

    def _go(self) -> None:
        self._hold_against_profile()
        if self.spec.search is not None:
            if device.ranks_started() > 1:
                raise EngineError(Reason.BAD_SPEC, "search_alone")
            self._search()
            return
        self.device, self.team = device.choose_device(self.spec)
        found = None if self.team.rank else self._look_for_checkpoint()
        self.events.emit("phase", phase="prepare", total=None)
        self.task: Task = task_module(self.spec.task).Task(self.spec, self.stop)
        self.task.device = self.device
        self.start = start.open_start(self.inputs.start, self.spec, self.stop.check)
        if self.start is not None:
            self.task.begin_with(self.start.folder)
        if self.start is not None and self.start.tokenizer.exists():
            self.task.start_tokenizer = self.start.tokenizer
        else:
            self.task.start_tokenizer = start.open_tokenizer(self.inputs.tokenizer, self.spec)
        cache = Path(os.environ.get(CACHE_VARIABLE) or self.folder / "prepared")
        if self.team.rank:  # the first process prepares, and the others find what it has made
            self.team.meet()
        folder, self.prepared = prepare.prepared_folder(self.spec, self.inputs.data, self.task, cache)
        if self.team.wired and not self.team.rank:
            self.team.meet()
        self.stop.check()
        self.task.open(folder, self.prepared["facts"])
        slicing.check_slices(self.spec.eval.slices, self.inputs.data, self.task)
        if self.prepared["facts"].get("skipped"):
            self.events.warn("rows_skipped", count=self.prepared["facts"]["skipped"])
        cleaned = self.prepared["facts"].get("cleaned") or {}
        removed = {why: cleaned.get(why, 0) for why in ("duplicates", "short", "long")}
        if any(removed.values()):
            self.events.warn("rows_removed", **removed)
        filtered = {why: cleaned.get(why, 0) for why in ("near_duplicates", "language", "pii")}
        if any(filtered.values()):
            self.events.warn("rows_filtered", **filtered)
        if cleaned.get("masked"):
            self.events.warn("rows_masked", count=cleaned["masked"])
        loop = self._learned(found)
        try:
            self._finish(loop)
        finally:
            loop.team.dismiss()

    def _hold_against_profile(self) -> None:
        """Name what does not fit the dataset before anything is read. What runs already goes on as it began."""
        profile = self.inputs.data.profile
        if self.inputs.resume or not profile.get("kind"):
            return
        issues = [issue for issue in validate(self.spec, profile) if issue.level == "error"]
        if issues:
            raise EngineError(Reason.BAD_SPEC, "spec_unfit", issues=issues)

    def _learned(self, found: Path | None) -> Loop:
        """The loop at its end. Where memory runs out on the way, once more from the last good checkpoint, by halves."""
        try:
            return self._learn(found)
        except Exception as error:  # memory runs out under many names; every other fault goes on
            if not out_of_memory(error) or not self._halve():
                raise
        # Out here, where neither the error nor the frames that it came from hold on to memory.
        return self._learn(self._go_back())

    def _learn(self, found: Path | None) -> Loop:
        loop = self._build()
        if found is not None:
            self._restore(loop, found)
        if self.halved is not None:
            loop.micro = self.halved
        elif loop.micro != self.spec.train.micro:  # an attempt before this one ran out of memory
            self.halved = loop.micro
        try:
            loop.compile(self.folder)
            if self.spec.train.compile == ON and not loop.compiled:
                self.events.warn("not_compiled")
            loop.split()
            self._train(loop, found)
        except BaseException:  # whatever ends it, a stop too: no other process of the team is left behind
            loop.team.dismiss()
            raise
        return loop

    def _halve(self) -> bool:
        """Halve what is in memory at once; False where that was done before, cannot be, or would change the loss.

        Processes that torchrun started wait for each other, and cannot begin again by themselves.
        """
        most = self.spec.train.micro or self.spec.train.batch
        half = -(-most // 2)
        fewer = -(-half // self.team.ranks) < -(-most // self.team.ranks)
        if self.halved is not None or self.team.wired or not fewer or TASKS[self.spec.task].contrasts:
            return False
        self.halved = half
        return True

    def _go_back(self) -> Path | None:
        """Begin again with a new team: from the last good checkpoint, or from nothing."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.device, self.team = device.choose_device(self.spec)
        if self.team.ranks > 1:
            torch.set_num_threads(1)  # members are forked, and a pool of threads that has worked does not survive that
        found, _ = self._newest()
        step = checkpoint.step_of(found) if found else 0
        self.events.warn("oom_halved", rows=self.halved, step=step)
        self.events.emit("resume", step=step)
        return found

    def _without_memory(self) -> EngineError:
        """Out of memory, beside what the run was thought to need."""
        try:
            needed = estimate(self.spec, self.inputs.data.profile).memory_bytes
        except Exception:  # a profile that tells too little; the run has ended anyhow
            return EngineError(Reason.OOM, "oom")
        return EngineError(Reason.OOM, "oom_estimate", gigabytes=f"{needed / 1e9:.1f}")

    def _search(self) -> None:
        words: dict[str, Any] = {"events": self.events, "stop": self.stop, "run": run, "cache_variable": CACHE_VARIABLE}
        final = Search(self.folder, self.spec, self.inputs, **words).go()
        _write_result(self.folder, {"outcome": "done", **final})
        self.events.emit("done", **final)

    def _owner(self) -> Owner:
        return Owner(
            job=self.inputs.job,
            fence=self.inputs.fence,
            spec_sha256=self.spec.sha256,
            recipe_sha256=self.spec.recipe_sha256,
            data_sha256=self.inputs.data.sha256,
            code=CODE_VERSION,
            torch=torch.__version__,
        )

    def _look_for_checkpoint(self) -> Path | None:
        """The newest undamaged checkpoint of this run, on a resume; damaged ones are named and passed over."""
        if checkpoint.clear(self.ckpt, keep_finished=self.inputs.resume):
            self.events.warn("checkpoints_cleared")
        if not self.inputs.resume:
            return None
        chosen, damaged = self._newest()
        self.events.emit("resume", step=checkpoint.step_of(chosen) if chosen else 0)
        for path in damaged:
            self.events.warn("checkpoint_corrupt", step=checkpoint.step_of(path))
            shutil.rmtree(path, ignore_errors=True)
        return chosen

    def _newest(self) -> tuple[Path | None, list[Path]]:
        """(the newest undamaged checkpoint of this run, damaged ones that are newer)."""
        damaged: list[Path] = []
        for path in checkpoint.found(self.ckpt):
            meta = checkpoint.verify(path, self.stop.check)
            if meta is not None:
                checkpoint.check_owner(meta, self._owner())
                return path, damaged
            damaged.append(path)
        return None, damaged

    def _build(self) -> Loop:
        device.seed(self.spec.train.seed, self.device)
        net = net_module(self.spec.model.arch).build(self.spec.shape, self.sizes)
        if self.start is not None:
            start.take_over(net, self.start, self.task.answers)
            start.freeze(net, self.spec.model.arch, self.spec.model.learn_layers)
            if self.spec.model.lora is not None:
                adapting.adapt(net, self.spec.model.arch, self.spec.model.lora)
        if self.spec.train.gradient_checkpointing:
            recompute(net)
        # What is divided between processes never stands whole on a device.
        net = net.to("cpu" if self.team.wired and self.spec.train.shard else self.device)
        self.dtype = device.choose_dtype(self.spec, self.device)
        loop = Loop(
            spec=self.spec,
            task=self.task,
            net=net,
            stop=self.stop,
            dtype=self.dtype,
            device=self.device,
            team=self.team,
        )
        self.parameters = parameters_of(net)
        self.events.emit(
            "start",
            pid=os.getpid(),
            versions=device.versions(),
            device=device.device_name(self.device),
            threads=torch.get_num_threads() * self.team.ranks,
            parameters=self.parameters,
        )
        return loop

    def _restore(self, loop: Loop, path: Path) -> None:
        try:
            loop.net.load_state_dict(package.read_tensors(path / checkpoint.WEIGHTS))
            fits = loop.restore(listeners.read_state(path))
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:  # torch has none of its own
            if out_of_memory(error):
                raise
            log.error("%s: %s", path.name, error)
            fits = False
        if not fits:  # whole and of this run: only the engine can have changed
            raise EngineError(Reason.CHECKPOINT_MISMATCH, "checkpoint_earlier")
        meta = checkpoint.verify(path, self.stop.check) or {}
        if meta.get("prepared_sha256") != prepare.prepared_sha256(self.prepared):
            raise EngineError(Reason.CHECKPOINT_MISMATCH, "checkpoint_mismatch", what="prepared data")

    def _train(self, loop: Loop, found: Path | None) -> None:
        spec = self.spec
        self.events.emit("phase", phase="train", total=loop.steps)
        facts = {"prepared_sha256": prepare.prepared_sha256(self.prepared)}
        saver = listeners.Checkpointer(self.events, self.ckpt, self._owner(), spec, facts)
        if found is not None:
            saver.resumed(loop.state.step)
        around: list[Callable[[Loop], None]] = [
            listeners.Logger(self.events, loop.steps),
            judge := listeners.Evaluator(self.events, spec.eval.every_steps, loop.steps),
            listeners.Ender(spec.limits.minutes, self._until(loop.steps, judge.every)),
            saver,
        ]
        try:
            left = loop.run(around, saver.save)
        finally:
            saver.settle()
        if left == STOP:
            raise StopRequestedError
        if left == REACHED:
            raise ReachedError
        if left == LIMIT:
            minutes = f"{spec.limits.minutes:g}"
            raise EngineError(Reason.LIMIT_MINUTES, "limit_minutes", step=loop.state.step, minutes=minutes)

    def _until(self, steps: int, every: int) -> int | None:
        """The step to wait at, or None: on to the end."""
        return until_step(steps, every, self.inputs.until) if self.inputs.until < 1 else None

    def _finish(self, loop: Loop) -> None:
        """Judge the best weights on the test part, write the package, say done."""
        spec, state = self.spec, loop.state
        self.events.emit("phase", phase="evaluate", total=self.task.count("test"))
        if loop.sharded:
            loop.go_on_alone(net_module(spec.model.arch).build(spec.shape, self.sizes))
        weights_step = self._take_best(loop)
        loop.optimizer.take_average()
        judged = loop.judge("test")
        loop.team.dismiss()
        test = self.task.report(judged, final=True)
        adapting.merge(loop.net)
        with loop.judging() as net:
            samples = list(self.task.samples(net, judged, spec.eval.samples, state.step))
            test.detail |= self.task.made(net)
        for sample in samples:
            self.events.emit("sample", step=weights_step, **sample)
        name, trivial = self.task.baseline()
        probed = self._probe()
        self.stop.check()
        self.events.emit("phase", phase="package", total=None)
        results = {
            "primary": spec.primary,
            "step": state.step,
            "weights_step": weights_step,
            "seconds": round(loop.tick(), 1),
            "test": test.values,
            "interval": test.interval,
            "baseline": {"name": name, "metrics": trivial},
            "probe": probed,
            "no_probe": probe.why_none(self.task, probed) if self.start is not None else None,
            "slices": slicing.slices_of(spec.eval.slices, self.inputs.data, self.task, judged),
            "valid_best": state.best,
            "ended_early": state.ended_early,
            "detail": test.detail,
            "peak_memory_bytes": device.peak_memory_bytes(),
        }
        out = package.write_package(
            self.folder,
            spec=spec,
            task=self.task,
            net=loop.net,
            resolved=self._resolved(loop),
            results=results,
            report=report.report_of(spec, self.task, judged, results, self.prepared["facts"]),
            check=self.stop.check,
        )
        final = {
            "step": state.step,
            "seconds": results["seconds"],
            "metrics": {f"test/{key}": value for key, value in test.values.items()},
            "primary": spec.primary,
            "interval": test.interval,
            "baseline": {"name": name, "metrics": {f"test/{key}": value for key, value in trivial.items()}},
            "package": out,
        }
        _write_result(self.folder, {"outcome": "done", **final})
        self.events.emit("done", **final)

    @property
    def sizes(self) -> Sizes:
        """What the data decides about the net, and the start."""
        if self.start is None:
            return self.task.sizes
        return dataclasses.replace(self.task.sizes, biased=self.start.sizes.biased, told=self.start.sizes.told)

    def _probe(self) -> dict[str, Any] | None:
        """What a linear answer to the frozen features of the start scores."""
        if self.start is None:
            return None
        net = net_module(self.spec.model.arch).build(self.spec.shape, self.sizes)
        start.take_over(net, self.start, self.task.answers)
        return probe.probe_of(self.task, net.to(self.device).eval())

    def _take_best(self, loop: Loop) -> int:
        """Load the weights of the best checkpoint, when there is a better one than the last; returns their step."""
        step, best = loop.state.step, loop.state.best_step
        if not self.spec.keep.best or best is None or best == step:
            return step
        path = checkpoint.best_of(self.ckpt, best)
        if path is None or checkpoint.verify(path, self.stop.check) is None:
            self.events.warn("best_lost")
            return step
        loop.net.load_state_dict(package.read_tensors(path / checkpoint.WEIGHTS))
        if self.spec.train.ema_decay is not None:
            loop.optimizer.load(listeners.read_state(path)["optimizer"])
        return best

    def _resolved(self, loop: Loop) -> dict[str, Any]:
        """What the spec leaves open, as it was in this run."""
        return {
            "v": 1,
            "spec_sha256": self.spec.sha256,
            "recipe_sha256": self.spec.recipe_sha256,
            "data_sha256": self.inputs.data.sha256,
            "prepared_sha256": prepare.prepared_sha256(self.prepared),
            "code": CODE_VERSION,
            "versions": device.versions(),
            "device": device.device_name(self.device),
            "threads": torch.get_num_threads() * self.team.ranks,
            "processes": self.team.ranks,
            "dtype": loop.dtype,
            "compiled": loop.compiled,
            "seed": self.spec.train.seed,
            "micro": loop.micro,
            "steps": loop.steps,
            "steps_per_epoch": self.task.steps_per_epoch,
            "items": {part: self.task.count(part) for part in ("train", "valid", "test")},
            "sizes": dataclasses.asdict(self.sizes),
            "shape": dataclasses.asdict(self.spec.shape),
            "start_manifest_sha256": self.inputs.start.manifest_sha256 if self.inputs.start else None,
            "tokenizer_manifest_sha256": self.inputs.tokenizer.manifest_sha256 if self.inputs.tokenizer else None,
            "parameters": self.parameters,
        }


def parameters_of(net: nn.Module) -> int:
    """Numbers the net learns."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def _read(path: Path, kind: Any, message: str) -> Any:
    """A spec or inputs file. Raises EngineError(bad_spec)."""
    try:
        return kind.from_text(path.read_bytes())
    except SpecError as error:
        raise EngineError(Reason.BAD_SPEC, message, issues=error.issues) from error
    except OSError as error:
        log.error("%s: %s", path.name, error)
        raise EngineError(Reason.BAD_SPEC, message) from error


def _last_step(folder: Path) -> int:
    """Step of the newest finished checkpoint, or 0."""
    # Of a search: the steps of all trials, where their table can be read.
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        table = json.loads((folder / protocol.SEARCH_FILE).read_bytes())
        return sum(trial["step"] for trial in table["trials"])
    known = checkpoint.found(folder / protocol.CHECKPOINT_DIR)
    return checkpoint.step_of(known[0]) if known else 0


def _write_result(folder: Path, result: dict[str, Any]) -> None:
    """The truth when there is no exit code: written whole, after everything else."""
    temporary = folder / f"{protocol.RESULT_FILE}.tmp"
    text = json.dumps(finite({"v": 1, **result}), ensure_ascii=False, allow_nan=False) + "\n"
    temporary.write_bytes(text.encode("utf-8", "replace"))  # as events are: the name of a file may be no text
    checkpoint.fsync(temporary)
    temporary.replace(folder / protocol.RESULT_FILE)
    checkpoint.fsync(folder)
