import { AwsError } from '../aws/aws-error';
import type { StoredManifest } from '../registry';

/** Where the images are, and how they are downloaded. */
export interface ImageSource {
  /** All manifests of a registry, by `repository:reference`. */
  manifests(): ReadonlyMap<string, StoredManifest>;
  /** Address of a blob that needs no credential, as ECR signs one. */
  downloadUrl(repository: string, digest: string): string;
}

type Fields = Readonly<Record<string, unknown>>;

/** ECR's own API to repositories and images, beside the registry that workers pull from. */
export class ImagesStandIn {
  readonly #source: ImageSource;

  constructor(source: ImageSource) {
    this.#source = source;
  }

  /** `DescribeRepositories`, all or the named ones. */
  describeRepositories({ repositoryNames }: Fields): object {
    const all = [...new Set([...this.#source.manifests().values()].map(({ repository }) => repository))];
    const names = Array.isArray(repositoryNames) ? repositoryNames.map(String) : all;
    const missing = names.find((name) => !all.includes(name));
    if (missing !== undefined) throw noRepository(missing);
    return { repositories: names.map((repositoryName) => ({ repositoryName })) };
  }

  /** `BatchGetImage` of one image. */
  batchGetImage({ repositoryName, imageIds }: Fields): object {
    const repository = String(repositoryName);
    this.describeRepositories({ repositoryNames: [repository] });
    const [id] = Array.isArray(imageIds) ? (imageIds as { imageTag?: string; imageDigest?: string }[]) : [];
    const stored = this.#source.manifests().get(`${repository}:${id?.imageTag ?? id?.imageDigest}`);
    if (!stored) {
      return { images: [], failures: [{ imageId: id, failureCode: 'ImageNotFound' }] };
    }
    const imageId = { ...id, imageDigest: stored.digest };
    return { images: [{ repositoryName, imageId, imageManifest: stored.text }], failures: [] };
  }

  /** `GetDownloadUrlForLayer`, which also hands out an image's configuration. */
  downloadUrl({ repositoryName, layerDigest }: Fields): object {
    return {
      downloadUrl: this.#source.downloadUrl(String(repositoryName), String(layerDigest)),
      layerDigest,
    };
  }
}

function noRepository(name: string): AwsError {
  return new AwsError(
    'RepositoryNotFoundException',
    `The repository with name '${name}' does not exist in the registry with id '123456789012'`,
  );
}
