"""boto3 as an account's root, for what no role of ours may do."""

from __future__ import annotations

import configparser
from typing import Any

import boto3

from tiercel.sandbox.lifecycle import Sandbox


def root_client(sandbox: Sandbox, profile: str, service: str) -> Any:
    credentials = configparser.ConfigParser()
    credentials.read(sandbox.credentials_file)
    keys = credentials[profile]
    return boto3.Session().client(
        service,
        endpoint_url=sandbox.aws_endpoint,
        region_name=sandbox.regions[profile],
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
    )
