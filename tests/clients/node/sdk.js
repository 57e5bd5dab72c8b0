// The AWS SDK's getSignedUrl with the daemon behind it, held against the SDK's own with the daemon's credentials.
//
// usage: node sdk.js SIGN_SOCKET S3_ENDPOINT, with the key in the environment
//
// The daemon has that key as its identity `key`, which signs by default, and `web`, whose sessions last an hour; an S3 that
// verifies what it is sent stands behind both.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Readable } = require('node:stream');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');
const grpc = require('@grpc/grpc-js');
const s3 = require('@aws-sdk/client-s3');
const own = require('@aws-sdk/s3-request-presigner');
const { connect, getSignedUrl, PresigndError } = require('presignd');

const [socket, endpoint] = process.argv.slice(2);
const options = { region: 'us-east-1', endpoint, forcePathStyle: true };
const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
const credentials = { accessKeyId, secretAccessKey };
// Otherwise the SDK signs the checksum of the empty body that it has, and what is uploaded is refused.
const withKey = new s3.S3Client({ ...options, credentials, requestChecksumCalculation: 'WHEN_REQUIRED' });
const noKey = async () => {
  throw new Error('credentials were asked for');
};
const bare = new s3.S3Client({ ...options, credentials: noKey });
const sign = (command, more = {}) => getSignedUrl(bare, command, { socket, ...more });

const onBucket = { Bucket: 'photos' };
const onKey = { Bucket: 'photos', Key: 'node/a b+ü&=%20?#.txt' };
const upload = { ...onKey, UploadId: 'abc~1' };
const encrypted = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'alias/x' };
const cases = [
  ['GetObject', onKey],
  ['GetObject', { ...onKey, VersionId: 'v+1', ResponseContentType: 'text/plain; x=y', PartNumber: 2 }],
  ['GetObject', { ...onKey, Range: 'bytes=0-9', IfMatch: '"abc"', RequestPayer: 'requester' }],
  ['GetObject', { ...onKey, ResponseContentDisposition: 'attachment; filename="ü.txt"' }],
  ['HeadObject', onKey],
  ['PutObject', onKey],
  ['PutObject', { ...onKey, ContentType: 'text/plain', ContentLength: 5, Metadata: { a: 'b c' } }],
  ['PutObject', { ...onKey, ContentType: 'text/plain' }, { signableHeaders: new Set(['content-type']) }],
  ['PutObject', { ...onKey, Metadata: { a: 'b' } }, { unhoistableHeaders: new Set(['x-amz-meta-a']) }],
  ['PutObject', { ...onKey, ACL: 'public-read', StorageClass: 'STANDARD_IA', Tagging: 'a=b&c=d%20e' }],
  ['PutObject', { ...onKey, ...encrypted }],
  ['PutObject', { ...onKey, ...encrypted }, { hoistableHeaders: new Set(['x-amz-server-side-encryption']) }],
  ['DeleteObject', { ...onKey, VersionId: 'v1' }],
  ['CreateMultipartUpload', onKey],
  ['UploadPart', { ...upload, PartNumber: 7 }],
  ['CompleteMultipartUpload', upload],
  ['AbortMultipartUpload', upload],
  ['ListParts', { ...upload, MaxParts: 10 }],
  ['GetObjectTagging', onKey],
  ['ListObjectsV2', { ...onBucket, Prefix: 'a b/', Delimiter: '/', MaxKeys: 5 }],
  ['ListObjectVersions', onBucket],
  ['HeadBucket', onBucket],
];
const command = (name, input) => new s3[`${name}Command`](structuredClone(input));

const parts = (text) => {
  const url = new URL(text);
  const query = [...url.searchParams].sort(([one], [other]) => (one < other ? -1 : 1));
  // The SDK ends a bucket's path with a slash, boto3 and presignd do not; S3 takes both.
  return { host: url.host, path: url.pathname.replace(/^(\/[^/]+)\/$/, '$1'), query: Object.fromEntries(query) };
};

const use = async (url, method = 'GET', body = undefined, headers = {}) => {
  const got = await fetch(url, { method, body, headers });
  return [got.status, await got.text()];
};

const refused = async (call) => {
  const error = await call().then((url) => assert.fail(`it was not refused: ${url}`), (error) => error);
  assert.ok(error instanceof PresigndError, error);
  return error;
};

