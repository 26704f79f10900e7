/** One challenge of a `WWW-Authenticate` header (RFC 9110, section 11.6.1): the login that a registry asks for. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Keys in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

const SEPARATORS = /[ \t,]*/y;
/** An unquoted value may hold characters that RFC 9110 does not allow there, because registries send them (`realm=/`). */
const PARAMETER = /([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))(?=[ \t]*(?:,|$))/sy;
const SCHEME = /([\w!#$%&'*+.^`|~-]+)(?=[ \t,]|$)/y;
/** The value that some schemes have instead of parameters (`token68` in RFC 9110). */
const TOKEN68 = /[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Reads the challenges of a `WWW-Authenticate` header. One header may hold several.
 *
 * @returns an empty list when the header is malformed or repeats a parameter, because its meaning is unclear then
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (let at = skip(SEPARATORS, header, 0); at < header.length; at = skip(SEPARATORS, header, at)) {
    const current = challenges.at(-1);
    const parameter = current && match(PARAMETER, header, at);
    const scheme = parameter ? undefined : match(SCHEME, header, at);
    if (parameter) {
      const [text, name = '', quoted, bare = ''] = parameter;
      if (current.parameters.has(name.toLowerCase())) return [];
      current.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/gs, '$1') ?? bare);
      at += text.length;
    } else if (scheme) {
      challenges.push({ scheme: scheme[0].toLowerCase(), parameters: new Map() });
      at = skip(TOKEN68, header, at + scheme[0].length);
    } else return [];
  }
  return challenges;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function skip(pattern: RegExp, text: string, at: number): number {
  return at + (match(pattern, text, at)?.[0].length ?? 0);
}
