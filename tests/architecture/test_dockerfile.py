"""The image's recipe keeps its rules; a small reader, since no linter comes with Python."""

import fnmatch
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

IGNORED = Path(".dockerignore")
TEXT = Path("Dockerfile").read_text()
PYTHON_IMAGE = re.compile(r"docker\.io/library/python:3\.(\d+)(\.\d+)?-slim(-[a-z]+)?")
SECRET_NAME = re.compile(r"secret|password|passwd|token|credential|(^|_)key", re.IGNORECASE)
NEEDED = {"deploy/build-requirements.txt", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "proxy"}


def instructions(text):
    """Read (word, rest) pairs: comments dropped, continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def stages(text):
    """Part the instructions at each FROM; the first part holds the ARGs before any."""
    parts = [[]]
    for word, rest in instructions(text):
        if word == "FROM":
            parts.append([])
        parts[-1].append((word, rest))
    return parts


def values(part, word):
    return [rest for each, rest in part if each == word]


def without_options(rest):
    return re.sub(r"^(--[a-z-]+=\S+\s+)+", "", rest)


def problems(text):
    """Say what is wrong with a Dockerfile, one line per rule that is broken."""
    before, *built = stages(text)
    everything = [pair for part in built for pair in part]
    runtime = built[-1]
    found = []

    def demand(is_so, complaint):
        if not is_so:
            found.append(complaint)

    defaults = dict(each.split("=", 1) for each in values(before, "ARG") if "=" in each)
    for image in (part[0][1].split(" ")[0] for part in built):
        named = re.sub(r"\$\{(\w+)\}", lambda match: defaults.get(match[1], ""), image)
        tag = PYTHON_IMAGE.fullmatch(named)
        demand(tag is not None and int(tag[1]) >= 11, f"base image {named}")
    demand(len(built) == 2, "two stages")
    for word in ("RUN", "CMD", "ENTRYPOINT", "VOLUME"):
        for rest in values(everything, word):
            demand(is_exec_form(rest), f"{word} as a shell line: {rest}")
    demand(not values(everything, "ADD"), "ADD, which fetches and unpacks")
    for rest in values(everything, "RUN"):
        demand("apt" not in rest or "rm -rf /var/lib/apt/lists" in rest, f"package lists left behind: {rest}")
        demand(not re.search(r"\bcurl\b|\bwget\b|https?://", rest), f"fetched without a hash: {rest}")
        installs_by_pip = re.search(r"\bpip\", \"install\"", rest)
        demand(not installs_by_pip or {"--require-hashes", "--no-cache-dir"} <= set(json.loads(rest)), f"pip: {rest}")
    for word in ("ENV", "ARG"):
        for rest in values([*before, *everything], word):
            for name in (each.partition("=")[0] for each in shlex.split(rest)):
                demand(not SECRET_NAME.search(name), f"{word} {name} could be a secret")
    for part in built:
        for rest in values(part, "COPY"):
            sources = shlex.split(without_options(rest))[:-1]
            if "--from=" not in rest:
                demand(set(sources) <= NEEDED, f"COPY {sources}")
                demand(part is not runtime, "sources in the image that runs")
    users = values(runtime, "USER")
    demand(bool(users) and re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]) is not None, f"USER {users}")
    health = [without_options(rest) for rest in values(runtime, "HEALTHCHECK")]
    demand(
        len(health) == 1 and health[0].startswith("CMD ") and is_exec_form(health[0].removeprefix("CMD ")),
        f"HEALTHCHECK {health}",
    )
    demand(values(runtime, "ENTRYPOINT") == ['["oauth-sidecar"]'], "ENTRYPOINT")
    demand(values(runtime, "STOPSIGNAL") == ["SIGTERM"], "STOPSIGNAL")
    return found


def is_exec_form(rest):
    try:
        words = json.loads(rest)
    except ValueError:
        return False
    return isinstance(words, list) and bool(words) and all(isinstance(word, str) for word in words)


def test_the_dockerfile_keeps_every_rule():
    assert problems(TEXT) == []


FAULTS = {
    "an image without a tag": ("python:3.13-slim", "python", "base image"),
    "a tag that moves": ("python:3.13-slim", "python:latest", "base image"),
    "a Python that is too old": ("python:3.13-slim", "python:3.10-slim", "base image"),
    "a run through a shell": ('RUN ["python", "-m", "venv", "/build"]', "RUN python -m venv /build", "RUN as a shell"),
    "an entry point through a shell": ('ENTRYPOINT ["oauth-sidecar"]', "ENTRYPOINT oauth-sidecar", "ENTRYPOINT as"),
    "a user by name": ("USER 10001:10001", "USER sidecar", "USER"),
    "root by number": ("USER 10001:10001", "USER 0:0", "USER"),
    "no user": ("USER 10001:10001\n", "", "USER"),
    "an address that is fetched": ("WORKDIR /src", "ADD https://example.org/x.tar.gz /src", "ADD"),
    "a download": ('RUN ["python", "-m", "venv", "/build"]', 'RUN ["curl", "-O", "example.org"]', "fetched without"),
    "a secret in the environment": ("PYTHONUNBUFFERED=1", "PYTHONUNBUFFERED=1 STORE_KEY=x", "could be a secret"),
    "a secret among the arguments": ("WORKDIR /src", "ARG CLIENT_SECRET", "could be a secret"),
    "package lists": ("WORKDIR /src", 'RUN ["apt-get", "update"]', "package lists"),
    "packages without hashes": ('"--require-hashes", ', "", "pip:"),
    "everything copied": ("COPY proxy proxy", "COPY . .", "COPY ['.']"),
    "sources at run time": ("WORKDIR /etc/oauth-sidecar", "COPY proxy proxy", "sources in the image"),
    "no health check": ("HEALTHCHECK", "#HEALTHCHECK", "HEALTHCHECK"),
    "a stop signal that is not ours": ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "STOPSIGNAL"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_rule_is_noticed(name):
    old, new, complaint = FAULTS[name]
    assert old in TEXT

    assert any(complaint in each for each in problems(TEXT.replace(old, new)))


def test_health_check_and_default_command_read_the_same_configuration():
    runtime = stages(TEXT)[-1]
    (health,) = values(runtime, "HEALTHCHECK")
    (command,) = values(runtime, "CMD")
    tested = json.loads(without_options(health).removeprefix("CMD "))

    assert tested[:2] == ["oauth-sidecar", "healthcheck"]
    assert tested[2:] == json.loads(command)[1:]


def test_the_store_has_its_folder_before_it_is_a_volume():
    runtime = stages(TEXT)[-1]
    (volume,) = json.loads(values(runtime, "VOLUME")[0])
    made = json.loads(values(runtime, "RUN")[0])
    owner = values(runtime, "USER")[0].split(":")

    assert made == ["install", "-d", "-o", owner[0], "-g", owner[1], "-m", "0700", volume]


def test_the_builder_is_sent_nothing_but_what_is_copied():
    first, *rest = [line for line in IGNORED.read_text().splitlines() if line and not line.startswith("#")]
    let_in = {line.removeprefix("!") for line in rest if line.startswith("!")}

    assert first == "*"
    assert let_in == NEEDED
    assert not any(
        fnmatch.fnmatch(name, pattern) for pattern in let_in for name in (".git", "config.yaml", "store.key")
    )


def test_what_builds_is_pinned_by_hash_and_can_read_the_lock_file():
    text = Path("deploy/build-requirements.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]

    assert len(pinned) == len(lines)
    assert {"hatchling", "uv"} <= set(pinned)
    assert tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["build-backend"] == "hatchling.build"
