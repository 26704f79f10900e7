"""The same app as everything.ts, for the wheel."""

import sys

from aws_cdk import App, Duration, Environment, Stack
from aws_cdk.aws_ecr import Repository
from aws_cdk.aws_iam import Role
from aws_cdk.aws_lambda import Architecture
from aws_cdk.aws_secretsmanager import Secret
from aws_cdk.aws_sns import Topic
from runpod_ecr_credential_refresher import (
    FirstRefreshMode,
    PullWatchOptions,
    RefresherStack,
    RunpodApi,
    RunpodEcrDelegation,
    RunpodEcrRefresher,
    RunpodRegistry,
    RunpodTarget,
    VerifyMode,
)

outdir, config_file = sys.argv[1:]
env = Environment(account="123456789012", region="us-east-1")
app = App(outdir=outdir)

stack = Stack(app, "Everything", env=env)
repository = Repository(stack, "Repository")
key = Secret(stack, "Key")
login = Secret.from_secret_name_v2(stack, "Login", "registry/login")
topic = Topic(stack, "Topic")

refresher = RunpodEcrRefresher(
    stack,
    "Tokens",
    runpod_api_key=key,
    targets=[
        RunpodTarget(
            name="prod",
            registry_auth_name="ecr-prod",
            registry=RunpodRegistry.ecr(repositories=[repository]),
            verify_image_tag="v1",
        )
    ],
    page_topics=[topic],
)
refresher.metric_run_succeeded(period=Duration.hours(6)).create_alarm(
    stack, "OwnAlarm", threshold=1, evaluation_periods=1 if refresher.pages else 2
)

RunpodEcrRefresher(
    stack,
    "AllRegistries",
    runpod_api_key=key,
    targets=[
        RunpodTarget(
            name="other-account",
            registry_auth_id="clzdaifot0001l90809257ynb",
            registry=RunpodRegistry.ecr(
                repositories=[Repository.from_repository_name(stack, "Imported", "my-worker")],
                region="eu-west-1",
                role=Role.from_role_arn(stack, "Role", "arn:aws:iam::210987654321:role/pull"),
                external_id="example",
            ),
            verify=VerifyMode.REQUIRED,
        ),
        RunpodTarget(name="ecr-public", registry_auth_name="a", registry=RunpodRegistry.ecr_public()),
        RunpodTarget(name="hub", registry_auth_name="b", registry=RunpodRegistry.docker_hub(credential=login)),
        RunpodTarget(name="ghcr", registry_auth_name="c", registry=RunpodRegistry.ghcr(credential=login)),
        RunpodTarget(
            name="google",
            registry_auth_name="d",
            registry=RunpodRegistry.google_artifact_registry(location="europe-west3", credential=login),
            verify=VerifyMode.OFF,
        ),
        RunpodTarget(
            name="harbor",
            registry_auth_name="e",
            registry=RunpodRegistry.self_hosted(url="https://registry.example.com:5000", credential=login),
        ),
    ],
    interval=Duration.hours(3),
    first_refresh=FirstRefreshMode.ATTEMPT,
    runpod_api=RunpodApi.REST_V2,
    architecture=Architecture.X86_64,
    warning_topics=[topic],
    dashboard=False,
    pull_watch=PullWatchOptions(interval=Duration.minutes(30), ignore=["ep_abc123"]),
)

RunpodEcrDelegation(stack, "Delegation", repository=repository, runpod_api_key=key)

RefresherStack.from_file(app, config_file, env=env)

app.synth()
