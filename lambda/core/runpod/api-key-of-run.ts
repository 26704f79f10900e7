import { ApiKeyRefusedError } from '../errors';
import type { Secret } from '../model';

/**
 * One Runpod API key during one run: read once, shared by all its targets, and read once more when Runpod
 * refuses it, because it may have been rotated since.
 */
export class ApiKeyOfRun {
  readonly #read: () => Promise<Secret>;
  #current: Promise<Secret>;
  #renewed = false;
  #refusal: ApiKeyRefusedError | undefined;

  constructor(read: () => Promise<Secret>) {
    this.#read = read;
    this.#current = read();
    // Whoever uses the key sees the failure; this only says that one without a user is no crash.
    this.#current.catch(() => undefined);
  }

  /** Resolves once the key has been read. */
  async ready(): Promise<void> {
    await this.#current;
  }

  /**
   * Does something with the key, and once more with a freshly read one when Runpod refuses it. A key that was
   * refused twice is not offered again in this run.
   *
   * @throws ApiKeyRefusedError
   */
  async use<T>(action: (apiKey: Secret) => Promise<T>): Promise<T> {
    if (this.#refusal) throw this.#refusal;
    const used = this.#current;
    try {
      return await action(await used);
    } catch (error) {
      if (!(error instanceof ApiKeyRefusedError)) throw error;
      if (used === this.#current) this.#renew(error);
    }
    return this.#again(action);
  }

  /** @throws ApiKeyRefusedError when the refused key is the renewed one already */
  #renew(refusal: ApiKeyRefusedError): void {
    if (this.#renewed) {
      this.#refusal = refusal;
      throw refusal;
    }
    this.#renewed = true;
    this.#current = this.#read();
  }

  async #again<T>(action: (apiKey: Secret) => Promise<T>): Promise<T> {
    try {
      return await action(await this.#current);
    } catch (error) {
      if (error instanceof ApiKeyRefusedError) this.#refusal = error;
      throw error;
    }
  }
}
