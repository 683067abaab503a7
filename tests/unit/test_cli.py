"""The commands, as somebody at a terminal sees them."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
import types

import pytest
import yaml
from click.testing import CliRunner

from proxy.cli import main
from proxy.flows.content_tokens import content_session_token
from proxy.model import ContentGuid
from proxy.sealing import KeyRing, parse_key
from tests.unit.config.house import API_KEY, CLIENT_SECRET, SOUND, STORE_KEY, changed
from tests.unit.config.test_network import pem_pair


@pytest.fixture
def run():
    def invoke(*arguments, **environment):
        return CliRunner().invoke(main, [str(argument) for argument in arguments], env=environment)

    return invoke


@pytest.fixture
def config_file(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(SOUND, encoding="utf-8")
    return file


def test_keygen_prints_a_key_that_is_taken_and_new_each_time(run):
    first, second = run("keygen"), run("keygen")

    assert len(parse_key(first.output.strip())) == 32
    assert first.output != second.output


def test_the_version_is_that_of_the_distribution(run, monkeypatch):
    monkeypatch.setattr("importlib.metadata.version", lambda _: "1.2.3")

    assert run("--version").output == "oauth-sidecar, version 1.2.3\n"


def test_keygen_loads_neither_aiohttp_nor_pydantic():
    import subprocess

    code = (
        "import sys; from proxy.cli import main; main(['keygen'], standalone_mode=False); "
        "print(sorted({'aiohttp', 'pydantic', 'yaml', 'uvloop'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout

    assert output.endswith("[]\n")


def test_schema_prints_json_schema(run):
    assert '"$schema"' in run("schema").output


def test_check_prints_what_is_in_force_without_secrets(run, config_file):
    result = run("check", "-c", config_file)

    shown = yaml.safe_load(result.output)
    assert result.exit_code == 0
    assert shown["listen"] == "127.0.0.1:8080"
    assert shown["session"] == {"idle": "12h", "lifetime": "7d"}
    assert shown["limits"]["max_headers"] == 128
    assert shown["store"] == {"url": "sqlite:///var/lib/state.db", "keys": ["(hidden)"]}
    assert shown["integrations"][0]["config"]["client_secret"] == "(hidden)"
    assert shown["integrations"][0]["redirect_uri_to_register"] == (
        "https://apps.example.org/__oauth__/integrations/callback"
    )
    assert shown["content"][0]["guid"] == "2a3ec3c8-ceec-5e26-be6d-4e8b3d393972"
    assert "derived from the name" in shown["content"][0]["guid_is"]
    for secret in (STORE_KEY, API_KEY, CLIENT_SECRET):
        assert secret not in result.output


def test_check_shows_the_rarer_settings_too(run, config_file):
    config_file.write_text(
        changed(
            ("sign_in: warehouse\n", "sign_in: warehouse\nlisten: unix:/run/a.sock\ntrusted_proxies: [10.0.0.0/8]\n"),
            ("api:\n", 'api:\n  listen: "[::1]:1"\n'),
            ("name: warehouse", "name: warehouse\n    guid: 0f8fad5b-d9cb-469f-a165-70867728950e"),
            ("http://127.0.0.1:8501", "unix:/run/b.sock\n    access: {groups: [b, a]}"),
        )
        + "  - {name: open, owner: bob@example.org, path: /open/, app_mode: static, upstream: 'http://[::1]:1234', "
        "access: anyone, guid: 7c9e6679-7425-40de-944b-e07fc1f90ae7}\n",
        encoding="utf-8",
    )

    shown = yaml.safe_load(run("check", "-c", config_file).output)

    assert (shown["listen"], shown["api"]["listen"]) == ("unix:/run/a.sock", "[::1]:1")
    assert "guid_is" not in shown["integrations"][0]
    sales, opened = shown["content"]
    assert (sales["upstream"], sales["access"]["groups"]) == ("unix:/run/b.sock", ["a", "b"])
    assert (opened["upstream"], opened["access"]) == ("http://[::1]:1234", "anyone")
    assert "guid_is" not in opened


def test_check_without_integrations_has_nothing_to_register(run, config_file):
    config_file.write_text(
        f"public_url: http://localhost:1\nstore: {{url: 'sqlite:///x.db', keys: [{STORE_KEY}]}}\napi: {{listen: null}}\n",
        encoding="utf-8",
    )

    assert "Register" not in run("check", "-c", config_file).output


def test_check_asks_nobody_unless_it_is_told_to_and_json_goes_with_that(run, config_file):
    result = run("check", "--json", "-c", config_file)

    assert result.exit_code == 2
    assert "--json goes with --online" in result.stderr


def test_check_online_without_integrations_asks_nobody(run, config_file):
    config_file.write_text(
        f"public_url: http://localhost:1\nstore: {{url: 'sqlite:///x.db', keys: [{STORE_KEY}]}}\napi: {{listen: null}}\n",
        encoding="utf-8",
    )

    result = run("check", "--online", "-c", config_file)

    assert (result.exit_code, result.output) == (0, "There is no integration to ask for.\n")


@pytest.mark.parametrize("command", [["check"], ["serve"], ["content-env", "sales"], ["healthcheck"]])
def test_a_faulty_configuration_ends_with_78_and_every_problem(run, config_file, command):
    config_file.write_text(changed(("path: /sales/", "path: sales"), ("sign_in: ", "signin: ")), encoding="utf-8")

    result = run(*command, "-c", config_file)

    assert result.exit_code == 78
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{config_file}:2:1: signin: unknown setting (did you mean `sign_in`?)",
        f"{config_file}:21:11: content[0].path: a path starts and ends with a slash: /sales/",
        f"oauth-sidecar: 2 problems in {config_file}",
    ]


def test_a_missing_file_is_one_problem(run, tmp_path):
    result = run("check", "-c", tmp_path / "nowhere.yaml")

    assert result.exit_code == 78
    assert result.stderr.splitlines()[-1] == f"oauth-sidecar: 1 problem in {tmp_path / 'nowhere.yaml'}"


def test_an_unknown_command_is_a_usage_error(run):
    assert run("serv").exit_code == 2


@pytest.fixture
def standing_in(monkeypatch):
    """Put a module of the product, one that a command imports when it runs, in place of the real one."""

    def put(name, **functions):
        module = types.ModuleType(name)
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, name, module)

    return put


def test_serve_ends_with_the_code_of_the_application(run, config_file, standing_in):
    seen = []
    standing_in("proxy.app", serve=lambda config: seen.append(config.public_url) or 3)

    assert run("serve", "-c", config_file).exit_code == 3
    assert seen == ["https://apps.example.org"]


def test_demo_ends_with_the_code_of_the_demo(run, standing_in):
    standing_in("proxy.demo.run", main=lambda port=None: 4)

    assert run("demo").exit_code == 4


def test_content_env_prints_what_a_shell_can_read(run, config_file):
    result = run("content-env", "sales", "-c", config_file)

    assert dict(line.split("=", 1) for line in shlex.split(result.output)) == {
        "CONNECT_SERVER": "http://127.0.0.1:3939",
        "CONNECT_API_KEY": API_KEY,
        "CONNECT_CONTENT_GUID": "2a3ec3c8-ceec-5e26-be6d-4e8b3d393972",
        "POSIT_PRODUCT": "CONNECT",
        "RSTUDIO_PRODUCT": "CONNECT",
    }


def test_content_env_quotes_a_key_that_a_shell_would_read_otherwise(run, config_file):
    key = "a'b;$(c)`d`&ef|gh<ij>kl\\mn*op?qr=st-uv"
    config_file.write_text(SOUND.replace(API_KEY, '"${KEY}"'), encoding="utf-8")

    result = run("content-env", "sales", "--export", "-c", config_file, KEY=key)

    assert f"CONNECT_API_KEY={key}" in shlex.split(result.output)
    assert all(line.startswith("export ") for line in result.output.splitlines())


@pytest.mark.parametrize(("listen", "server"), [("0.0.0.0:1", "http://127.0.0.1:1"), ("[::]:1", "http://[::1]:1")])
def test_content_env_names_an_address_that_can_be_connected_to(run, config_file, listen, server):
    config_file.write_text(
        changed(("api:\n", f'api:\n  listen: "{listen}"\n  unsafe_listen_anywhere: true\n')), encoding="utf-8"
    )

    assert f"CONNECT_SERVER={server}" in shlex.split(run("content-env", "sales", "-c", config_file).output)


def test_content_env_says_https_when_the_api_has_tls(run, config_file, tmp_path):
    pem_pair(tmp_path, "a")
    changes = ("api:\n", "api:\n  tls: {certificate: a.pem, key: a.key}\n  hosts: [sidecar]\n")
    config_file.write_text(changed(changes), encoding="utf-8")

    assert "CONNECT_SERVER=https://sidecar:3939" in shlex.split(run("content-env", "sales", "-c", config_file).output)


def test_content_env_names_the_host_that_content_reaches_the_api_by(run, config_file):
    changes = ("api:\n", "api:\n  listen: 0.0.0.0:3939\n  unsafe_listen_anywhere: true\n  hosts: [sidecar, other]\n")
    config_file.write_text(changed(changes), encoding="utf-8")

    assert "CONNECT_SERVER=http://sidecar:3939" in shlex.split(run("content-env", "sales", "-c", config_file).output)


def test_content_env_of_an_unknown_content_is_a_usage_error(run, config_file):
    result = run("content-env", "slaes", "-c", config_file)

    assert result.exit_code == 2
    assert "has no content of this name; there is: sales" in result.stderr


def test_content_env_needs_a_key(run, config_file):
    config_file.write_text(
        changed((f"api:\n  keys:\n    - {{name: sales, content: sales, key: {API_KEY}}}\n", "")), encoding="utf-8"
    )

    result = run("content-env", "sales", "-c", config_file)

    assert (result.exit_code, result.stdout) == (78, "")
    assert "`api.keys` has no key for the content `sales`" in result.stderr


@pytest.mark.parametrize("listen", ["unix:/run/a.sock", "127.0.0.1:0"])
def test_content_env_needs_an_api_on_a_known_port(run, config_file, listen):
    config_file.write_text(changed(("api:\n", f"api:\n  listen: {listen}\n")), encoding="utf-8")

    result = run("content-env", "sales", "-c", config_file)

    assert result.exit_code == 78
    assert "need `api.listen` on a TCP port" in result.stderr


@pytest.fixture
def answering(tmp_path):
    """A listener that answers one request; yields what to write under ``listen`` and what it heard."""
    sockets, threads = [], []

    def start(status, *, family=socket.AF_INET):
        listener = socket.socket(family)
        sockets.append(listener)
        listener.bind(str(tmp_path / "x.sock") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(10)
        heard = []

        def answer():
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65_536))
                connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

        threads.append(threading.Thread(target=answer))
        threads[-1].start()
        where = f"unix:{tmp_path / 'x.sock'}" if family == socket.AF_UNIX else f"0.0.0.0:{listener.getsockname()[1]}"
        return where, heard

    yield start
    for thread in threads:
        thread.join(timeout=10)
    for listener in sockets:
        listener.close()


def listening(config_file, where):
    config_file.write_text(
        changed(("sign_in: warehouse\n", f"sign_in: warehouse\nlisten: {where}\n")), encoding="utf-8"
    )


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_healthcheck_asks_the_listener_by_its_public_name(run, config_file, answering, family):
    where, heard = answering(200, family=family)
    listening(config_file, where)

    result = run("healthcheck", "-c", config_file)

    assert (result.exit_code, result.output) == (0, "ready\n")
    assert heard[0].startswith(b"GET /__health__/ready HTTP/1.1\r\n")
    assert b"\r\nHost: apps.example.org\r\n" in heard[0]


def test_healthcheck_fails_when_the_sidecar_is_not_ready(run, config_file, answering):
    where, _ = answering(503)
    listening(config_file, where)

    result = run("healthcheck", "-c", config_file)

    assert (result.exit_code, result.stderr) == (1, "oauth-sidecar: not ready: it answers 503\n")


def test_healthcheck_fails_when_nobody_listens(run, config_file, tmp_path):
    listening(config_file, f"unix:{tmp_path / 'nobody.sock'}")

    result = run("healthcheck", "-c", config_file)

    assert result.exit_code == 1
    assert "not ready: no answer" in result.stderr


def test_healthcheck_trusts_the_configured_certificate_only(run, config_file, answering):
    where, _ = answering(200)
    pem_pair(config_file.parent, "a")
    listening(config_file, f"{where}\ntls: {{certificate: a.pem, key: a.key}}")

    result = run("healthcheck", "-c", config_file)

    assert result.exit_code == 1
    assert "not ready: no answer" in result.stderr


def test_the_module_is_the_command():
    import proxy.__main__

    assert proxy.__main__.main is main


ROBOT = f"""\
  - name: robot
    template: custom
    config: {{token_uri: 'https://login.example.org/token', client_id: robot, client_secret: {CLIENT_SECRET},
             auth_type: Service Account}}
