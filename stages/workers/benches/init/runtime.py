"""As little of Lambda's Python runtime as serves a handler: what it does besides would only add."""

import http.client
import json
import os

import handler

PATH = "/2018-06-01/runtime/invocation/"
API = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    API.request("GET", PATH + "next")
    answer = API.getresponse()
    event = json.loads(answer.read())
    request = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    result = json.dumps(handler.handler(event, None)).encode()
    API.request("POST", f"{PATH}{request}/response", body=result)
    API.getresponse().read()
