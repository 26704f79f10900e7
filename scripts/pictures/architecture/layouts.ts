/** Where the parts of the architecture are, and the paths of the arrows: for a page, and for a phone. */

import type { Edge, Part, Service } from './facts';

/** A box of the picture. Runpod is not in the template. */
export type Box = Part | Service | 'auth' | 'workloads';

/** Connections that the template cannot have, because Runpod is not in it, or because a metric has no receiver. */
export const BEYOND_THE_TEMPLATE = [
  'refresher -> auth',
  'refresher -> alarms',
  'watch -> workloads',
  'watch -> alarms',
  'workloads -> auth',
  'workloads -> ecr',
] as const;

/** An arrow of the picture. */
export type Arrow = Edge | (typeof BEYOND_THE_TEMPLATE)[number];

/** A point, in pixels. */
export type Point = readonly [x: number, y: number];

/** A rectangle, in pixels. */
export type Rectangle = readonly [x: number, y: number, width: number, height: number];

/** A text beside an arrow. */
export interface Label {
  readonly text: string;
  readonly at: Point;
  readonly anchor?: 'start' | 'middle' | 'end';
}

/** The way of an arrow: straight lines from point to point. */
export interface Way {
  readonly points: readonly Point[];
  readonly labels?: readonly Label[];
}

/** A layout. */
export interface Layout {
  readonly name: 'architecture' | 'architecture-narrow';
  readonly width: number;
  readonly height: number;
  readonly aws: Rectangle;
  readonly runpod: Rectangle;
  readonly boxes: Readonly<Record<Box, Rectangle>>;
  readonly ways: Readonly<Partial<Record<Arrow, Way>>>;
  /** A note on the dashed boxes. */
  readonly note: Point;
}

const WIDE_ROWS = [48, 152, 256, 360, 478] as const;

/** For a page that is about 830 pixels wide. */
export const WIDE: Layout = wide(...WIDE_ROWS);

function wide(retries: number, refresh: number, services: number, watch: number, alarms: number): Layout {
  const height = 60;
  return {
    name: 'architecture',
    width: 830,
    height: 572,
    aws: [14, 14, 584, 544],
    runpod: [634, 118, 182, 322],
    boxes: {
      undelivered: [34, retries, 156, height],
      retries: [242, retries, 160, height],
      'dead-letters': [442, retries, 138, height],
      rules: [34, refresh, 156, height],
      refresher: [242, refresh, 160, height],
      auth: [652, refresh, 146, height],
      secret: [242, services, 160, height],
      ecr: [442, services, 138, height],
      'watch-rule': [34, watch, 156, height],
      watch: [242, watch, 160, height],
      workloads: [652, watch, 146, height],
      dashboard: [34, alarms, 156, height],
      alarms: [242, alarms, 160, height],
      pages: [442, alarms - 7, 138, 34],
      warnings: [442, alarms + 33, 138, 34],
      people: [652, alarms, 146, height],
    },
    ways: {
      'rules -> refresher': way([190, refresh + 30], [242, refresh + 30]),
      'rules -> undelivered': {
        ...way([112, refresh], [112, retries + height]),
        labels: [{ text: 'not delivered', at: [120, refresh - 17] }],
      },
      'refresher -> retries': {
        ...way([296, refresh], [296, retries + height]),
        labels: [{ text: 'failed run', at: [288, refresh - 17], anchor: 'end' }],
      },
      'retries -> refresher': {
        ...way([348, retries + height], [348, refresh]),
        labels: [{ text: 'tries again', at: [356, refresh - 17] }],
      },
      'retries -> dead-letters': way([402, retries + 30], [442, retries + 30]),
      'refresher -> auth': {
        ...way([402, refresh + 20], [652, refresh + 20]),
        labels: [{ text: '④ write it over the old one', at: [418, refresh + 12] }],
      },
      'refresher -> secret': {
        ...way([322, refresh + height], [322, services]),
        labels: [{ text: '① read the key', at: [330, services - 17] }],
      },
      'refresher -> ecr': {
        ...way([402, refresh + 42], [484, refresh + 42], [484, services]),
        labels: [
          { text: '② get a password', at: [492, services - 26] },
          { text: '③ prove it', at: [492, services - 11] },
        ],
      },
      'watch-rule -> watch': way([190, watch + 30], [242, watch + 30]),
      'watch -> secret': way([322, watch], [322, services + height]),
      'watch -> ecr': {
        ...way([402, watch + 18], [484, watch + 18], [484, services + height]),
        labels: [{ text: 'can it be pulled?', at: [492, watch - 17] }],
      },
      'watch -> workloads': {
        ...way([402, watch + 42], [652, watch + 42]),
        labels: [{ text: 'which images? failed pulls?', at: [418, watch + 57] }],
      },
      'workloads -> auth': {
        ...way([766, watch], [766, refresh + height]),
        labels: [{ text: 'use', at: [774, services + 34] }],
      },
      'workloads -> ecr': {
        ...way([690, watch], [690, services + 30], [580, services + 30]),
        labels: [{ text: 'pull', at: [698, services + 54] }],
      },
      'refresher -> alarms': {
        ...way([242, refresh + 48], [216, refresh + 48], [216, alarms + 30], [242, alarms + 30]),
        labels: [{ text: 'metrics', at: [208, services + 34], anchor: 'end' }],
      },
      'watch -> alarms': way([242, watch + 48], [216, watch + 48], [216, alarms + 30], [242, alarms + 30]),
      'alarms -> pages': way([402, alarms + 10], [442, alarms + 10]),
      'alarms -> warnings': way([402, alarms + 50], [442, alarms + 50]),
      'pages -> people': way([580, alarms + 10], [652, alarms + 10]),
      'warnings -> people': way([580, alarms + 50], [652, alarms + 50]),
    },
    note: [652, alarms + 77],
  };
}

