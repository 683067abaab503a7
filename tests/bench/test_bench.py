"""``bench/run`` starts, says what it lacks, and judges figures by the targets."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"
OURS = "oauth-sidecar, Debian’s Python 3.11.2 (PGO)"


@pytest.fixture
def report() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_report", BENCH / "report.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def figures(cpu_us: float, p99_us: float = 100) -> dict[str, float]:
    return {"cpu_us": cpu_us, "per_s": 1000, "p50_us": 50, "p99_us": p99_us}


def one_case(nginx_us: float, ours_us: float, openidc_us: float) -> dict[str, object]:
    table = {"nginx": figures(nginx_us), OURS: figures(ours_us), "mod_auth_openidc": figures(openidc_us)}
    return {"ours": [OURS], "side_by_side": {"requests": {"1 kB": table}, "bodies": {}, "websockets": {}}}


def test_every_script_compiles() -> None:
    for script in [BENCH / "run", *BENCH.glob("*.py")]:
        compile(script.read_text(), str(script), "exec")


def test_a_machine_that_lacks_everything_is_told_what_to_install() -> None:
    environment = os.environ | {"PATH": "/nonexistent"}
    ended = subprocess.run(
        [sys.executable, str(BENCH / "run")], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "apt-get install" in ended.stderr
    assert {"wrk", "gcc", "util-linux"} <= set(ended.stderr.replace(",", " ").split())


def test_a_ratio_at_its_bound_is_reached_and_one_below_is_missed(report: ModuleType) -> None:
    at_bound = report.targets(one_case(nginx_us=7, ours_us=10, openidc_us=40))
    below = report.targets(one_case(nginx_us=6.9, ours_us=10, openidc_us=39))
    assert [target.is_reached for target in at_bound] == [True, True]
    assert [target.is_reached for target in below] == [False, False]


def test_an_exchange_may_cost_three_hellos_and_no_more(report: ModuleType) -> None:
    def judged(exchange_us: float) -> bool:
        cost = {"hello (`GET /__ping__`)": figures(40), "one viewer": figures(exchange_us)}
        measured = {"viewers": 10_000, "start_s": 1.0, "rss_mb": {"empty": 80.0}, "cost": cost}
        [target] = report.targets({"ours": [OURS], "exchanges": measured})
        assert "| exchange, one viewer |" in "\n".join(report._exchange_tables(measured))
        return bool(target.is_reached)

    assert (judged(120), judged(121)) == (True, False)


def test_what_was_not_measured_is_not_judged(report: ModuleType) -> None:
    assert report.targets({"ours": [OURS]}) == []


def test_the_page_has_the_command_the_verdicts_and_the_notes(report: ModuleType) -> None:
    page = report.page(one_case(7, 14, 60), facts=["two cores"], command="bench/run --quick", notes="## Missed\n")
    assert "Written by `bench/run --quick`" in page
    assert "| ≥ 0.70 | 0.50 | **missed** |" in page
    assert "| 1 kB | nginx | 7.00 | 1.00 | 1,000 | 50.0 | 100 |" in page
    assert page.endswith("## Missed\n")
