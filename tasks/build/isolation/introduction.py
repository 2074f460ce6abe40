"""Speaks for builds to private indexes: the build sees their address, and no credential.

A tunnel to such an index ends here: the build trusts an authority that lives as long as the
build, and what it asks is asked again with the credential. It may only read.
"""

from __future__ import annotations

import base64
import datetime as dt
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tiercel.domain.base.errors import ConfigurationError
from tiercel.domain.organization.reach import canonical_host, means_loopback
from tiercel.tasks.build.isolation.requests import (
    TUNNEL_OPEN,
    ProxyRequest,
    read_request,
    refusal,
)

_CHUNK = 64 * 1024
_READING = ("GET", "HEAD")
_HTTPS = 443
_DAY = dt.timedelta(days=1)
_LONGEST_CREDENTIAL = 16 * 1024


@dataclass(frozen=True)
class Introduction:
    """Has the credentials of indexes, by host as `indexes` has it; `folder` is private.

    A credential without TLS is sent to this machine's own loopback alone.
    """

    credentials: Mapping[str, str]
    folder: Path

    @classmethod
    def read(cls, files: Mapping[str, str], folder: Path) -> Introduction:
        """Read the credentials from their files: `USER:PASSWORD`, or a token without a colon.

        Raises ConfigurationError for a file that cannot be read.
        """
        return cls({host: _authorization(host, Path(path)) for host, path in files.items()}, folder)

    def knows(self, request: ProxyRequest) -> bool:
        """Tell whether it has a credential for what is asked for."""
        is_safe = request.is_tunnel or means_loopback(request.host)
        return is_safe and self._credential(request) is not None

    def forward(self, request: ProxyRequest, client: socket.socket, server: socket.socket) -> None:
        """Carry what is asked to the index, with the credential, and its answer back."""
        if not request.is_tunnel:
            self._carry(request, client, server)
            return
        client.sendall(TUNNEL_OPEN)
        with self._context(request.host).wrap_socket(client, server_side=True) as inside:
            inner = read_request(inside, through=(request.host, request.port))
            with self._trust.wrap_socket(server, server_hostname=request.host) as outside:
                self._carry(inner, inside, outside)

    @cached_property
    def authority(self) -> bytes:
        """The certificate that builds have to trust; empty without credentials."""
        if not self.credentials:
            return b""
        return self._own.certificate.public_bytes(serialization.Encoding.PEM)

    def _carry(self, request: ProxyRequest, client: socket.socket, server: socket.socket) -> None:
        if request.method not in _READING:
            client.sendall(refusal("405 Method Not Allowed", "builds only read from an index"))
            return
        credential = self._credential(request) or ""
        asked = replace(request, rest=b"").as_sent(("Authorization", credential))
        server.sendall(asked)
        while received := server.recv(_CHUNK):
            client.sendall(received)

    def _credential(self, request: ProxyRequest) -> str | None:
        host = canonical_host(request.host)
        found = self.credentials.get(f"{host}:{request.port}")
        return self.credentials.get(host) if found is None and request.port == _HTTPS else found

    @cached_property
    def _own(self) -> _Authority:
        return _Authority.create()

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = self.folder / f"{canonical_host(host).replace(':', '-')}.pem"
        if not chain.exists():
            chain.touch(0o600)
            chain.write_bytes(self._own.certify(host))
        context.load_cert_chain(chain)
        return context


@dataclass(frozen=True)
class _Authority:
    """Certifies hosts to one build; nobody else trusts it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls) -> _Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Tiercel, for one build")
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            _certificate(name, name, key.public_key(), key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def certify(self, host: str) -> bytes:
        """Return a key and a certificate for a host, as one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate(
                _name(host[:64]), self.certificate.subject, key.public_key(), self.key.public_key()
            )
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False
        )
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _authorization(host: str, file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8")[:_LONGEST_CREDENTIAL].strip()
        text.encode("latin-1")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            "builds.index_credential",
            f"the credential of the index {host} cannot be read",
            where=f"[builds] index_credentials, {file}",
            why=str(error),
            state="nothing was built",
            remedy="put USER:PASSWORD, or a token, into the file, readable by the worker",
        ) from error
    if ":" in text:
        return f"Basic {base64.b64encode(text.encode()).decode()}"
    return f"Bearer {text}"
