/** Draws the architecture from what the template says. */

import { element, SANS, svgDocument, text } from '../svg';
import { type Colour, THEMES, type Theme, type ThemeName } from '../theme';
import { formatDays, formatInterval } from '../words';
import type { Edge, Facts } from './facts';
import {
  type Arrow,
  BEYOND_THE_TEMPLATE,
  type Box,
  type Layout,
  type Point,
  type Rectangle,
} from './layouts';

/** How far from a corner an arrow begins to turn. */
const TURN = 8;

/** What a box says. */
interface BoxText {
  readonly title: string;
  readonly lines: readonly string[];
  readonly colour: Colour;
  /** Not part of the stack. */
  readonly isGiven?: boolean;
}

/** The colour of an arrow is that of the flow it belongs to. */
const FLOWS: readonly (readonly [from: RegExp, colour: Colour])[] = [
  [/-> (retries|dead-letters|undelivered)$|^retries ->/, 'amber'],
  [/-> alarms$/, 'muted'],
  [/alarms|^(pages|warnings) ->/, 'red'],
  [/^workloads ->/, 'green'],
  [/^watch/, 'purple'],
  [/^(rules|refresher) ->/, 'blue'],
];

/**
 * Draws the architecture.
 *
 * @throws Error when the template has a connection without an arrow, or the layout an arrow without a connection
 */
export function drawArchitecture(facts: Facts, layout: Layout, themeName: ThemeName): string {
  refuseDifferences(facts, layout);
  const theme = THEMES[themeName];
  const texts = boxTexts(facts);
  const frame = {
    width: layout.width,
    height: layout.height,
    title: 'How the refresher works',
    description: describeArchitecture(facts),
    theme,
    font: SANS,
  };
  return svgDocument(frame, [
    drawFrame(layout.aws, 'Your AWS account', theme),
    drawFrame(layout.runpod, 'Runpod', theme),
    ...(Object.keys(layout.ways) as Arrow[]).flatMap((arrow) => drawArrow(arrow, layout, theme)),
    ...(Object.keys(layout.boxes) as Box[]).flatMap((box) => drawBox(texts[box], layout.boxes[box], theme)),
    text(...layout.note, 'dashed: not part of the stack', { 'font-size': 11, fill: theme.muted }),
  ]);
}

/** Says in words what the picture shows. */
function describeArchitecture(facts: Facts): string {
  return [
    `In your AWS account, an EventBridge rule invokes the refresher, a Lambda function, every ${formatInterval(facts.refreshEveryHours * 60)} and when a secret changes.`,
    'The refresher reads the Runpod API key from Secrets Manager, gets a password from Amazon ECR, proves it there, and writes it over the old one in the registry auth at Runpod.',
    `A failed run goes to a retry queue, which tries it again every ${formatInterval(facts.retryEveryMinutes)}, and in the end to a dead-letter queue.`,
    `Every ${formatInterval(facts.watchEveryMinutes)} a second function, the pull watch, asks Runpod which images are used and ECR whether they can be pulled.`,
    'Workers and Pods at Runpod use the registry auth to pull from ECR.',
    `CloudWatch alarms (${facts.pagingAlarms} that page, ${facts.warningAlarms} that warn) publish to two SNS topics, which reach the people on call.`,
  ].join(' ');
}

function boxTexts(facts: Facts): Readonly<Record<Box, BoxText>> {
  const alarmed = (box: 'undelivered' | 'dead-letters') =>
    facts.alarmed.has(box) ? 'an alarm watches it' : '';
  return {
    rules: {
      title: 'EventBridge rules',
      lines: [`every ${formatInterval(facts.refreshEveryHours * 60)},`, 'and when a secret changes'],
      colour: 'blue',
    },
    refresher: { title: 'Refresher', lines: ['Lambda function'], colour: 'blue' },
    secret: { title: 'Secrets Manager', lines: ['Runpod API key'], colour: 'blue', isGiven: true },
    ecr: { title: 'Amazon ECR', lines: ['password, images'], colour: 'blue', isGiven: true },
    auth: { title: 'Registry auth', lines: ['user AWS, password …'], colour: 'blue', isGiven: true },
    workloads: { title: 'Workers and Pods', lines: ['of your endpoints'], colour: 'green', isGiven: true },
    retries: {
      title: 'Retry queue',
      lines: [`SQS, every ${formatInterval(facts.retryEveryMinutes)}`],
      colour: 'amber',
    },
    'dead-letters': {
      title: 'Dead-letter queue',
      lines: [`keeps ${formatDays(facts.deadLettersKeptDays)},`, alarmed('dead-letters')],
      colour: 'amber',
    },
    undelivered: {
      title: 'Undelivered events',
      lines: ['SQS queue,', alarmed('undelivered')],
      colour: 'amber',
    },
    'watch-rule': {
      title: 'EventBridge rule',
      lines: [`every ${formatInterval(facts.watchEveryMinutes)}`],
      colour: 'purple',
    },
    watch: { title: 'Pull watch', lines: ['Lambda, only reads'], colour: 'purple' },
    alarms: {
      title: 'CloudWatch alarms',
      lines: [`${facts.pagingAlarms} page, ${facts.warningAlarms} warn`],
      colour: 'red',
    },
    dashboard: { title: 'Dashboard', lines: [`and ${facts.logQueries} log queries`], colour: 'muted' },
    pages: { title: 'SNS: pages', lines: [], colour: 'red' },
    warnings: { title: 'SNS: warnings', lines: [], colour: 'red' },
    people: { title: 'People on call', lines: facts.emails.slice(0, 1), colour: 'red', isGiven: true },
  };
}