const NARROW_ROWS = {
  people: 14,
  topics: 118,
  alarms: 200,
  lost: 290,
  triggers: 392,
  refresh: 496,
  services: 606,
  watch: 718,
  runpod: 868,
};

/** For a phone. */
export const NARROW: Layout = narrow(NARROW_ROWS);

function narrow(rows: typeof NARROW_ROWS): Layout {
  const { people, topics, alarms, lost, triggers, refresh, services, watch, runpod } = rows;
  const height = 58;
  const [left, right, width] = [34, 212, 154] as const;
  const [leftMiddle, rightMiddle, rightEnd] = [left + width / 2, right + width / 2, right + width];
  const full = rightEnd - left;
  // The ways along the margins: the credential, the pulls, the metrics.
  const [writeX, pullX, metricsX] = [21, 375, 383];
  return {
    name: 'architecture-narrow',
    width: 400,
    height: runpod + height + 38,
    aws: [8, topics - 34, 384, watch + height + 34 - (topics - 34)],
    runpod: [8, runpod - 34, 384, height + 62],
    boxes: {
      people: [left, people, full, 46],
      pages: [left, topics, width, 34],
      warnings: [right, topics, width, 34],
      dashboard: [left, alarms, width, height],
      alarms: [right, alarms, width, height],
      undelivered: [left, lost, width, height],
      'dead-letters': [right, lost, width, height],
      rules: [left, triggers, width, height],
      retries: [right, triggers, width, height],
      refresher: [left, refresh, full, height],
      secret: [left, services, width, height],
      ecr: [right, services, width, height],
      'watch-rule': [left, watch, width, height],
      watch: [right, watch, width, height],
      auth: [left, runpod, width, height],
      workloads: [right, runpod, width, height],
    },
    ways: {
      'rules -> refresher': way([leftMiddle, triggers + height], [leftMiddle, refresh]),
      'rules -> undelivered': {
        ...way([leftMiddle, triggers], [leftMiddle, lost + height]),
        labels: [{ text: 'not delivered', at: [leftMiddle + 8, triggers - 17] }],
      },
      'refresher -> retries': {
        ...way([258, refresh], [258, triggers + height]),
        labels: [{ text: 'failed run', at: [250, refresh - 17], anchor: 'end' }],
      },
      'retries -> refresher': {
        ...way([302, triggers + height], [302, refresh]),
        labels: [{ text: 'tries again', at: [310, refresh - 17] }],
      },
      'retries -> dead-letters': way([rightMiddle, triggers], [rightMiddle, lost + height]),
      'refresher -> auth': {
        ...way([left, refresh + 29], [writeX, refresh + 29], [writeX, runpod + 29], [left, runpod + 29]),
        labels: [{ text: '④ write it over the old one', at: [writeX + 8, runpod - 40] }],
      },
      'refresher -> secret': {
        ...way([leftMiddle, refresh + height], [leftMiddle, services]),
        labels: [{ text: '① read the key', at: [leftMiddle + 8, services - 21] }],
      },
      'refresher -> ecr': {
        ...way([258, refresh + height], [258, services]),
        labels: [
          { text: '② get a password', at: [266, services - 29] },
          { text: '③ prove it', at: [266, services - 14] },
        ],
      },
      'watch-rule -> watch': way([left + width, watch + 29], [right, watch + 29]),
      'watch -> secret': way(
        [236, watch],
        [236, watch - 27],
        [leftMiddle, watch - 27],
        [leftMiddle, services + height],
      ),
      'watch -> ecr': {
        ...way([266, watch], [266, services + height]),
        labels: [{ text: 'can it be pulled?', at: [274, watch - 23] }],
      },
      'watch -> workloads': {
        ...way([rightMiddle, watch + height], [rightMiddle, runpod]),
        labels: [
          { text: 'which images? failed pulls?', at: [rightMiddle - 8, watch + height + 19], anchor: 'end' },
        ],
      },
      'workloads -> auth': way([right, runpod + 29], [left + width, runpod + 29]),
      'workloads -> ecr': {
        ...way(
          [rightEnd, runpod + 29],
          [pullX, runpod + 29],
          [pullX, services + 29],
          [rightEnd, services + 29],
        ),
        labels: [{ text: 'pull', at: [pullX - 5, runpod - 40], anchor: 'end' }],
      },
      'refresher -> alarms': {
        ...way(
          [rightEnd, refresh + 29],
          [metricsX, refresh + 29],
          [metricsX, alarms + 29],
          [rightEnd, alarms + 29],
        ),
        labels: [{ text: 'metrics', at: [metricsX - 5, lost - 10], anchor: 'end' }],
      },
      'watch -> alarms': way(
        [rightEnd, watch + 44],
        [metricsX, watch + 44],
        [metricsX, alarms + 29],
        [rightEnd, alarms + 29],
      ),
      'alarms -> pages': way(
        [236, alarms],
        [236, alarms - 24],
        [leftMiddle, alarms - 24],
        [leftMiddle, topics + 34],
      ),
      'alarms -> warnings': way([rightMiddle, alarms], [rightMiddle, topics + 34]),
      'pages -> people': way([164, topics], [164, people + 46]),
      'warnings -> people': way([rightMiddle, topics], [rightMiddle, people + 46]),
    },
    note: [left, runpod + height + 16],
  };
}

function way(...points: Point[]): Way {
  return { points };
}
