"""Content that is the sidecar itself, in every spelling; TLS files that do not fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.unit.config.house import API_KEY, changed, loaded, problems

OURSELVES = [
    ("127.0.0.1:8080", "http://127.0.0.1:8080"),
    ("127.0.0.1:8080", "http://localhost:8080"),
    ("127.0.0.1:8080", "http://LOCALHOST.:8080/"),
    ("127.0.0.1:8080", "http://app.localhost:8080"),
    ("127.0.0.1:8080", "http://0.0.0.0:8080"),
    ("127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080"),
    ("localhost:8080", "http://127.0.0.1:8080"),
    ("localhost:8080", "http://[::1]:8080"),
    ("0.0.0.0:8080", "http://127.0.0.1:8080"),
    ("0.0.0.0:8080", "http://127.0.0.2:8080"),
    ("0.0.0.0:8080", "http://0.0.0.0:8080"),
    ('"[::]:8080"', "http://127.0.0.1:8080"),
    ('"[::]:8080"', "http://[::1]:8080"),
    ('"[::1]:8080"', "http://[0:0:0:0:0:0:0:1]:8080"),
    ("10.1.2.3:80", "http://10.1.2.3"),
    ("unix:/run/x.sock", "unix:/run//./x.sock"),
]

OTHERS = [
    ("127.0.0.1:8080", "http://127.0.0.1:8081"),
    ("127.0.0.1:8080", "http://10.1.2.3:8080"),
    ("127.0.0.1:8080", "http://app:8080"),
    ("0.0.0.0:8080", "http://app:8080"),
    ("unix:/run/x.sock", "unix:/run/y.sock"),
    ("unix:/run/x.sock", "http://127.0.0.1:8080"),
    ("127.0.0.1:8080", "unix:/run/x.sock"),
    ("127.0.0.1:0", "http://127.0.0.1:8080"),
]


def text(listen: str, upstream: str) -> str:
    return changed(
        ("sign_in: warehouse\n", f"sign_in: warehouse\nlisten: {listen}\n"),
        ("upstream: http://127.0.0.1:8501", f"upstream: {upstream}"),
    )


@pytest.mark.parametrize(("listen", "upstream"), OURSELVES)
def test_content_cannot_be_our_own_listener(tmp_path, listen, upstream):
    assert problems(tmp_path, text(listen, upstream)) == [
        (
            "config.yaml:24:15: content[0].upstream: this is the sidecar's own listener (`listen`): requests would go round in "
            "circles"
        )
    ]


@pytest.mark.parametrize(("listen", "upstream"), OTHERS)
def test_content_elsewhere_is_fine(tmp_path, listen, upstream):
    assert problems(tmp_path, text(listen, upstream)) == []


def test_content_cannot_be_the_api_listener(tmp_path):
    (line,) = problems(tmp_path, text("127.0.0.1:8080", "http://localhost:3939"))

    assert "own listener (`api.listen`)" in line


def test_content_cannot_be_the_public_url(tmp_path):
    (line,) = problems(
        tmp_path,
        changed(
            ("https://apps.example.org", "https://apps.example.org:8501"),
            ("http://127.0.0.1:8501", "http://Apps.example.org:8501"),
        ),
    )

    assert "this is `public_url` itself" in line


def test_two_unix_listeners_need_two_paths(tmp_path):
    both = changed(
        ("sign_in: warehouse\n", "sign_in: warehouse\nlisten: unix:/run/a.sock\n"),
        ("api:\n", "api:\n  listen: unix:/run/a.sock\n"),
    )

    assert problems(tmp_path, both) == ["config.yaml:8:11: api.listen: this is the same address as `listen`"]


def test_a_unix_and_a_tcp_listener_do_not_collide(tmp_path):
    assert problems(tmp_path, changed(("api:\n", "api:\n  listen: unix:/run/a.sock\n"))) == []


def pem_pair(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def with_tls(certificate: str, key: str) -> str:
    return changed(("sign_in: warehouse\n", f"sign_in: warehouse\ntls: {{certificate: {certificate}, key: {key}}}\n"))


def test_tls_files_are_found_beside_the_configuration(tmp_path):
    pem_pair(tmp_path, "a")

    config = loaded(tmp_path, with_tls("a.pem", "a.key"))

    assert config.tls is not None
    assert config.tls.certificate == tmp_path / "a.pem"


def test_certificate_and_key_must_belong_together(tmp_path):
    pem_pair(tmp_path, "a")
    pem_pair(tmp_path, "b")

    (line,) = problems(tmp_path, with_tls("a.pem", "b.key"))

    assert line == "config.yaml:3:6: tls: certificate and key cannot be used together (key values mismatch)"


def test_tls_files_must_be_pem(tmp_path):
    (tmp_path / "a.pem").write_text("x", encoding="utf-8")

    (line,) = problems(tmp_path, with_tls("a.pem", "a.pem"))

    assert "certificate and key cannot be used together" in line


def test_tls_files_that_cannot_be_looked_at_are_reported(tmp_path):
    lines = problems(tmp_path, with_tls("x" * 300, "x" * 300))

    assert [line.rpartition("x")[2] for line in lines] == [" cannot be read (File name too long)"] * 2


def test_a_file_needs_a_name(tmp_path):
    pem_pair(tmp_path, "a")

    (line,) = problems(tmp_path, with_tls("a.pem", '""'))

    assert line == "config.yaml:3:32: tls.key: must be the path of a file"


def test_tls_needs_an_https_public_url(tmp_path):
    pem_pair(tmp_path, "a")

    (line,) = problems(
        tmp_path, with_tls("a.pem", "a.key").replace("https://apps.example.org", "http://localhost:8443")
    )

    assert "viewers come by plain http to `public_url`" in line


# — TLS on the API's listener ——————————————————————————————————————————————————————————————————————————


def with_api(lines: str) -> str:
    return changed(("api:\n", "api:\n" + lines))


def test_with_tls_the_api_may_listen_off_loopback(tmp_path):
    pem_pair(tmp_path, "a")

    config = loaded(tmp_path, with_api("  listen: 0.0.0.0:3939\n  tls: {certificate: a.pem, key: a.key}\n"))

    assert config.api_tls is not None
    assert (config.api_tls.certificate, config.api_tls.key) == (tmp_path / "a.pem", tmp_path / "a.key")
    assert config.tls is None


def test_the_apis_certificate_and_key_must_belong_together(tmp_path):
    pem_pair(tmp_path, "a")
    pem_pair(tmp_path, "b")

    (line,) = problems(tmp_path, with_api("  tls: {certificate: a.pem, key: b.key}\n"))

    assert line == "config.yaml:7:8: api.tls: certificate and key cannot be used together (key values mismatch)"


def test_the_apis_files_must_be_there(tmp_path):
    lines = problems(tmp_path, with_api("  tls: {certificate: a.pem, key: a.key}\n"))

    assert [line.split(": ")[1] for line in lines] == ["api.tls.certificate", "api.tls.key"]


def test_faulty_tls_is_one_problem_and_not_also_that_there_is_none(tmp_path):
    (line,) = problems(tmp_path, with_api("  listen: 0.0.0.0:3939\n  tls: 12\n"))

    assert line.startswith("config.yaml:8:8: api.tls: ")


def test_tls_without_a_listener_is_of_no_use(tmp_path):
    pem_pair(tmp_path, "a")
    keys = f"  keys:\n    - {{name: sales, content: sales, key: {API_KEY}}}\n"
    text = with_api("  listen: null\n  tls: {certificate: a.pem, key: a.key}\n").replace(keys, "")

    (line,) = problems(tmp_path, text)

    assert line == "config.yaml:8:8: api.tls: this is of no use while `api.listen` is null"
