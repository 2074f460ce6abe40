import json
import urllib.request


def handler(event, context):
    body = {
        "Status": "SUCCESS",
        "PhysicalResourceId": "filled",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT"
    )
    urllib.request.urlopen(request)