"""


def test_content_env_prints_what_a_content_with_a_service_account_shows(run, config_file):
    text = changed(("content:\n  - name", ROBOT + "content:\n  - name"), ("[warehouse]", "[warehouse, robot]"))
    config_file.write_text(text, encoding="utf-8")

    printed = dict(line.split("=", 1) for line in shlex.split(run("content-env", "sales", "-c", config_file).output))

    key_ring = KeyRing([parse_key(STORE_KEY)])
    assert printed["CONNECT_CONTENT_SESSION_TOKEN"] == content_session_token(
        key_ring, ContentGuid(printed["CONNECT_CONTENT_GUID"])
    )


def test_content_env_prints_it_too_where_the_server_api_may_give_one(run, config_file):
    config_file.write_text(changed(("    integrations: [warehouse]\n", "")), encoding="utf-8")
    assert "CONNECT_CONTENT_SESSION_TOKEN=" in run("content-env", "sales", "-c", config_file).output


def test_content_env_prints_where_the_token_is_and_not_the_one_that_never_ends(run, config_file, tmp_path):
    here = f"[warehouse, robot]\n    session_token_file: {tmp_path}/token"
    text = changed(("content:\n  - name", ROBOT + "content:\n  - name"), ("[warehouse]", here))
    config_file.write_text(text, encoding="utf-8")
    printed = dict(line.split("=", 1) for line in shlex.split(run("content-env", "sales", "-c", config_file).output))
    assert printed["CONNECT_CONTENT_SESSION_TOKEN_FILE"] == f"{tmp_path}/token"
    assert "CONNECT_CONTENT_SESSION_TOKEN" not in printed


def test_check_asks_nobody_to_register_a_redirect_uri_for_a_service_account(run, config_file):
    config_file.write_text(changed(("content:\n  - name", ROBOT + "content:\n  - name")), encoding="utf-8")
    printed = run("check", "-c", config_file).output
    assert "#   robot: nothing: a service account" in printed
    assert printed.count("redirect_uri_to_register") == 1
