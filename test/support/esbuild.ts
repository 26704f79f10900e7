/** What `import … from 'esbuild'` gets in a test file: the esbuild of `environment.ts`. */
module.exports = Reflect.get(globalThis, 'esbuildOfWorker');
