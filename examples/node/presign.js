// Asks the daemon for a URL, and says how long it lives. usage: node presign.js BUCKET KEY SECONDS
'use strict';

const { connect } = require('presignd');

const [bucket, key, seconds] = process.argv.slice(2);
connect()
  .Presign({ request: { operation: 'OPERATION_GET_OBJECT', bucket, key }, expires_in: { seconds } })
  .then((answer) => {
    console.log(answer.url);
    console.error(`usable until ${new Date(answer.usable_until.seconds * 1000).toISOString()}, ${answer.limited_by}`);
  })
  .catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
