"""A listener's certificate, and what becomes of it when the files change. Handshakes are real, between memory buffers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from proxy.config.values import Tls
from proxy.tls import EVERY_S, ServerTls, watch


class Enough(BaseException):
    """The test has seen enough."""


@pytest.fixture
def files(tmp_path):
    return Tls(certificate=tmp_path / "tls.pem", key=tmp_path / "tls.key")


def pair(name, *, key=None, password=None) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, as PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    sealing = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return (
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing),
    )


def write(files, certificate, key):
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)


def listener(files) -> ServerTls:
    return ServerTls(files, setting="tls")


def shown(one, *, server_name="apps.example.org", version=None) -> str:
    """Shake hands with the listener's context; return the common name that it shows."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # looked at, not trusted
    if version is not None:
        client.minimum_version = client.maximum_version = version
        client.set_ciphers("ALL:@SECLEVEL=0")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = client.wrap_bio(to_client, to_server, server_hostname=server_name)
    server = one.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (browser, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    der = browser.getpeercert(binary_form=True)
    assert der is not None, "no handshake"
    [name] = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(name.value)


def looked_at(one, times=2) -> list[str]:
    """Let the files be looked at; return what was logged: level and event."""
    with capture_logs() as logs:
        for _ in range(times):
            one.refresh()
    return [f"{entry['log_level']}: {entry['event']}" for entry in logs]


RENEWED = ["info: certificate renewed"]
KEPT = ["error: the changed certificate cannot be used, the old one stays"]


@pytest.mark.parametrize("server_name", ["apps.example.org", None], ids=["with a name", "without a name"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["EC", "RSA"])
def test_a_renewed_pair_is_shown_at_the_next_handshake(files, server_name, version, kind):
    write(files, *pair("old"))
    one = listener(files)
    assert shown(one, server_name=server_name, version=version) == "old"
    key = rsa.generate_private_key(65537, 2048) if kind == "RSA" else None
    write(files, *pair("new", key=key))
    assert looked_at(one) == RENEWED
    assert shown(one, server_name=server_name, version=version) == "new"
    assert looked_at(one, times=10) == []


def test_a_connection_that_stands_goes_on(files):
    write(files, *pair("old"))
    one = listener(files)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE  # looked at, not trusted
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    browser = client.wrap_bio(to_client, to_server, server_hostname="apps.example.org")
    server = one.context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for end in (browser, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    write(files, *pair("new"))
    assert looked_at(one) == RENEWED
    browser.write(b"still there?")
    assert server.read() == b"still there?"
    server.write(b"yes")
    assert browser.read() == b"yes"


def broken(name, certificate, key):
    other_certificate, other_key = pair("other")
    return {
        "no PEM": (b"garbage", key),
        "cut off": (certificate[:200], key),
        "empty": (b"", b""),
        "the key of another": (certificate, other_key),
        "the certificate of another": (other_certificate, key),
        "a passphrase": pair("sealed", password=b"secret"),
    }[name]


@pytest.mark.parametrize(
    "how", ["no PEM", "cut off", "empty", "the key of another", "the certificate of another", "a passphrase"]
)
def test_a_broken_pair_is_told_of_once_and_the_old_one_stays_until_a_sound_one_comes(files, how):
    """Fails when the pair is loaded into the context in use: a half-loaded pair answers nobody any more."""
    certificate, key = pair("old")
    write(files, certificate, key)
    one = listener(files)
    write(files, *broken(how, certificate, key))
    assert looked_at(one, times=5) == KEPT
    assert shown(one) == "old"
    write(files, *pair("new"))
    assert looked_at(one) == RENEWED
    assert shown(one) == "new"


def test_files_that_are_gone_are_told_of_once_and_found_again(files):
    write(files, *pair("old"))
    one = listener(files)
    files.key.unlink()
    assert looked_at(one, times=5) == KEPT
    assert shown(one) == "old"
    write(files, *pair("new"))
    assert looked_at(one) == RENEWED


def test_between_the_two_writes_of_a_renewal_nothing_is_told_and_nothing_changes(files):
    write(files, *pair("old"))
    one = listener(files)
    certificate, key = pair("new")
    files.certificate.write_bytes(certificate)
    assert looked_at(one, times=1) == []
    files.key.write_bytes(key)
    assert looked_at(one, times=1) == []
    assert shown(one) == "old"
    assert looked_at(one, times=1) == RENEWED


def test_a_pair_that_was_put_back_is_the_present_one(files):
    old = pair("old")
    write(files, *old)
    one = listener(files)
    write(files, b"garbage", b"garbage")
    assert looked_at(one) == KEPT
    write(files, *old)
    assert looked_at(one) == RENEWED
    assert shown(one) == "old"


def test_links_that_are_turned_to_other_files_count_as_a_change(files, tmp_path):
    """As Kubernetes and certbot renew."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        write(Tls(certificate=tmp_path / name / "c", key=tmp_path / name / "k"), *pair(name))
    (tmp_path / "current").symlink_to("old")
    one = ServerTls(Tls(certificate=tmp_path / "current" / "c", key=tmp_path / "current" / "k"), setting="tls")
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").rename(tmp_path / "current")
    assert looked_at(one) == RENEWED
    assert shown(one) == "new"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")  # by the client that tries it
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken_before_nor_after_a_renewal(files, version):
    write(files, *pair("old"))
    one = listener(files)
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        shown(one, version=version)
    write(files, *pair("new"))
    assert looked_at(one) == RENEWED
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        shown(one, version=version)


def test_no_key_and_no_certificate_is_in_what_is_logged(files):
    write(files, *pair("old"))
    one = listener(files)
    write(files, *pair("sealed", password=b"secret"))
    with capture_logs() as logs:
        for _ in range(2):
            one.refresh()
    [entry] = logs
    assert entry == {**entry, "setting": "tls"}
    assert set(entry) == {"event", "log_level", "setting", "reason"}
    assert len(entry["reason"]) < 60


async def test_all_listeners_are_looked_at_again_and_again(files, tmp_path):
    others = Tls(certificate=tmp_path / "api.pem", key=tmp_path / "api.key")
    write(files, *pair("old"))
    write(others, *pair("old"))
    both = [listener(files), listener(others)]
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 1:
            write(files, *pair("new"))
            write(others, *pair("new"))
        if len(slept) == 3:
            raise Enough

    with capture_logs() as logs, pytest.raises(Enough):
        await watch(both, sleep=sleep)
    assert [shown(one) for one in both] == ["new", "new"]
    assert set(slept) == {EVERY_S}
    assert len(logs) == 2


async def test_without_tls_there_is_nothing_to_watch():
    await watch([])


def test_what_cannot_be_used_at_the_start_is_an_error(files):
    write(files, b"garbage", b"garbage")
    with pytest.raises(ssl.SSLError):
        listener(files)
