/** A scheduled event of EventBridge. */
export function aScheduledEvent(id = '53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa') {
  return {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    time: '2026-11-21T12:00:00Z',
    detail: {},
  };
}

/** An SQS batch with these message bodies. A body that is not text becomes JSON. */
export function aQueuedEvent(...bodies: readonly unknown[]) {
  const text = (body: unknown) =>
    body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return { Records: bodies.map((body) => ({ messageId: 'm', eventSource: 'aws:sqs', body: text(body) })) };
}
