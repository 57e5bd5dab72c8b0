// A client that presignd's authors did not write: @grpc/grpc-js on a plain unix: target, and fetch for the bearer.
//
// usage: node client.js PROTO_DIR SIGN_SOCKET ADMIN_SOCKET
//
// The daemon behind the socket has one identity, `web`, whose sessions last an hour, and an S3 that verifies what it is sent.
'use strict';

const assert = require('node:assert/strict');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [protos, signSocket, adminSocket] = process.argv.slice(2);
const loaded = loader.loadSync('presignd/v1/presignd.proto', { includeDirs: [protos], keepCase: true, defaults: true, longs: Number, enums: String });
const { presignd: { v1 } } = grpc.loadPackageDefinition(loaded);
const plain = grpc.credentials.createInsecure();
const signer = new v1.Signer(`unix:${signSocket}`, plain);
const registry = new v1.Registry(`unix:${signSocket}`, plain);
const identities = new v1.Identities(`unix:${adminSocket}`, plain);

const call = (client, method, message) =>
  new Promise((resolve, reject) =>
    client[method](message, { deadline: Date.now() + 20000 }, (error, answer) => (error ? reject(error) : resolve(answer))));

const request = (key, more = {}) => {
  const { operation = 'OPERATION_GET_OBJECT', headers = {}, seconds = 600, ...rest } = more;
  return { request: { operation, bucket: 'photos', key, headers }, expires_in: { seconds }, ...rest };
};

// What the bearer does: the URL, the method and the headers it was given, and nothing else.
const use = async (answer, body) => {
  const got = await fetch(answer.url, { method: answer.method, headers: answer.headers, body });
  return [got.status, await got.text()];
};

const checks = {
  async 'an object is put and fetched by URLs alone'() {
    const put = await call(signer, 'Presign', request('node/a b+ü.txt', { operation: 'OPERATION_PUT_OBJECT', headers: { 'content-type': 'text/css' } }));
    assert.equal((await use(put, 'hello'))[0], 200);
    const get = await call(signer, 'Presign', request('node/a b+ü.txt'));
    assert.deepEqual(await use(get), [200, 'hello']);
    assert.equal(get.limited_by, 'LIMITED_BY_REQUEST');
    assert.equal(get.usable_until.seconds, get.signed_at.seconds + 600);
  },

  async 'a batch answers in order and one failure fails no other'() {
    const { results } = await call(signer, 'PresignBatch', { requests: [request('node/1'), request(''), request('node/3')] });
    assert.deepEqual(results.map((one) => (one.response ? 'response' : 'failure')), ['response', 'failure', 'response']);
    assert.equal(results[1].failure.code, grpc.status.INVALID_ARGUMENT);
  },

  async 'a stream answers each request in order'() {
    const stream = signer.PresignStream({ deadline: Date.now() + 20000 });
    const seen = [];
    const end = new Promise((resolve, reject) => stream.on('data', (answer) => seen.push(answer)).on('end', resolve).on('error', reject));
    for (let sequence = 0; sequence < 50; sequence++) stream.write({ sequence, request: request(`node/stream/${sequence}`) });
    stream.end();
    await end;
    assert.deepEqual(seen.map((answer) => answer.sequence), [...Array(50).keys()]);
    assert.ok(seen.every((answer) => answer.result.response.url.includes(`node/stream/${answer.sequence}`)));
  },

  async 'a failed call carries its code and its details'() {
    const error = await call(signer, 'Presign', request('k', { identity: 'nobody' })).catch((error) => error);
    assert.equal(error.code, grpc.status.NOT_FOUND);
    const [details] = error.metadata.get('grpc-status-details-bin');
    assert.ok(details.includes('UNKNOWN_IDENTITY') && details.includes('presignd'));
  },

  async 'a repeated request id gives the same URL'() {
    const once = request('node/once', { request_id: `node-${process.pid}-${Date.now()}` });
    const [first, again] = [await call(signer, 'Presign', once), await call(signer, 'Presign', once)];
    assert.equal(first.url, again.url);
  },

  async 'a URL is found again by its text, and the caller is this process'() {
    const answer = await call(signer, 'Presign', request('node/found'));
    const { found } = await call(registry, 'FindUrl', { text: answer.url });
    assert.deepEqual(found.map((hit) => [hit.url.id, hit.match]), [[answer.id, 'MATCH_SIGNATURE']]);
    assert.equal(found[0].url.caller.pid, process.pid);
  },

  async 'the admin socket lists identities'() {
    const listed = await call(identities, 'ListIdentities', {});
    assert.deepEqual(listed.identities.map((one) => [one.name, one.state]), [['web', 'IDENTITY_STATE_READY']]);
  },
};

(async () => {
  let failed = 0;
  for (const [words, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok    ${words}`);
    } catch (error) {
      failed++;
      console.log(`FAIL  ${words}: ${error.stack}`);
    }
  }
  console.log(`node @grpc/grpc-js ${require('@grpc/grpc-js/package.json').version}: ${Object.keys(checks).length} checks, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
