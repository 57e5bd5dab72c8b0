// Finds the daemon's socket and speaks to it.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { PresigndError, ofCall } = require('./refused');

// In the package; else in the repository.
const PROTO = ['proto', '../../proto'].map((folder) => path.join(__dirname, folder)).find((folder) => fs.existsSync(folder));
const SOCKET = 'presignd/sign/presignd.sock';
const TIMEOUT = 30_000;
// Left to itself, gRPC waits up to two minutes before it looks for a daemon again that was away. A socket's file costs nothing.
const SOON = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1000 };

// The target of `socket`, else of $PRESIGND_SOCKET, else of the nearest daemon: this user's own, or the system's.
const address = (socket = process.env.PRESIGND_SOCKET) => {
  const own = path.join(process.env.XDG_RUNTIME_DIR || '/run', SOCKET);
  const system = path.join('/run', SOCKET);
  const found = socket || (fs.existsSync(system) && !fs.existsSync(own) ? system : own);
  // It would be taken for a file of that name.
  if (found.startsWith('unix-abstract:')) {
    throw new PresigndError(`${found}: grpc-js knows no unix-abstract: address; mount the directory of the daemon's socket, and name its path`);
  }
  return found.startsWith('unix:') ? found : `unix:${path.resolve(found)}`;
};

let definition;
const load = () => {
  const options = { includeDirs: [PROTO], keepCase: true, defaults: true, longs: Number, enums: String };
  definition ??= grpc.loadPackageDefinition(loader.loadSync('presignd/v1/presignd.proto', options));
  return definition.presignd.v1;
};

// One connection to the signing socket. Each unary call, such as Presign and PresignPost, takes its message and gives a
// promise; what fails rejects with a PresigndError. `client` is the stub itself, for streams.
const connect = (socket) => {
  const target = address(socket);
  const client = new (load().Signer)(target, grpc.credentials.createInsecure(), SOON);
  const daemon = { client, close: () => client.close() };
  for (const [name, method] of Object.entries(load().Signer.service)) {
    if (method.requestStream || method.responseStream) continue;
    daemon[name] = (message, { timeout = TIMEOUT } = {}) =>
      new Promise((resolve, reject) => {
        client[name](message, { deadline: Date.now() + timeout }, (error, answer) => (error ? reject(ofCall(error)) : resolve(answer)));
      });
  }
  return daemon;
};

const daemons = new Map();
// A connection that is shared by all who ask for the same socket.
const shared = (socket) => {
  const target = address(socket);
  if (!daemons.has(target)) daemons.set(target, connect(target));
  return daemons.get(target);
};

module.exports = { address, connect, shared };
