// What a caller may give getSignedUrl: whole seconds, options that are heeded, and nothing that a URL cannot hold. Never asks
// anybody.
'use strict';

const { PresigndError } = require('./refused');

const OPTIONS = new Set([
  'expiresIn', 'atLeast', 'socket', 'identity', 'onBehalfOf', 'labels', 'timeout', 'signableHeaders', 'unhoistableHeaders', 'hoistableHeaders',
]);

// The number that was given, never a rounded one. The SDK takes it in digits too.
const wholeSeconds = (name, value) => {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new PresigndError(`${name} must be a whole number of seconds, 1 or more, and not ${String(value)}`);
};

// The SDK has options that presignd cannot heed, such as signingDate.
const refuseUnknown = (options) => {
  const unknown = Object.keys(options).filter((name) => options[name] !== undefined && !OPTIONS.has(name));
  if (unknown.length) throw new PresigndError(`${unknown.join(', ')}: presignd does not know this option of getSignedUrl`);
};

// A presigned URL holds its bearer to no body. One without it would allow what the caller meant to bound: one for
// DeleteObjects deletes any keys, whatever Delete named. `bodyOf` builds the body for another input.
const refuseBody = async (body, command, bodyOf) => {
  if (body === undefined || body === null) return;
  const named = [];
  for (const name of Object.keys(command.input)) {
    const { [name]: value, ...others } = command.input;
    // What the path cannot do without stands in the path.
    const without = value === undefined ? body : await bodyOf(others).catch(() => body);
    if (!same(body, without)) named.push(name);
  }
  if (!named.length && body === '') return;
  const what = `the body of ${command.constructor.name} cannot be signed, and a URL without it would allow any other`;
  throw new PresigndError(named.length ? `${named.join(', ')}: ${what}` : what);
};

const same = (one, other) =>
  one === other || (ArrayBuffer.isView(one) && ArrayBuffer.isView(other) && Buffer.from(one).equals(Buffer.from(other)));

module.exports = { refuseBody, refuseUnknown, wholeSeconds };
