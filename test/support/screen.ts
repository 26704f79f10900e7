const ESC = String.fromCharCode(27);
const SEQUENCE = new RegExp(`^${ESC}(?:\\[([?0-9;]*)([A-Za-z])|[=>78()][A-Z0-9]?)`);

/**
 * Returns what a terminal shows after it received this text. It applies cursor movements and erasures, drops colours,
 * and knows only the sequences that the prompts use.
 */
export function screenAfter(text: string): string {
  const lines: string[][] = [[]];
  let [row, column] = [0, 0];
  const move = (rows: number, columns: number) => {
    row = Math.max(0, row + rows);
    column = Math.max(0, column + columns);
    while (lines.length <= row) lines.push([]);
  };
  const put = (character: string) => {
    const line = lines[row] ?? [];
    while (line.length < column) line.push(' ');
    line[column] = character;
    column += 1;
  };
  const controls: Readonly<Record<string, (amount: number, parameters: string) => void>> = {
    A: (amount) => move(-amount, 0),
    B: (amount) => move(amount, 0),
    C: (amount) => move(0, amount),
    D: (amount) => move(0, -amount),
    G: (amount) => {
      column = amount - 1;
    },
    J: () => {
      lines.length = row + 1;
      lines[row]?.splice(column);
    },
    K: (_, parameters) => lines[row]?.splice(parameters === '2' ? 0 : column),
  };
  for (let at = 0; at < text.length; ) {
    const sequence = SEQUENCE.exec(text.slice(at, at + 20));
    if (sequence) {
      const [all, parameters = '', letter = ''] = sequence;
      controls[letter]?.(Number(parameters.replace('?', '') || 1), parameters);
      at += all.length;
      continue;
    }
    const character = text.charAt(at);
    if (character === '\n') move(1, -column);
    else if (character === '\r') column = 0;
    else if (character >= ' ') put(character);
    at += 1;
  }
  return lines.map((line) => line.join('').trimEnd()).join('\n');
}
