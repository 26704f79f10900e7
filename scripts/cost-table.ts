/** The bill as text. */

import { type CostLine, PRICES_FROM, total } from './cost-model';

/** Returns a table of the lines, their total, and the date and source of the prices. */
export function costTable(lines: readonly CostLine[], title: string): string {
  const row = (what: string, quantity: string, monthly: string, freeTier: string) =>
    `  ${what.padEnd(26)}${quantity.padEnd(26)}${monthly.padStart(8)}   ${freeTier}`.trimEnd();
  const dollars = (amount: number) => `$${amount.toFixed(amount > 0 && amount < 0.01 ? 4 : 2)}`;
  return [
    title,
    '',
    row('', 'a month', 'list', 'free in every account'),
    ...lines.map(({ what, quantity, monthly, freeTier }) => row(what, quantity, dollars(monthly), freeTier)),
    row('total', '', dollars(total(lines)), ''),
    '',
    `  List prices of ${PRICES_FROM.region} on ${PRICES_FROM.date}, before the free tier, for a month in which nothing fails`,
    '  and without the secret that holds your Runpod key ($0.40).',
    `  Source: ${PRICES_FROM.pages}.`,
    '',
  ].join('\n');
}
