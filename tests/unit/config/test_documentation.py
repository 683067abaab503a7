"""The example and the JSON Schema keep up with the settings."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from proxy.cli import main
from proxy.config.json_schema import json_schema, schema_text
from proxy.config.load import load
from proxy.config.schema import Settings
from proxy.config.tree import setting_paths
from proxy.policy.limits import Limits
from proxy.providers import PROVIDERS
from tests.unit.config.house import API_KEY, CLIENT_SECRET, STORE_KEY, changed, loaded

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "config.example.yaml"
SHIPPED = sorted((ROOT / "content_examples").glob("*/config.yaml"))


def in_example() -> list[tuple[str, ...]]:
    """Paths of the example's keys, commented-out settings included, by indentation."""
    found: list[tuple[str, ...]] = []
    above: list[tuple[int, str]] = []
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        match = re.match(r"(?P<indent> *)(?P<off># )?(?P<more> *)(?P<dash>- )?(?P<key>[a-z_]+):(?: |$)", line)
        if not match:
            continue
        depth = len(match["indent"]) + len(match["more"]) + len(match["dash"] or "")
        while above and above[-1][0] >= depth:
            above.pop()
        above.append((depth, match["key"]))
        found.append(tuple(key for _, key in above))
    return found


@pytest.mark.parametrize("path", list(setting_paths(Settings)), ids=".".join)
def test_the_example_shows_every_setting(path):
    assert path in in_example()


@pytest.mark.parametrize("field", [field.name for field in PROVIDERS["custom"].fields])
def test_the_example_shows_every_field_of_the_custom_template(field):
    assert ("integrations", "config", field) in in_example()


def test_the_example_can_be_loaded(tmp_path):
    text = EXAMPLE.read_text(encoding="utf-8")
    for name, key in (("sidecar-key", STORE_KEY), ("sales-key", API_KEY)):
        (tmp_path / name).write_text(key, encoding="utf-8")
        text = text.replace(f"/run/secrets/{name}", str(tmp_path / name))
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")

    config = load(tmp_path / "config.yaml", environment={"WAREHOUSE_SECRET": "kH3-topsy-turvy"})

    assert [content.path for content in config.directory.contents.values()] == ["/sales/", "/board/"]
    assert config.limits == Limits(), "the example shows the defaults"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_check_finds_nothing_wrong_with_the_configuration_of_an_example_app(tmp_path, file):
    stand_ins = {
        "SIDECAR_KEY": STORE_KEY,
        "ORDERS_KEY": API_KEY,
        "ACCOUNTS_SECRET": CLIENT_SECRET,
        "PWD": str(tmp_path),
    }

    result = CliRunner().invoke(main, ["check", "-c", str(file)], env=stand_ins)

    assert (result.exit_code, result.stderr) == (0, "")
    assert "is fine" in result.stdout


def test_check_finds_nothing_wrong_with_the_configuration_in_the_readme(tmp_path):
    [text] = re.findall(r"```yaml\n(public_url:.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for name, key in (("store.key", STORE_KEY), ("sales.key", API_KEY)):
        (tmp_path / name).write_text(key, encoding="utf-8")
        text = text.replace(f"/run/secrets/{name}", name)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")

    result = CliRunner().invoke(
        main, ["check", "-c", str(tmp_path / "config.yaml")], env={"WAREHOUSE_SECRET": CLIENT_SECRET}
    )

    assert (result.exit_code, result.stderr) == (0, "")


def test_the_api_settings_for_containers_can_be_taken(tmp_path):
    [written] = re.findall(r"`api: ({.*?hosts: .*?})`", (ROOT / "docs/operating.md").read_text())
    rules = yaml.safe_load(written)
    text = changed(("api:\n", "api:\n" + "".join(f"  {key}: {json.dumps(value)}\n" for key, value in rules.items())))

    assert loaded(tmp_path, text).api_hosts == ("sidecar",)


def test_the_example_apps_have_configurations():
    assert SHIPPED


HEADER_EXAMPLES = re.findall(r"```yaml\n(headers:\n.*?)```", (ROOT / "docs/content.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("written", HEADER_EXAMPLES)
def test_the_headers_that_the_documentation_shows_can_be_sent(tmp_path, written):
    rules = yaml.safe_load(written)["headers"]
    text = changed(("path: /sales/\n", f"path: /sales/\n    headers: {json.dumps(rules)}\n"))

    [content] = loaded(tmp_path, text).directory.contents.values()

    assert set(content.headers.rename.values()) == set(rules["rename"].values())


def test_the_documentation_shows_headers_for_those_who_come_from_elsewhere():
    assert len(HEADER_EXAMPLES) == 4


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_is_read_somewhere(name):
    assert name in read_names(
        ROOT / "proxy/app.py", ROOT / "proxy/switching.py", *(ROOT / "proxy/gateway").glob("*.py")
    )


def read_names(*files: Path) -> set[str]:
    """What the files read of something called ``limits``."""
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    reads = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)]
    return {node.attr for node in reads if ast.unparse(node.value).rpartition(".")[2].lstrip("_") == "limits"}


def test_what_the_example_has_commented_out_is_yaml_too():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    settings = [
        re.sub(r"^( *)# ( *(?:- )?[a-z_]+:(?: |$))", r"\1\2", line) if "tls" not in line else line for line in lines
    ]

    assert yaml.safe_load("\n".join(line for line in settings if not line.strip().startswith("#")))


@pytest.mark.parametrize("path", list(setting_paths(Settings)), ids=".".join)
def test_every_setting_says_whether_it_is_required_or_its_default(path):
    model, description = Settings.model_json_schema(), ""
    node = model
    for step in path:
        node = _properties(node, model)[step]
        description = node.get("description", "")

    assert "Required" in description or "Default" in description or len(path) == 1


def _properties(node, model):
    """Properties of a model's node, through ``$ref``, ``items``, ``anyOf`` and ``oneOf``."""
    if "$ref" in node:
        node = model["$defs"][node["$ref"].rsplit("/", 1)[1]]
    if "properties" in node:
        return node["properties"]
    inner = [node["items"]] if "items" in node else node.get("anyOf", []) + node.get("oneOf", [])
    return next((found for each in inner if (found := _properties(each, model))), {})


def test_the_checked_in_schema_is_the_present_one():
    assert (ROOT / "config.schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run `oauth-sidecar schema > config.schema.json`"
    )


def test_the_schema_knows_templates_and_their_fields():
    schema = json.loads(json.dumps(json_schema()))

    integration = schema["$defs"]["IntegrationSettings"]
    assert integration["properties"]["template"]["enum"] == list(PROVIDERS)
    for provider, known in zip(PROVIDERS.values(), integration["allOf"], strict=True):
        assert known["if"]["properties"]["template"]["const"] == provider.key
        config = known["then"]["properties"]["config"]
        assert list(config["properties"]) == [field.name for field in provider.fields]
        required = [field for field in provider.fields if field.required and not field.for_viewers]
        assert config["required"] == [field.name for field in required]


def test_the_schema_lets_a_number_be_a_reference():
    limits = json.loads(schema_text())["$defs"]["LimitsSettings"]["properties"]["max_headers"]

    assert [kind["type"] for kind in limits["anyOf"]] == ["integer", "string"]
    assert limits["default"] == 128


def test_the_schema_has_no_generated_titles():
    assert schema_text().count('"title": "') == 1
