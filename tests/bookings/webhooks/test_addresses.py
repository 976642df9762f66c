"""Webhooks go to public addresses only: not by a name that leads inside, not by a trick, not by a redirect."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ValidationError

from bookings.validators import is_public, validate_webhook_url
from bookings.webhooks import http_client
from tests.receiver import Receiver, say


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # the metadata of cloud machines
        "100.64.0.1",  # carriers' NAT
        "192.0.0.1",
        "192.0.0.9",
        "192.0.0.10",
        "168.63.129.16",  # the machine's own service in Azure
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",  # 127.0.0.1 behind NAT64
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::1",  # 127.0.0.1 by 6to4
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "https://",
        "https:///path",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com:port/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/#part",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\r\nX-Header: 1",
        "https://hooks.example.com/a\r\nb",
        "https://hooks.example.com/\u00fc",
        "https://hooks.example.com\\@127.0.0.1/",
        "https://hooks..example.com/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://localhost/",
        "https://printer.local/",
        "https://[::1/",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_when_it_is_saved(url):
    with pytest.raises(ValidationError):
        validate_webhook_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/bookings?source=expertbook",
        "https://hooks.example.com:8443/",
        "https://bücher.example/",
        "https://93.184.215.14/",
        "https://[2606:4700::1111]/",
    ],
)
def test_an_address_that_can_be_used(url):
    validate_webhook_url(url)


def test_what_looks_public_is_resolved_and_checked(settings, monkeypatch):
    """Ways to write 127.0.0.1, and names that lead there, also as one of several addresses."""
    with Receiver() as receiver:
        for host in ("127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost"):
            outcome = http_client.post(f"https://{host}:{receiver.port}/", b"{}", {})
            assert outcome.error == "Not sent: this name does not lead to a public address.", host
        lead(monkeypatch, "hooks.example.com", ["93.184.215.14", "127.0.0.1"])
        outcome = http_client.post(f"https://hooks.example.com:{receiver.port}/", b"{}", {})
        assert outcome.error == "Not sent: this name does not lead to a public address."
        assert receiver.received == []


def test_a_name_is_resolved_once_and_its_address_kept(settings, monkeypatch):
    """DNS rebinding: were the name asked again to connect, it would lead elsewhere."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with Receiver() as receiver:
        asked = lead(monkeypatch, "hooks.example.com", ["127.0.0.1"], ["192.0.2.1"])
        outcome = http_client.post(f"http://hooks.example.com:{receiver.port}/", b"{}", {})
        assert outcome.is_success, outcome
        assert asked == ["hooks.example.com"]
        assert receiver.received[0].headers["host"] == f"hooks.example.com:{receiver.port}"


def test_redirects_are_not_followed(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with Receiver() as inside:
        for status in (301, 302, 303, 307, 308):
            with Receiver(say(status, Location=inside.url)) as receiver:
                outcome = http_client.post(receiver.url, b"{}", {})
            assert (outcome.status, outcome.is_success) == (status, False)
            assert outcome.error == "Redirects are not followed. Enter the final address."
        assert inside.received == []


def test_no_proxy_of_the_environment_is_asked(settings, monkeypatch):
    """It would resolve the name itself."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with Receiver() as receiver, Receiver() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert http_client.post(receiver.url, b"{}", {}).is_success
        assert (len(receiver.received), len(proxy.received)) == (1, 0)


def test_the_certificate_is_checked_for_the_name_and_not_the_address(settings, monkeypatch, tmp_path):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    tls = certified(tmp_path, "hooks.example.com")
    lead(monkeypatch, "hooks.example.com", ["127.0.0.1"])
    lead(monkeypatch, "other.example.com", ["127.0.0.1"])
    with Receiver(tls=tls) as receiver:
        unknown = http_client.post(f"https://hooks.example.com:{receiver.port}/", b"{}", {})
        assert unknown.error.startswith("The certificate is not valid: ")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        http_client._tls.cache_clear()
        try:
            assert http_client.post(f"https://hooks.example.com:{receiver.port}/", b"{}", {}).is_success
            wrong = http_client.post(f"https://other.example.com:{receiver.port}/", b"{}", {})
            assert wrong.error.startswith("The certificate is not valid: Hostname mismatch")
        finally:
            http_client._tls.cache_clear()
        assert len(receiver.received) == 1


def lead(monkeypatch, name: str, *answers: list[str]) -> list[str]:
    """Have ``name`` lead to each of ``answers`` in turn. Returns the names that are asked for, as they come."""
    asked, real, left = [], socket.getaddrinfo, list(answers)

    def getaddrinfo(host, port, *args, **kwargs):
        if host != name:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ip_address(a).version], socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def certified(folder, name: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of its own for ``name`` in ``certificate.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context
