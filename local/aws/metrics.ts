import { queryAnswer } from './protocol';

/** A metric's value that a function has sent. */
export interface SentMetric {
  readonly region: string;
  readonly namespace: string;
  readonly name: string;
  /** Value of the dimension `service`. */
  readonly service: string;
  readonly value: number;
}

/** The part of CloudWatch that functions call: one value a request. */
export class MetricsStandIn {
  readonly sent: SentMetric[] = [];

  /** @returns XML */
  putMetricData(parameters: URLSearchParams, region: string): string {
    const text = (name: string) => parameters.get(name) ?? '';
    const datum = (name: string) => text(`MetricData.member.1.${name}`);
    this.sent.push({
      region,
      namespace: text('Namespace'),
      name: datum('MetricName'),
      service: datum('Dimensions.member.1.Value'),
      value: Number(datum('Value')),
    });
    return queryAnswer('http://monitoring.amazonaws.com/doc/2010-08-01/', 'PutMetricData', '');
  }
}
