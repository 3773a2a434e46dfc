"""The grammar of SMILES, and what is told of the molecules that a language model writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.engine.conftest import Run, csv_blob, profile_of, tiny
from training.engine.contract import DONE
from training.engine.molecules import drawn_scores, is_molecule
from training.engine.tasks import base

MOLECULES = r"""
C CCO CC(=O)Oc1ccccc1C(=O)O C/C=C/C [Na+].[Cl-] C1CC=1 N[C@@H](C)C(=O)O C%12CCC%12 [13CH4] [O-2] F/C=C\F c1cc[nH]c1
C(C)(C)C C%01CC1 C1CC%01 C%00CC0 C12CC1CC2 [nH]1cccc1 [se]1cccc1 [NH4+] [OH-] [Fe++] [Fe+2] [2H]O[2H] [*]C * C$C [U]
[C@]12CC1C2 [CH3:1][OH:2] C(=O)(O)O C(C(C(C)))C C=1CC=1 C-1CC1 B(O)O Brc1ccc(Cl)cc1 O=C=O N#N C1CC1.C1CC1 C1.C1
F/C(\Cl)=C C:C I P S(=O)(=O)=O
"""
NONE = r"""
C( C) C1CC C()C =C C= C==C (C)C C. [Na [] CXC 1CC1 C(=)C C%1 C%1CC C1CC2 C12CC1 C(C C(C)) ((C)) C..C .C C.=C C=.C
C(C=)C C-=C 1 %10 [C C] [C]] [[C]] [c+-] [xx] [12] [C@@@H] [H+H] cl E [C:] CC( )C C(1CC1) C(.C) C# # / \ () C()
"""


@pytest.mark.parametrize("text", MOLECULES.split())
def test_what_is_a_molecule(text: str) -> None:
    assert is_molecule(text)


@pytest.mark.parametrize("text", ["", "c c", "C\n", *NONE.split()])
def test_what_is_none(text: str) -> None:
    assert not is_molecule(text)


def test_shares_are_of_what_is_left() -> None:
    expected = {"written": 5, "validity": 0.8, "uniqueness": 0.75, "novelty": round(2 / 3, 6)}
    assert drawn_scores(["CC", "CC", "CO", "CN", "C("], ["CC", "CCC"]) == expected
    assert drawn_scores(["("], []) == {"written": 1, "validity": 0, "uniqueness": 0, "novelty": 0}


@pytest.mark.parametrize("case", ["lines", "prompts"])
def test_nothing_is_told_where_no_molecule_could_be_written(tmp_path: Path, case: str) -> None:
    """No text of lines has an end to begin behind, and behind an end come prompts, which are not learnt to be said."""
    net = {"arch": "lstm", "size": "nano", "width": 32, "context": 32}
    spec = tiny("causal-lm", tokenizer={"kind": "smiles"}, model=net)
    kind, blob = "text", b"CCO\nC(C)N\nCCN\n" * 200
    if case == "prompts":
        kind, blob = "csv", csv_blob(["asked", "body"], [("CC", "OC" * (n % 5 + 1)) for n in range(300)])
        spec["data"]["columns"] = {"text": "body", "prompt": "asked"}
    run = Run(tmp_path / "run", spec, blob, kind, profile_of(kind, blob))
    if kind == "csv":
        run.profile["columns"].append(run.profile["columns"][0] | {"name": "asked"})
        run.write_inputs()
    assert run.go() == DONE, run.log
    assert "molecules" not in json.loads((run.folder / "out" / "report.json").read_text())["detail"]


def test_the_report_tells_what_a_model_of_molecules_writes(tmp_path: Path) -> None:
    chance = np.random.default_rng(40)
    rows = [("".join(chance.choice(["C", "O", "C(C)", "N"], size=chance.integers(3, 7))),) for _ in range(300)]
    net = {"arch": "lstm", "size": "nano", "width": 32, "context": 32}
    spec = tiny("causal-lm", tokenizer={"kind": "smiles"}, model=net, train__max_steps=200, train__lr=1e-2)
    spec["data"]["columns"] = {"text": "body"}
    blob = csv_blob(["body"], rows)
    run = Run(tmp_path / "run", spec, blob, "csv", profile_of("csv", blob))
    assert run.go() == DONE, run.log
    told = json.loads((run.folder / "out" / "report.json").read_text())["detail"]["molecules"]
    assert told["written"] == 100 and told["validity"] > 0.7 and told["uniqueness"] > 0.3
    assert 0 < told["novelty"] < 1


@pytest.mark.parametrize(("place", "read"), [(5, 10), (25, 30), (None, 34)])
def test_an_end_is_sought_in_slices_up_to_the_first(
    place: int | None, read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Tokens(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            seen.append(found := np.asarray(self)[key])
            return found

    monkeypatch.setattr(base, "COUNT_AT_ONCE", 10)
    tokens = np.ones(34, dtype=np.uint16)
    if place is not None:
        tokens[[place, 33]] = 0
    assert base.occurs(0, tokens.view(Tokens)) is (place is not None)
    assert sum(map(len, seen)) == read and max(map(len, seen)) == 10
