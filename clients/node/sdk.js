// getSignedUrl(client, command, options) of @aws-sdk/s3-request-presigner, signed by presignd.
//
// The SDK still makes the request: its client's own middleware checks the input, and writes method, query and headers. Before
// it would look for credentials, the request is taken, and the daemon signs it. Nothing of the SDK is imported here, and its
// client needs no credentials. Region and endpoint are the daemon's to know.
'use strict';

const { shared } = require('./connect');
const { PresigndError } = require('./refused');
const { refuseBody, refuseUnknown, wholeSeconds } = require('./arguments');

const INTERCEPT = 'presigndIntercept';
// Set by the signature, by the connection, or on the way.
const UNSIGNED = new Set([
  'host', 'authorization', 'date', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-user-agent', 'amz-sdk-invocation-id', 'amz-sdk-request',
  'cache-control', 'connection', 'expect', 'from', 'keep-alive', 'max-forwards', 'pragma', 'referer', 'te', 'trailer', 'transfer-encoding',
  'upgrade', 'user-agent', 'x-amzn-trace-id', 'content-type',
]);

// `expiresIn`, `signableHeaders`, `unhoistableHeaders` and `hoistableHeaders` are the SDK's. `atLeast`, in seconds, takes a
// URL that lives that long at least where expiresIn cannot be had; without it, what lives shorter is refused. `socket`,
// `identity`, `onBehalfOf` and `labels` are presignd's.
const getSignedUrl = async (client, command, options = {}) => {
  refuseUnknown(options);
  const { expiresIn: life = 900, atLeast = life, socket, identity, onBehalfOf, labels, timeout } = options;
  const [expiresIn, least] = [wholeSeconds('expiresIn', life), wholeSeconds('atLeast', atLeast)];
  const { Bucket: bucket, Key: key } = command.input;
  if (!bucket) throw new PresigndError('the command names no bucket: there is nothing that presignd could sign');
  const built = await serialized(client, command, command.input);
  await refuseBody(built.body, command, async (input) => (await serialized(client, command, input)).body);
  const { method, query, headers } = parts(built, options);
  const request = { method, bucket, key, query, headers, addressing: await addressing(client.config) };
  const message = { request, identity, on_behalf_of: onBehalfOf, labels, expires_in: { seconds: expiresIn } };
  message.at_least = { seconds: Math.min(least, expiresIn) };
  return (await shared(socket).Presign(message, { timeout })).url;
};

// The request as the SDK would send it.
const serialized = async (client, command, input) => {
  let taken;
  const take = () => async ({ request }) => {
    taken = request;
    return { response: {}, output: { $metadata: {} } };
  };
  const stack = client.middlewareStack.clone();
  // Asks for credentials, of which there need be none.
  stack.remove('httpAuthSchemeMiddleware');
  // The name by which the SDK's own presigner finds the place.
  stack.addRelativeTo(take, { name: INTERCEPT, relation: 'before', toMiddleware: 'awsAuthMiddleware', override: true });
  // Left to itself, the SDK signs the checksum of a body that nobody has yet, and every upload fails.
  const config = { ...client.config, requestChecksumCalculation: async () => 'WHEN_REQUIRED' };
  await command.resolveMiddleware(stack, config, {})({ input });
  return taken;
};

// What the SDK's presigner signs of it: x-amz-* stands in the query, but for encryption; few other headers are signed.
const parts = (request, { signableHeaders = new Set(), unhoistableHeaders = new Set(), hoistableHeaders = new Set() }) => {
  const query = {};
  for (const [name, value] of Object.entries(request.query ?? {})) query[name] = Array.isArray(value) ? value.join(',') : value ?? '';
  const headers = {};
  for (const [given, value] of Object.entries(request.headers)) {
    const name = given.toLowerCase();
    if (UNSIGNED.has(name) && !signableHeaders.has(name)) continue;
    const stays = unhoistableHeaders.has(name) || (name.startsWith('x-amz-server-side-encryption') && !hoistableHeaders.has(name));
    if (hoistableHeaders.has(name) || (name.startsWith('x-amz-') && !stays)) query[given] = value;
    else headers[name] = value;
  }
  return { method: request.method, query, headers };
};

// Host forms, as the client is configured.
const addressing = async (config) => {
  const now = async (value) => Boolean(typeof value === 'function' ? await value() : value);
  return {
    style: (await now(config.forcePathStyle)) ? 'STYLE_PATH' : 'STYLE_UNSPECIFIED',
    dual_stack: await now(config.useDualstackEndpoint),
    fips: await now(config.useFipsEndpoint),
    accelerate: await now(config.useAccelerateEndpoint),
  };
};

module.exports = { getSignedUrl };
