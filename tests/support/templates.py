"""Services for tests: what a repository contains, as path and text."""

from __future__ import annotations

import json
from typing import Any


def queue(output: str = "QueueName", **properties: Any) -> str:
    return template(
        {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}},
        Outputs={output: {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
    )


def function(code: str = "src/", **sections: Any) -> str:
    return template(
        {
            "Function": {
                "Type": "AWS::Serverless::Function",
                "Properties": {"CodeUri": code, "Handler": "app.handler", "Runtime": "python3.11"},
            }
        },
        Transform="AWS::Serverless-2016-10-31",
        **sections,
    )


def template(resources: dict[str, Any], **sections: Any) -> str:
    return json.dumps(
        {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, **sections}, indent=1
    )


def answering(body: str) -> str:
    return f"def handler(event, context):\n    return {{'answer': {body!r}}}\n"


def services(**tables: str) -> str:
    """tiercel.toml with one service for each name; the folder has the service's name."""
    return "\n".join(
        f'[services.{name}]\npath = "{name}"\ntemplate = "template.json"\n{extra}'
        for name, extra in tables.items()
    )
