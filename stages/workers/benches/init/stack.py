"""Puts the system up on an emulator and calls its functions there; what it finds out, as JSON.

stack.py up ENDPOINT TEMPLATE DEFINITION PROGRAMS    deploys, sizes and environment
stack.py cold ENDPOINT HANDLER RUNS                  first calls of new functions, in milliseconds
"""

import io
import json
import sys
import time
import zipfile
from pathlib import Path

import boto3
from botocore.config import Config

KEYS = dict(region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
# Resources that the emulator does not know, and a state of rules it takes for switched off.
UNKNOWN = ["AWS::Events::EventBusPolicy"]
ALSO_READS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"


def client(service, endpoint):
    config = Config(read_timeout=120, retries={"max_attempts": 1})
    return boto3.client(service, endpoint_url=endpoint, config=config, **KEYS)


def zipped(name, content):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o755 << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        file.writestr(info, content)
    return body.getvalue()


def known(template):
    """The template without resources of types that the emulator does not know."""
    parts, lines = [], []
    for line in template.splitlines(keepends=True) + ["  End:\n"]:
        if line.startswith("  ") and line[2].isalpha():
            part = "".join(lines)
            parts.append("" if any(f"Type: {kind}\n" in part for kind in UNKNOWN) else part)
            lines = []
        lines.append(line)
    return "".join(parts).replace(ALSO_READS, "ENABLED").replace(
        '"aws:SecureTransport": "false"', '"aws:SecureTransport": "never"'
    )


def up(endpoint, template, definition, programs):
    s3, stacks = client("s3", endpoint), client("cloudformation", endpoint)
    s3.create_bucket(Bucket="artifacts")
    sizes = {}
    for name in ["aisaws-read", "aisaws-write"]:
        body = zipped("bootstrap", (Path(programs) / name).read_bytes())
        sizes[name] = len(body)
        s3.put_object(Bucket="artifacts", Key=name, Body=body)
    s3.put_object(Bucket="artifacts", Key="definition", Body=Path(definition).read_bytes())
    s3.put_object(Bucket="artifacts", Key="template", Body=known(Path(template).read_text()))
    parameters = dict(
        ArtifactBucket="artifacts",
        ReadArtifactKey="aisaws-read",
        WriteArtifactKey="aisaws-write",
        DefinitionKey="definition",
    )
    stacks.create_stack(
        StackName="aisaws",
        TemplateURL=f"{endpoint}/artifacts/template",
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[dict(ParameterKey=k, ParameterValue=v) for k, v in parameters.items()],
    )
    while True:
        stack = stacks.describe_stacks(StackName="aisaws")["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        time.sleep(0.2)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    environments = {}
    for function in client("lambda", endpoint).get_paginator("list_functions").paginate():
        for one in function["Functions"]:
            environments[one["Handler"]] = one["Environment"]["Variables"]
    return dict(sizes=sizes, environments=environments)


def cold(endpoint, handler, runs):
    """A new function each time: its first call waits for its start, unpacking included."""
    functions = client("lambda", endpoint)
    if handler == "python":
        environment = functions.get_function_configuration(FunctionName="aisaws-intake")
        here = Path(__file__).parent
        what = dict(
            Runtime="python3.11",
            Handler="handler.handler",
            Code=dict(ZipFile=zipped("handler.py", (here / "handler.py").read_bytes())),
        )
    else:
        environment = functions.get_function_configuration(FunctionName=f"aisaws-{handler}")
        code = dict(S3Bucket="artifacts", S3Key="aisaws-read")
        what = dict(Runtime="provided.al2023", Handler=handler, Code=code)
    variables = dict(environment["Environment"]["Variables"])
    variables |= dict(AWS_ENDPOINT_URL=endpoint, AISAWS_TARGET_ENDPOINT_URL=endpoint)
    took = []
    for number in range(int(runs)):
        name = f"cold-{handler}-{number}"
        functions.create_function(
            FunctionName=name,
            Role=environment["Role"],
            MemorySize=512,
            Timeout=60,
            Environment=dict(Variables=variables),
            **what,
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        began = time.perf_counter()
        answer = functions.invoke(FunctionName=name, Payload=json.dumps({"Records": []}))
        took.append((time.perf_counter() - began) * 1000)
        body = answer["Payload"].read().decode()
        assert "FunctionError" not in answer, body
        functions.delete_function(FunctionName=name)
    return took


if __name__ == "__main__":
    call = dict(up=up, cold=cold)[sys.argv[1]]
    print(json.dumps(call(*sys.argv[2:])))
