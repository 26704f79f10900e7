import type { FaultGroup } from './fault-row';
import { AWS_AND_REGISTRY } from './rows/aws-and-registry';
import { IN_THE_WILD } from './rows/in-the-wild';
import { RUNPOD_HEADERS } from './rows/runpod-headers';
import { RUNPOD_STATUSES } from './rows/runpod-statuses';
import { STATE } from './rows/state';
import { TRANSPORT } from './rows/transport';

/** Every fault, in groups. */
export const FAULTS: readonly FaultGroup[] = [
  RUNPOD_STATUSES,
  RUNPOD_HEADERS,
  TRANSPORT,
  AWS_AND_REGISTRY,
  STATE,
  IN_THE_WILD,
];
