import { itServesApps } from './template-checks';
import { oldestPeers, UserFolder } from './user-app';

describe('the package in a workspace of npm, with the oldest peers that it allows', () => {
  const folder = new UserFolder();

  beforeAll(() => folder.installInWorkspace(oldestPeers()));

  afterAll(() => folder.remove());

  itServesApps(() => folder);
});
