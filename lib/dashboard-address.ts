import { Aws, CfnCondition, Fn, Stack, Token } from 'aws-cdk-lib';
import { RegionInfo } from 'aws-cdk-lib/region-info';
import { Construct } from 'constructs';

/** Host of the console in the partition `aws`, without the region in front. */
const DEFAULT_HOST = 'console.aws.amazon.com';

/**
 * Hosts of the console in the other partitions, without the region in front. Sources, with that of `aws`:
 *
 * - `aws`: AWS General Reference, "AWS Management Console endpoints and quotas"
 * - `aws-cn`: "Getting Started with Amazon Web Services in China", and the links that the EB CLI prints
 * - `aws-us-gov`: AWS GovCloud (US) User Guide, "Configuring Your Account"
 * - `aws-eusc`: AWS European Sovereign Cloud, endpoints
 */
const OTHER_HOSTS = {
  'aws-cn': 'console.amazonaws.cn',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-eusc': 'console.amazonaws-eusc.eu',
} as const;

/**
 * The name of a refresher's dashboard, and its address in the AWS console.
 *
 * Neither refers to the dashboard's resource, so an alarm with the address does not depend on the dashboard.
 */
export class DashboardAddress extends Construct {
  readonly dashboardName: string;
  readonly url: string;

  /** @param service - name of the refresher; it may be a token */
  constructor(scope: Construct, id: string, service: string) {
    super(scope, id);
    const { region } = Stack.of(this);
    // All regions of an account share the names of dashboards.
    this.dashboardName = `${service}-${region}`;
    const home = `https://${region}.${this.#host()}/cloudwatch/home?region=${region}`;
    this.url = `${home}#dashboards/dashboard/${this.dashboardName}`;
  }

  /** Returns the host of the console. If synthesis does not know the partition, CloudFormation chooses the host. */
  #host(): string {
    const { region } = Stack.of(this);
    const partition = Token.isUnresolved(region) ? undefined : RegionInfo.get(region).partition;
    if (partition !== undefined) {
      return new Map<string, string>(Object.entries(OTHER_HOSTS)).get(partition) ?? DEFAULT_HOST;
    }
    return Object.entries(OTHER_HOSTS).reduce((otherwise, [name, host]) => {
      const expression = Fn.conditionEquals(Aws.PARTITION, name);
      const condition = new CfnCondition(this, name, { expression });
      return Fn.conditionIf(condition.logicalId, host, otherwise).toString();
    }, DEFAULT_HOST);
  }
}
