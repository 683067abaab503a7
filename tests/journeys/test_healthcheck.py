"""``oauth-sidecar healthcheck`` beside the real process, however that listens."""

from __future__ import annotations

import asyncio
import ipaddress
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.journeys.sidecar import READY_WITHIN_S, REPOSITORY, Setup


def issue(name, *, issuer=None, alternative=None):
    """Return (certificate, key) for ``name``; without an issuer it signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    # No wall clock decides what is signed: valid for a century around any test.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=alternative is None, path_length=None), critical=True)
    )
    if alternative is not None:
        certificate = certificate.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return certificate.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def write_pair(folder, pair, name="tls"):
    certificate, key = pair
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return {"certificate": f"{name}.pem", "key": f"{name}.key"}


def healthcheck(config):
    command = [sys.executable, "-m", "proxy", "healthcheck", "-c", str(config)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=30)


@contextmanager
def serving(config, log_path):
    """Run the process; it is ended politely, and has to end well."""
    with log_path.open("wb") as log:
        command = [sys.executable, "-m", "proxy", "serve", "-c", str(config)]
        process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0, log_path.read_text()


async def first_answer(config, process):
    """Ask until it is ready, as an orchestrator does; return the last answer."""
    async with asyncio.timeout(READY_WITHIN_S):
        while True:
            answer = await asyncio.to_thread(healthcheck, config)
            if answer.returncode == 0 or process.poll() is not None:
                return answer


HOSTS = {
    "a name": ("apps.example.org", x509.DNSName("apps.example.org")),
    "an IPv4 address": ("127.0.0.1", x509.IPAddress(ipaddress.ip_address("127.0.0.1"))),
    "an IPv6 address": ("[::1]", x509.IPAddress(ipaddress.ip_address("::1"))),
}


@pytest.mark.parametrize("over", ["tcp", "unix"])
@pytest.mark.parametrize("host", HOSTS)
async def test_a_sidecar_with_tls_is_found_ready(tmp_path, over, host):
    public_host, alternative = HOSTS[host]
    setup = Setup(folder=tmp_path, scheme="https", host=public_host)
    setup.more["tls"] = write_pair(tmp_path, issue(public_host, alternative=alternative))
    if over == "unix":
        setup.more["listen"] = f"unix:{tmp_path / 'public.sock'}"
    config = setup.write()

    with serving(config, tmp_path / "log") as process:
        answer = await first_answer(config, process)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "ready\n", "")


async def test_a_certificate_of_an_authority_that_the_machine_does_not_know_is_no_obstacle(tmp_path):
    authority = issue("a company's own")
    setup = Setup(folder=tmp_path, scheme="https", host="apps.example.org")
    alternative = x509.DNSName("*.example.org")
    setup.more["tls"] = write_pair(tmp_path, issue("apps", issuer=authority, alternative=alternative))
    config = setup.write()

    with serving(config, tmp_path / "log") as process:
        answer = await first_answer(config, process)

    assert (answer.returncode, answer.stderr) == (0, "")


async def test_a_sidecar_on_a_unix_socket_without_tls_is_found_ready(tmp_path):
    setup = Setup(folder=tmp_path)
    setup.more["listen"] = f"unix:{tmp_path / 'public.sock'}"
    config = setup.write()

    with serving(config, tmp_path / "log") as process:
        answer = await first_answer(config, process)

    assert (answer.returncode, answer.stdout) == (0, "ready\n")


async def test_somebody_else_s_certificate_is_not_taken_for_ours(tmp_path):
    setup = Setup(folder=tmp_path, scheme="https", host="apps.example.org")
    alternative = x509.DNSName("apps.example.org")
    setup.more["tls"] = write_pair(tmp_path, issue("ours", alternative=alternative))
    config = setup.write()

    with serving(config, tmp_path / "log") as process:
        assert (await first_answer(config, process)).returncode == 0
        # Same names, other key: as if another process had taken the port.
        write_pair(tmp_path, issue("theirs", alternative=alternative))
        answer = await asyncio.to_thread(healthcheck, config)

    assert answer.returncode == 1
    assert "not ready: no answer" in answer.stderr
