/** Exit codes of every command. */
export const EXIT = { ok: 0, broken: 1, usageError: 2, interrupted: 130 } as const;
