"""What a sound configuration comes to."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from proxy.config.load import load, load_with_keys
from proxy.config.values import TcpListen, UnixListen
from proxy.model import Anyone, Named, Role, Secret, SignedIn, TcpUpstream, UnixUpstream
from proxy.policy.limits import Limits
from proxy.sealing import hash_handle, parse_key
from tests.unit.config.house import API_KEY, CLIENT_SECRET, SOUND, STORE_KEY, changed, loaded, problems


def test_defaults_are_those_of_the_documentation(tmp_path):
    config = loaded(tmp_path, SOUND)

    assert config.listen == TcpListen("127.0.0.1", 8080)
    assert config.api_listen == TcpListen("127.0.0.1", 3939)
    assert config.session_idle == timedelta(hours=12)
    assert config.session_lifetime == timedelta(days=7)
    assert config.limits == Limits()
    assert config.tls is None
    assert config.trusted_proxies == ()
    assert not config.unsafe_shared_origin


def test_public_url_is_an_origin_in_lower_case_without_its_default_port(tmp_path):
    config = loaded(tmp_path, changed(("https://apps.example.org", "HTTPS://Apps.Example.org:443/")))

    assert config.public_url == "https://apps.example.org"
    assert config.public_host == "apps.example.org"
    assert config.redirect_uri == "https://apps.example.org/__oauth__/integrations/callback"


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://demo.localhost", "demo.localhost"),
        ("https://apps.example.org:8443", "apps.example.org:8443"),
    ],
)
def test_public_host_is_what_browsers_send(tmp_path, written, host):
    assert loaded(tmp_path, changed(("https://apps.example.org", written))).public_host == host


def test_store_keys_and_path_are_read(tmp_path):
    config = loaded(tmp_path, SOUND)

    assert config.store_path == Path("/var/lib/state.db")
    assert config.store_keys == (parse_key(STORE_KEY),)


def test_a_content_key_is_kept_as_its_hash_beside_its_content(tmp_path):
    config = loaded(tmp_path, SOUND)

    (key,) = config.api_keys
    assert (key.name, key.role, key.hash) == ("sales", Role.CONTENT, hash_handle(API_KEY))
    assert config.directory.contents[key.content_guid].name == "sales"


def test_the_client_secret_is_a_secret_and_not_in_config(tmp_path):
    config = loaded(tmp_path, SOUND)

    (integration,) = config.directory.integrations.values()
    assert integration.client_secret == Secret(CLIENT_SECRET)
    assert "client_secret" not in integration.config
    assert integration.config["client_id"] == "sidecar"
    assert config.directory.sign_in == integration.guid


@pytest.mark.parametrize("is_pinned", [True, False])
def test_the_account_is_pinned_where_the_integration_says_so(tmp_path, is_pinned):
    text = changed(("    template: custom\n", f"    template: custom\n    pin_identity: {str(is_pinned).lower()}\n"))
    (integration,) = loaded(tmp_path, text).directory.integrations.values()
    assert integration.pin_identity is is_pinned


def test_guids_follow_from_names_and_never_change(tmp_path):
    directory = loaded(tmp_path, SOUND).directory

    assert list(directory.contents) == ["2a3ec3c8-ceec-5e26-be6d-4e8b3d393972"]
    assert list(directory.integrations) == ["51169e5a-233e-541e-ba6d-963e90c4201d"]


def test_a_written_guid_is_taken_in_lower_case(tmp_path):
    text = changed(("    path: /sales/\n", "    path: /sales/\n    guid: 7C9E6679-7425-40DE-944B-E07FC1F90AE7\n"))

    assert list(loaded(tmp_path, text).directory.contents) == ["7c9e6679-7425-40de-944b-e07fc1f90ae7"]


@pytest.mark.parametrize(
    ("written", "slug"),
    [("name: warehouse", "warehouse"), ("name: warehouse\n    slug: dwh", "dwh")],
)
def test_the_slug_is_given_or_follows_from_the_name(tmp_path, written, slug):
    (integration,) = loaded(tmp_path, changed(("name: warehouse", written))).directory.integrations.values()

    assert integration.slug == slug


def test_a_slug_of_a_long_name_is_cut_and_plain(tmp_path):
    text = changed(
        ("sign_in: warehouse\n", ""), ("name: warehouse", "name: The Data_Warehouse of all our Departments 2026")
    )
    text = text.replace("[warehouse]", "[The Data_Warehouse of all our Departments 2026]")

    (integration,) = loaded(tmp_path, text).directory.integrations.values()

    assert integration.slug == "the-data-warehouse-of-all-our-department"


@pytest.mark.parametrize(
    ("written", "access"),
    [
        ("signed_in", SignedIn()),
        ("{emails: [Ada@Example.org]}", Named(emails=frozenset({"ada@example.org"}))),
        (
            "{domains: [Example.org], groups: [Board]}",
            Named(domains=frozenset({"example.org"}), groups=frozenset({"Board"})),
        ),
    ],
)
def test_access_rules_are_read(tmp_path, written, access):
    text = changed(("    path: /sales/\n", f"    path: /sales/\n    access: {written}\n"))

    (content,) = loaded(tmp_path, text).directory.contents.values()

    assert content.access == access


@pytest.mark.parametrize(
    ("written", "are_configured"),
    [("    integrations: [warehouse]\n", True), ("    integrations: []\n", True), ("", False)],
    ids=["a list", "an empty list", "no list"],
)
def test_a_list_that_is_left_out_is_not_an_empty_one(tmp_path, written, are_configured):
    text = changed(("    integrations: [warehouse]\n", written))

    (content,) = loaded(tmp_path, text).directory.contents.values()

    assert content.are_integrations_configured == are_configured


def test_without_sign_in_a_list_may_be_left_to_the_api(tmp_path):
    text = changed(
        ("sign_in: warehouse\n", ""),
        ("    integrations: [warehouse]\n", ""),
    )

    (content,) = loaded(tmp_path, text).directory.contents.values()

    assert content.integrations == ()


def test_content_for_anyone_needs_no_integration(tmp_path):
    text = changed(("    integrations: [warehouse]\n", "    access: anyone\n"))

    (content,) = loaded(tmp_path, text).directory.contents.values()

    assert (content.access, content.integrations) == (Anyone(), ())


@pytest.mark.parametrize(
    ("written", "upstream"),
    [
        ("http://127.0.0.1:8501", TcpUpstream("127.0.0.1", 8501)),
        ("http://app", TcpUpstream("app", 80)),
        ("http://[::1]:8501/", TcpUpstream("::1", 8501)),
        ("unix:/run/app.sock", UnixUpstream("/run/app.sock")),
    ],
)
def test_upstreams_are_read(tmp_path, written, upstream):
    (content,) = loaded(tmp_path, changed(("http://127.0.0.1:8501", written))).directory.contents.values()

    assert content.upstream == upstream


def test_everything_else_of_a_content_is_read(tmp_path):
    more = "    title: Sales figures\n    strip_prefix: false\n    unsafe_allow_origins: [https://Portal.example:443]\n"

    (content,) = loaded(tmp_path, SOUND + more).directory.contents.values()

    assert (content.title, content.owner, content.path) == ("Sales figures", "bob@example.org", "/sales/")
    assert content.app_mode == "python-streamlit"
    assert not content.strip_prefix
    assert content.unsafe_allow_origins == {"https://portal.example"}


def test_listeners_networks_and_spans_are_read(tmp_path):
    config = loaded(
        tmp_path,
        changed(
            (
                "sign_in: warehouse\n",
                (
                    'sign_in: warehouse\nlisten: unix:/run/public.sock\ntrusted_proxies: [10.0.0.0/8, "::1"]\n'
                    "session: {idle: 1h30m, lifetime: 2d}\n"
                ),
            ),
            ("api:\n", 'api:\n  listen: "[::1]:0"\n'),
        ),
    )

    assert config.listen == UnixListen("/run/public.sock")
    assert config.api_listen == TcpListen("::1", 0)
    assert config.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert (config.session_idle, config.session_lifetime) == (timedelta(minutes=90), timedelta(days=2))


def test_the_api_can_be_turned_off(tmp_path):
    text = changed(
        ("api:\n", "api:\n  listen: null\n"), (f"  keys:\n    - {{name: sales, content: sales, key: {API_KEY}}}\n", "")
    )

    assert loaded(tmp_path, text).api_listen is None


def test_dangers_can_be_chosen_by_name(tmp_path):
    text = changed(
        ("sign_in: warehouse\n", "sign_in: warehouse\nunsafe_shared_origin: true\n"),
        ("api:\n", "api:\n  listen: 0.0.0.0:3939\n  unsafe_listen_anywhere: true\n  hosts: [Sidecar, 10.0.0.5]\n"),
    )
    text += "  - {name: b, owner: eve@example.org, path: /b/, app_mode: proxied, upstream: 'http://b:1'}\n"

    config = loaded(tmp_path, text)

    assert config.api_listen == TcpListen("0.0.0.0", 3939)
    assert config.api_hosts == ("sidecar", "10.0.0.5")
    assert config.unsafe_shared_origin


def test_sections_without_anything_in_them_are_as_if_left_out(tmp_path):
    text = changed(("sign_in: warehouse\n", "sign_in: warehouse\nlimits:\nsession:\ntrusted_proxies:\n"))

    assert loaded(tmp_path, text).limits == Limits()


def test_values_may_come_from_the_environment_and_from_files(tmp_path):
    (tmp_path / "key").write_text(STORE_KEY + "\n", encoding="utf-8")
    text = changed(
        (f"keys: [{STORE_KEY}]", 'keys: ["file:${FOLDER}/key"]'),
        (CLIENT_SECRET, "${SECRET}"),
        ("https://apps.example.org", "https://${HOST}"),
        ("sign_in: warehouse\n", "sign_in: warehouse\nlimits: {max_headers: '${HEADERS}', keep_alive_s: '${IDLE}'}\n"),
        ("    path: /sales/\n", "    path: /sales/\n    strip_prefix: ${STRIP}\n    title: A $${title}\n"),
    )

    config = loaded(
        tmp_path, text, FOLDER=".", SECRET="file:/x ${HOST}", HOST="a.example", HEADERS="64", IDLE="1.5", STRIP="False"
    )

    (integration,), (content,) = config.directory.integrations.values(), config.directory.contents.values()
    assert config.store_keys == (parse_key(STORE_KEY),)
    assert integration.client_secret == Secret("file:/x ${HOST}")
    assert config.public_url == "https://a.example"
    assert (config.limits.max_headers, config.limits.keep_alive_s) == (64, 1.5)
    assert not content.strip_prefix
    assert content.title == "A ${title}"


def test_a_variable_that_holds_no_number_is_refused_without_showing_it(tmp_path):
    text = changed(("sign_in: warehouse\n", "sign_in: warehouse\nlimits: {max_headers: '${HEADERS}'}\n"))

    assert problems(tmp_path, text, HEADERS="many") == ["config.yaml:3:23: limits.max_headers: must be a whole number"]


@pytest.mark.parametrize(("raw", "said"), [(b"\xff", "is not UTF-8 text"), (b"x" * 65_537, "is larger than 64 KiB")])
def test_a_file_that_cannot_be_a_value_is_reported(tmp_path, raw, said):
    (tmp_path / "secret").write_bytes(raw)

    (line,) = problems(tmp_path, changed((CLIENT_SECRET, "file:secret")))

    assert line.endswith(f"client_secret: the file secret {said}")


def test_the_environment_of_the_process_is_not_consulted(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_PROCESS", "x")

    assert problems(tmp_path, changed((CLIENT_SECRET, "${SECRET_OF_THE_PROCESS}")))


def test_no_secret_is_in_a_repr_or_a_problem(tmp_path):
    config = loaded(tmp_path, SOUND)
    text = changed(
        ("path: /sales/", f"path: {CLIENT_SECRET}"),
        ("client_id: sidecar", f"{CLIENT_SECRET}: sidecar"),
        ("https://login.example.org/token", "https://user:${PASSWORD}@login.example.org"),
        ("upstream: http://127.0.0.1:8501", "upstream: file:${PASSWORD}/x"),
    )

    shown = "\n".join([repr(config), *problems(tmp_path, text, PASSWORD="hunter2-hunter2")])

    assert "content[0].path" in shown
    assert not re.search("hunter2|topsy|osk1_", shown)
    assert STORE_KEY not in shown
    assert parse_key(STORE_KEY).hex() not in shown


def test_the_plain_keys_are_kept_beside_the_configuration(tmp_path):
    (tmp_path / "config.yaml").write_text(SOUND, encoding="utf-8")

    assert load_with_keys(tmp_path / "config.yaml", environment={}).plain_keys == {"sales": (Secret(API_KEY),)}


def test_a_file_that_is_not_there_is_a_problem(tmp_path):
    with pytest.raises(Exception, match="the file cannot be read") as caught:
        load(tmp_path / "nowhere.yaml", environment={})

    assert type(caught.value).__name__ == "ConfigProblems"


def test_a_name_that_cannot_be_a_file_is_a_problem():
    with pytest.raises(Exception, match="bad name"):
        load(Path("a\0b"), environment={})


@pytest.mark.parametrize(
    ("secret", "added"),
    [
        (f"client_secret: {CLIENT_SECRET}", "auth_mode: Confidential"),
        (f"client_secret: {CLIENT_SECRET}", "use_pkce: 'true'"),
        (f"client_secret: {CLIENT_SECRET}", "use_pkce: ${PKCE}"),
        ("auth_type: Viewer", "auth_mode: Public"),
    ],
)
def test_what_connect_says_of_an_integration_may_be_said_where_it_is_so(tmp_path, secret, added):
    text = changed(
        (f"client_secret: {CLIENT_SECRET}\n", f"{secret}\n      {added}\n"),
        ("client_id: sidecar\n", "client_id: sidecar\n" + ("" if "pkce" in added else "      use_pkce: true\n")),
    )

    (integration,) = loaded(tmp_path, text, PKCE="True").directory.integrations.values()

    assert (integration.client_secret is None) == ("Public" in added)


def test_content_that_is_open_to_anyone_may_have_a_service_account(tmp_path):
    text = changed(
        ("sign_in: warehouse\n", ""),
        ("client_id: sidecar", "client_id: sidecar\n      auth_type: Service Account"),
        ("    path: /sales/\n", "    path: /sales/\n    access: anyone\n"),
    )
    config = loaded(tmp_path, text)
    (integration,), (content,) = config.directory.integrations.values(), config.directory.contents.values()
    assert integration.is_service_account
    assert (content.access, content.integrations) == (Anyone(), (integration.guid,))
