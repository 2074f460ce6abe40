"""Services that are built from commits, and what is in their packages."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.conftest import Origin
from tiercel.domain.artifact.manifest import PackagedObject
from tiercel.domain.artifact.source_tree import source_paths, source_tree
from tiercel.domain.base.errors import BuildFailedError, RefusedInputError, TiercelError
from tiercel.domain.organization.services import Service
from tiercel.domain.organization.topology import BuildPlace, Builds
from tiercel.tasks.packaging.builder import Built, build_service
from tiercel.tasks.source.repository import find_objects

ORDERS = Service(name="orders", path="orders", template="template.json")
HERE = Builds(where=BuildPlace.HERE)
CODE = {"Runtime": "python3.12"}


def function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": CODE | properties}


def resource(resource_type: str, **properties: Any) -> dict[str, Any]:
    return {"Type": resource_type, "Properties": properties}


PLAIN = resource("AWS::Lambda::Function", Code="src", **CODE)


def template(**resources: Any) -> str:
    return json.dumps({"Resources": resources or {"Queue": resource("AWS::SQS::Queue")}})


def build(origin: Origin, folder: Path, service: Service = ORDERS) -> Built:
    commit = origin.fetch()
    objects = find_objects.fn(commit, source_paths(service))
    tree = source_tree(service, {path: found.id for path, found in objects.items()})
    return build_service.fn(commit, service, tree, HERE, folder)


def refusal_of(origin: Origin, folder: Path, service: Service = ORDERS) -> TiercelError:
    with pytest.raises(TiercelError) as refusal:
        build(origin, folder, service)
    assert isinstance(refusal.value, RefusedInputError | BuildFailedError)
    assert refusal.value.where
    return refusal.value


def body_of(built: Built, entry: PackagedObject) -> bytes:
    body = built.files[entry.sha256].read_bytes()
    assert hashlib.sha256(body).hexdigest() == entry.sha256
    assert len(body) == entry.size
    return body


def package_of(built: Built, logical_id: str) -> bytes:
    """The bytes of the object that a resource refers to."""
    (sha256,) = {r.sha256 for r in built.manifest.assets if r.logical_id == logical_id}
    return body_of(built, next(o for o in built.manifest.objects if o.sha256 == sha256))


def contents_of(built: Built, logical_id: str) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(package_of(built, logical_id))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def template_of(built: Built) -> dict[str, Any]:
    return dict(json.loads(body_of(built, built.manifest.template)))


def zip_of(files: dict[str, bytes]) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return package.getvalue()
