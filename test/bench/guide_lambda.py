"""The Lambda of Runpod's ECR guide, made runnable: its HTTP library left botocore years ago, so urllib3 takes its
place, and the two addresses come from the environment. Otherwise it does what the guide's does: the API key from an
environment variable, one token, one PATCH over REST v1, no proof, no retry, a failure returned as an answer."""

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
