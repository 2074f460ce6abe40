from __future__ import annotations

import json
from typing import Any

from tests.tasks.conftest import Origin
from tiercel.tasks.verification.nested_templates import with_nested_templates

QUEUE = {"Type": "AWS::SQS::Queue"}


def nested(path: str) -> dict[str, Any]:
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": path}}


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def test_nested_templates_are_found_by_the_path_of_their_stack(origin: Origin) -> None:
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": "../a.json"}}
    files = {
        "orders/parts/inner.json": template(Deep=application, Again=nested("inner.json")),
        "orders/a.json": template(Queue=QUEUE),
        "orders/broken.json": "{",
    }
    outer = template(
        Inner=nested("parts/inner.json"),
        Absent=nested("made-by-a-build.json"),
        Broken=nested("broken.json"),
        Outside=nested("../../outside.json"),
        Queue=QUEUE,
    )
    texts = {
        path: body if isinstance(body, str) else json.dumps(body) for path, body in files.items()
    }
    origin.commit(texts)

    found = with_nested_templates.fn(origin.fetch(), "orders/template.json", outer)

    assert found[""] == outer
    assert found["Inner"] == files["orders/parts/inner.json"]
    assert found["Inner/Deep"] == template(Queue=QUEUE)
    # A circle ends, and what cannot be read or is not there is left out.
    assert {path.partition("/")[0] for path in found} == {"", "Inner"}
    assert len(found) < 20
    assert with_nested_templates.fn(origin.fetch(), "orders/template.json", None) == {}
