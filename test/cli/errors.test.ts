import { CliError, debugLines } from '../../cli/errors';
import { findLeaks } from '../support/find-leaks';

const KEY = 'rpa_Vq7Zt2LmXwK9QpB3sTyU';

/** Makes the error that a parser throws for an answer. */
function parseError(answer: string): Error {
  try {
    return new Error(`parsed ${JSON.parse(answer)}`);
  } catch (error) {
    return error as Error;
  }
}

describe('debugLines', () => {
  it("shows the message of the project's own error and of a refusal by AWS", () => {
    const refusal = Object.assign(new Error('you may not'), { $fault: 'client' });

    const lines = debugLines(new CliError('It cannot be written.', { cause: refusal }));

    expect(lines[0]).toBe('CliError: It cannot be written.');
    expect(lines[1]).toMatch(/^ {4}at /);
    expect(lines).toContain('caused by Error: you may not');
  });

  it.each([
    ['a piece of an answer', KEY],
    ['a piece that looks like a frame', `\n    at ${KEY} (x:1:1)`],
  ])('shows no message of another error, which may quote %s', (_, answer) => {
    const cause = parseError(answer);
    // As the AWS SDK does.
    cause.message += '\n  Deserialization error: to see the raw response, inspect the hidden field';

    const lines = debugLines(new CliError('Try again.', { cause }));

    expect(lines).toContain('caused by SyntaxError');
    expect(lines.filter((line) => line.includes('parseError'))).toHaveLength(1);
    expect(findLeaks(lines.join('\n'), { KEY })).toEqual([]);
  });

  it('ends with an error that is its own cause', () => {
    const error: Error = new Error('x');
    error.cause = error;

    expect(debugLines(error).filter((line) => line.startsWith('caused by'))).toHaveLength(5);
  });
});
