"""A private key in the place of a secret: several lines, in a file of its own, with its certificate."""

from __future__ import annotations

import yaml

from proxy.config.show import MASKED, effective
from tests.unit.config.house import CLIENT_SECRET, changed, loaded, problems
from tests.unit.oauth.keys import EC_KEY, RSA_KEY, certificate

IN_A_FILE = (f"client_secret: {CLIENT_SECRET}", "private_key: file:key.pem")


def test_a_key_in_a_file_is_kept_apart_and_never_shown(tmp_path):
    (tmp_path / "key.pem").write_text(EC_KEY, encoding="utf-8")

    config = loaded(tmp_path, changed(IN_A_FILE))

    (integration,) = config.directory.integrations.values()
    assert integration.private_key is not None
    assert integration.private_key.reveal().strip() == EC_KEY.strip()
    assert "private_key" not in integration.config
    shown = effective(config)
    assert "BEGIN" not in shown
    assert yaml.safe_load(shown)["integrations"][0]["config"]["private_key"] == MASKED


def test_a_key_and_a_secret_are_one_too_many(tmp_path):
    (tmp_path / "key.pem").write_text(EC_KEY, encoding="utf-8")
    both = (IN_A_FILE[0], f"{IN_A_FILE[0]}\n      {IN_A_FILE[1]}")

    (found,) = problems(tmp_path, changed(both))

    assert found.endswith("config.private_key: give either a client_secret or a private_key")


def test_a_key_written_into_the_file_is_in_no_problem(tmp_path):
    broken = RSA_KEY.splitlines()[1]

    (found,) = problems(tmp_path, changed((IN_A_FILE[0], f"private_key: {broken}")))

    assert broken not in found
    assert "must be a private key in PEM" in found


def test_other_texts_still_have_one_line(tmp_path):
    (found,) = problems(tmp_path, changed((IN_A_FILE[0], 'scopes: "a\\nb"')))

    assert "must be one line" in found


def test_a_certificate_is_no_setting_of_the_custom_template(tmp_path):
    (tmp_path / "key.pem").write_text(RSA_KEY, encoding="utf-8")
    (tmp_path / "certificate.pem").write_text(certificate(RSA_KEY), encoding="utf-8")
    both = (IN_A_FILE[0], f"{IN_A_FILE[1]}\n      certificate: file:certificate.pem")

    (found,) = problems(tmp_path, changed(both))

    assert "has no such setting" in found
