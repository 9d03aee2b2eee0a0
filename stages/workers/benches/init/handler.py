"""The job of intake as a plain Python function would do it: parse, keep once, archive, start."""

import json
import os

import boto3
from botocore.exceptions import ClientError

# Made once an environment, as AWS recommends.
DYNAMODB = boto3.client("dynamodb")
S3 = boto3.client("s3")
STATES = boto3.client("stepfunctions")


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            take_in(json.loads(record["body"]))
        except (ValueError, KeyError):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def take_in(envelope):
    detail = envelope["detail"]
    event_id = detail["eventID"]
    item = {
        "pk": {"S": f"python {event_id}"},
        "sk": {"S": "content"},
        "name": {"S": detail["eventName"]},
        "time": {"S": detail["eventTime"]},
        "body": {"S": json.dumps(detail)},
    }
    try:
        DYNAMODB.put_item(
            TableName=os.environ["AISAWS_TABLE"],
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return
    S3.put_object(
        Bucket=os.environ["AISAWS_BUCKET"],
        Key=f"raw-events/python/{event_id}.json",
        Body=json.dumps(envelope).encode(),
    )
    if detail["eventName"] == "AuthorizeSecurityGroupIngress":
        STATES.start_execution(
            stateMachineArn=os.environ["AISAWS_STATE_MACHINE_ARN"],
            name=f"python-{event_id}",
            input=json.dumps({"incident": event_id}),
        )
