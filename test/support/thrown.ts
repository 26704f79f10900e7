/** Returns what a function throws. @throws when it throws nothing */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('expected a throw, but nothing was thrown');
}

/** Returns the reason with which a promise rejects. @throws when it resolves */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (outcome === undefined) throw new Error('expected a rejection, but the promise resolved');
  return outcome.error;
}

/** Returns the rejections that nothing handled while an action ran. */
export async function unhandledRejectionsDuring(action: () => unknown): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const record = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', record);
  await action();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', record);
  return unhandled;
}
