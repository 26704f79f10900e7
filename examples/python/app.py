"""A CDK app that keeps one Runpod registry auth fresh with ECR credentials, and pages a person when it cannot."""

from aws_cdk import App, Stack
from aws_cdk.aws_ecr import Repository
from aws_cdk.aws_secretsmanager import Secret
from aws_cdk.aws_sns import Topic
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from runpod_ecr_credential_refresher import RunpodEcrRefresher, RunpodRegistry, RunpodTarget

app = App()
stack = Stack(app, "RunpodPulls")

# The images of the workers. Repository.from_repository_name imports a repository that exists.
repository = Repository(stack, "Workers")

# The Runpod API key. Store it in Secrets Manager under this name before you deploy.
runpod_api_key = Secret.from_secret_name_v2(stack, "RunpodApiKey", "runpod/api-key")

pages = Topic(stack, "Pages")
pages.add_subscription(EmailSubscription("oncall@example.com"))

RunpodEcrRefresher(
    stack,
    "Refresher",
    runpod_api_key=runpod_api_key,
    targets=[
        RunpodTarget(
            name="prod",
            # The registry auth at Runpod. It is created when it does not exist.
            registry_auth_name="ecr-prod",
            registry=RunpodRegistry.ecr(repositories=[repository]),
        )
    ],
    page_topics=[pages],
)

app.synth()
