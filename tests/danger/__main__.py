"""Put each fault into a copy of the code and see its tests fail: ``python -m tests.danger [POINT ...]``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.danger.points import POINTS, Fault

REPOSITORY = Path(__file__).parents[2]
WITHIN_S = 300


def main() -> None:
    wanted = [int(number) for number in sys.argv[1:]] or list(POINTS)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("proxy", "tests"):
            shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPOSITORY / "pyproject.toml", copy)
        overlooked = [
            f"{number}: {problem}"
            for number in wanted
            for fault in POINTS[number].faults
            for problem in problems(copy, fault, number)
        ]
    if overlooked:
        sys.exit("\n".join(overlooked))


def problems(copy: Path, fault: Fault, number: int) -> list[str]:
    """Put the fault in, run its tests, take it out again; return what did not go as it must."""
    file = copy / fault.file
    sound = file.read_text()
    if sound.count(fault.old) != 1:
        return [f"{fault.says}: its place stands {sound.count(fault.old)} times in {fault.file}"]
    file.write_text(sound.replace(fault.old, fault.new))
    try:
        blind = [test for test in fault.tests if not fails(copy, test)]
    finally:
        file.write_text(sound)
    print(f"{number:2} {'NOT SEEN' if blind else 'seen'}: {fault.says}", flush=True)
    return [f"{fault.says}: {test} does not fail" for test in blind]


def fails(copy: Path, test: str) -> bool:
    """Whether the test was run and failed; an error before it is none of both."""
    environment = {name: value for name, value in os.environ.items() if name != "OAUTH_SIDECAR_TESTS_LONG"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    ended = subprocess.run(
        command, cwd=copy, env=environment | {"PYTHONPATH": str(copy)}, capture_output=True, text=True,
        timeout=WITHIN_S, check=False,
    )  # fmt: skip
    if ended.returncode not in {0, 1} or (ended.returncode == 1 and " failed" not in ended.stdout.splitlines()[-1]):
        raise RuntimeError(f"{test}:\n{ended.stdout[-3000:]}")
    return ended.returncode == 1


if __name__ == "__main__":
    main()
