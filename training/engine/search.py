"""A search: trials one after the other, each a run in a folder of its own; the best of them becomes the result.

A trial runs in a process of its own, so that one that runs out of memory ends alone. What was tried stands in
search.json, so that a search that was stopped or killed goes on where it was.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.engine import package, protocol
from training.engine.catalogue import LOWER, TASKS
from training.engine.checkpoint import fsync
from training.engine.confining import die_with_parent
from training.engine.errors import EngineError, Stop, StopRequestedError
from training.engine.events import EventLog
from training.engine.protocol import DONE, SEARCH_FILE, STOPPED, TRIALS_DIR, Inputs, Reason
from training.engine.searching import rungs, share_learnt, trial_spec, values_of
from training.engine.spec import Spec, canonical_json

POLL_S = 0.1
WAITING, RUNNING, FINISHED, FAILED, LEFT = "waiting", "running", "done", "failed", "left"
# What ends one trial, where the next may do better. Everything else would end the next in the same way.
ITS_OWN = frozenset({Reason.DIVERGED, Reason.OOM})
log = logging.getLogger(__name__)


class Search:
    """All trials of a spec with a search, in a run folder. `run` does one run and returns its exit code."""

    def __init__(
        self,
        folder: Path,
        spec: Spec,
        inputs: Inputs,
        *,
        events: EventLog,
        stop: Stop,
        run: Callable[[Path], int],
        cache_variable: str,
    ) -> None:
        self.folder, self.spec, self.inputs, self.cache_variable = folder, spec, inputs, cache_variable
        self.events, self.stop, self.run = events, stop, run
        assert spec.search is not None
        self.kind = spec.search.kind
        self.lower = TASKS[spec.task].metrics[spec.primary] == LOWER
        self.values = values_of(spec)
        self.seconds = 0.0
        self.trials: list[dict[str, Any]] = [
            {"number": n, "values": values, "state": WAITING, "step": 0, "steps": None, "score": None, "scores": []}
            for n, values in enumerate(self.values, 1)
        ]
        self._read: dict[int, int] = {}  # events of each trial that were looked at
        self._curves: dict[int, int] = {}  # step of each trial up to which its curve is told
        self._started = False
        self._begun = time.monotonic()

    def go(self) -> dict[str, Any]:
        """Try everything that is left to try -> the `done` event of the best, whose package is that of this folder.

        Raises StopRequestedError, and EngineError when no trial came to its end or the time is over.
        """
        self._open()
        self.events.emit("phase", phase="train", total=len(self.trials))
        ladder = rungs(self.kind, len(self.trials))
        for number, (count, share) in enumerate(ladder):
            going = self._ranked(number - 1)[:count]
            for trial in self.trials:
                if trial["state"] == RUNNING and number and trial not in going:
                    self._leave(trial)
            for trial in going:
                if trial["state"] in (WAITING, RUNNING) and len(trial["scores"]) <= number:
                    self._try(trial, number, share)
        best = next((trial for trial in self._ranked(len(ladder) - 1) if trial["state"] == FINISHED), None)
        if best is None:
            raise self._failure()
        return self._take(best)

    def _ranked(self, rung: int) -> list[dict[str, Any]]:
        """The trials that came to the end of a rung, the best first; before the first all of them."""
        if rung < 0:
            return self.trials
        there = [trial for trial in self.trials if len(trial["scores"]) > rung]
        return sorted(there, key=lambda t: (t["scores"][rung] * (1 if self.lower else -1), t["number"]))

    def _open(self) -> None:
        path = self.folder / SEARCH_FILE
        if not self.inputs.resume:
            path.unlink(missing_ok=True)
            shutil.rmtree(self.folder / TRIALS_DIR, ignore_errors=True)
            return
        # Everything is told anew, from what the trials have written.
        self.events.emit("resume", step=0)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(path.read_bytes())
            if found["spec_sha256"] in self.spec.recipes:
                self.trials, self.seconds = found["trials"], float(found["seconds"])
        for trial in self.trials:
            self._tell(trial, live=False)

    def _save(self) -> None:
        """Write search.json whole."""
        best = next(iter(self._ranked(len(rungs(self.kind, len(self.trials))) - 1)), None)
        table = {
            "v": 1,
            "spec_sha256": self.spec.recipe_sha256,
            "kind": self.kind,
            "primary": self.spec.primary,
            "lower_is_better": self.lower,
            "best": best["number"] if best else None,
            "seconds": round(self.seconds, 1),
            "trials": self.trials,
        }
        temporary = self.folder / f"{SEARCH_FILE}.tmp"
        temporary.write_text(json.dumps(table, indent=1, allow_nan=False) + "\n")
        fsync(temporary)
        temporary.replace(self.folder / SEARCH_FILE)

    def _place(self, trial: dict[str, Any]) -> Path:
        return self.folder / TRIALS_DIR / f"{trial['number']:02}"

    def _try(self, trial: dict[str, Any], rung: int, share: float) -> None:
        """One trial to the end of a rung, in a process of its own."""
        self.stop.check()
        place = self._place(trial)
        place.mkdir(parents=True, exist_ok=True)
        (place / protocol.SPEC_FILE).write_bytes(trial_spec(self.spec, trial["values"]).canonical())
        inputs = self.inputs.to_json() | {"resume": True, "until": share}
        (place / protocol.INPUTS_FILE).write_bytes(canonical_json(inputs))
        trial["state"] = RUNNING
        self._save()
        # What is prepared for one trial serves them all.
        os.environ.setdefault(self.cache_variable, str(self.folder / "prepared"))
        code = self._follow(_fork(lambda: self.run(place)), trial)
        self._judge(trial, rung, code)
        self._save()

    def _follow(self, pid: int, trial: dict[str, Any]) -> int:
        """Tell what a trial tells until it ends -> its exit code. A request to stop, or the limit, is passed on."""
        asked = False
        while True:
            found, status = os.waitpid(pid, os.WNOHANG)
            self._tell(trial)
            now = time.monotonic()
            self.seconds, self._begun = self.seconds + now - self._begun, now
            if found:
                return os.waitstatus_to_exitcode(status)
            if not asked and (self.stop.requested or self._over()):
                asked = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(POLL_S)

    def _over(self) -> bool:
        return self.seconds >= 60 * self.spec.limits.minutes

    def _judge(self, trial: dict[str, Any], rung: int, code: int) -> None:
        events = self._events_of(trial)
        last = events[-1] if events else {}
        scores = [e["values"][f"valid/{self.spec.primary}"] for e in events if _judged(e, self.spec.primary)]
        trial["step"] = last.get("step") or trial["step"]
        if scores:
            trial["score"] = min(scores) if self.lower else max(scores)
        if code == DONE or (code == STOPPED and last.get("reached")):
            trial["scores"].append(trial["score"])
            if code == DONE:
                trial["state"] = FINISHED
                # Of a short run the first rung may be the whole: it has come to the end of the others too.
                left = len(rungs(self.kind, len(self.trials))) - len(trial["scores"])
                trial["scores"] += [trial["score"]] * left
                shutil.rmtree(self._place(trial) / protocol.CHECKPOINT_DIR, ignore_errors=True)
        elif code == STOPPED:
            self._save()
            raise self._limit() if self._over() and not self.stop.requested else StopRequestedError
        else:
            reason = Reason(last["code"]) if last.get("e") == "error" else Reason.OOM if code == -9 else Reason.INTERNAL
            if reason not in ITS_OWN:
                self._save()
                raise EngineError(reason, last.get("message") or "internal", **(last.get("params") or {}))
            trial["state"], trial["reason"] = FAILED, str(reason)
        self._show(trial)

    def _leave(self, trial: dict[str, Any]) -> None:
        """A trial that goes no further keeps its curve and nothing that takes room."""
        trial["state"] = LEFT
        shutil.rmtree(self._place(trial) / protocol.CHECKPOINT_DIR, ignore_errors=True)
        self._show(trial)
        self._save()

    def _events_of(self, trial: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            lines = (self._place(trial) / protocol.EVENTS_FILE).read_bytes().splitlines()
        except OSError:
            return []
        return [event for line in lines if (event := protocol.parse_event(line))]

    def _show(self, trial: dict[str, Any]) -> None:
        names = ("number", "values", "state", "step", "steps", "score")
        self.events.emit("trial", **{name: trial[name] for name in names})

    def _tell(self, trial: dict[str, Any], *, live: bool = True) -> None:
        """Pass on what is new of a trial: what judges it, and while it runs how far it is, and its checkpoints."""
        number, events = trial["number"], self._events_of(trial)
        known, self._read[number] = self._read.get(number, 0), len(events)
        for event in events[known:]:
            if _judged(event, self.spec.primary):
                self._curve(trial, event)
            elif event["e"] == "progress":
                trial["step"], trial["steps"] = event["step"], event["steps"]
                if live:
                    self.events.emit("progress", **_fields(event) | self._far())
            elif event["e"] == "start" and live and not self._started:
                self._started = True
                self.events.emit("start", **_fields(event))
            elif event["e"] == "checkpoint" and live:
                path = f"{TRIALS_DIR}/{number:02}/{event['path']}"
                self.events.emit("checkpoint", **_fields(event) | {"path": path, "step": self._far()["step"]})

    def _curve(self, trial: dict[str, Any], event: dict[str, Any]) -> None:
        """One more point of a trial; what a resumed trial measured again is told already."""
        if event["step"] <= self._curves.get(trial["number"], 0):
            return
        self._curves[trial["number"]] = event["step"]
        name = f"valid/{self.spec.primary}"
        values = {f"trial {trial['number']}/{name}": event["values"][name]}
        self.events.emit("metric", step=event["step"], values=values)

    def _far(self) -> dict[str, Any]:
        """Steps of all trials: how many are done, and of how many."""
        done = sum(trial["step"] for trial in self.trials)
        most = max((trial["steps"] or 0) for trial in self.trials)
        steps = max(done, round(share_learnt(self.kind, len(self.trials)) * most))
        return {"step": done, "steps": steps, "eta_s": round((steps - done) * self.seconds / max(1, done), 1)}

    def _failure(self) -> EngineError:
        reasons = [trial.get("reason") for trial in self.trials if trial["state"] == FAILED]
        return EngineError(Reason(reasons[0] or Reason.INTERNAL), "search_failed", count=len(self.trials))

    def _limit(self) -> EngineError:
        step, minutes = self._far()["step"], f"{self.spec.limits.minutes:g}"
        return EngineError(Reason.LIMIT_MINUTES, "limit_minutes", step=step, minutes=minutes)

    def _take(self, best: dict[str, Any]) -> dict[str, Any]:
        """Copy the package of the best trial, with the table of all beside it."""
        self._save()
        self.events.emit("phase", phase="package", total=None)
        place = self._place(best)
        temporary, final = self.folder / f"{protocol.PACKAGE_DIR}.tmp", self.folder / protocol.PACKAGE_DIR
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(place / protocol.PACKAGE_DIR, temporary)
        shutil.copy(self.folder / SEARCH_FILE, temporary / SEARCH_FILE)
        card = temporary / "README.md"
        card.write_text(card.read_text().replace("\n## Intended use\n", f"{self._section(best)}\n## Intended use\n"))
        package.seal(temporary, self.stop.check)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        fsync(self.folder)
        done = _fields(next(event for event in reversed(self._events_of(best)) if event["e"] == "done"))
        parameters = next(e["parameters"] for e in reversed(self._events_of(best)) if e["e"] == "start")
        chosen = {"trial": best["number"], "trials": len(self.trials), "values": best["values"]}
        return done | {"seconds": round(self.seconds, 1), "search": chosen, "parameters": parameters}

    def _section(self, best: dict[str, Any]) -> str:
        """What the card says of the search."""
        said = ", ".join(f"{path} = {value}" for path, value in best["values"].items())
        text = f"Trial {best['number']} of {len(self.trials)} ({self.kind}), the best by {self.spec.primary}"
        return f"\n## Search\n\n{text} on the validation part: {said}. All trials stand in {SEARCH_FILE}.\n"


def _judged(event: dict[str, Any], primary: str) -> bool:
    return event["e"] == "metric" and f"valid/{primary}" in event["values"]


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in ("t", "n", "e")}


def _fork(work: Callable[[], int]) -> int:
    """A process that does `work` and ends with its code, and that ends when this one does; its number."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = protocol.FAILED
    try:
        die_with_parent()
        if os.getppid() == parent:
            code = work()
    except BaseException:  # the process ends here, whatever it was, and its code tells the search
        log.exception("trial")
    finally:
        os._exit(code)
