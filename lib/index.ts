/** Everything that a CDK app imports. */

export * from './ecr-delegation';
export * from './refresher-stack';
export * from './runpod-ecr-refresher';
export * from './runpod-ecr-refresher-props';
export * from './runpod-registry';
export * from './runpod-target';
