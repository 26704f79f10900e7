"""The Lambda function of Runpod's ECR guide, for comparison.

Two changes make it run. urllib3 replaces an HTTP library that botocore no longer contains. The addresses come from the
environment. The rest is the guide's: the API key in an environment variable, one token, one PATCH over REST v1, no
proof, no retry, and failures as return values.
"""

import base64
import json
import os

import boto3
import urllib3

RUNPOD_API_KEY = os.environ["RUNPOD_API_KEY"]
REGISTRY_AUTH_ID = os.environ["RUNPOD_REGISTRY_AUTH_ID"]
RUNPOD_URL = os.environ.get("RUNPOD_REST_V1_URL", "https://rest.runpod.io/v1")


def lambda_handler(event, context):
    try:
        client = boto3.client("ecr")
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        username, password = base64.b64decode(token).decode("utf-8").split(":", 1)
        response = urllib3.PoolManager().request(
            "PATCH",
            f"{RUNPOD_URL}/containerregistryauth/{REGISTRY_AUTH_ID}",
            headers={"Authorization": f"Bearer {RUNPOD_API_KEY}", "Content-Type": "application/json"},
            body=json.dumps({"username": username, "password": password}),
        )
        if response.status != 200:
            return {"statusCode": response.status, "body": "update failed"}
        return {"statusCode": 200, "body": "updated"}
    except Exception as error:
        return {"statusCode": 500, "body": str(error)}


if __name__ == "__main__":
    import resource

    answer = lambda_handler({}, None)
    print(json.dumps({"ok": answer["statusCode"] == 200, "peakKb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
