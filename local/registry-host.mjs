// Imported before the code under it: sends requests for ECR's host name to the embedded registry, over plain HTTP.
import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

const [host, address] = (process.env.EMBEDDED_REGISTRY ?? '').split(' ');
const overNetwork = https.request;
https.request = (url, options, ...rest) =>
  url instanceof URL && url.host === host
    ? http.request(new URL(url.pathname + url.search, address), { ...options, agent: undefined }, ...rest)
    : overNetwork(url, options, ...rest);
syncBuiltinESMExports();
