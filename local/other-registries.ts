import type { Registry } from '../lambda/core/model';
import { type Authenticate, basicAuthentication, RegistryStandIn } from './registry';
import { TokenServiceStandIn } from './token-service';

/** Every kind of registry but ECR, which returns its own address. */
export type OtherRegistryType = Exclude<Registry['type'], 'ecr'>;

/** A running registry, with the logins that it accepts. */
export interface OpenRegistry {
  readonly registry: RegistryStandIn;
  /** Absent when the registry uses Basic auth. */
  readonly tokenService?: TokenServiceStandIn;
  /** Passwords by user name. ECR Public does not use them: it accepts what the AWS stand-in has issued. */
  readonly logins: Map<string, string>;
}

/** The registries besides ECR. Each is started when it is first used. */
export class OtherRegistries {
  readonly #acceptsEcrPublic: Authenticate;
  readonly #tokenServices: TokenServiceStandIn[] = [];
  readonly #open = new Map<OtherRegistryType, Promise<OpenRegistry>>();

  constructor(acceptsEcrPublic: Authenticate) {
    this.#acceptsEcrPublic = acceptsEcrPublic;
  }

  /** Returns the running registry of a kind. */
  get(type: OtherRegistryType): Promise<OpenRegistry> {
    const known = this.#open.get(type);
    if (known) return known;
    const opening = this.#start(type);
    this.#open.set(type, opening);
    return opening;
  }

  /** Every token that the token services have issued. */
  get tokens(): string[] {
    return this.#tokenServices.flatMap(({ issued }) => [...issued.keys()]);
  }

  async close(): Promise<void> {
    const open = await Promise.all(this.#open.values());
    await Promise.all(
      open.flatMap(({ registry, tokenService }) => [registry.close(), tokenService?.close()]),
    );
  }

  async #start(type: OtherRegistryType): Promise<OpenRegistry> {
    const logins = new Map<string, string>();
    const accepts: Authenticate = (username, password) =>
      password !== '' && logins.get(username) === password;
    const tokenService =
      type === 'self-hosted'
        ? undefined
        : new TokenServiceStandIn(type === 'ecr-public' ? this.#acceptsEcrPublic : accepts);
    if (tokenService && type === 'ghcr') {
      tokenService.rejection = 403;
      tokenService.placeholderScope = 'repository:user/image:pull';
    }
    if (tokenService) this.#tokenServices.push(tokenService);
    const registry = new RegistryStandIn(tokenService ?? basicAuthentication(accepts));
    await Promise.all([registry.listen(), tokenService?.listen()]);
    return { registry, logins, ...(tokenService && { tokenService }) };
  }
}
