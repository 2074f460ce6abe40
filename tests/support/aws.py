"""boto3 as an account's root, for what no role of ours may do."""

from __future__ import annotations

import configparser
import os
import threading
from functools import cache
from typing import Any

import boto3
from botocore.loaders import Loader, create_loader
from botocore.session import get_session

from tiercel.sandbox.lifecycle import Sandbox

_LOCK = threading.Lock()
"""A client is for all threads, a session that makes one is not."""


def root_client(sandbox: Sandbox, profile: str, service: str) -> Any:
    credentials = configparser.ConfigParser()
    credentials.read(sandbox.credentials_file)
    keys = credentials[profile]
    with _LOCK:
        return _session().client(
            service,
            endpoint_url=sandbox.aws_endpoint,
            region_name=sandbox.regions[profile],
            aws_access_key_id=keys["aws_access_key_id"],
            aws_secret_access_key=keys["aws_secret_access_key"],
        )


def new_session(
    variables: dict[str, Any] | None = None, profile: str | None = None
) -> boto3.Session:
    """A session of its own that does not read AWS's descriptions of its services again.

    To read them takes a tenth of a second for each client.
    """
    session = get_session(variables)
    session.register_component("data_loader", _loader())
    return boto3.Session(botocore_session=session, profile_name=profile)


def profile_client(profile: str, service: str) -> Any:
    """As a profile of the credentials file that this process has just now."""
    with _LOCK:
        return _session_of(profile, os.environ["AWS_SHARED_CREDENTIALS_FILE"]).client(service)


@cache
def _session_of(profile: str, _: str) -> boto3.Session:
    return new_session(profile=profile)


@cache
def _session() -> boto3.Session:
    """One for all clients that are told everything: it takes longer to make than they do.

    It would keep for ever what the environment and its files say when it is first used.
    """
    return new_session({"profile": (None, None, None, None)})


@cache
def _loader() -> Loader:
    return create_loader()
