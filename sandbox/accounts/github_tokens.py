"""Tokens as GitHub gives them to the jobs of workflows, signed by an issuer of the sandbox.

They have the claims of GitHub's own tokens, and its address as issuer, but another key: AWS
refuses them, and the sandbox refuses GitHub's.
https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tiercel.sandbox.machine.layout import Layout
from tiercel.sandbox.machine.record import write_text

ISSUER = "https://token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"
_ALGORITHM = "RS256"
_KEY_BITS = 2048
_KEY_ID = "sandbox"


@dataclass(frozen=True)
class Job:
    """What a token says of the job that asks for it; `lifetime` is in seconds from now."""

    repository: str
    repository_id: int
    ref: str
    environment: str = ""
    event: str = "push"
    audience: str = AUDIENCE
    lifetime: float = 300

    @property
    def subject(self) -> str:
        """The claim on which roles decide: the environment goes before event and branch."""
        if self.environment:
            return f"repo:{self.repository}:environment:{self.environment}"
        if self.event == "pull_request":
            return f"repo:{self.repository}:pull_request"
        return f"repo:{self.repository}:ref:{self.ref}"


@dataclass(frozen=True)
class TokenIssuer:
    """Signs tokens with the key of one sandbox."""

    key: rsa.RSAPrivateKey

    @classmethod
    def of(cls, layout: Layout) -> Self:
        """Return the sandbox's issuer; the first call makes and publishes its key."""
        if not layout.issuer_key.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
            write_text(layout.issuer_keys, json.dumps(_key_set(key)))
            write_text(layout.issuer_key, _pem(key))
        text = layout.issuer_key.read_bytes()
        found = serialization.load_pem_private_key(text, password=None)
        if not isinstance(found, rsa.RSAPrivateKey):
            raise TypeError(f"no RSA key: {layout.issuer_key}")
        return cls(found)

    def token(self, job: Job, **changed: Any) -> str:
        """Return a signed token for a job; `changed` are claims that shall be others."""
        return jwt.encode(
            claims_of(job) | changed, self.key, algorithm=_ALGORITHM, headers={"kid": _KEY_ID}
        )


def claims_of(job: Job) -> dict[str, Any]:
    """Return the claims of a job's token, times in seconds since 1970."""
    now = time.time()
    owner = job.repository.partition("/")[0]
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": job.audience,
        "sub": job.subject,
        "jti": str(uuid.uuid4()),
        "iat": int(now),
        "nbf": int(now) - 5,
        "exp": int(now + job.lifetime),
        "repository": job.repository,
        "repository_id": str(job.repository_id),
        "repository_owner": owner,
        "ref": job.ref,
        "ref_type": "branch",
        "event_name": job.event,
    }
    return claims | ({"environment": job.environment} if job.environment else {})


def verified_claims(token: str, keys: Path, audiences: list[str]) -> dict[str, Any]:
    """Return a token's claims if it is signed by one of the keys, in time and for the audience.

    `keys` is a file with a JSON Web Key Set. Raises an error of PyJWT that says what is wrong.
    """
    key_id = jwt.get_unverified_header(token).get("kid")
    published = jwt.PyJWKSet.from_json(keys.read_text("utf-8"))
    key = next((one for one in published.keys if one.key_id == key_id), None)
    if key is None:
        raise jwt.InvalidKeyError(f"no key {key_id}")
    claims: dict[str, Any] = jwt.decode(
        token,
        key.key,
        algorithms=[_ALGORITHM],
        audience=audiences,
        issuer=ISSUER,
        options={"require": ["aud", "exp", "iat", "iss", "sub"]},
    )
    return claims


def _key_set(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [public | {"kid": _KEY_ID, "alg": _ALGORITHM, "use": "sig"}]}


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
