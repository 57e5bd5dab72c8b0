// Asks presignd for URLs. `connect()` gives every call of presignd.v1.Signer as a function that returns a promise;
// `getSignedUrl` is the one of @aws-sdk/s3-request-presigner, signed by the daemon.
'use strict';

const { connect, address } = require('./connect');
const { PresigndError } = require('./refused');
const { getSignedUrl } = require('./sdk');

module.exports = { connect, address, getSignedUrl, PresigndError };
