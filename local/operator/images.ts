import { AwsError, type JsonInput, LOCAL_ACCOUNT } from '../aws/protocol';
import type { StoredManifest } from '../registry';

/** A registry that holds images. */
export interface ImageSource {
  /** Returns every manifest, by `repository:reference`. */
  manifests(): ReadonlyMap<string, StoredManifest>;
  /** Returns a signed address of a blob, which needs no credential. */
  downloadUrl(repository: string, digest: string): string;
}

/** When the oldest image was pushed, in seconds since the epoch. */
const FIRST_PUSH_SECONDS = 1_700_000_000;

/** ECR's API for repositories and images. Workers do not use it: they pull from the registry itself. */
export class ImagesStandIn {
  readonly #source: ImageSource;

  constructor(source: ImageSource) {
    this.#source = source;
  }

  /** Answers `DescribeRepositories`: all repositories or the named ones. */
  describeRepositories({ repositoryNames, registryId }: JsonInput): object {
    refuseOtherAccounts(registryId);
    const all = [...new Set([...this.#source.manifests().values()].map(({ repository }) => repository))];
    const names = Array.isArray(repositoryNames) ? repositoryNames.map(String) : all;
    const missing = names.find((name) => !all.includes(name));
    if (missing !== undefined) throw noRepository(missing);
    return { repositories: names.map((repositoryName) => ({ repositoryName })) };
  }

  /** Answers `DescribeImages` with the tagged images of a repository on one page. The last one that was added is the newest. */
  describeImages({ repositoryName, registryId }: JsonInput): object {
    const name = String(repositoryName);
    this.describeRepositories({ repositoryNames: [name], registryId });
    const tagged = [...this.#source.manifests()].filter(
      ([key, { repository }]) => repository === name && !key.slice(name.length + 1).startsWith('sha256:'),
    );
    return {
      imageDetails: tagged.map(([key, { digest }], index) => ({
        repositoryName,
        imageDigest: digest,
        imageTags: [key.slice(name.length + 1)],
        imagePushedAt: FIRST_PUSH_SECONDS + index,
      })),
    };
  }

  /** Answers `BatchGetImage` for one image. */
  batchGetImage({ repositoryName, imageIds, registryId }: JsonInput): object {
    const repository = String(repositoryName);
    this.describeRepositories({ repositoryNames: [repository], registryId });
    const [id] = Array.isArray(imageIds) ? (imageIds as { imageTag?: string; imageDigest?: string }[]) : [];
    const stored = this.#source.manifests().get(`${repository}:${id?.imageTag ?? id?.imageDigest}`);
    if (!stored) {
      return { images: [], failures: [{ imageId: id, failureCode: 'ImageNotFound' }] };
    }
    const imageId = { ...id, imageDigest: stored.digest };
    return { images: [{ repositoryName, imageId, imageManifest: stored.text }], failures: [] };
  }

  /** Answers `GetDownloadUrlForLayer`, for layers and for an image's configuration. */
  downloadUrl({ repositoryName, layerDigest, registryId }: JsonInput): object {
    refuseOtherAccounts(registryId);
    return {
      downloadUrl: this.#source.downloadUrl(String(repositoryName), String(layerDigest)),
      layerDigest,
    };
  }
}

/** The operator may read only the registry of their own account. */
function refuseOtherAccounts(registryId: unknown): void {
  if (registryId === undefined || registryId === LOCAL_ACCOUNT) return;
  throw new AwsError(
    'AccessDeniedException',
    `User: arn:aws:iam::${LOCAL_ACCOUNT}:user/operator is not authorized to read the registry ${registryId}`,
  );
}

function noRepository(name: string): AwsError {
  return new AwsError(
    'RepositoryNotFoundException',
    `The repository with name '${name}' does not exist in the registry with id '${LOCAL_ACCOUNT}'`,
  );
}