function refuseDifferences({ edges }: Facts, layout: Layout): void {
  const drawn = new Set<string>(Object.keys(layout.ways));
  const expected = new Set<string>([...edges, ...BEYOND_THE_TEMPLATE]);
  const missing = [...expected].filter((edge) => !drawn.has(edge));
  const invented = [...drawn].filter((edge) => !expected.has(edge as Edge));
  if (missing.length + invented.length === 0) return;
  throw new Error(
    `${layout.name} differs from the template. Without an arrow: ${missing.join(', ') || 'none'}. Without a connection: ${invented.join(', ') || 'none'}.`,
  );
}

function drawFrame([x, y, width, height]: Rectangle, label: string, theme: Theme): string {
  return element('g', {}, [
    element('rect', { x, y, width, height, rx: 10, fill: theme.frame, stroke: theme.border }),
    text(x + 20, y + 22, label, { 'font-size': 12, 'font-weight': 600, fill: theme.muted }),
  ]);
}

function drawBox(
  { title, lines, colour, isGiven }: BoxText,
  [x, y, width, height]: Rectangle,
  theme: Theme,
): string {
  const shown = lines.filter((line) => line !== '');
  const firstBaseline = y + height / 2 + 5 - shown.length * 8;
  const dashes = isGiven ? { 'stroke-dasharray': '4 3' } : {};
  return element('g', {}, [
    element('rect', { x, y, width, height, rx: 7, fill: theme.box, stroke: theme[colour], ...dashes }),
    text(x + width / 2, firstBaseline, title, {
      'font-size': 13.5,
      'font-weight': 600,
      fill: theme.text,
      'text-anchor': 'middle',
    }),
    ...shown.map((line, index) =>
      text(x + width / 2, firstBaseline + 16 + index * 15, line, {
        'font-size': 11.5,
        fill: theme.muted,
        'text-anchor': 'middle',
      }),
    ),
  ]);
}

function drawArrow(arrow: Arrow, layout: Layout, theme: Theme): string[] {
  const { points, labels = [] } = layout.ways[arrow] ?? { points: [] };
  const colour = theme[FLOWS.find(([pattern]) => pattern.test(arrow))?.[1] ?? 'muted'];
  return [
    element('path', { d: pathAlong(points), fill: 'none', stroke: colour, 'stroke-width': 1.5 }),
    drawHead(points, colour),
    ...labels.map(({ text: content, at, anchor }) =>
      text(...at, content, { 'font-size': 11.5, fill: theme.text, 'text-anchor': anchor }),
    ),
  ];
}

/** A path along the points, with round corners, that ends under the arrow's head. */
function pathAlong(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  const parts = [`M${first.join(' ')}`];
  for (const [index, point] of rest.entries()) {
    const before = points[index] ?? point;
    const after = rest[index + 1];
    if (!after) parts.push(`L${towards(point, before, 5).join(' ')}`);
    else {
      parts.push(`L${towards(point, before, TURN).join(' ')}`);
      parts.push(`Q${point.join(' ')} ${towards(point, after, TURN).join(' ')}`);
    }
  }
  return parts.join(' ');
}

function drawHead(points: readonly Point[], fill: string): string {
  const [before, end] = points.slice(-2);
  if (!before || !end) return '';
  const [baseX, baseY] = towards(end, before, 8);
  const [sideX, sideY] = before[0] === end[0] ? [4, 0] : [0, 4];
  const corners = [end, [baseX + sideX, baseY + sideY], [baseX - sideX, baseY - sideY]];
  return element('polygon', { points: corners.map((corner) => corner.join(',')).join(' '), fill });
}

/** The point at this distance from `from`, on the way to `to`. Lines are horizontal or vertical. */
function towards(from: Point, to: Point, distance: number): Point {
  return [from[0] + Math.sign(to[0] - from[0]) * distance, from[1] + Math.sign(to[1] - from[1]) * distance];
}
