"""Every type has a page, a block in the example and its line in the index; none of them tells of another world."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from proxy.providers import PROVIDERS
from proxy.providers.index_page import LEFT_OUT_TYPES, index_page
from tests.unit.config.house import SOUND, loaded
from tests.unit.oauth.keys import RSA_KEY, certificate

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs/providers"
EXAMPLE = ROOT / "config.example.yaml"
OWN_PAGE = [provider for provider in PROVIDERS.values() if provider.key == provider.page]
CALLBACK = "https://apps.example.org/__oauth__/integrations/callback"


def page(provider) -> str:
    return (PAGES / f"{provider.page}.md").read_text(encoding="utf-8")


def test_the_index_is_what_the_rows_say():
    assert (PAGES / "index.md").read_text(encoding="utf-8") == index_page(PROVIDERS), (
        'run `python -c "from proxy.providers import PROVIDERS; from proxy.providers.index_page import index_page; '
        "print(index_page(PROVIDERS), end='')\" > docs/providers/index.md`"
    )


def test_every_row_of_the_package_is_in_the_table():
    rows = {
        value
        for path in (ROOT / "proxy/providers").glob("*.py")
        for value in re.findall(
            r"^([A-Z0-9_]+) = (?:Provider|_alias)\(", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert len(rows) == len(PROVIDERS)


def test_the_index_says_where_a_callback_without_iss_is_refused():
    strict = replace(PROVIDERS["custom"], key="strict", iss_in_response_supported=True)
    assert "| strict | ID token, else userinfo | required |" in index_page({"strict": strict})


def test_the_index_names_what_was_left_out_of_every_row_and_which_types():
    text = index_page(PROVIDERS)
    assert all(f"- {left_out}" in text for provider in PROVIDERS.values() for left_out in provider.left_out)
    assert all(f"- `{name}`: " in text for name, _ in LEFT_OUT_TYPES)


def test_there_is_no_page_without_a_type():
    assert {path.stem for path in PAGES.glob("*.md")} == {"index"} | {provider.page for provider in PROVIDERS.values()}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=list(PROVIDERS))
def test_a_page_says_what_to_register_and_how_content_uses_the_token(provider):
    text = page(provider)
    assert CALLBACK in text
    for heading in ("## Register", "## Configure", "## Lifetimes", "## Traps", "## In Python", "## In R"):
        assert f"\n{heading}\n" in text
    assert "```python\n" in text
    assert "```r\n" in text
    assert f"`{provider.key}`" in text


@pytest.mark.parametrize("provider", OWN_PAGE, ids=lambda provider: provider.key)
def test_the_configuration_of_a_page_is_one_that_check_accepts(provider, tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", page(provider), re.DOTALL)
    assert [item["template"] for item in yaml.safe_load(block)["integrations"]] == [provider.key]
    accept(block, tmp_path)


@pytest.mark.parametrize("provider", OWN_PAGE, ids=lambda provider: provider.key)
def test_the_example_has_a_block_of_each_type_that_check_accepts(provider, tmp_path):
    block = example_block(provider.key)
    accept("integrations:\n" + block, tmp_path)
    shown = set(re.findall(r"^ +#? ?([a-z_]+):", block, re.MULTILINE)) | CUSTOM_FIELDS
    assert {field.name for field in provider.fields} <= shown


CUSTOM_FIELDS = {field.name for field in PROVIDERS["custom"].fields}
"""Described once, with the first integration of the example."""


def example_block(template: str) -> str:
    """The commented-out integration of the example, uncommented once: what is commented twice stays so."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    if template == "custom":
        start, end = (
            lines.index("  - name: warehouse"),
            lines.index("# The proxied apps. Default none: every path is answered 404."),
        )
        return "\n".join(line for line in lines[start:end] if not line.startswith("  #")) + "\n"
    start = lines.index(f"  # - name: a-{template}")
    end = next(at for at in range(start + 1, len(lines)) if not lines[at].startswith("  #   "))
    return "\n".join(line.replace("# ", "", 1) for line in lines[start:end]) + "\n"


def accept(integrations: str, folder: Path) -> None:
    """Load a configuration with this list of integrations; ``ConfigProblems`` for a mistake in it."""
    for name, text in (("sidecar.key", RSA_KEY), ("sidecar.crt", certificate(RSA_KEY))):
        (folder / name).write_text(text, encoding="utf-8")
    name = yaml.safe_load(integrations)["integrations"][0]["name"]
    start, end = SOUND.index("integrations:\n"), SOUND.index("content:\n")
    text = SOUND[:start] + integrations + SOUND[end:].replace("[warehouse]", f"[{name}]")
    text = text.replace("sign_in: warehouse\n", f"sign_in: {name}\n").replace("file:/run/secrets/", f"file:{folder}/")
    loaded(folder, text, **dict.fromkeys(re.findall(r"\$\{([A-Z0-9_]+)\}", text), "kH3-topsy-turvy"))