const checks = {
  async 'every URL has the parameters that the SDK signs in the same second'() {
    for (const [name, input, more = {}] of cases) {
      const url = await sign(command(name, input), { expiresIn: 600, ...more });
      const ours = parts(url);
      const [, year, month, day, hour, minute, second] = ours.query['X-Amz-Date'].match(/(....)(..)(..)T(..)(..)(..)Z/);
      const signingDate = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
      const theirs = parts(await own.getSignedUrl(withKey, command(name, input), { expiresIn: 600, signingDate, ...more }));
      // The SDK says in the URL what S3 takes for granted of one, and signs that as well.
      assert.equal(theirs.query['X-Amz-Content-Sha256'], 'UNSIGNED-PAYLOAD');
      delete theirs.query['X-Amz-Content-Sha256'];
      delete theirs.query['X-Amz-Signature'];
      const { 'X-Amz-Signature': signature, ...query } = ours.query;
      assert.match(signature, /^[0-9a-f]{64}$/);
      assert.deepEqual({ ...ours, query }, theirs, name);
    }
  },

  async 'what either of them signs is accepted'() {
    for (const signs of [(...of) => own.getSignedUrl(withKey, ...of), sign]) {
      const put = await signs(command('PutObject', { ...onKey, Metadata: { a: 'b' } }));
      assert.equal((await use(put, 'PUT', 'hello'))[0], 200);
      assert.deepEqual(await use(await signs(command('GetObject', onKey))), [200, 'hello']);
      const [status, listed] = await use(await signs(command('ListObjectsV2', { ...onBucket, Prefix: 'node/' })));
      assert.ok(status === 200 && listed.includes('<Key>node/'), listed);
      assert.equal((await use(await signs(command('DeleteObject', onKey)), 'DELETE'))[0], 204);
    }
    const get = await sign(command('GetObject', onKey));
    assert.equal((await use(get, 'PUT', 'hello'))[0], 403);
  },

  async 'a life that cannot be had is refused and never cut unless the program says so'() {
    const long = (more) => sign(command('GetObject', onKey), { identity: 'web', expiresIn: 3700, ...more });
    const error = await refused(() => long());
    assert.equal(error.reason, 'SESSION_TOO_SHORT');
    assert.ok(Number(error.metadata.longest_fresh_seconds) <= 3600);
    const lives = Number(parts(await long({ atLeast: 600 })).query['X-Amz-Expires']);
    assert.ok(lives >= 600 && lives <= 3600, lives);
  },

  async 'what cannot be signed is refused in so many words'() {
    assert.match((await refused(() => sign(new s3.ListBucketsCommand({})))).message, /no bucket/);
    const checksum = command('PutObject', { ...onKey, ChecksumAlgorithm: 'SHA256' });
    for (const [asked, more] of [[command('GetObject', onKey), { expiresIn: 8 * 86400 }], [checksum, {}]]) {
      assert.equal((await refused(() => sign(asked, more))).reason, 'INVALID_FIELD');
    }
    const elsewhere = { socket: '/nowhere/presignd.sock', timeout: 5000 };
    assert.equal((await refused(() => sign(command('GetObject', onKey), elsewhere))).reason, '');
    const nameless = { socket: 'unix-abstract:presignd' };
    assert.match((await refused(() => sign(command('GetObject', onKey), nameless))).message, /grpc-js knows no unix-abstract:/);
    await assert.rejects(sign(command('GetObject', onBucket)), /key/i);
  },

  async 'whatever would stand in a body is refused by name'() {
    const objects = { Objects: [{ Key: 'a' }] };
    const select = { Expression: 'x', ExpressionType: 'SQL', InputSerialization: {}, OutputSerialization: {} };
    for (const [name, input, named] of [
      ['DeleteObjects', { ...onBucket, Delete: objects }, /^Delete: /],
      ['PutObject', { ...onKey, Body: 'abc' }, /^Body: /],
      ['PutObject', { ...onKey, Body: '' }, /^Body: /],
      ['PutObject', { ...onKey, Body: new Uint8Array(3), ContentType: 'text/plain' }, /^Body: /],
      ['PutObject', { ...onKey, Body: new Uint8Array(0) }, /^Body: /],
      ['PutObject', { ...onKey, Body: Readable.from(['abc']), ContentLength: 3 }, /^Body: /],
      ['UploadPart', { ...upload, PartNumber: 7, Body: 'abc' }, /^Body: /],
      ['CompleteMultipartUpload', { ...upload, MultipartUpload: { Parts: [] } }, /^MultipartUpload: /],
      ['SelectObjectContent', { ...onKey, ...select }, /^Expression, ExpressionType, .*OutputSerialization: /],
      ['PutObjectTagging', { ...onKey, Tagging: { TagSet: [] } }, /^Tagging: /],
      ['PutObjectRetention', { ...onKey, Retention: { Mode: 'GOVERNANCE' } }, /^Retention: /],
      ['RestoreObject', { ...onKey, RestoreRequest: { Days: 1 } }, /^RestoreRequest: /],
    ]) {
      const error = await refused(() => sign(new s3[`${name}Command`](input)));
      assert.match(error.message, named);
      assert.match(error.message, new RegExp(`body of ${name}Command`));
    }
  },

  async 'a life that is no whole number is refused by its name, and so is an option that is not heeded'() {
    for (const life of [600.9, true, false, NaN, null, Infinity, 1e30, '1h', '', -1, 0, 600n]) {
      assert.match((await refused(() => sign(command('GetObject', onKey), { expiresIn: life }))).message, /^expiresIn must/);
      assert.match((await refused(() => sign(command('GetObject', onKey), { atLeast: life }))).message, /^atLeast must/);
    }
    assert.equal(parts(await sign(command('GetObject', onKey), { expiresIn: '600' })).query['X-Amz-Expires'], '600');
    for (const option of ['signingDate', 'signingRegion', 'unsignableHeaders']) {
      assert.match((await refused(() => sign(command('GetObject', onKey), { [option]: 'x' }))).message, new RegExp(`^${option}: `));
      await sign(command('GetObject', onKey), { [option]: undefined });
    }
  },

  async 'a wait that is no whole number of seconds is told as it is'() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'presignd-'));
    const file = path.join(folder, 'presignd.sock');
    const daemon = connect(file);
    // The bytes of a google.rpc.Status with a RetryInfo, as a daemon would send them.
    const part = (number, bytes) => Buffer.from([(number << 3) | 2, bytes.length, ...bytes]);
    const told = (delay) => part(3, [...part(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), ...part(2, part(1, delay))]);
    const half = [0x10, 0x80, 0xca, 0xb5, 0xee, 0x01];
    let details;
    const refuse = (call, answer) => {
      const metadata = new grpc.Metadata();
      if (details) metadata.set('grpc-status-details-bin', details);
      answer({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'spent', metadata });
    };
    const server = new grpc.Server();
    server.addService(daemon.client.constructor.service, { Presign: refuse });
    await promisify(server.bindAsync.bind(server))(`unix:${file}`, grpc.ServerCredentials.createInsecure());
    for (const [delay, seconds] of [[half, 0.5], [[0x08, 0x02, ...half], 2.5], [[0x08, 0x03], 3], [[], 0]]) {
      details = told(delay);
      assert.equal((await refused(() => daemon.Presign({}))).retryAfter, seconds);
    }
    details = undefined;
    assert.equal((await refused(() => daemon.Presign({}))).retryAfter, undefined);
    daemon.close();
    server.forceShutdown();
    fs.rmSync(folder, { recursive: true });
  },

  async 'a daemon that was away is found again within seconds'() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'presignd-'));
    // Left to itself, gRPC waits for six seconds by the end of this, more or less; so several are asked.
    const found = [0, 1, 2, 3].map(async (number) => {
      const later = { socket: path.join(folder, `${number}.sock`), timeout: 5000 };
      for (const away = Date.now() + 11_000; Date.now() < away; await sleep(100)) {
        await refused(() => sign(command('GetObject', onKey), later));
      }
      fs.symlinkSync(socket, later.socket);
      for (const back = Date.now(); ; await sleep(50)) {
        const error = await sign(command('GetObject', onKey), later).then(() => undefined, (error) => error);
        if (!error) return;
        assert.ok(Date.now() < back + 3000, error);
      }
    });
    const ends = await Promise.allSettled(found);
    fs.rmSync(folder, { recursive: true });
    for (const { reason } of ends) assert.ifError(reason);
  },

  async 'the client goes on to work by itself'() {
    await withKey.send(command('PutObject', { ...onKey, Body: 'own' }));
    await getSignedUrl(withKey, command('GetObject', onKey), { socket });
    const got = await withKey.send(command('GetObject', onKey));
    assert.equal(await got.Body.transformToString(), 'own');
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
  console.log(`node AWS SDK ${require('@aws-sdk/client-s3/package.json').version}: ${Object.keys(checks).length} checks, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
