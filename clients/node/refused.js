// A call that the daemon refused, as an error that says why.
'use strict';

const protobuf = require('protobufjs');

// Of google.rpc, what presignd uses.
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`, { keepCase: true });

// What presignd refused or could not do. No URL was signed. `reason` is stable (docs/errors.md): SESSION_TOO_SHORT, DENIED,
// INVALID_FIELD; empty where no daemon answered. `metadata` says more, such as longest_now_seconds. `retryAfter` is how many
// seconds to wait, often less than one, where that helps.
class PresigndError extends Error {
  constructor(message, { reason = '', code, metadata = {}, retryAfter, cause } = {}) {
    super(message, cause && { cause });
    Object.assign(this, { name: 'PresigndError', reason, code, metadata, retryAfter });
  }
}

const ofCall = (error) => {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  const found = {};
  for (const { type_url: url, value } of bytes ? root.lookupType('Status').decode(bytes).details : []) {
    const name = url.split('.').at(-1);
    if (root.get(name)) found[name] = root.lookupType(name).toObject(root.lookupType(name).decode(value), { longs: Number });
  }
  const { reason = '', metadata = {} } = found.ErrorInfo ?? {};
  const delay = found.RetryInfo?.retry_delay;
  // What is 0 does not stand in the message.
  const retryAfter = delay && (delay.seconds ?? 0) + (delay.nanos ?? 0) / 1e9;
  const words = `presignd: ${error.details}${reason && ` (${reason})`}`;
  return new PresigndError(words, { reason, code: error.code, metadata, retryAfter, cause: error });
};

module.exports = { PresigndError, ofCall };
