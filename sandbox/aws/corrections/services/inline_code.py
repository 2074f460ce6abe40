"""What Lambda adds to code that a template holds itself: how a custom resource answers."""
# ruff: noqa: SLF001 - what is corrected has only private names

from __future__ import annotations

import io
import zipfile

from ministack.services.cloudformation import provisioners

_PYTHON = """\
import json
import urllib.request

SUCCESS = "SUCCESS"
FAILED = "FAILED"


def send(event, context, responseStatus, responseData, physicalResourceId=None, noEcho=False, reason=None):
    stream = context.log_stream_name
    answer = {
        "Status": responseStatus,
        "Reason": reason or f"See the details in CloudWatch Log Stream: {stream}",
        "PhysicalResourceId": physicalResourceId or stream,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "NoEcho": noEcho,
        "Data": responseData,
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request) as taken:
            print("Status code:", taken.status)
    except OSError as error:
        print("send(..) failed:", error)
"""  # noqa: E501 - the signature is AWS's
_NODE = """\
const https = require("https");

exports.SUCCESS = "SUCCESS";
exports.FAILED = "FAILED";

exports.send = (event, context, status, data, physicalId, noEcho) => new Promise((resolve) => {
  const body = JSON.stringify({
    Status: status,
    Reason: "See the details in CloudWatch Log Stream: " + context.logStreamName,
    PhysicalResourceId: physicalId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: data,
  });
  const url = new URL(event.ResponseURL);
  const done = () => { if (context.done) context.done(); resolve(); };
  const request = https.request({
    hostname: url.hostname,
    port: url.port || 443,
    path: url.pathname + url.search,
    method: "PUT",
    headers: { "content-type": "", "content-length": Buffer.byteLength(body) },
  }, (answer) => { answer.resume(); answer.on("end", done); });
  request.on("error", (error) => { console.log("send(..) failed: " + error); done(); });
  request.end(body);
});
"""


def let_inline_code_answer() -> None:
    """Code in a template finds `cfnresponse`, in Node.js `cfn-response`, beside it.

    The emulator has the code alone, and a custom resource that imports them ends.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/cfn-lambda-function-code-cfnresponsemodule.html
    """
    original = provisioners._zip_inline

    def zipped(source: str | None, handler: str, runtime: str = "python3.12") -> bytes | None:
        package: bytes | None = original(source, handler, runtime)
        if package is None:
            return None
        content = io.BytesIO(package)
        with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
            if runtime.startswith("nodejs"):
                archive.writestr("node_modules/cfn-response/index.js", _NODE)
            else:
                archive.writestr("cfnresponse.py", _PYTHON)
        return content.getvalue()

    provisioners._zip_inline = zipped
