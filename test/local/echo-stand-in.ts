import type { ReceivedRequest, StandInAnswer } from '../../local/exchange';
import { StandInServer } from '../../local/stand-in-server';

/** A stand-in that answers with the request itself and counts its effects. */
export class EchoStandIn extends StandInServer {
  /** Number of requests that took effect. */
  effects = 0;

  protected override operationOf({ headers }: ReceivedRequest): string | undefined {
    const named = headers['x-operation'];
    return typeof named === 'string' ? named : undefined;
  }

  protected answer({ method, path, query, body }: ReceivedRequest): StandInAnswer {
    if (path === '/broken') throw new Error('a bug in a stand-in');
    this.effects += 1;
    return { status: 200, body: { method, path, query: query.toString(), body } };
  }
}
