// The unit and integration tests. The end-to-end tests have a configuration of their own, in test/e2e.
import { availableParallelism } from 'node:os';

export default {
  // Besides node_modules this leaves out .venv, which has thousands of files.
  roots: ['bin', 'cli', 'lambda', 'lib', 'local', 'scripts', 'test'].map((folder) => `<rootDir>/${folder}`),
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globalSetup: '<rootDir>/test/global-setup.ts',
  testEnvironment: '<rootDir>/test/support/environment.ts',
  moduleNameMapper: { '^esbuild$': '<rootDir>/test/support/esbuild.ts' },
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }],
  },
  // One more than there are cores: many integration tests wait for a retry.
  maxWorkers: availableParallelism() + 1,
  workerIdleMemoryLimit: '400MB',
  testTimeout: 30_000,
  // With --coverage. What tests start as a process of its own is not counted: the entry points and most of cli.
  collectCoverageFrom: ['bin', 'cli', 'lambda', 'lib'].map((folder) => `${folder}/**/*.ts`),
  coverageReporters: ['text'],
};
