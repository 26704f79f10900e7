import type { Registry } from '../lambda/core/model';
import { RegistryStandIn } from './registry';
import { type Authenticate, basicAuthentication } from './registry-authentication';
import { TokenServiceStandIn } from './token-service';

/** A kind of registry that needs an address in the configuration: every one but ECR, which tells it by itself. */
export type OtherRegistryType = Exclude<Registry['type'], 'ecr'>;

/** A registry that is open, with the logins that it accepts. */
export interface OpenRegistry {
  readonly registry: RegistryStandIn;
  /** Absent where the registry takes Basic auth. */
  readonly tokenService?: TokenServiceStandIn;
  /** Passwords by user name. ECR Public accepts what AWS has issued and looks at none of these. */
  readonly logins: Map<string, string>;
}

/** The registries besides ECR, each opened when it is first asked for. */
export class OtherRegistries {
  readonly #acceptsEcrPublic: Authenticate;
  readonly #tokenServices: TokenServiceStandIn[] = [];
  readonly #open = new Map<OtherRegistryType, Promise<OpenRegistry>>();

  constructor(acceptsEcrPublic: Authenticate) {
    this.#acceptsEcrPublic = acceptsEcrPublic;
  }

  /** The registry of a kind, listening. */
  get(type: OtherRegistryType): Promise<OpenRegistry> {
    const known = this.#open.get(type);
    if (known) return known;
    const opening = this.#start(type);
    this.#open.set(type, opening);
    return opening;
  }

  /** Every token that a token service has given out. */
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
