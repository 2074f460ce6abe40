"""The service that is deployed in most rows: a function with an alias, and a queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.world import Subject, World
from tests.support.templates import answering, queue, services, template


def files(service: str, answer: str, delay: int = 1) -> dict[str, str]:
    """What a commit has. Names of resources are given, so that two stacks are the same."""
    name = f"acme-preprod-{service}"
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "FunctionName": name,
            "CodeUri": "src/",
            "Handler": "app.handler",
            "Runtime": "python3.11",
            "AutoPublishAlias": "live",
        },
    }
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": name, "DelaySeconds": delay},
    }
    test = f'[services.{service}.smoke_test]\ninvoke = "Function"\n'
    return {
        "tiercel.toml": services(**{service: test}),
        f"{service}/template.json": template(
            {"Function": function, "Queue": queue},
            Transform="AWS::Serverless-2016-10-31",
            Outputs={"QueueName": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
        ),
        f"{service}/src/app.py": answering(answer),
    }


def queue_alone(service: str, _: str, delay: int = 1) -> dict[str, str]:
    """A service that is deployed in half of the time, where the function is beside the point."""
    return {
        "tiercel.toml": services(**{service: ""}),
        f"{service}/template.json": queue(QueueName=f"acme-preprod-{service}", DelaySeconds=delay),
    }


@dataclass(frozen=True)
class Versions:
    """A published service with two commits, the second a change of code and configuration.

    `newest` is the manifest of the second, by key: while it is there the first is superseded.
    """

    world: World
    subject: Subject
    first: str
    second: str
    newest: tuple[str, bytes]

    def nothing_is_live(self) -> None:
        self.world.reset(self.subject)

    def first_is_live(self) -> None:
        """As if the second commit had not been made yet when the first was deployed."""
        world, (key, body) = self.world, self.newest
        world.reset(self.subject)
        s3, bucket = world.root("infrastructure", "s3"), world.names.artifact_bucket
        s3.delete_object(Bucket=bucket, Key=key)
        try:
            assert world.deploy(self.subject, self.first)
        finally:
            s3.put_object(Bucket=bucket, Key=key, Body=body)


def published(world: World, service: str, files: Callable[..., dict[str, str]] = files) -> Versions:
    subject, prefix = world.subject(service), f"manifests/{service}/"
    bucket = world.names.artifact_bucket
    first = subject.repository.commit(files(service, "first"))
    world.publish(subject, first)
    known = world.keys("infrastructure", bucket, prefix)
    second = subject.repository.commit(files(service, "second", delay=2))
    world.publish(subject, second)
    (key,) = set(world.keys("infrastructure", bucket, prefix)) - set(known)
    body = world.read("infrastructure", bucket, key)
    return Versions(world, subject, first, second, (key, body))
