"""Where custom resources put their answers: over TLS, as the signed addresses of S3 are.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Deliver = Callable[[str, dict[str, Any]], bool]
"""Takes an answer by its token, and tells whether anybody waits for it."""

_HOST = "127.0.0.1"
_NAME = "localhost"
_TLS_HANDSHAKE = b"\x16"
_MOST_BYTES = 64 * 1024
"""CloudFormation takes 4,096 bytes of an answer."""
_PATIENCE_SECONDS = 10
_DAYS = 3650
# What functions and their libraries read certificates from.
_TRUSTED_BY = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class ResponseServer(ThreadingHTTPServer):
    """Takes the answers of custom resources, each over TLS or, as some insist, without."""

    daemon_threads = True

    def __init__(self, folder: Path, deliver: Deliver) -> None:
        """Listen on a free port of loopback; the certificate is made anew in the folder."""
        super().__init__((_HOST, 0), _Answers)
        self.deliver = deliver
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = _certificate(folder)
        self._tls.load_cert_chain(certificate)
        trust(folder, certificate)

    def start(self) -> None:
        """Serve beside everything else until the process ends."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self, token: str) -> str:
        """Return where the answer with this token is put."""
        return f"https://{_NAME}:{self.server_address[1]}/{token}?X-Amz-Expires=7200"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Find out how the client speaks before anything is read."""
        request.settimeout(_PATIENCE_SECONDS)
        try:
            if request.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
                request = self._tls.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except OSError:  # a client that does not trust us, or went away
            request.close()


class _Answers(BaseHTTPRequestHandler):
    """Takes one answer; it says 200 to any, as S3 does."""

    server: ResponseServer

    def do_PUT(self) -> None:
        """Deliver a JSON object by the token in the path."""
        length = min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES)
        try:
            answer = json.loads(self.rfile.read(length))
        except ValueError:
            answer = None
        token = urlsplit(self.path).path.lstrip("/")
        if isinstance(answer, dict):
            self.server.deliver(token, answer)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Write nothing: addresses are secrets."""


def trust(folder: Path, certificate: Path) -> None:
    """Let the functions that this process starts trust the certificate, beside all others."""
    usual = ssl.get_default_verify_paths().cafile
    known = Path(usual).read_bytes() if usual and Path(usual).is_file() else b""
    bundle = folder / "certificates.pem"
    own = certificate.read_bytes().partition(b"-----BEGIN CERTIFICATE")
    bundle.write_bytes(known + b"\n" + own[1] + own[2])
    os.environ |= dict.fromkeys(_TRUSTED_BY, str(bundle))
    os.environ["NODE_EXTRA_CA_CERTS"] = str(bundle)


def _certificate(folder: Path) -> Path:
    """Write a key and its certificate for loopback alone; return the file of both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = datetime.now(UTC)
    alternatives = [x509.DNSName(_NAME), x509.IPAddress(ipaddress.ip_address(_HOST))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "custom-resources.pem"
    file.touch(mode=0o600)
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file
