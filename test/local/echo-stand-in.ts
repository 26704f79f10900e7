import type { ReceivedRequest, StandInAnswer } from '../../local/exchange';
import { StandInServer } from '../../local/stand-in-server';

/** A stand-in that counts its effects and says what it was asked. */
export class EchoStandIn extends StandInServer {
  effects = 0;

  protected override operationOf({ headers }: ReceivedRequest): string | undefined {
    const named = headers['x-operation'];
    return typeof named === 'string' ? named : undefined;
  }

  protected answer({ method, path, query, body }: ReceivedRequest): StandInAnswer {
    if (path === '/broken') throw new Error('a mistake in a stand-in');
    this.effects += 1;
    return { status: 200, body: { method, path, query: query.toString(), body } };
  }
}
